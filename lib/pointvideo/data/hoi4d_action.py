"""HOI4D action segmentation (Liu et al., CVPR 2022): the official h5 files.

    train1.h5 … train4.h5, test1.h5, test2.h5     labelled, 2971 and 892 sequences in all
    test_wolabel.h5                               the test sequences without labels, as the challenge offers them

Every file holds ``pcd`` (S, 150, 2048, 3) coordinates, ``center`` (S, 150, 3), of which only frame 0's counts, and,
if labelled, ``label`` (S, 150): one of 19 classes for each frame, whose names are not published. All 150 frames are
one sample. Prepared, the labelled release is a store of about 14 GB.

As far as is known the public download has ``test_wolabel.h5`` only; without labels there is nothing to score, so that
file is not prepared (it can be read with ``list_rows(LAYOUT, folder, "test_without_labels")``). 31 sequences are said
to stand in both official lists; which rows they are is not published, so none is left out.
"""

from __future__ import annotations

from pathlib import Path

from . import h5
from .h5 import H5Sequence, Layout, Split
from .layout import Sequence
from .recorded import Listing, Recording

NAME = "hoi4d_action"
UNIT = "metre"
ACTIONS = tuple(f"action {number}" for number in range(19))
LAYOUT = Layout(
    name=NAME,
    frames=150,
    points=2048,
    label="label",
    label_of="frame",
    label_names=ACTIONS,
    centre_frames=1,
    splits={
        "train": Split(("train1.h5", "train2.h5", "train3.h5", "train4.h5")),
        "test": Split(("test1.h5", "test2.h5")),
        "test_without_labels": Split(("test_wolabel.h5",), labelled=False),
    },
)
FIELDS = {"xyz": {"dtype": "float32", "shape": [3], "unit": "metre"}}
FRAME_FIELDS = {
    "action": {"dtype": "uint8", "shape": [], "unit": "action", "names": ACTIONS},
    "centre": {"dtype": "float32", "shape": [3], "unit": "metre"},
}


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The sequences of all labelled files in ``folder``; see :func:`pointvideo.data.h5.list_sources`."""
    return h5.list_sources(LAYOUT, folder, record)


def record(sequence: H5Sequence, split: str) -> Recording:
    """A sequence for the store; ``centre`` is that of frame 0 in every frame, around which the authors scale."""
    frames = [{"xyz": xyz} for xyz in sequence.xyz]
    entry = Sequence(sequence.name, label=0, subject=0, split=split, frames=len(frames))
    return Recording(entry, frames, {"action": sequence.labels, "centre": sequence.centre})
