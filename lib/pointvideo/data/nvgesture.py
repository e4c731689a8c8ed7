"""NvGesture (Molchanov et al., CVPR 2016): 25 hand gestures in a car, seen by a depth camera, as points of the hand.

    nvgesture_train_correct_cvpr2016_v2.lst     a line a video: path:./Video_data/class_01/subject13_r0
    nvgesture_test_correct_cvpr2016_v2.lst      depth:sk_depth:93:173 color:… duo_left:… label:1
    Video_data/class_01/subject13_r0/sk_depth.avi

1,050 videos train and 482 are tested, 20 subjects in all. Lists without ``_v2`` are read where those with it are not
there. Colour and infrared are passed over. Depth is 320 x 240 pixels of 8 bits, near is bright; of the frames that the
list names (80, the last one not included) those numbered ⌊j·n/32⌋ are kept, j = 0 … 31.

A frame becomes points as in PointLSTM's released preparation (Min et al., CVPR 2020): Otsu's threshold, the largest
connected piece of what is brighter, an erosion by 3 x 3 pixels (a piece that it would leave nothing of stays whole),
and coordinates with focal length 463.889 and centre (320, 240), another camera's, in shades of grey. All points are
kept; it draws 512 and rounds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8, UInt16
from scipy import ndimage

from .depth_video import check_library, read_grey
from .layout import DepthCamera, Sequence, StoreError
from .lists import bare_classes, read_lines
from .recorded import Listing, Reading, Recording, Source, walk

NAME = "nvgesture"
UNIT = "depth count (8-bit grey, near is bright)"
FIELDS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u pixel, v pixel, shade of grey"}}
FRAME_FIELDS: dict[str, dict] = {}
WIDTH, HEIGHT = 320, 240
KEY_FRAMES = 32
DEPTH = "sk_depth.avi"
CLASSES = (
    "move hand left", "move hand right", "move hand up", "move hand down", "move two fingers left",
    "move two fingers right", "move two fingers up", "move two fingers down", "click index finger", "call someone",
    "open hand", "shake hand", "show index finger", "show two fingers", "show three fingers", "push hand up",
    "push hand down", "push hand out", "pull hand in", "rotate fingers clockwise", "rotate fingers counter-clockwise",
    "push two fingers away", "close hand twice", "thumb up", "okay",
)  # fmt: skip

_LISTS = tuple(
    (split, tuple(f"nvgesture_{split}_correct_cvpr2016{version}.lst" for version in ("_v2", "")))
    for split in ("train", "test")
)
_PLACE = re.compile(r"(?:\./)?(.*class_([0-9]+)/subject([0-9]+)_r([0-9]+))/?")
_DEPTH = re.compile(r"sk_depth:([0-9]+):([0-9]+)")
_FORM = "path:./Video_data/class_01/subject13_r0 depth:sk_depth:93:173 … label:1"


@dataclass(frozen=True)
class Entry:
    """A line of a list: the video's folder from the list's own, its frames, label and subject (both from 1)."""

    place: str
    first: int
    last: int
    label: int
    subject: int

    @property
    def name(self) -> str:
        """``class_01_subject13_r0``."""
        return "_".join(Path(self.place).parts[-2:])


def camera() -> DepthCamera:
    """The constants of the released preparation, which are not the sensor's."""
    return DepthCamera(width=WIDTH, height=HEIGHT, focal=463.889, centre_u=320.0, centre_v=240.0)


def list_sources(folder: Path) -> Listing:
    """The videos that the lists name; those that lie there and no list names are rejected, as are bare classes.

    Raises :class:`StoreError`, one line: missing folder, a list that is missing, empty, there twice or with a line of
    another form, a video in both, PyAV that is not installed.
    """
    files = walk(folder, "the lists (nvgesture_train_correct_cvpr2016_v2.lst, …_test_…) and Video_data")
    lists = {split: _one_list(folder, files, names) for split, names in _LISTS}
    entries = {split: read_list(file) for split, file in lists.items()}
    places = {split: {entry.place for entry in each} for split, each in entries.items()}
    if both := sorted(places["train"] & places["test"]):
        raise StoreError(f"{lists['test']}: {both[0]} is also in {lists['train'].name}, expected it in one of them")
    check_library()
    sources, taken = [], []
    for split, each in entries.items():
        for entry in each:
            taken.append(lists[split].parent / entry.place / DEPTH)
            sources.append(_source(entry, split, taken[-1]))
    named = set(taken)
    extra = [file for file in files if file.name == DEPTH and file not in named]
    rejected = [(file, "not named by the lists") for file in extra]
    labels = {split: {entry.label - 1 for entry in each} for split, each in entries.items()}
    if bare := bare_classes(CLASSES, labels):
        rejected.append((folder, bare))
    return Listing(sources, [*lists.values(), *taken], CLASSES, "video", rejected)


def _one_list(folder: Path, files: list[Path], names: tuple[str, ...]) -> Path:
    found = next((same for name in names if (same := [file for file in files if file.name == name])), [])
    if not found:
        raise StoreError(f"{folder}: no list {names[0]}, expected it here or in a folder below")
    if len(found) > 1:
        raise StoreError(f"{found[1]}: there is also {found[0]}, expected one list of that name")
    return found[0]


def read_list(file: Path) -> list[Entry]:
    """The videos that a list names; :class:`StoreError`, one line: it is empty, or has a line of another form."""
    entries: dict[str, Entry] = {}
    for number, line in read_lines(file):
        where = f"{file}: line {number}"
        values = dict(word.partition(":")[::2] for word in line.split())
        place, depth = _PLACE.fullmatch(values.get("path", "")), _DEPTH.fullmatch(values.get("depth", ""))
        if not place or not depth or not values.get("label", "").isdecimal():
            raise StoreError(f"{where} is {line[:120]!r}, expected {_FORM}")
        first, last, label = int(depth[1]), int(depth[2]), int(values["label"])
        if not 1 <= label <= len(CLASSES):
            raise StoreError(f"{where} has label {label}, expected 1 to {len(CLASSES)}")
        if label != int(place[2]):
            raise StoreError(f"{where} has label {label} for a video in the folder of class {int(place[2])}")
        if not first < last:
            raise StoreError(f"{where} has frames {first} to {last}, expected the last one behind the first")
        if place[1] in entries:
            raise StoreError(f"{where} names {place[1]} again, expected it once")
        entries[place[1]] = Entry(place[1], first, last, label, int(place[3]))
    if not entries:
        raise StoreError(f"{file}: names no video, expected a line a video")
    return list(entries.values())


def _source(entry: Entry, split: str, file: Path) -> Source:
    def read() -> Reading:
        if not file.is_file() and not file.exists():
            raise StoreError(f"{file}: named by the list of split {split!r}, not found")
        grey = read_grey(file, entry.first, entry.last, WIDTH, HEIGHT)
        kept = key_frames(len(grey))
        frames = [{"pixels": pixels_of(f"{file}: frame {entry.first + place}", grey[place])} for place in kept]
        sequence = Sequence(entry.name, entry.label - 1, entry.subject, split, len(frames))
        return Reading([Recording(sequence, frames)])

    return Source((file,), lambda: entry.name, read)


def key_frames(count: int) -> list[int]:
    """Which of ``count`` frames are kept: 32, evenly spaced from the first on; frames repeat where there are fewer."""
    return [place * count // KEY_FRAMES for place in range(KEY_FRAMES)]


def pixels_of(where: str, grey: UInt8[np.ndarray, "height width"]) -> UInt16[np.ndarray, "points 3"]:
    """The hand's points (u, v, shade of grey), in row-major order; :class:`StoreError` for a frame of one shade."""
    v, u = np.nonzero(foreground(grey))
    if not len(v):
        raise StoreError(f"{where} has one shade of grey, {int(grey.max())}, expected a hand before a background")
    return np.stack([u, v, grey[v, u]], axis=1).astype(np.uint16)


def foreground(grey: UInt8[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Which pixels are the hand's: the largest piece (of 4 neighbours) above Otsu's threshold, eroded by 3 x 3."""
    pieces, count = ndimage.label(grey > otsu_threshold(grey))
    if not count:
        return np.zeros(grey.shape, bool)
    largest = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
    eroded = ndimage.binary_erosion(largest, np.ones((3, 3), bool), border_value=1)
    return eroded if eroded.any() else largest


def otsu_threshold(grey: UInt8[np.ndarray, "height width"]) -> int:
    """The shade that parts darker or equal from brighter pixels with the largest variance between the two.

    Otsu, "A threshold selection method from gray-level histograms", 1979; the first of equal ones. Of an image of one
    shade it is that shade.
    """
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    below, moment = np.cumsum(share), np.cumsum(share * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * below - moment) ** 2 / (below * (1 - below))
    parts = (below > 0) & (below < 1 - 1e-12)
    return int(np.where(parts, between, -1.0).argmax()) if parts.any() else int(grey.max())
