"""Making a store: resumable, and never half-written.

Each sequence becomes one file in ``<path>.partial/``; :meth:`StoreWriter.finish` strings them together in a
folder there and renames that into place. An interrupted run is continued by the same call: sequences whose
part is there, from the same source, are not made again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..burn import made_folder
from .disk import clear_errors, fsync_folder, is_empty_folder, read_json, write_atomically, write_npy
from .layout import (
    VERSION,
    DepthCamera,
    Sequence,
    StoreError,
    describe,
    describe_camera,
    digest_of_json,
    one_line,
)
from .leftovers import check_own, partial_of, restore

if TYPE_CHECKING:
    from .store import Store

_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_LABELS = re.compile(r"primitive-|\..+\.tmp$")  # what is added to a store later


class StoreWriter:
    """Write a store to ``path``: a folder that is new, empty, or a store of the same name and source.

    ``fields`` maps a field's name to ``{"dtype", "shape", "unit"}``, shape being that of one point; there must be
    either ``pixels`` (and a camera) or ``xyz`` (and none). ``frame_fields`` likewise, shape being that of one frame.
    Where values are classes, ``"names"`` lists what 0, 1, … are called. ``made_by`` and ``inputs`` (any JSON) are kept
    in store.json but do not enter the digest of the content, which is the store's fingerprint unless ``fingerprint``
    gives another. A recorded store loses no sequence to a new one unless ``replace`` says so.
    As a context manager it keeps the parts when an exception passes, so that the next run continues.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        name: str,
        source: str,
        unit: str,
        camera: DepthCamera | None,
        classes: tuple[str, ...] | list[str],
        fields: dict[str, dict],
        frame_fields: dict[str, dict] | None = None,
        made_by: str = "",
        inputs: object = None,
        fingerprint: str | None = None,
        replace: bool = False,
    ):
        if source not in ("recorded", "simulated"):
            raise StoreError(f"store {name}: source is {source!r}, expected 'recorded' or 'simulated'")
        place = {"pixels", "xyz"} & set(fields)
        if place != ({"xyz"} if camera is None else {"pixels"}):
            wanted = "'xyz' without a camera" if camera is None else "'pixels' with a camera"
            raise StoreError(f"store {name}: fields {', '.join(fields)}, expected {wanted}")
        if both := set(fields) & set(frame_fields or {}):
            raise StoreError(f"store {name}: {', '.join(sorted(both))} stands among fields and frame fields")
        self.path = Path(path)
        self.partial = partial_of(self.path)
        self.header = {
            "name": name,
            "source": source,
            "unit": unit,
            "camera": camera,
            "classes": list(classes),
            "fields": {key: _described(field) for key, field in fields.items()},
            "frame_fields": {key: _described(field) for key, field in (frame_fields or {}).items()},
        }
        self.made_by = made_by
        self.inputs = inputs
        self.fingerprint = fingerprint
        self.replace = replace
        self.rejected: list[dict[str, str]] = []
        self._parts: dict[str, tuple[Sequence, str]] = {}
        with clear_errors(self.partial):
            self._resume()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exception) -> None:
        pass

    def _resume(self) -> None:
        header = {"version": VERSION, **self.header, "camera": describe_camera(self.header["camera"])}
        file = self.partial / "writer.json"
        check_own(self.partial)
        restore(self.path)
        self._stored()
        found = read_json(file)
        if isinstance(found, dict) and found.get("source") == "recorded":
            about, own = (found.get("name"), "recorded"), (header["name"], header["source"])
            if about != own:
                raise StoreError(
                    f"{self.partial}: holds parts of an interrupted {about[0]!r} (recorded), expected those of "
                    f"{own[0]!r} ({own[1]}), or nothing"
                )
        if self.partial.is_dir() and found != header:
            shutil.rmtree(self.partial)
        made_folder(self.partial)
        write_atomically(file, lambda stream: stream.write(json.dumps(header).encode()))
        for part in sorted(self.partial.glob("*.part")):
            try:
                with open(part, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                    about = json.loads(str(arrays["about"]))
                self._parts[part.stem] = (Sequence(**about["sequence"]), about["stamp"])
            except _DAMAGED:
                part.unlink()

    def _stored(self) -> set[str]:
        """Names of the sequences of the store that this one will replace; StoreError for anything else there."""
        if not self.path.exists() or is_empty_folder(self.path):
            return set()
        name, source = self.header["name"], self.header["source"]
        if not (self.path / "store.json").is_file():
            raise StoreError(f"{self.path}: exists and is not a store (no store.json), expected a new or empty folder")
        about = read_json(self.path / "store.json")
        about = about if isinstance(about, dict) else {}
        if (about.get("name"), about.get("source")) != (name, source):
            found = f"a store of {about.get('name')!r} ({about.get('source')})" if about else "a store.json of no store"
            raise StoreError(f"{self.path}: holds {found}, expected one of {name!r} ({source}), or a new folder")
        arrays = ["frame_offsets", "sequence_offsets", *about.get("fields", ()), *about.get("frame_fields", ())]
        known = {"store.json", *(f"{array}.npy" for array in arrays)}
        if other := [e.name for e in self.path.iterdir() if e.name not in known and not _LABELS.match(e.name)]:
            raise StoreError(f"{self.path}: {other[0]} is no part of a store, expected a folder with nothing else")
        return {entry["name"] for entry in about.get("sequences", ())}

    def done(self, sequence_name: str, stamp: str = "") -> bool:
        """Whether the sequence is already written, from a source with the same ``stamp``."""
        return sequence_name in self._parts and self._parts[sequence_name][1] == stamp

    def add(
        self,
        sequence: Sequence,
        frames: list[dict[str, np.ndarray]],
        stamp: str = "",
        frame_values: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Write one sequence: a dict of fields, each (n, …), for every frame; of frame fields, each (frames, …).

        Raises :class:`StoreError` for fields that do not fit the store's description and when the
        disk is full or not writable; what was added before stays for the next run.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", sequence.name):
            raise StoreError(f"sequence {sequence.name!r}: a name may hold letters, digits, '_', '-' and '.'")
        if sequence.frames != len(frames) or not frames:
            raise StoreError(
                f"sequence {sequence.name}: got {len(frames)} frames, expected {sequence.frames} (at least 1)"
            )
        if not 0 <= sequence.label < len(self.header["classes"]):
            raise StoreError(
                f"sequence {sequence.name}: label {sequence.label}, expected 0 to {len(self.header['classes']) - 1}"
            )
        columns = {
            name: [self._column(sequence.name, i, name, frame) for i, frame in enumerate(frames)]
            for name in self.header["fields"]
        }
        counts = {name: [len(column) for column in rows] for name, rows in columns.items()}
        first = next(iter(counts))
        for name, lengths in counts.items():
            if lengths != counts[first]:
                raise StoreError(
                    f"sequence {sequence.name}: fields {first} and {name} differ in their number of points"
                )
        arrays = {f"field_{name}": np.concatenate(rows) for name, rows in columns.items()}
        arrays |= self._frame_columns(sequence, frame_values or {})
        arrays["counts"] = np.array(counts[first], dtype=np.int64)
        arrays["about"] = np.array(json.dumps({"sequence": asdict(sequence), "stamp": stamp}))
        file = self.partial / f"{sequence.name}.part"
        with clear_errors(file, kept=len(self._parts)):
            write_atomically(file, lambda stream: np.savez(stream, **arrays))
        self._parts[sequence.name] = (sequence, stamp)

    def _column(self, sequence: str, position: int, name: str, frame: dict[str, np.ndarray]) -> np.ndarray:
        field = self.header["fields"][name]
        where = f"sequence {sequence}, frame {position}, field {name}"
        if set(frame) != set(self.header["fields"]):
            raise StoreError(f"{where}: got fields {sorted(frame)}, expected {sorted(self.header['fields'])}")
        rows = np.asarray(frame[name])
        if rows.ndim < 1 or list(rows.shape[1:]) != field["shape"] or str(rows.dtype) != field["dtype"]:
            raise StoreError(
                f"{where}: got {rows.dtype} {rows.shape}, expected {field['dtype']} (n, {str(field['shape'])[1:-1]})"
            )
        if not len(rows):
            raise StoreError(f"{where}: no points, expected at least one")
        return rows

    def _frame_columns(self, sequence: Sequence, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        described = self.header["frame_fields"]
        if set(values) != set(described):
            raise StoreError(
                f"sequence {sequence.name}: got frame fields {sorted(values)}, expected {sorted(described)}"
            )
        arrays = {}
        for name, field in described.items():
            rows, expected = np.asarray(values[name]), (sequence.frames, *field["shape"])
            if rows.shape != expected or str(rows.dtype) != field["dtype"]:
                raise StoreError(
                    f"sequence {sequence.name}, frame field {name}: got {rows.dtype} {rows.shape}, expected "
                    f"{field['dtype']} {expected}"
                )
            arrays[f"frames_{name}"] = rows
        return arrays

    def reject(self, file: str, reason: str) -> None:
        """Note a source file that does not become a sequence, and why."""
        self.rejected.append({"file": str(file), "reason": one_line(ValueError(reason))})

    def finish(self, only: set[str] | None = None) -> Store:
        """String the parts together (sorted by name; ``only`` these names), rename into place, open.

        An older store at the same path is replaced only when the new one is complete on disk.

        Raises:
            StoreError: no sequence, a full disk, or a recorded store there that has sequences which this one lacks.
        """
        parts = [self._parts[name][0] for name in sorted(self._parts) if only is None or name in only]
        if not parts:
            raise StoreError(f"{self.path}: no sequence to write")
        stored = self._stored()
        lost = sorted(stored - {part.name for part in parts})
        if lost and self.header["source"] == "recorded" and not self.replace:
            found = f"{len(lost)} of {len(stored)} sequences of the store there would be lost, first {lost[0]}"
            raise StoreError(f"{self.path}: {found}; --replace makes it anew without them")
        new, old = self.partial / "whole", self.partial / "replaced"
        with clear_errors(new, kept=len(self._parts)):
            try:
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                self._concatenate(new, parts)
                fsync_folder(new)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            if self.path.exists():
                shutil.rmtree(old, ignore_errors=True)  # what a killed run had not yet cleared away
                os.rename(self.path, old)
            os.rename(new, self.path)
            fsync_folder(self.path.parent)
            shutil.rmtree(self.partial, ignore_errors=True)
        from .store import Store

        return Store.open(self.path)

    def _concatenate(self, new: Path, parts: list[Sequence]) -> None:
        counts = np.concatenate([self._read(part, "counts") for part in parts])
        offsets = {
            "frame_offsets": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            "sequence_offsets": np.concatenate([[0], np.cumsum([part.frames for part in parts])]).astype(np.int64),
        }
        digests = {}
        for name, field in self.header["fields"].items():
            shape = (int(offsets["frame_offsets"][-1]), *field["shape"])
            rows = (self._read(part, f"field_{name}") for part in parts)
            digests[name] = write_npy(new / f"{name}.npy", np.dtype(field["dtype"]), shape, rows)
        for name, field in self.header["frame_fields"].items():
            shape = (int(offsets["sequence_offsets"][-1]), *field["shape"])
            rows = (self._read(part, f"frames_{name}") for part in parts)
            digests[name] = write_npy(new / f"{name}.npy", np.dtype(field["dtype"]), shape, rows)
        for name, values in offsets.items():
            digests[name] = write_npy(new / f"{name}.npy", values.dtype, values.shape, [values])
        description = describe(**self.header, sequences=parts)
        content = digest_of_json([description, digests])
        description |= {
            "rejected": self.rejected,
            "fingerprint": self.fingerprint or content,
            "content": content,
            "arrays": digests,
            "made_by": self.made_by,
            "inputs": self.inputs,
        }
        description["digest"] = digest_of_json(description)
        text = json.dumps(description, indent=1).encode()
        write_atomically(new / "store.json", lambda stream: stream.write(text))

    def _read(self, part: Sequence, array: str) -> np.ndarray:
        file = self.partial / f"{part.name}.part"
        try:
            with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return arrays[array]
        except _DAMAGED as error:
            file.unlink(missing_ok=True)
            raise StoreError(f"{file}: damaged ({one_line(error)}), deleted; the same command continues") from error


def _described(field: dict) -> dict:
    entry = {"dtype": str(np.dtype(field["dtype"])), "shape": list(field["shape"]), "unit": field.get("unit", "")}
    return entry | ({"names": list(field["names"])} if "names" in field else {})
