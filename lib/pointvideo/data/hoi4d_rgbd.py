"""HOI4D's colour and depth videos (Liu et al., CVPR 2022) as points with images: the official folders.

    …/ZY20210800001/H1/C1/N01/S1/s01/T1/align_rgb/image.mp4          or 00000.jpg …, as the official decode.py leaves it
    …/ZY20210800001/H1/C1/N01/S1/s01/T1/align_depth/depth_video.avi  or 00000.png …
    …/ZY20210800001/H1/C1/N01/S1/s01/T1/action/color.json
    release.txt, testset.txt                                         a line a sequence: ZY20210800001/H1/C1/N01/…

The three may lie in trees of their own (HOI4D_release, HOI4D_depth_video, HOI4D_annotations) anywhere in the folder.
ZY… is the camera, H… the person, C… the category, N… the thing, S… and s… room and layout, T… the task. The lists are
those of HOI4D-Instructions: what release.txt names trains, what testset.txt names tests; what both name trains.

The h5 files of :mod:`.hoi4d_action` do not say which row is which recording, so points are made of the depth here, as
the official preparation makes them: its camera (Open3D's preset, not the recording's own), one point a voxel of 2 cm,
every second frame. Of them a frame keeps 2048, drawn at random. Each has the image that is nearest in time.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt16

from .depth_video import check_library
from .hoi4d_annotations import ACTIONS, SECONDS, action_at, read_actions
from .images import IMAGES, field_of, nearest_in_time
from .layout import DepthCamera, Sequence, StoreError
from .lists import read_lines
from .recorded import Listing, Reading, Recording, Source, walk
from .rgbd_frames import VIDEOS, read_colour, read_depth

NAME = "hoi4d_rgbd"
UNIT = "metre"
CATEGORIES = {
    "C1": "toy car", "C2": "mug", "C3": "laptop", "C4": "storage furniture", "C5": "bottle", "C6": "safe", "C7": "bowl",
    "C8": "bucket", "C9": "scissors", "C11": "pliers", "C12": "kettle", "C13": "knife", "C14": "trash can",
    "C17": "lamp", "C18": "stapler", "C20": "chair",
}  # fmt: skip
LENS = DepthCamera(1920, 1080, focal=1059.9718, centre_u=975.7193, centre_v=545.9533, scale=0.001)
RATE = 15.0  # frames a second
ROWS, COLUMNS = 126, 224  # of the images that are kept
POINTS, VOXEL, STRIDE = 2048, 0.02, 4  # most points a frame; metres; pixels from one that is looked at to the next
FIELDS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u, v in pixels; depth in mm"}}
FRAME_FIELDS = {
    "action": {"dtype": "uint8", "shape": [], "unit": "action", "names": ACTIONS},
    IMAGES: field_of(ROWS, COLUMNS),
}
LISTS = {"train": "release.txt", "test": "testset.txt"}

_PLACE = re.compile(r"(ZY[0-9]+/H([0-9]+)/(C[0-9]+)/N[0-9]+/S[0-9]+/s[0-9]+/T[0-9]+)")
_FILE = re.compile(_PLACE.pattern + r"/(align_rgb|align_depth|action)/([^/]+)$")


@dataclass
class Parts:
    """The files of one recording."""

    colour: list[Path] = field(default_factory=list)
    depth: list[Path] = field(default_factory=list)
    action: list[Path] = field(default_factory=list)

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.colour, *self.depth, *self.action)


def camera() -> DepthCamera:
    """The constants of the official preparation, the same for all four cameras."""
    return LENS


def list_sources(folder: Path) -> Listing:
    """The recordings that the lists name and that are there; how many are not, and those that no list names.

    Raises :class:`StoreError`, one line: missing folder, no list, a line of another form, none of the recordings, PyAV
    that is not installed where there are videos.
    """
    files = walk(folder, "HOI4D's folders ZY…/H…/C…/N…/S…/s…/T… and release.txt")
    lists = {split: [file for file in files if file.name == name] for split, name in LISTS.items()}
    for split, found in lists.items():
        if len(found) > 1:
            raise StoreError(f"{found[1]}: there is also {found[0]}, expected one {LISTS[split]}")
    if not any(lists.values()):
        raise StoreError(
            f"{folder}: no list release.txt, expected that of HOI4D-Instructions here or in a folder below"
        )
    named = {split: read_list(found[0]) if found else {} for split, found in lists.items()}
    parts = _parts(files)
    both = [place for place in named["test"] if place in named["train"]]
    rejected: list[tuple[Path, str]] = []
    if both:
        twice = f"{len(both)} of {len(named['test'])} recordings are in release.txt too and train, first {both[0]}"
        rejected.append((lists["test"][0], twice))
    split_of = dict.fromkeys(named["test"], "test") | dict.fromkeys(named["train"], "train")
    for split, places in named.items():
        if missing := [place for place in places if place not in parts]:
            gone = f"{len(missing)} of {len(places)} recordings are not here, first {missing[0]}"
            rejected.append((lists[split][0], gone))
    rejected += [(found.files[0], "not named by the lists") for place, found in parts.items() if place not in split_of]
    chosen = {place: found for place, found in parts.items() if place in split_of}
    if not chosen:
        raise StoreError(f"{folder}: none of the {len(split_of)} recordings that the lists name is here")
    if any(file.suffix in VIDEOS for found in chosen.values() for file in found.files):
        check_library()
    sources = [_source(folder, place, found, split_of[place]) for place, found in sorted(chosen.items())]
    inputs = [*(found[0] for found in lists.values() if found), *(file for source in sources for file in source.files)]
    return Listing(sources, inputs, tuple(CATEGORIES.values()), "sequence", rejected)


def read_list(file: Path) -> dict[str, int]:
    """The recordings that a list names, by their folder, and the line; :class:`StoreError` for another form of line.

    A recording that is named twice, as in the official testset.txt, counts once.
    """
    found: dict[str, int] = {}
    for number, line in read_lines(file):
        match = _PLACE.fullmatch(line.strip().strip("/"))
        if not match or match[3] not in CATEGORIES:
            raise StoreError(f"{file}: line {number} is {line[:120]!r}, expected ZY20210800001/H1/C1/N01/S1/s01/T1")
        found.setdefault(match[1], number)
    return found


def _parts(files: list[Path]) -> dict[str, Parts]:
    """The files of every recording; where there are videos and frames, the video."""
    found: dict[str, Parts] = {}
    for file in files:
        match = _FILE.search(file.as_posix())
        if not match:
            continue
        parts, kind, name = found.setdefault(match[1], Parts()), match[4], match[5]
        if kind == "action" and name == "color.json":
            parts.action.append(file)
        elif kind == "align_rgb" and (name == "image.mp4" or file.suffix == ".jpg"):
            parts.colour.append(file)
        elif kind == "align_depth" and (name == "depth_video.avi" or file.suffix == ".png"):
            parts.depth.append(file)
    for parts in found.values():
        parts.colour = [file for file in parts.colour if file.suffix in VIDEOS] or parts.colour
        parts.depth = [file for file in parts.depth if file.suffix in VIDEOS] or parts.depth
    return {place: parts for place, parts in found.items() if parts.files}


def _source(folder: Path, place: str, parts: Parts, split: str) -> Source:
    name, match = place.replace("/", "_"), _PLACE.fullmatch(place)

    def read() -> Reading:
        for what, files in (("colour", parts.colour), ("depth", parts.depth), ("actions", parts.action)):
            folders = {file.parent for file in files}
            if len(folders) != 1:
                found = f"in {len(folders)} folders" if folders else "missing"
                raise StoreError(f"{folder / place}: {what} {found}, expected in one place")
        pixels, images, times = read_frames(name, parts)
        action = action_at(str(parts.action[0]), read_actions(parts.action[0]), times)
        label = list(CATEGORIES).index(match[3])
        sequence = Sequence(name, label, int(match[2]), split, len(pixels))
        frames = [{"pixels": rows} for rows in pixels]
        return Reading([Recording(sequence, frames, {"action": action, IMAGES: images})])

    return Source(parts.files, lambda: name, read)


def read_frames(name: str, parts: Parts) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Pixels of every second depth frame, the image of each, and their times in seconds.

    As many images as depth frames are paired by number; other numbers by time, the nearest within half a period.
    """
    size = LENS.width, LENS.height, RATE

    def take(number: int, depth: np.ndarray) -> np.ndarray | None:
        return None if number % 2 else voxels(name, number, depth)

    pixels, times = read_depth(parts.depth, *size, take)
    images, taken = read_colour(parts.colour, *size, (ROWS, COLUMNS))
    if len(images) == len(pixels):
        times = taken = np.arange(len(pixels)) * SECONDS / max(300, len(pixels))
    kept = times[::2]
    try:
        chosen = nearest_in_time(kept, taken, 0.5 / RATE + 1e-6)
    except StoreError as error:
        raise StoreError(f"{parts.colour[0]}: {str(error).removeprefix('images: ')}") from error
    return pixels[::2], np.stack([images[place] for place in chosen]), kept


def voxels(name: str, number: int, depth: UInt16[np.ndarray, "height width"]) -> UInt16[np.ndarray, "points 3"]:
    """One pixel (u, v, mm) of every voxel of 2 cm, at most 2048 drawn at random, in row-major order.

    Raises:
        StoreError: a frame without depth.
    """
    first = STRIDE // 2
    v, u = np.nonzero(depth[first::STRIDE, first::STRIDE])
    v, u = first + STRIDE * v, first + STRIDE * u
    if not len(v):
        raise StoreError(f"{name}: depth frame {number} is all zero, expected a return in every frame")
    pixels = np.stack([u, v, depth[v, u]], axis=1).astype(np.uint16)
    cell = np.floor(LENS.back_project(pixels) / VOXEL).astype(np.int64) + (1 << 12)
    one = np.unique(cell @ [1 << 32, 1 << 16, 1], return_index=True)[1]
    random = np.random.default_rng([zlib.crc32(name.encode()), number])
    return pixels[np.sort(one if len(one) <= POINTS else random.permutation(one)[:POINTS])]
