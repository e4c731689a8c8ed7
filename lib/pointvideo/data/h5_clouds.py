"""h5 files of N single clouds: ``data`` (N, points, 3), ``label`` (N,) or (N, 1), perhaps an integer for every point.

ModelNet40, ScanObjectNN and ShapeNetPart are given out in this form. A cloud is a sequence of one frame, called after
its file and row. What is wrong with a whole file (no h5 file, cut short, other arrays or shapes) refuses the file; what
is wrong with one cloud (values that are not finite or were never written, a label outside the list) that cloud alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from .cloud_files import one_file, unlisted
from .h5_arrays import _check_size, _names, is_written
from .layout import Sequence, StoreError, one_line
from .lists import read_lines
from .recorded import Listing, Reading, Recording, Source, finite_float32, open_regular

Rejected = list[tuple[Path, str]]


@dataclass(frozen=True)
class CloudLayout:
    """What every file of a set holds.

    Args:
        points: of a cloud.
        classes: that ``label`` counts, from 0.
        of_points: the array with an integer for every point; "" for none.
    """

    points: int
    classes: tuple[str, ...]
    of_points: str = ""

    def shapes(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The shapes that each array may have for one cloud."""
        shapes = {"data": ((self.points, 3),), "label": ((), (1,))}
        return shapes | ({self.of_points: ((self.points,),)} if self.of_points else {})


@dataclass(frozen=True)
class Cloud:
    """One cloud, checked: ``xyz`` (points, 3) float32 and finite, a class, ``of_points`` (points,) int64 or None."""

    where: str
    xyz: np.ndarray
    label: int
    of_points: np.ndarray | None


@dataclass(frozen=True)
class CloudFile:
    """A file with the split and the subject that its clouds have."""

    file: Path
    split: str
    subject: int = 0


def files_of_lists(folder: Path, files: list[Path], lists: Mapping[str, tuple[str, int]]) -> tuple[list, Rejected]:
    """The h5 files that lists name, and (file, reason) for those that are missing or that no list names.

    Only the names count: the lists of the releases hold paths of their authors' machine.

    Args:
        folder, files: where to look, and all files there.
        lists: name of a list -> split and subject of the clouds in its files.

    Raises:
        StoreError: one line: a list that is missing, is there twice or names nothing; a file that is named twice.
    """
    found: list[CloudFile] = []
    rejected: Rejected = []
    named: dict[Path, str] = {}
    for name, (split, subject) in lists.items():
        place = one_file(folder, files, name)
        lines = [(number, PurePosixPath(line).name) for number, line in read_lines(place)]
        if not lines:
            raise StoreError(f"{place}: names no file, expected a line a file")
        for number, each in lines:
            file = place.parent / each
            if file in named:
                raise StoreError(f"{place}: line {number} names {each}, which {named[file]} has named already")
            named[file] = name
            if file.is_file():
                found.append(CloudFile(file, split, subject))
            else:
                rejected.append((file, f"named by {name}, not found: its clouds are missing from split {split!r}"))
    return found, rejected + unlisted(files, ".h5", set(named))


def list_clouds(
    layout: CloudLayout,
    folder: Path,
    found: list[CloudFile],
    fields: Callable[[Cloud], dict[str, np.ndarray]],
    lists: list[Path],
    rejected: Rejected,
) -> Listing:
    """The clouds of files; opens every file, reads no coordinates.

    Args:
        layout: of the files.
        folder: of the set, for errors.
        found: the files.
        fields: the point fields of a cloud for the store, ``StoreError`` where they are not valid.
        lists: what else the listing rests on.
        rejected: what could not be used before.

    Raises:
        StoreError: no file can be used.
    """
    sources: list[Source] = []
    damaged: Rejected = []
    for each in found:
        try:
            with opened(layout, each.file) as arrays:
                count = len(arrays["data"])
        except StoreError as error:
            damaged.append((each.file, str(error)))
        else:
            sources += [_source(layout, each, row, fields) for row in range(count)]
    if not sources:
        first = (damaged + rejected or [(folder, "none is there")])[0]
        raise StoreError(f"{folder}: no h5 file can be used, first {first[0].name}: {first[1]}")
    files = [*lists, *(each.file for each in found)]
    return Listing(sources, files, layout.classes, "cloud", [*damaged, *rejected])


def _source(layout: CloudLayout, each: CloudFile, row: int, fields: Callable[[Cloud], dict]) -> Source:
    name = f"{each.file.stem}_{row:04d}"

    def read() -> Reading:
        cloud = read_cloud(layout, each.file, row)
        sequence = Sequence(name, cloud.label, each.subject, each.split, frames=1)
        return Reading([Recording(sequence, [fields(cloud)])])

    return Source((each.file,), lambda: name, read)


@contextlib.contextmanager
def opened(layout: CloudLayout, file: Path) -> Iterator[dict]:
    """The arrays of a file by key, checked except for their values; closed at the end."""
    import h5py

    with open_regular(file) as stream:
        size = stream.seek(0, 2)
    try:
        whole = h5py.File(file, "r")
    except OSError as error:
        raise StoreError(f"{file}: {size} bytes that are no whole h5 file ({one_line(error)})") from error
    with whole:
        arrays = {}
        for key, shapes in layout.shapes().items():
            array = whole.get(key)
            if not isinstance(array, h5py.Dataset):
                expected = ", ".join(map(repr, layout.shapes()))
                raise StoreError(f"{file}: no array {key!r}, the file has {_names(whole)}; expected {expected}")
            if array.shape is None or not array.shape or array.shape[1:] not in shapes:
                wanted = " or ".join(str(("clouds", *shape)).replace("'", "") for shape in shapes)
                raise StoreError(f"{file}: {key!r} has shape {array.shape}, expected {wanted}")
            if array.dtype.kind not in ("f" if key == "data" else "iuf"):
                raise StoreError(f"{file}: {key!r} holds {array.dtype}, expected numbers")
            _check_size(f"{file}: {key!r}", array, size)
            arrays[key] = array
        counts = {key: len(array) for key, array in arrays.items()}
        if len(set(counts.values())) > 1 or not counts["data"]:
            shown = ", ".join(f"{count} in {key!r}" for key, count in counts.items())
            raise StoreError(f"{file}: clouds are {shown}; expected as many in each, and at least one")
        yield arrays


def read_cloud(layout: CloudLayout, file: Path, row: int) -> Cloud:
    """One cloud, checked; StoreError, one line naming file and row, for one that is not valid."""
    where = f"{file}: cloud {row}"
    with opened(layout, file) as arrays:
        try:
            if unwritten := [key for key, array in arrays.items() if not is_written(array, row)]:
                raise StoreError(f"{where}: {unwritten[0]!r} was never written, expected its values")
            values = {key: array[row] for key, array in arrays.items()}
        except StoreError:
            raise
        except Exception as error:  # damaged blocks, compression that is not installed: h5py raises many kinds
            raise StoreError(f"{where}: cannot be read ({one_line(error)})") from error
    xyz = finite_float32(where, "data", values["data"], "point")
    if not xyz.any():
        raise StoreError(f"{where}: data is all zero, expected coordinates")
    label = whole_numbers(where, "label", np.atleast_1d(values["label"]), 0, len(layout.classes) - 1)
    more = values.get(layout.of_points)
    if more is not None:
        more = whole_numbers(where, layout.of_points, more)
    return Cloud(where, xyz, int(label[0]), more)


def whole_numbers(
    where: str, what: str, values: np.ndarray, least: int | None = None, most: int | None = None
) -> np.ndarray:
    """``values`` as int64; StoreError naming ``where`` and ``what`` for fractions, and numbers outside a range."""
    wrong = values != np.trunc(values)
    for bound, beyond in ((least, np.less), (most, np.greater)):
        if bound is not None:
            wrong = wrong | beyond(values, bound)
    if wrong.any():
        found = f"{what} {values[wrong][0]} ({np.count_nonzero(wrong)} of {values.size} wrong)"
        span = "" if most is None else f" {least} to {most}"
        raise StoreError(f"{where}: {found}, expected whole numbers{span}")
    return values.astype(np.int64)
