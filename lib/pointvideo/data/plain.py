"""A set of one's own in a plain layout, imported as a store: docs/data.md describes the layout for its users.

    train/<class>/<sequence>/           a folder a sequence; or train/<class>/<subject>/<sequence>/; or any folders, and
    sequences.csv                       sequence (its folder), class, split, and subject, if there are any
        000000.npy                      a frame: coordinates (points, 3)
        000000.npz, 000000.ply          or ``xyz`` and, by name, ``rgb``, ``normals``, ``label``
        000000.png                      or 16-bit depth, and 000000.rgb.png, 000000.label.png of the same pixels
        frames.csv, frames.npz          fields of frames: a column, or an array, each
    camera.json                         width, height, focal, centre_u, centre_v, scale: for depth; here or nearer
    names.json                          {"semantic": […], "action": […]}: what labels 0, 1, … are called

Labels of points become the field ``semantic``. All sequences have the fields of the first.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from . import catalogue
from .layout import SMALL, UNITS, DepthCamera, Sequence, StoreError, digest_of_json, one_line
from .places import recorded_store
from .plain_frames import BESIDE, FRAMES, read_arrays, read_frame
from .prepare import inputs_of, store_from
from .recorded import Listing, Reading, Recording, Source, finite_float32, open_regular, walk
from .store import Store

SPLITS = ("train", "validation", "test")
IMPORTER_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_RGB = {"dtype": "uint8", "shape": [3], "unit": "red, green, blue, 0-255"}


@dataclass(frozen=True)
class _Entry:
    """A folder of frames, and what is known of it."""

    folder: Path
    label: str
    subject: str
    split: str
    frames: tuple[Path, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Plan:
    """What all sequences of a set share: a reader, as recorded formats have it, made from what the folder holds."""

    UNIT: str
    lens: DepthCamera | None
    names: dict[str, list[str]]
    FIELDS: dict[str, dict] = field(default_factory=dict)
    FRAME_FIELDS: dict[str, dict] = field(default_factory=dict)

    def camera(self) -> DepthCamera | None:
        """The camera of sets of depth images."""
        return self.lens


def import_folder(
    folder: str | os.PathLike,
    name: str,
    unit: str,
    *,
    path: str | os.PathLike | None = None,
    replace: bool = False,
    progress: bool = True,
) -> Store:
    """Make a store of one's own set, which is then a data set like any other, by its name.

    A file that cannot be used is noted in ``store.rejected``, with its sequence left out; the rest is imported. An
    interrupted call is continued by the same call.

    Args:
        folder: the set in the layout of this module.
        name: what it is to be called; not as a set or world that there is.
        unit: of its coordinates, one of :data:`~pointvideo.data.layout.UNITS`; it decides by how much they are divided
            unless a recipe says otherwise. Depth images are in this unit behind the camera's ``scale``.
        path: the store's folder; default: that of the set in the cache.
        replace: whether a store that is there may lose sequences which the folder no longer has.
        progress: show a bar, and what is rejected.

    Raises:
        StoreError: one line: a name that is taken, an unknown unit, no sequence, labels without names, depth without a
            camera, not writable.
    """
    if not _NAME.fullmatch(name) or name.endswith(SMALL):
        raise StoreError(f"name is {name!r}, expected letters, digits, '_', '-' and '.', and no {SMALL!r} at the end")
    if catalogue.find(name) is not None or name in catalogue.WORLDS:
        raise StoreError(f"name is {name!r}, which is a data set of the catalogue; expected another")
    if unit not in UNITS:
        raise StoreError(f"unit is {unit!r}, expected one of {', '.join(UNITS)}")
    folder = Path(folder).expanduser()
    entries, files, rejected = _entries(folder)
    plan = _plan_of_first(folder, entries, unit)
    classes = tuple(sorted({entry.label for entry in entries}))
    numbers = _numbers({entry.subject for entry in entries})
    sources = [_source(folder, entry, plan, classes.index(entry.label), numbers[entry.subject]) for entry in entries]
    listing = Listing(sources, files, classes, "sequence", rejected)
    inputs = {"importer": IMPORTER_VERSION, "files": len(files), "digest": digest_of_json(inputs_of(listing, folder))}
    return store_from(
        listing,
        plan,
        name=name,
        folder=folder,
        path=path,
        own=recorded_store(name),
        inputs=inputs | {"unit": unit},
        made_by="pointvideo data import",
        replace=replace,
        progress=progress,
    )


def _entries(folder: Path) -> tuple[list[_Entry], list[Path], list[tuple[Path, str]]]:
    """The sequences, all files that count, and the folders that cannot be used."""
    files = [file for file in walk(folder, "a folder a sequence") if file.suffix in (*FRAMES, ".csv", ".json")]
    inside: dict[Path, list[Path]] = {}
    for file in files:
        inside.setdefault(file.parent, []).append(file)
    table = _read_table(folder / "sequences.csv") if (folder / "sequences.csv").is_file() else None
    entries, rejected = [], []
    for place in sorted(place for place, each in inside.items() if any(map(_is_frame, each))):
        relative = place.relative_to(folder).as_posix()
        about = _from_folders(relative) if table is None else table.pop(relative, None)
        if about is None:
            wanted = "<split>/<class>/<sequence>, or a sequences.csv" if table is None else "a line in sequences.csv"
            rejected.append((place, f"holds frames, but its class and split are not known, expected {wanted}"))
            continue
        if about[2] not in SPLITS:
            rejected.append((place, f"split is {about[2]!r}, expected one of {', '.join(SPLITS)}"))
            continue
        above = [file for near in place.parents for file in inside.get(near, ()) if file.suffix in (".csv", ".json")]
        frames = tuple(sorted(filter(_is_frame, inside[place]), key=_natural))
        entries.append(_Entry(place, *about, frames, (*inside[place], *above)))
    rejected += [(folder / missing, "named in sequences.csv, but has no frames") for missing in table or ()]
    if not entries:
        wanted = f"train/<class>/<sequence>/ with frames ({', '.join(FRAMES)}), or a sequences.csv"
        raise StoreError(f"{folder}: no sequence, expected {wanted}")
    return entries, files, rejected


def _is_frame(file: Path) -> bool:
    return file.suffix in FRAMES and file.name != "frames.npz" and not file.name.endswith(tuple(BESIDE.values()))


def _from_folders(relative: str) -> tuple[str, str, str] | None:
    match relative.split("/"):
        case [split, label, _]:
            return label, "0", split
        case [split, label, subject, _]:
            return label, subject, split
    return None


def _read_table(file: Path) -> dict[str, tuple[str, str, str]]:
    """Class, subject and split of every sequence that a sequences.csv names."""
    rows = list(_rows(file, ("sequence", "class", "split")))
    table = {row["sequence"].strip("/"): (row["class"], row.get("subject") or "0", row["split"]) for row in rows}
    if len(table) < len(rows):
        raise StoreError(f"{file}: {len(rows) - len(table)} sequences are named twice, expected a line each")
    return table


def _rows(file: Path, wanted: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The lines of a CSV file by column; StoreError for one that lacks a column or an entry."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            if lacking := [name for name in wanted if name not in (reader.fieldnames or ())]:
                found = ", ".join(reader.fieldnames or ()) or "none"
                raise StoreError(f"{file}: no column {lacking[0]!r}, found {found}")
            for number, row in enumerate(reader, start=2):
                if None in row or any(not (row[name] or "").strip() for name in wanted):
                    raise StoreError(f"{file}: line {number} does not have an entry for every column")
                yield {name: (value or "").strip() for name, value in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{file}: cannot be read as CSV ({one_line(error)})") from error


def _numbers(subjects: set[str]) -> dict[str, int]:
    """A number for every subject: its own where all are numbers, else by the order of their names, from 1."""
    if all(subject.isascii() and subject.isdigit() for subject in subjects):
        return {subject: int(subject) for subject in subjects}
    return {subject: number for number, subject in enumerate(sorted(subjects), start=1)}


def _natural(file: Path) -> list:
    """Sort ``2.ply`` before ``10.ply``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", file.name)]


def _plan_of_first(folder: Path, entries: list[_Entry], unit: str) -> _Plan:
    """The plan that the first sequence gives which can be read."""
    errors = []
    for entry in entries:
        try:
            for file in entry.files:
                open_regular(file).close()
            return _plan(folder, entry, unit)
        except StoreError as error:
            errors.append(error)
    raise errors[0]


def _plan(folder: Path, first: _Entry, unit: str) -> _Plan:
    """Camera, names and fields of the set, as its first sequence has them."""
    names = _read_json(folder / "names.json") if (folder / "names.json").is_file() else {}
    if not all(isinstance(each, list) and all(isinstance(one, str) for one in each) for each in names.values()):
        raise StoreError(f'{folder / "names.json"}: expected {{"semantic": [names], …}}')
    depth = first.frames[0].suffix == ".png"
    lens = _camera(folder, first.folder) if depth else None
    bare = _Plan(unit, lens, names)
    frame = read_frame(first.frames[0], lens)
    fields = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u pixel, v pixel, depth count"}} if depth else {}
    fields |= {} if depth else {"xyz": {"dtype": "float32", "shape": [3], "unit": unit}}
    fields |= {"rgb": _RGB} if "rgb" in frame else {}
    fields |= {"normals": {"dtype": "float32", "shape": [3], "unit": "unit vector"}} if "normals" in frame else {}
    fields |= {"semantic": _labels(folder, "semantic", names)} if "label" in frame else {}
    frame_fields = {}
    for name, values in _frame_values(first, bare).items():
        whole = values.dtype.kind in "iuU"
        shape, plain = list(values.shape[1:]), {"dtype": "float32", "unit": unit}
        frame_fields[name] = _labels(folder, name, names) if whole else plain | {"shape": shape}
    return _Plan(unit, lens, names, fields, frame_fields)


def _labels(folder: Path, name: str, names: dict[str, list[str]]) -> dict:
    """The description of a field of labels."""
    if not names.get(name):
        raise StoreError(f"{folder}: there are labels {name!r}, expected what they are called in names.json")
    dtype = "uint8" if len(names[name]) <= 1 << 8 else "int32"
    return {"dtype": dtype, "shape": [], "unit": "label", "names": names[name]}


def _read_json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: cannot be read as JSON ({one_line(error)})") from error
    if not isinstance(content, dict):
        raise StoreError(f"{file}: holds {type(content).__name__}, expected entries by name")
    return content


def _camera(folder: Path, place: Path) -> DepthCamera:
    """The camera of the nearest camera.json, in the sequence's folder or above."""
    for near in (place, *place.parents):
        if (near / "camera.json").is_file():
            entries = _read_json(near / "camera.json")
            try:
                lens = DepthCamera(**entries)
                if min(lens.width, lens.height, lens.focal, lens.scale) > 0:
                    return lens
            except TypeError:
                pass
            wanted = "width, height, focal, centre_u, centre_v and, if not 1, scale, as numbers"
            raise StoreError(f"{near / 'camera.json'}: expected {wanted}")
        if near == folder:
            break
    raise StoreError(f"{place}: depth images without a camera.json here or in a folder above")


def _source(folder: Path, entry: _Entry, plan: _Plan, label: int, subject: int) -> Source:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", "_".join(entry.folder.relative_to(folder).parts)).lstrip("_.-")
    files = (entry.folder, *entry.files)  # the folder comes first: a sequence that is refused is listed under it
    return Source(files, lambda: name, partial(_read, folder, entry, plan, name, label, subject))


def _read(folder: Path, entry: _Entry, plan: _Plan, name: str, label: int, subject: int) -> Reading:
    if plan.lens is not None and (lens := _camera(folder, entry.folder)) != plan.lens:
        raise StoreError(f"{entry.folder}: camera {lens}, expected that of the first sequence, {plan.lens}")
    frames = []
    for file in entry.frames:
        found = read_frame(file, plan.lens)
        found = {"semantic" if key == "label" else key: rows for key, rows in found.items()}
        if set(found) != set(plan.FIELDS):
            fields = f"{', '.join(sorted(found))}; expected {', '.join(sorted(plan.FIELDS))}"
            raise StoreError(f"{file}: has {fields}, as the first sequence")
        if "semantic" in found:
            found["semantic"] = _checked(file, "semantic", found["semantic"], plan)
        frames.append(found)
    values = _frame_values(entry, plan)
    if set(values) != set(plan.FRAME_FIELDS):
        have, want = (", ".join(sorted(each)) or "none" for each in (values, plan.FRAME_FIELDS))
        raise StoreError(f"{entry.folder}: fields of frames are {have}; expected {want}, as the first sequence")
    values = {
        key: _checked(entry.folder, key, rows, plan) if "names" in plan.FRAME_FIELDS[key]
        else finite_float32(str(entry.folder), key, rows, "frame")
        for key, rows in values.items()
    }  # fmt: skip
    return Reading([Recording(Sequence(name, label, subject, entry.split, len(frames)), frames, values)])


def _checked(where: Path, name: str, rows: np.ndarray, plan: _Plan) -> np.ndarray:
    """Labels as the store keeps them; StoreError for a value that has no name."""
    names, described = plan.names[name], {**plan.FIELDS, **plan.FRAME_FIELDS}[name]
    if rows.dtype.kind == "U":
        known = {text: number for number, text in enumerate(names)}
        unknown = [text for text in rows.tolist() if text not in known and not text.isdecimal()]
        if unknown:
            raise StoreError(f"{where}: {name} {unknown[0]!r} is not in names.json")
        rows = np.array([known[text] if text in known else int(text) for text in rows.tolist()], dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or (len(rows) and not 0 <= rows.min() <= rows.max() < len(names)):
        found = f"{rows.dtype} {rows.shape}" + (f" from {rows.min()} to {rows.max()}" if rows.size else "")
        raise StoreError(f"{where}: {name} is {found}, expected whole numbers 0 to {len(names) - 1}")
    return rows.astype(described["dtype"])


def _frame_values(entry: _Entry, plan: _Plan) -> dict[str, np.ndarray]:
    """Fields of frames from frames.csv or frames.npz, a row a frame."""
    table, arrays = entry.folder / "frames.csv", entry.folder / "frames.npz"
    if table.is_file() and arrays.is_file():
        raise StoreError(f"{entry.folder}: both frames.csv and frames.npz, expected one of them")
    values = read_arrays(arrays) if arrays.is_file() else {}
    if table.is_file():
        rows = list(_rows(table, ("frame",)))
        stems = [file.stem for file in entry.frames]
        if [row["frame"] for row in rows] != stems:
            raise StoreError(
                f"{table}: frames are not those of the folder, expected {stems[0]} to {stems[-1]} in order"
            )
        columns = [column for column in rows[0] if column != "frame"]
        values = {column: np.array([row[column] for row in rows]) for column in columns}
    for name, rows in values.items():
        if len(rows) != len(entry.frames):
            raise StoreError(f"{entry.folder}: {name} has {len(rows)} rows, expected {len(entry.frames)}, one a frame")
    return values
