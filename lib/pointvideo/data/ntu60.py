"""NTU RGB+D (Shahroudy et al., CVPR 2016): the masked depth of 60 actions, 40 subjects and three cameras.

    …/SsssCcccPpppRrrrAaaa/MDepth-00000001.png …    a folder a video: 16-bit depth in millimetres, 512 x 424 pixels, 0
                                                    where nobody is; frames are numbered from 1 without a gap
    …/SsssCcccPpppRrrrAaaa.npz                      the same as the released loaders of PSTNet and P4Transformer want
                                                    it: ``data``, of each frame (points, 3), out of which the pixels are
                                                    found again
    ntu60.list                                      optional, theirs: a line a video, its name and number of frames

Setup, camera, performer, replication and action stand in the name. Where there is a list, its videos are prepared and
no others. Skeletons, colour and infrared that lie beside the depth are passed over; 56,880 folders of PNG files are
told apart by their names and times, not file by file.

A pixel becomes a point as those loaders have it, with MSR-Action3D's focal length of 280 pixels (the sensor's is about
365) about the middle of the image. Their depth is a share of 65,535 and multiplied by 100: this store's millimetres
over :data:`DIVISOR`. The store's split is the official cross-subject one; a sequence's camera (0 to 2: C001 to C003)
tells the cross-view one.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .layout import DepthCamera, Sequence, StoreError, one_line
from .lists import bare_classes, read_lines
from .npz import read_npz
from .recorded import Listing, Reading, Recording, Source, open_regular

NAME = "ntu60"
UNIT = "millimetre"
FIELDS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u pixel, v pixel, millimetre"}}
FRAME_FIELDS: dict[str, dict] = {}
WIDTH, HEIGHT, FOCAL = 512, 424, 280.0
DIVISOR = 655.35
"""Millimetres in a unit of the released loaders: 65,535 / 100."""
LIST = "ntu60.list"
TRAIN_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
TEST_CAMERA = 0
"""Cross-view: camera 1 is tested, 2 and 3 train."""
CLASSES = (
    "drink water", "eat meal", "brush teeth", "brush hair", "drop", "pick up", "throw", "sit down", "stand up", "clap",
    "reading", "writing", "tear up paper", "put on jacket", "take off jacket", "put on a shoe", "take off a shoe",
    "put on glasses", "take off glasses", "put on a hat", "take off a hat", "cheer up", "hand waving",
    "kicking something", "reach into pocket", "hopping", "jump up", "phone call", "play with phone", "type on keyboard",
    "point to something", "taking a selfie", "check time", "rub two hands", "nod head", "shake head", "wipe face",
    "salute", "put palms together", "cross hands in front", "sneeze or cough", "staggering", "falling down",
    "headache", "chest pain", "back pain", "neck pain", "nausea", "fan self", "punch someone", "kick someone",
    "push someone", "pat someone's back", "point to someone", "hug", "give an object", "touch someone's pocket",
    "shake hands", "walk towards each other", "walk apart",
)  # fmt: skip

_NAME = re.compile(r"S([0-9]{3})C([0-9]{3})P([0-9]{3})R([0-9]{3})A([0-9]{3})")
_PARTS = {"setup": 17, "camera": 3, "performer": 40, "replication": 2, "action": 60}
_FRAME = "MDepth-{:08d}.png"
_FORM = "SsssCcccPpppRrrrAaaa"
_EXPECTED = f"folders {_FORM} of MDepth-00000001.png …, or {_FORM}.npz"
_KINDS = {"1": "1-bit", "L": "8-bit grey", "P": "8-bit palette", "I;16": "16-bit grey", "RGB": "colour"}
_END = b"IEND\xaeB`\x82"  # the last chunk of a PNG file
_NEAR = 0.02  # how far a coordinate may be from that of its pixel, in pixels and millimetres


@dataclass(frozen=True)
class Found:
    """What lies below a folder: videos by name, in order of name, with every place of each; lists; skeletons."""

    videos: dict[str, list[Path]]
    lists: list[Path]
    skeletons: list[Path]


def camera() -> DepthCamera:
    """The released preparation's: focal length 280 pixels, centre in the middle of the image."""
    return DepthCamera(width=WIDTH, height=HEIGHT, focal=FOCAL, centre_u=WIDTH / 2, centre_v=HEIGHT / 2)


def parse_name(name: str, where: str | Path) -> Sequence:
    """Label, subject, camera and cross-subject split out of a video's name; ``frames`` is 0 until it is read."""
    match = _NAME.fullmatch(name)
    if not match:
        raise StoreError(f"{where}: {name!r} is not of the form {_FORM}")
    numbers = dict(zip(_PARTS, map(int, match.groups()), strict=True))
    for part, most in _PARTS.items():
        if not 1 <= numbers[part] <= most:
            raise StoreError(f"{where}: {part} {numbers[part]} in the name, expected 1 to {most} (NTU RGB+D 60)")
    split = "train" if numbers["performer"] in TRAIN_SUBJECTS else "test"
    return Sequence(name, numbers["action"] - 1, numbers["performer"], split, 0, numbers["camera"] - 1)


def list_sources(folder: Path) -> Listing:
    """The videos below ``folder``: those that ``ntu60.list`` names, or all.

    Listed as rejected: what the list names and is not there, what is there and the list does not name, skeletons
    without depth, a video that lies there twice, classes without a video. Raises :class:`StoreError`, one line: missing
    folder, no depth, two lists, an empty list or a line of another form.
    """
    found = _look(folder)
    if not found.videos:
        there = "".join(f"{file.name} and other skeletons, and " for file in found.skeletons[:1])
        raise StoreError(f"{folder}: {there}no depth, expected {_EXPECTED}")
    if len(found.lists) > 1:
        raise StoreError(f"{found.lists[1]}: there is also {found.lists[0]}, expected one list")
    frames = read_list(found.lists[0]) if found.lists else dict.fromkeys(found.videos)
    rejected = [
        (other, f"the same video is already taken from {first}")
        for first, *others in found.videos.values()
        for other in others
    ]
    rejected += [
        (file, "a skeleton, and there is no depth of this video")
        for file in found.skeletons
        if file.stem not in found.videos and file.stem in frames | found.videos
    ]
    if found.lists:
        rejected += [(folder / name, f"named by {LIST}, not found") for name in frames if name not in found.videos]
        rejected += [(files[0], f"not named by {LIST}") for name, files in found.videos.items() if name not in frames]
    taken = {name: files[0] for name, files in found.videos.items() if name in frames}
    if not taken:
        raise StoreError(f"{found.lists[0]}: none of the {len(frames)} videos that it names is below {folder}")
    if bare := bare_classes(CLASSES, _labels(taken)):
        rejected.append((folder, bare))
    sources = [_source(name, place, frames[name]) for name, place in taken.items()]
    return Listing(sources, [*found.lists, *taken.values()], CLASSES, "video", rejected)


def read_list(file: Path) -> dict[str, int]:
    """Number of frames of every video of ``ntu60.list``; :class:`StoreError`: empty, a line of another form, twice."""
    frames: dict[str, int] = {}
    for number, line in read_lines(file):
        name, *rest = line.split()
        if not _NAME.fullmatch(name) or len(rest) != 1 or not rest[0].isdecimal():
            raise StoreError(f"{file}: line {number} is {line[:80]!r}, expected a name {_FORM} and a number of frames")
        if name in frames:
            raise StoreError(f"{file}: line {number} names {name} again, expected it once")
        frames[name] = int(rest[0])
    if not frames:
        raise StoreError(f"{file}: names no video, expected a line a video")
    return frames


def _labels(names: Iterable[str]) -> dict[str, set[int]]:
    """Labels of videos by split; names that are refused later have none."""
    labels: dict[str, set[int]] = {"train": set(), "test": set()}
    for name in names:
        with contextlib.suppress(StoreError):
            sequence = parse_name(name, name)
            labels[sequence.split].add(sequence.label)
    return labels


def _look(folder: Path) -> Found:
    """The tree below ``folder``, without a look into the folders of frames."""
    if not folder.is_dir():
        found = "not a folder" if folder.exists() else "no such folder"
        raise StoreError(f"{folder}: {found}, expected the folder with {_EXPECTED}")
    videos: dict[str, list[Path]] = {}
    lists, skeletons = [], []
    for entry in _walk(folder, set()):
        stem, ending = os.path.splitext(entry.name)
        if entry.is_dir() or ending == ".npz" or _NAME.fullmatch(entry.name):
            videos.setdefault(stem, []).append(Path(entry.path))
        elif entry.name == LIST:
            lists.append(Path(entry.path))
        elif ending == ".skeleton":
            skeletons.append(Path(entry.path))
    return Found({name: sorted(files) for name, files in sorted(videos.items())}, sorted(lists), sorted(skeletons))


def _walk(folder: Path, seen: set[str]) -> Iterator[os.DirEntry]:
    """Files and folders of videos; a folder that begins like one is taken for it, so that its name can be refused.

    ``seen`` has the true paths of the folders behind, each of which is looked into once.
    """
    if (true := os.path.realpath(folder)) in seen:
        return
    seen.add(true)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be listed ({error.strerror or one_line(error)})") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not re.match(r"S[0-9]+C[0-9]", entry.name):
            yield from _walk(Path(entry.path), seen)
        else:
            yield entry


def _source(name: str, place: Path, announced: int | None) -> Source:
    def read() -> Reading:
        sequence = parse_name(name, place)
        frames = read_frames(place) if place.is_dir() else read_clouds(place)
        if announced not in (None, len(frames)):
            raise StoreError(f"{place}: {len(frames)} frames, {LIST} has {announced}")
        return Reading([Recording(replace(sequence, frames=len(frames)), frames)])

    return Source((place,), lambda: parse_name(name, place).name, read)


def read_frames(folder: Path) -> list[dict[str, np.ndarray]]:
    """Pixels with a return, frame by frame, of a folder of PNG files; see :func:`read_depth`.

    Raises :class:`StoreError`, one line: no frame, a gap in their numbers, any other file, a frame of zeros.
    """
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    for number, name in enumerate(names, start=1):
        if name != (wanted := _FRAME.format(number)):
            what = f"{wanted} is missing" if re.fullmatch(r"MDepth-[0-9]{8}\.png", name) else f"{name} is no depth"
            raise StoreError(f"{folder}: {what}, expected MDepth-00000001.png and so on, and nothing else")
    if not names:
        raise StoreError(f"{folder}: holds no file, expected MDepth-00000001.png and so on")
    return [{"pixels": pixels_of(folder / name, read_depth(folder / name))} for name in names]


def read_depth(file: Path) -> np.ndarray:
    """Depth (424, 512) uint16 in millimetres, 0 where there is none, of a PNG file.

    Raises :class:`StoreError`, one line: damaged, no PNG, another size, not 16 bits deep.
    """
    from PIL import Image

    with open_regular(file) as stream:
        content = stream.read()
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if _END not in content:
                raise ValueError("its end is missing")  # Pillow would do without
            if image.mode == "I;16" and image.size == (WIDTH, HEIGHT):
                return np.asarray(image)
            found = f"{image.size[0]} x {image.size[1]} pixels, {_KINDS.get(image.mode, image.mode)}"
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise StoreError(f"{file}: not a whole PNG image ({one_line(error)})") from error
    raise StoreError(f"{file}: {found}, expected {WIDTH} x {HEIGHT} pixels, 16-bit grey")


def pixels_of(file: Path, depth: np.ndarray) -> np.ndarray:
    """(points, 3) u, v, millimetres uint16 of the pixels with a return, in row-major order."""
    v, u = np.nonzero(depth)
    if not len(v):
        raise StoreError(f"{file}: all zero, expected a depth return in every frame")
    return np.stack([u, v, depth[v, u]], axis=1).astype(np.uint16)


def read_clouds(file: Path) -> list[dict[str, np.ndarray]]:
    """Pixels, frame by frame, out of the coordinates that the released preparation saves.

    Raises :class:`StoreError`, one line: damaged, another array, no frame, coordinates that are of no pixel.
    """
    clouds = read_npz(file, ["data"])["data"]
    frames = []
    for number, cloud in enumerate(np.atleast_1d(clouds) if isinstance(clouds, np.ndarray) else clouds):
        if cloud.ndim != 2 or cloud.shape[1] != 3 or cloud.dtype.kind != "f" or not len(cloud):
            raise StoreError(f"{file}: frame {number} is {cloud.dtype} {cloud.shape}, expected coordinates (points, 3)")
        with np.errstate(all="ignore"):
            columns = cloud[:, :2].astype(np.float64) / cloud[:, 2:] * FOCAL + (WIDTH / 2, HEIGHT / 2)
        points = np.column_stack([columns, cloud[:, 2].astype(np.float64) * 65535])
        pixels = np.rint(points)
        inside = (pixels >= (0, 0, 1)) & (pixels < (WIDTH, HEIGHT, 65536))
        if not (inside & (np.abs(points - pixels) <= _NEAR)).all():
            raise StoreError(f"{file}: frame {number} has coordinates of no pixel of {WIDTH} x {HEIGHT} 16-bit depth")
        frames.append({"pixels": pixels.astype(np.uint16)})
    if not frames:
        raise StoreError(f"{file}: holds no frame, expected coordinates (points, 3) of each")
    return frames
