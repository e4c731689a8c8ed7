"""HOI4D semantic segmentation (Liu et al., CVPR 2022): the official h5 files.

    train1.h5 … train4.h5             750, 750, 750 and 721 sequences
    test1_right.h5, test2_right.h5    500 and 392 sequences

Every file holds ``pcd`` (S, 300, 8192, 3) coordinates, ``center`` (S, 300, 3) and ``semantic`` (S, 300, 8192): for each
point one of 49 classes, of which 0 and 1 are not scored. A sample of the authors is frames 3i, 3i + 1, 3i + 2.

The whole release is large: 3863 sequences of 300 x 8192 points are 9.5 thousand million points, as a store 123 GB
(12 bytes of coordinates and one of label), and while it is being made twice that. It is read and written one sequence
(32 MB) at a time and can be interrupted; the official files that lie in the folder are prepared, so fewer files make a
smaller store.
"""

from __future__ import annotations

from pathlib import Path

from . import h5
from .h5 import H5Sequence, Layout, Split
from .layout import Sequence
from .recorded import Listing, Recording

NAME = "hoi4d_semantic"
UNIT = "metre"
LABELS = (
    "no label", "noise", "chair", "table", "water dispenser", "ground", "unused", "unused", "unused", "bucket",
    "garbage can", "wall", "sofa", "bag", "unused", "bowl", "bottled drinks", "mug", "unused", "locker", "express box",
    "kettle", "hammer", "pliers", "toy car", "laptop", "refrigerator", "safe", "stapler", "desk lamp", "trolley case",
    "knife", "cupboard", "bed", "bedside table", "door", "window", "mural", "counter", "curtain", "pool", "pillow",
    "carpet", "television", "ceiling", "other furniture", "other objects", "hand", "scissors",
)  # fmt: skip
"""The official list (HOI4D-Instructions), by label; the list has no 6, 7, 8, 14 and 18."""
LAYOUT = Layout(
    name=NAME,
    frames=300,
    points=8192,
    label="semantic",
    label_of="point",
    label_names=LABELS,
    centre_frames=300,
    splits={
        "train": Split(("train1.h5", "train2.h5", "train3.h5", "train4.h5")),
        "test": Split(("test1_right.h5", "test2_right.h5")),
    },
)
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "metre"},
    "semantic": {"dtype": "uint8", "shape": [], "unit": "label", "names": LABELS},
}
FRAME_FIELDS = {"centre": {"dtype": "float32", "shape": [3], "unit": "metre"}}


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The sequences of all files in ``folder``; see :func:`pointvideo.data.h5.list_sources`."""
    return h5.list_sources(LAYOUT, folder, record)


def record(sequence: H5Sequence, split: str) -> Recording:
    """A sequence for the store; ``centre`` is each frame's own: the authors augment around a sample's first."""
    frames = [{"xyz": xyz, "semantic": labels} for xyz, labels in zip(sequence.xyz, sequence.labels, strict=True)]
    entry = Sequence(sequence.name, label=0, subject=0, split=split, frames=len(frames))
    return Recording(entry, frames, {"centre": sequence.centre})
