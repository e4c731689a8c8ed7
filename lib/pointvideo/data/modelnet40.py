"""ModelNet40 (Wu et al., CVPR 2015) as PointNet prepared it: 2048 points of each of 12,308 shapes, in h5 files.

    train_files.txt, test_files.txt     data/modelnet40_ply_hdf5_2048/ply_data_train0.h5, one a line
    ply_data_train0.h5 … 4.h5           9,840 shapes; ``data`` (N, 2048, 3), ``label`` (N, 1), mostly ``normal``
    ply_data_test0.h5, 1.h5             2,468 shapes
    shape_names.txt                     the classes, one a line; checked where it is there

A shape is centred and its farthest point is about 1 away; y is up. Coordinates are called metres here. The array
``normal`` that later releases have is passed over: :mod:`.modelnet40_normals` reads the release with normals.
"""

from __future__ import annotations

from pathlib import Path

from .cloud_files import check_names
from .h5_clouds import CloudLayout, files_of_lists, list_clouds
from .lists import read_lines
from .recorded import Listing, walk

NAME = "modelnet40"
UNIT = "metre"
CLASSES = (
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone", "cup", "curtain",
    "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard", "lamp", "laptop", "mantel", "monitor",
    "night_stand", "person", "piano", "plant", "radio", "range_hood", "sink", "sofa", "stairs", "stool", "table",
    "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox",
)  # fmt: skip
LAYOUT = CloudLayout(points=2048, classes=CLASSES)
FIELDS = {"xyz": {"dtype": "float32", "shape": [3], "unit": "farthest point of a shape; y is up"}}
FRAME_FIELDS: dict[str, dict] = {}


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The shapes of the files that the lists name; see :func:`.h5_clouds.list_clouds`."""
    files = walk(folder, "the lists (train_files.txt, test_files.txt) and their h5 files")
    lists = {f"{split}_files.txt": (split, 0) for split in ("train", "test")}
    found, rejected = files_of_lists(folder, files, lists)
    for file in files:
        if file.name == "shape_names.txt":
            check_names(file, [line for _, line in read_lines(file)], CLASSES)
    named = [file for file in files if file.name in lists]
    return list_clouds(LAYOUT, folder, found, lambda cloud: {"xyz": cloud.xyz}, named, rejected)
