"""Synthia 4D: the official files, one npz a frame and lists of frames, as sequences for a store.

    <SEQUENCE>-<frame, 6 digits>.npz    ``pc`` (16384, 3) metres, ``rgb`` (16384, 3) 0 to 1, ``semantic`` (16384,) raw
                                        label, ``center`` (3,) the car; e.g. SYNTHIA-SEQS-01-SPRING-000000.npz
    train_raw.txt, val_raw.txt,         a line a frame, in any order: <SEQUENCE>/<folders>/<frame>.<suffix>, and
    test_raw.txt, trainval_raw.txt      whatever stands before it or follows a space
    labelweights.npz                    passed over: tasks take the frequencies of the training drives

Files and lists may lie in different folders below the one that is named. A drive (SEQUENCE) becomes one sequence with
its frames in order, e.g. ``01-SPRING``. Frame numbers that are missing, and frames that are refused, cut it into runs
that are sequences of their own, named after their first frame: ``01-SPRING-000124``. Nothing is glued over a gap (the
authors' loaders, asked for a frame before a gap, take the nearest one that is there).

``train_raw.txt`` gives split "train", ``val_raw.txt`` "validation", ``test_raw.txt`` "test"; ``trainval_raw.txt`` gives
"train" where there is no ``train_raw.txt`` (P4Transformer trains on it) and else is only compared. The whole set
(22,589 frames of 16384 points) is a store of about 6 GB, and while it is being made twice that; one drive (about
0.3 GB, in passing twice that) is in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from .layout import Sequence, StoreError, one_line
from .npz import read_npz
from .recorded import Listing, Reading, Recording, Source, finite_float32, open_regular, walk
from .synthia4d import LABELS, RAW_TO_CLASS

NAME = "synthia4d"
UNIT = "metre"
POINTS = 16384
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "metre"},
    "rgb": {"dtype": "uint8", "shape": [3], "unit": "red, green, blue, 0 to 255"},
    "semantic": {"dtype": "uint8", "shape": [], "unit": "label", "names": LABELS},
}
FRAME_FIELDS = {"centre": {"dtype": "float32", "shape": [3], "unit": "metre"}}
LISTS = {"train_raw.txt": "train", "val_raw.txt": "validation", "test_raw.txt": "test", "trainval_raw.txt": "train"}
WEIGHTS = "labelweights.npz"

_FRAME_FILE = re.compile(r"(SYNTHIA-SEQS-([0-9]{2})-([A-Z]+))-([0-9]{6})\.NPZ")  # of a name in upper case
_DRIVE = re.compile(r"SYNTHIA-SEQS-([0-9]{2})-([A-Z]+)")
_LINE = re.compile(r"(?:.*[/\\])?(SYNTHIA-SEQS-[0-9]{2}-[A-Z]+)[/\\](?:\S*[/\\])?([0-9]{1,9})(?:\.[^\s/\\]*)?(?:\s.*)?")
_LIST_STEMS = {name.removesuffix(".txt") for name in LISTS}
_ROUNDED = 1e-4  # how far outside 0 to 1 a colour may be that was rounded

Frame = tuple[str, int]
"""A drive's name and a frame's number."""


@dataclass(frozen=True)
class Run:
    """Frames of one drive with consecutive numbers; ``whole`` when the drive has no others."""

    drive: str
    files: tuple[Path, ...]
    first: int
    split: str
    whole: bool

    @property
    def name(self) -> str:
        """``01-SPRING``, with the number of its first frame where the drive has other runs."""
        short = self.drive.removeprefix("SYNTHIA-SEQS-")
        return short if self.whole else f"{short}-{self.first:06d}"


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The runs of all drives that the lists name; see the module for what becomes of gaps.

    A frame that a list names and that is not there, a drive of which none is there, frames that no list names, files
    with other names and frames named twice are listed as rejected. Raises :class:`StoreError`, one line: missing
    folder, no list, a list that is empty or has a line of another form, a frame in two splits, no frame at all.
    """
    everything = walk(folder, "the frames (<SEQUENCE>-<frame>.npz) and lists (train_raw.txt, …)")
    lists = _one_each(file for file in everything if file.name.lower() in LISTS)
    if not lists:
        raise StoreError(f"{folder}: no list, expected one or more of {', '.join(LISTS)} here or in a folder below")
    splits, rejected = _read_lists(lists)
    there: dict[Frame, Path] = {}
    for file in everything:
        match, name = _FRAME_FILE.fullmatch(file.name.upper()), file.name.lower()
        if match is None:
            if name.startswith("synthia-seqs") or (name.endswith(".npz") and name != WEIGHTS):
                rejected.append((file, "file name is not of the form SYNTHIA-SEQS-<number>-<WEATHER>-<6 digits>.npz"))
            elif name not in LISTS and re.split(r"[ .(]", name)[0] in _LIST_STEMS:
                rejected.append((file, f"file name is none of {', '.join(LISTS)}"))
        elif (frame := (match[1], int(match[4]))) in there:
            rejected.append((file, f"the same frame is already taken from {there[frame]}"))
        else:
            there[frame] = file
    found = {frame: file for frame, file in there.items() if frame in splits}
    if not found:
        example = "SYNTHIA-SEQS-01-SPRING-000000.npz"
        raise StoreError(
            f"{folder}: none of the {len(splits)} frames that the lists name is there, expected files like {example}"
        )
    rejected += [*_missing(folder, splits, found), *_unlisted(there, splits)]
    classes = tuple(sorted({_DRIVE.fullmatch(drive)[2] for drive, _ in found}))
    sources = [_source(run, classes) for run in _runs(found, splits)]
    weights = [file for file in everything if file.name.lower() == WEIGHTS]
    return Listing(sources, sorted([*lists.values(), *weights, *found.values()]), classes, "run", rejected)


def _one_each(files: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        name = file.name.lower()
        if name in found:
            raise StoreError(f"{file}: there is also {found[name]}, expected one list of that name")
        found[name] = file
    return found


def read_list(file: Path) -> list[Frame]:
    """The frames that a list names, line by line; :class:`StoreError` for an empty list or a line of another form."""
    try:
        with open_regular(file) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StoreError(f"{file}: cannot be read as a list ({one_line(error)})") from error
    frames = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            expected = "expected SYNTHIA-SEQS-<number>-<WEATHER>/…/<frame>.<suffix>"
            raise StoreError(f"{file}: line {number} is {line.strip()[:80]!r}, {expected}")
        frames.append((match[1], int(match[2])))
    if not frames:
        raise StoreError(f"{file}: names no frame, expected a line a frame")
    return frames


def _read_lists(lists: dict[str, Path]) -> tuple[dict[Frame, str], list[tuple[Path, str]]]:
    """Split of every frame that a list names, and what is odd about the lists."""
    splits: dict[Frame, str] = {}
    origin: dict[Frame, Path] = {}
    odd: list[tuple[Path, str]] = []
    compared = "trainval_raw.txt" if {"train_raw.txt", "trainval_raw.txt"} <= set(lists) else None
    for name in (name for name in LISTS if name in lists and name != compared):
        frames = read_list(lists[name])
        if repeated := len(frames) - len(set(frames)):
            odd.append((lists[name], f"{repeated} of {len(frames)} lines name a frame again; each frame is taken once"))
        for frame in dict.fromkeys(frames):
            if frame in splits:
                shown = _shown(frame)
                raise StoreError(f"{lists[name]}: {shown} is also in {origin[frame].name}, expected it in one of them")
            splits[frame], origin[frame] = LISTS[name], lists[name]
    if compared:
        both = {frame for frame, split in splits.items() if split != "test"}
        if extra := sorted(set(read_list(lists[compared])) - both):
            text = f"names {len(extra)} frames that train_raw.txt and val_raw.txt do not, first {_shown(extra[0])}"
            odd.append((lists[compared], f"{text}; they are left out"))
    return splits, odd


def _missing(folder: Path, splits: dict[Frame, str], found: dict[Frame, Path]) -> Iterable[tuple[Path, str]]:
    listed: dict[str, list[int]] = {}
    for drive, number in sorted(splits):
        listed.setdefault(drive, []).append(number)
    for drive, numbers in listed.items():
        lost = [number for number in numbers if (drive, number) not in found]
        if len(lost) == len(numbers):
            split = splits[drive, numbers[0]]
            yield folder / f"{drive}-*.npz", f"none of the {len(lost)} frames that the lists name is there ({split})"
            continue
        for number in lost:
            split = splits[drive, number]
            yield folder / f"{_shown((drive, number))}.npz", f"named by the list of split {split!r}, not found"


def _unlisted(there: dict[Frame, Path], splits: dict[Frame, str]) -> Iterable[tuple[Path, str]]:
    extra: dict[str, list[Path]] = {}
    for frame in sorted(set(there) - set(splits)):
        extra.setdefault(frame[0], []).append(there[frame])
    for files in extra.values():
        yield files[0], f"no list names it, nor {len(files) - 1} other frames of its drive; they are left out"


def _shown(frame: Frame) -> str:
    return f"{frame[0]}-{frame[1]:06d}"


def _runs(found: dict[Frame, Path], splits: dict[Frame, str]) -> list[Run]:
    frames = sorted(found)
    cuts = [
        position
        for position, (before, after) in enumerate(pairwise(frames), start=1)
        if after != (before[0], before[1] + 1) or splits[after] != splits[before]
    ]
    pieces = [frames[a:b] for a, b in pairwise([0, *cuts, len(frames)])]
    drives = [piece[0][0] for piece in pieces]
    return [
        Run(drive, tuple(found[frame] for frame in piece), piece[0][1], splits[piece[0]], drives.count(drive) == 1)
        for drive, piece in zip(drives, pieces, strict=True)
    ]


def _source(run: Run, classes: tuple[str, ...]) -> Source:
    return Source(run.files, lambda: run.name, lambda: read_run(run, classes))


def read_run(run: Run, classes: tuple[str, ...]) -> Reading:
    """The frames of a run; ``classes`` are the weathers. A frame that is refused cuts the run in two."""
    number, weather = _DRIVE.fullmatch(run.drive).groups()
    pieces: list[tuple[int, list[dict[str, np.ndarray]]]] = []
    rejected, apart = [], True
    for position, file in enumerate(run.files):
        try:
            frame = read_frame(file)
        except StoreError as error:
            rejected.append((file, str(error)))
            apart = True
            continue
        if apart:
            pieces.append((position, []))
            apart = False
        pieces[-1][1].append(frame)
    recordings = []
    for position, frames in pieces:
        centre = np.stack([frame.pop("centre") for frame in frames])
        piece = Run(run.drive, (), run.first + position, run.split, run.whole and not rejected)
        entry = Sequence(piece.name, classes.index(weather), int(number), run.split, len(frames))
        recordings.append(Recording(entry, frames, {"centre": centre}))
    return Reading(recordings, rejected)


def read_frame(file: Path) -> dict[str, np.ndarray]:
    """One frame: ``xyz`` (16384, 3) float32 metres, ``rgb`` (16384, 3) uint8, ``semantic`` (16384,) uint8 classes with
    12 for void, ``centre`` (3,) float32 metres.

    Raises :class:`StoreError`, one line: no npz file, a missing array, another shape, numbers that are not finite,
    colours outside 0 to 1, raw labels that are no class.
    """
    shapes = {"pc": (POINTS, 3), "rgb": (POINTS, 3), "semantic": (POINTS,), "center": (3,)}
    arrays = read_npz(file, shapes)
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.shape != shapes[key] or array.dtype.kind not in "iuf":
            found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an array of objects"
            raise StoreError(f"{file}: {key!r} is {found}, expected numbers of shape {shapes[key]}")
    rgb = finite_float32(str(file), "rgb", arrays["rgb"])
    wrong = (rgb < -_ROUNDED) | (rgb > 1 + _ROUNDED)
    if wrong.any():
        found = f"{rgb.min():.7g} to {rgb.max():.7g} ({np.count_nonzero(wrong)} of {rgb.size} values outside)"
        raise StoreError(f"{file}: rgb from {found}, expected 0 to 1")
    return {
        "xyz": finite_float32(str(file), "pc", arrays["pc"]),
        "rgb": np.rint(rgb.clip(0, 1) * 255).astype(np.uint8),
        "semantic": _classes(file, arrays["semantic"]),
        "centre": finite_float32(str(file), "center", arrays["center"]),
    }


def _classes(file: Path, raw: np.ndarray) -> np.ndarray:
    mapping = np.array(RAW_TO_CLASS)
    known = np.flatnonzero(mapping >= 0)
    wrong = ~np.isin(raw, known)
    if wrong.any():
        value, counts = raw[wrong][0], f"{np.count_nonzero(wrong)} of {raw.size} points wrong"
        raise StoreError(f"{file}: raw label {value} ({counts}), expected 0, 2 to 12 or 15")
    return mapping[raw.astype(np.int64)].astype(np.uint8)
