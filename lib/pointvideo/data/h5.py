"""What the two h5 sets of HOI4D share (Liu et al., CVPR 2022): files of S sequences of equal length, read row by row.

Every file holds ``pcd`` (S, frames, points, 3) coordinates in metres, ``center`` (S, frames, 3) and, where it is
labelled, one class for each frame or for each point. The names of the sequences are not published, so a sequence is
called after its file and row. Files are opened when a sequence is asked for; nothing stays open or in memory.

The files may lie in folders below, and letters of their names may be upper-case. What is wrong with a whole file (a
missing array, another shape, one in another file, sizes beyond the file's own, a truncated or locked file) is a
:class:`StoreError` of that file; what is wrong with one sequence (coordinates that are not finite or were never
written, labels that are no class, a damaged block) is one of that sequence alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .h5_arrays import is_written, opened
from .layout import StoreError, one_line
from .recorded import Listing, Reading, Recording, Source, finite_float32, walk


@dataclass(frozen=True)
class Split:
    """The files of one split, and whether they hold labels."""

    files: tuple[str, ...]
    labelled: bool = True


@dataclass(frozen=True)
class Layout:
    """One of the two sets: sizes of a sequence, the key of its labels, what the labels mean, the official files.

    ``label_of`` is "frame" or "point"; ``centre_frames`` is how many frames' centres count, from the first.
    """

    name: str
    frames: int
    points: int
    label: str
    label_of: str
    label_names: tuple[str, ...]
    centre_frames: int
    splits: dict[str, Split]

    def shape(self, key: str) -> tuple[int, ...]:
        """What ``key`` holds for one sequence."""
        label = (self.frames, self.points) if self.label_of == "point" else (self.frames,)
        return {"pcd": (self.frames, self.points, 3), "center": (self.frames, 3), self.label: label}[key]

    def split(self, name: str) -> Split:
        """The description of a split; StoreError for a name that the set does not have."""
        if name not in self.splits:
            raise StoreError(f"split is {name!r}, expected {', '.join(map(repr, self.splits))}")
        return self.splits[name]


@dataclass(frozen=True)
class Row:
    """Where one sequence lies: row ``row`` of ``file``, which belongs to ``split``."""

    file: Path
    row: int
    split: str

    @property
    def name(self) -> str:
        """File and row, e.g. ``train1_0007``."""
        return f"{self.file.stem.lower()}_{self.row:04d}"


@dataclass(frozen=True)
class H5Sequence:
    """One validated sequence.

    ``xyz`` (frames, points, 3) float32, finite; ``centre`` (frames, 3) float32, finite, a row that does not count
    being that of the last one that does; ``labels`` (frames,) or (frames, points) uint8, None in a split without.
    """

    name: str
    xyz: np.ndarray
    centre: np.ndarray
    labels: np.ndarray | None


def list_rows(layout: Layout, folder: str | Path, split: str) -> list[Row]:
    """All sequences of a split, file by file and row by row; opens every file, reads no coordinates.

    Raises :class:`StoreError`, one line: unknown split, missing folder or file, a file that is no whole h5 file, lacks
    a key, holds arrays of another shape or type, different numbers of sequences, or none.
    """
    described, folder = layout.split(split), Path(folder).expanduser()
    present, _ = _official(layout, folder)
    missing = [name for name in described.files if name not in present]
    if missing:
        expected = f"expected {', '.join(described.files)} for split {split!r}"
        raise StoreError(f"{folder}: {', '.join(missing)} not found, {expected}{_other_files(layout, present)}")
    return [row for name in described.files for row in _rows(layout, present[name], split)]


def _official(layout: Layout, folder: Path) -> tuple[dict[str, Path], list[tuple[Path, str]]]:
    """The official files in ``folder`` and below by name, and (file, reason) for what looks like one and is none."""
    names = [name for split in layout.splits.values() for name in split.files]
    stems = {name.removesuffix(".h5") for name in names}
    present: dict[str, Path] = {}
    odd = []
    for file in walk(folder, "the official h5 files"):
        name = file.name.lower()
        if name in present:
            odd.append((file, f"{name} is already taken from {present[name]}"))
        elif name in names:
            present[name] = file
        elif name.endswith((".h5", ".hdf5")) or name.partition(".")[0] in stems:
            odd.append((file, f"file name is none of {', '.join(names)}"))
    return present, odd


def _other_files(layout: Layout, present: dict[str, Path]) -> str:
    """A hint: which files without labels lie there instead."""
    found = [
        f"{name} is there: split {split!r}"
        for split, described in layout.splits.items()
        for name in described.files
        if not described.labelled and name in present
    ]
    return "".join(f"; {hint}" for hint in found)


def _rows(layout: Layout, file: Path, split: str) -> list[Row]:
    with opened(layout, file, layout.split(split).labelled) as arrays:
        return [Row(file, row, split) for row in range(len(arrays["pcd"]))]


def list_sources(layout: Layout, folder: Path, record: Callable[[H5Sequence, str], Recording]) -> Listing:
    """The labelled sequences of all official files in ``folder`` and below, for the preparation of a store.

    ``record`` turns a sequence and its split into a recording. Official files that are absent or damaged, and those
    without labels, are listed as rejected, so that a part of the release can be prepared and the summary says what is
    missing.
    """
    present, rejected = _official(layout, folder)
    files, sources, damaged = [], [], []
    for split, described in layout.splits.items():
        for name in described.files:
            if name not in present and described.labelled:
                rejected.append((folder / name, f"not found: its sequences are missing from split {split!r}"))
            elif name in present and not described.labelled:
                files.append(present[name])
                rejected.append((present[name], f"holds no labels: split {split!r} is not prepared"))
            elif name in present:
                files.append(present[name])
                try:
                    sources += [_source(layout, row, record) for row in _rows(layout, present[name], split)]
                except StoreError as error:
                    damaged.append((present[name], str(error)))
    if not sources and damaged:
        raise StoreError(f"{folder}: none of the {len(damaged)} labelled h5 files can be used, first {damaged[0][1]}")
    if not sources:
        wanted = ", ".join(
            name for described in layout.splits.values() if described.labelled for name in described.files
        )
        raise StoreError(f"{folder}: no labelled h5 file, expected {wanted}{_other_files(layout, present)}")
    return Listing(sources, files, ("unknown",), "sequence", [*damaged, *rejected])


def _source(layout: Layout, row: Row, record: Callable[[H5Sequence, str], Recording]) -> Source:
    return Source((row.file,), lambda: row.name, lambda: Reading([record(read_row(layout, row), row.split)]))


def read_row(layout: Layout, row: Row) -> H5Sequence:
    """One sequence, checked; :class:`StoreError`, one line naming file and row, if it is not valid."""
    with opened(layout, row.file, layout.split(row.split).labelled) as arrays:
        return _read(layout, arrays, row)


def _read(layout: Layout, arrays: dict, row: Row) -> H5Sequence:
    where, counted = f"{row.file}: sequence {row.row}", layout.centre_frames
    count = len(arrays["pcd"])
    if not 0 <= row.row < count:
        raise StoreError(f"{where}: the file has {count} sequences, expected the one that was listed")
    try:
        if unwritten := [key for key, array in arrays.items() if not is_written(array, row.row)]:
            raise StoreError(f"{where}: {unwritten[0]!r} was never written, expected its values")
        xyz, centre = arrays["pcd"][row.row], arrays["center"][row.row, :counted]
        labels = arrays[layout.label][row.row] if layout.label in arrays else None
    except StoreError:
        raise
    except Exception as error:  # as above: damaged blocks, compression that is not installed
        raise StoreError(f"{where}: cannot be read ({one_line(error)})") from error
    xyz = finite_float32(where, "pcd", xyz, "frame")
    if not xyz.any():
        raise StoreError(f"{where}: pcd is all zero, expected coordinates")
    which = "center of frame 0" if counted == 1 else "center"
    centre = finite_float32(where, which, centre, "frame" if counted > 1 else "")
    return H5Sequence(
        name=row.name,
        xyz=xyz,
        centre=np.concatenate([centre, np.repeat(centre[-1:], layout.frames - counted, axis=0)]),
        labels=None if labels is None else _checked_labels(layout, where, labels),
    )


def _checked_labels(layout: Layout, where: str, labels: np.ndarray) -> np.ndarray:
    classes = len(layout.label_names)
    wrong = ~((labels >= 0) & (labels < classes) & (labels == np.trunc(labels)))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        counts = f"{np.count_nonzero(wrong)} of {labels.size} {layout.label_of}s wrong"
        found = f"label {labels[place]} in frame {place[0]} ({counts})"
        raise StoreError(f"{where}: {found}, expected whole numbers 0 to {classes - 1}")
    return labels.astype(np.uint8)
