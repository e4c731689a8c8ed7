"""HOI4D action segmentation (Liu et al., CVPR 2022): the official h5 files, read sequence by sequence.

    train1.h5 … train4.h5, test1.h5, test2.h5     labelled, 2971 and 892 sequences in all
    test_wolabel.h5                               the test sequences without labels, as the challenge offers them

Every file holds ``pcd`` (S, 150, 2048, 3) coordinates, ``center`` (S, 150, 3), of which only frame 0's counts, and,
if labelled, ``label`` (S, 150): one of 19 classes for each frame. Neither the names of the classes nor those of the
sequences are published, so a sequence is called after its file and row. Files are opened when a sequence is asked for;
nothing is kept in memory and nothing is copied.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pointvideo.data.layout import StoreError, one_line

NAME = "hoi4d_action"
FRAMES, POINTS, CLASS_COUNT = 150, 2048, 19

# What each key holds for one sequence, and the numpy kinds it may be stored in.
SHAPES = {"pcd": (FRAMES, POINTS, 3), "center": (FRAMES, 3), "label": (FRAMES,)}
_KINDS = {"pcd": ("f", "floating point"), "center": ("f", "floating point"), "label": ("iuf", "numbers")}


@dataclass(frozen=True)
class Split:
    """The files of one split, whether they hold labels, and how many sequences the official release has in them."""

    files: tuple[str, ...]
    labelled: bool
    official: int


SPLITS = {
    "train": Split(("train1.h5", "train2.h5", "train3.h5", "train4.h5"), True, 2971),
    "test": Split(("test1.h5", "test2.h5"), True, 892),
    "test_without_labels": Split(("test_wolabel.h5",), False, 892),
}


@dataclass(frozen=True)
class SequenceReference:
    """Where one sequence lies: row ``row`` of ``file``."""

    file: Path
    row: int

    @property
    def name(self) -> str:
        """File and row, e.g. ``train1_0007``."""
        return f"{self.file.stem}_{self.row:04d}"


@dataclass(frozen=True)
class ActionSequence:
    """One validated sequence; all 150 frames are one sample.

    ``xyz`` (150, 2048, 3) float32, finite; ``centre`` (3,) float32, that of frame 0, around which the authors scale;
    ``labels`` (150,) int64, 0 to 18, None in a split without labels. Units are those of the file.
    """

    name: str
    xyz: np.ndarray
    centre: np.ndarray
    labels: np.ndarray | None


@dataclass(frozen=True)
class Summary:
    """What a split holds: ``usable`` positions of its sequences, ``rejected`` name -> reason, content fingerprint."""

    split: str
    listed: int
    official: int
    usable: tuple[int, ...]
    rejected: dict[str, str]
    fingerprint: str

    def __str__(self) -> str:
        counts = f"{self.listed} sequences of {self.official} official ones, {len(self.rejected)} rejected"
        return f"{NAME} {self.split}: {counts} (fingerprint {self.fingerprint[:12]})"


def split_named(split: str) -> Split:
    """The description of a split; StoreError for a name that is not in ``SPLITS``."""
    if split not in SPLITS:
        raise StoreError(f"split is {split!r}, expected {', '.join(map(repr, SPLITS))}")
    return SPLITS[split]


def list_sequences(folder: str | os.PathLike, split: str) -> tuple[SequenceReference, ...]:
    """All sequences of a split, file by file and row by row; opens every file, reads no coordinates.

    Raises :class:`StoreError`, one line: unknown split, missing folder or file, a file that is no h5 file, lacks a
    key, holds arrays of another shape or type, different numbers of sequences, or none.
    """
    described = split_named(split)
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "not a folder" if folder.exists() else "no such folder"
        raise StoreError(f"{folder}: {found}, expected the folder with the official h5 files")
    missing = [name for name in described.files if not (folder / name).is_file()]
    if missing:
        expected = f"expected {', '.join(described.files)} for split {split!r}"
        if split == "test" and (folder / "test_wolabel.h5").is_file():
            expected += "; test_wolabel.h5 is there: split 'test_without_labels'"
        raise StoreError(f"{folder}: {', '.join(missing)} not found, {expected}")
    references: list[SequenceReference] = []
    for name in described.files:
        with _open(folder / name, described.labelled) as arrays:
            references += [SequenceReference(folder / name, row) for row in range(len(arrays["pcd"]))]
    return tuple(references)


@contextlib.contextmanager
def _open(file: Path, labelled: bool) -> Iterator[dict]:
    """The h5 datasets of a file by key, checked except for their values; closed at the end."""
    import h5py

    try:
        opened = h5py.File(file, "r")
    except OSError as error:
        size = f"{file.stat().st_size} bytes, " if file.is_file() else ""
        raise StoreError(f"{file}: {size}expected a whole h5 file ({one_line(error)})") from error
    with opened:
        try:
            arrays = _checked_arrays(file, opened, labelled)
        except StoreError:
            raise
        except Exception as error:  # h5py raises many kinds on damaged headers
            raise StoreError(f"{file}: damaged, expected a whole h5 file ({one_line(error)})") from error
        yield arrays


def _checked_arrays(file: Path, opened, labelled: bool) -> dict:
    import h5py

    arrays = {}
    for key in ("pcd", "center", "label") if labelled else ("pcd", "center"):
        array = opened.get(key)
        if not isinstance(array, h5py.Dataset):
            hint = "; files without labels are split 'test_without_labels'" if key == "label" else ""
            raise StoreError(f"{file}: no array {key!r}, the file has {', '.join(map(str, opened)) or 'none'}{hint}")
        if array.shape is None or len(array.shape) != 1 + len(SHAPES[key]) or array.shape[1:] != SHAPES[key]:
            expected = ", ".join(map(str, SHAPES[key]))
            raise StoreError(f"{file}: {key!r} has shape {array.shape}, expected (sequences, {expected})")
        kinds, words = _KINDS[key]
        if array.dtype.kind not in kinds:
            raise StoreError(f"{file}: {key!r} holds {array.dtype}, expected {words}")
        arrays[key] = array
    counts = {key: len(array) for key, array in arrays.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} in {key!r}" for key, count in counts.items())
        raise StoreError(f"{file}: sequences differ between arrays: {found}; expected the same number in each")
    if not counts["pcd"]:
        raise StoreError(f"{file}: holds 0 sequences, expected at least 1")
    return arrays


def _read_row(arrays: dict, reference: SequenceReference) -> ActionSequence:
    where = f"{reference.file}: sequence {reference.row}"
    count = len(arrays["pcd"])
    if not 0 <= reference.row < count:
        raise StoreError(f"{where}: the file has {count} sequences, expected the one that was listed")
    try:
        xyz, centre = arrays["pcd"][reference.row], arrays["center"][reference.row, 0]
        labels = arrays["label"][reference.row] if "label" in arrays else None
    except Exception as error:  # as above: damaged blocks, compression that is not installed
        raise StoreError(f"{where}: cannot be read ({one_line(error)})") from error
    return ActionSequence(
        name=reference.name,
        xyz=_finite_float32(where, "pcd", xyz),
        centre=_finite_float32(where, "center of frame 0", centre),
        labels=None if labels is None else _checked_labels(where, labels),
    )


def _finite_float32(where: str, what: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite and is refused below
        values = np.ascontiguousarray(values, dtype=np.float32)
    wrong = ~np.isfinite(values)
    if wrong.any():
        place = f", first in frame {np.argwhere(wrong)[0, 0]}" if values.ndim == 3 else ""
        found = f"{np.count_nonzero(wrong)} of {values.size} coordinates that are NaN or infinite{place}"
        raise StoreError(f"{where}: {what} has {found}, expected finite float32 numbers")
    return values


def _checked_labels(where: str, labels: np.ndarray) -> np.ndarray:
    wrong = ~((labels >= 0) & (labels < CLASS_COUNT) & (labels == np.trunc(labels)))
    if wrong.any():
        frame = int(np.argmax(wrong))
        found = f"label {labels[frame]} in frame {frame} ({np.count_nonzero(wrong)} of {len(labels)} frames wrong)"
        raise StoreError(f"{where}: {found}, expected whole numbers 0 to {CLASS_COUNT - 1}")
    return labels.astype(np.int64)


class ActionSequences:
    """The sequences of one split, read from the official files when asked for.

    Iterating yields the valid ones in order and notes the others in ``rejected``, name -> reason; what is wrong with a
    whole file is an error (see :func:`list_sequences`). May be copied to worker processes: no file stays open.
    """

    def __init__(self, folder: str | os.PathLike, split: str):
        self.split = split
        self.labelled = split_named(split).labelled
        self.references = list_sequences(folder, split)
        self.rejected: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.references)

    def read(self, position: int) -> ActionSequence:
        """Sequence ``position``, counted from 0; :class:`StoreError`, one line, if it is not valid."""
        if not 0 <= position < len(self):
            raise StoreError(f"{NAME} {self.split}: position is {position}, expected 0 to {len(self) - 1}")
        reference = self.references[position]
        with _open(reference.file, self.labelled) as arrays:
            return _read_row(arrays, reference)

    def __iter__(self) -> Iterator[ActionSequence]:
        return (sequence for _, sequence in self._walk() if sequence is not None)

    def _walk(self) -> Iterator[tuple[int, ActionSequence | None]]:
        """Every position with its sequence, None where it is rejected; each file is opened once."""
        for file, members in groupby(enumerate(self.references), key=lambda member: member[1].file):
            with _open(file, self.labelled) as arrays:
                for position, reference in members:
                    try:
                        sequence = _read_row(arrays, reference)
                    except StoreError as error:
                        self.rejected[reference.name] = str(error).removeprefix(f"{file}: ")
                        sequence = None
                    yield position, sequence

    def check(self, progress: bool = True) -> Summary:
        """Read everything once: which sequences are usable, which are not and why, and a fingerprint of the content.

        The fingerprint (SHA-256) covers name, coordinates, centre and labels of the usable sequences in order, not how
        the files store them. Raises :class:`StoreError`, one line, if no sequence is usable.
        """
        rate = 0.2 if sys.stderr.isatty() else 10.0
        options = {"unit": "sequence", "mininterval": rate, "disable": not progress, "file": sys.stderr}
        digest, usable = hashlib.sha256(f"{NAME} {self.split}".encode()), []
        for position, sequence in tqdm(self._walk(), f"{NAME} {self.split}", total=len(self), **options):
            if sequence is None:
                reference = self.references[position]
                if progress:
                    tqdm.write(f"rejected {reference.file}: {self.rejected[reference.name]}", file=sys.stderr)
                continue
            usable.append(position)
            digest.update(sequence.name.encode())
            for array, dtype in ((sequence.xyz, "<f4"), (sequence.centre, "<f4"), (sequence.labels, "<i8")):
                if array is not None:
                    digest.update(np.ascontiguousarray(array, dtype=dtype).data.cast("B"))
        if not usable:
            first = self.references[0]
            raise StoreError(
                f"{first.file.parent}: none of the {len(self)} sequences of split {self.split!r} could be used, "
                f"first {first.name}: {self.rejected[first.name]}"
            )
        official = SPLITS[self.split].official
        return Summary(self.split, len(self), official, tuple(usable), dict(self.rejected), digest.hexdigest())
