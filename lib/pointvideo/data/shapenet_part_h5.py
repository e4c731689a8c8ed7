"""ShapeNetPart as PointNet prepared it: 2048 points a shape without normals, in h5 files; see :mod:`.shapenet_part`.

train_hdf5_file_list.txt, val_…, test_…     ply_data_train0.h5, one a line
ply_data_train0.h5 …, ply_data_val0.h5 …    ``data`` (N, 2048, 3), ``label`` (N, 1), ``pid`` (N, 2048)
all_object_categories.txt                   Airplane<tab>02691156; checked where it is there
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .cloud_files import in_unit_ball
from .h5_clouds import Cloud, CloudLayout, files_of_lists, list_clouds
from .recorded import Listing, walk
from .shapenet_part import CLASSES, FRAME_FIELDS, SUBJECTS, UNIT, camera, check_categories, parts_of
from .shapenet_part import FIELDS as WITH_NORMALS

__all__ = ["FIELDS", "FRAME_FIELDS", "UNIT", "camera", "list_sources"]

NAME = "shapenet_part_h5"
LAYOUT = CloudLayout(points=2048, classes=CLASSES, of_points="pid")
FIELDS = {name: field for name, field in WITH_NORMALS.items() if name != "normals"}


def list_sources(folder: Path) -> Listing:
    """The shapes of the files that the lists name; see :func:`.h5_clouds.list_clouds`."""
    files = walk(folder, "the lists (train_hdf5_file_list.txt, val_…, test_…) and their h5 files")
    lists = {f"{name}_hdf5_file_list.txt": as_in for name, as_in in SUBJECTS.items()}
    found, rejected = files_of_lists(folder, files, lists)
    for file in files:
        if file.name == "all_object_categories.txt":
            check_categories(file)
    named = [file for file in files if file.name in lists]
    return list_clouds(LAYOUT, folder, found, fields_of, named, rejected)


def fields_of(cloud: Cloud) -> dict[str, np.ndarray]:
    """Coordinates and parts."""
    return {"xyz": in_unit_ball(cloud.xyz), "part": parts_of(f"{cloud.where}: pid", cloud.of_points, cloud.label)}
