"""ScanObjectNN (Uy et al., ICCV 2019): 15 classes of objects cut out of scanned rooms, 2048 points each, in h5 files.

    h5_files/main_split/training_objectdataset_augmentedrot_scale75.h5      11,416 clouds; test_…: 2,882
    h5_files/main_split/training_objectdataset.h5                           2,309 clouds;  test_…: 581

The first is PB_T50_RS, the hardest variant, which papers report: every object five times, its box shifted by up to half
its size, turned and scaled. The second is OBJ_BG (:mod:`.scanobjectnn_bg`). Every file holds ``data`` (N, 2048, 3),
``label`` (N,) and ``mask`` (N, 2048), which is -1 for background. Only the main split is read. Coordinates are as the
files have them, called metres here; y is up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .h5_clouds import Cloud, CloudFile, CloudLayout, list_clouds, whole_numbers
from .recorded import Listing, walk

NAME = "scanobjectnn"
UNIT = "metre"
HARDEST = "objectdataset_augmentedrot_scale75.h5"
FOLDER = "main_split"
CLASSES = (
    "bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table", "bed", "pillow", "sink",
    "sofa", "toilet",
)  # fmt: skip
"""The order of the labels, as the authors confirm it (hkust-vgd/scanobjectnn, issue 4)."""
LAYOUT = CloudLayout(points=2048, classes=CLASSES, of_points="mask")
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "as the files have it; y is up"},
    "foreground": {"dtype": "uint8", "shape": [], "unit": "label", "names": ["background", "object"]},
}
FRAME_FIELDS: dict[str, dict] = {}


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The clouds of PB_T50_RS."""
    return list_variant(folder, HARDEST)


def list_variant(folder: Path, name: str) -> Listing:
    """The clouds of the two files of a variant, in a folder ``main_split`` or in ``folder`` itself.

    Raises:
        StoreError: one line: missing folder, none of the files can be used.
    """
    files = walk(folder, f"h5_files/{FOLDER}/training_{name}")
    found, rejected = [], []
    for split, word in (("train", "training"), ("test", "test")):
        here = [file for file in files if file.name == f"{word}_{name}"]
        here = [file for file in here if file.parent.name == FOLDER] or [f for f in here if f.parent == folder]
        if not here:
            rejected.append((folder / f"{word}_{name}", f"not found, expected it for split {split!r}"))
            continue
        found.append(CloudFile(here[0], split))
        rejected += [(file, f"there is also {here[0]}") for file in here[1:]]
    return list_clouds(LAYOUT, folder, found, fields_of, [], rejected)


def fields_of(cloud: Cloud) -> dict[str, np.ndarray]:
    """Coordinates, and whether a point is the object's."""
    mask = whole_numbers(cloud.where, "mask", cloud.of_points, -1, np.iinfo(np.int32).max)
    return {"xyz": cloud.xyz, "foreground": (mask != -1).astype(np.uint8)}
