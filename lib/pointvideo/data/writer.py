"""Making a store: resumable, and never half-written.

Each sequence becomes one file in ``<path>.partial/``; :meth:`StoreWriter.finish` strings them together in a
folder there and renames that into place. An interrupted run is continued by the same call: sequences whose
part is there, from the same source, are not made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointvideo.data.layout import VERSION, DepthCamera, Sequence, StoreError, describe, describe_camera, one_line

if TYPE_CHECKING:
    from pointvideo.data.store import Store


class StoreWriter:
    """Write a store to ``path``.

    ``fields`` maps a field's name to ``{"dtype", "shape", "unit"}``, shape being that of one point; there must be
    either ``pixels`` (and a camera) or ``xyz`` (and none). ``frame_fields`` likewise, shape being that of one frame.
    Where values are classes, ``"names"`` lists what 0, 1, … are called. ``made_by`` and ``inputs`` (any JSON) are kept
    in store.json but do not enter the fingerprint.
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
        self.partial = self.path.with_name(self.path.name + ".partial")
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
        self.rejected: list[dict[str, str]] = []
        self._parts: dict[str, tuple[Sequence, str]] = {}
        with _clear_errors(self.partial):
            self._resume()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exception) -> None:
        pass

    def _resume(self) -> None:
        header = {"version": VERSION, **self.header, "camera": describe_camera(self.header["camera"])}
        file = self.partial / "writer.json"
        for folder, marker in ((self.path, "store.json"), (self.partial, "writer.json")):
            if folder.exists() and not (folder / marker).is_file() and not _is_empty_folder(folder):
                raise StoreError(f"{folder}: exists and is not a store (no {marker}), expected a new or empty folder")
        if self.partial.is_dir() and _read_json(file) != header:
            shutil.rmtree(self.partial)
        self.partial.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda stream: stream.write(json.dumps(header).encode()))
        for part in sorted(self.partial.glob("*.npz")):
            try:
                with open(part, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                    about = json.loads(str(arrays["about"]))
                self._parts[part.stem] = (Sequence(**about["sequence"]), about["stamp"])
            except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
                part.unlink()

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
        file = self.partial / f"{sequence.name}.npz"
        with _clear_errors(file, kept=len(self._parts)):
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
        """
        parts = [self._parts[name][0] for name in sorted(self._parts) if only is None or name in only]
        if not parts:
            raise StoreError(f"{self.path}: no sequence to write")
        new = self.partial / "whole"
        with _clear_errors(new, kept=len(self._parts)):
            try:
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                self._concatenate(new, parts)
                _fsync_folder(new)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            if self.path.exists():
                os.rename(self.path, self.partial / "replaced")
            os.rename(new, self.path)
            _fsync_folder(self.path.parent)
            shutil.rmtree(self.partial, ignore_errors=True)
        from pointvideo.data.store import Store  # the reader re-exports this writer

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
            digests[name] = _write_npy(new / f"{name}.npy", np.dtype(field["dtype"]), shape, rows)
        for name, field in self.header["frame_fields"].items():
            shape = (int(offsets["sequence_offsets"][-1]), *field["shape"])
            rows = (self._read(part, f"frames_{name}") for part in parts)
            digests[name] = _write_npy(new / f"{name}.npy", np.dtype(field["dtype"]), shape, rows)
        for name, values in offsets.items():
            digests[name] = _write_npy(new / f"{name}.npy", values.dtype, values.shape, [values])
        description = describe(**self.header, sequences=parts)
        fingerprint = hashlib.sha256(json.dumps([description, digests], sort_keys=True).encode()).hexdigest()
        description |= {
            "rejected": self.rejected,
            "fingerprint": fingerprint,
            "made_by": self.made_by,
            "inputs": self.inputs,
        }
        text = json.dumps(description, indent=1).encode()
        write_atomically(new / "store.json", lambda stream: stream.write(text))

    def _read(self, part: Sequence, array: str) -> np.ndarray:
        with np.load(self.partial / f"{part.name}.npz", allow_pickle=False) as arrays:
            return arrays[array]


def _described(field: dict) -> dict:
    entry = {"dtype": str(np.dtype(field["dtype"])), "shape": list(field["shape"]), "unit": field.get("unit", "")}
    return entry | ({"names": list(field["names"])} if "names" in field else {})


def write_atomically(file: Path, write) -> None:
    """Call ``write(stream)`` on a temporary file beside ``file``, flush it to disk, rename it into place."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_npy(file: Path, dtype: np.dtype, shape: tuple[int, ...], rows) -> str:
    # Plain writes, not a memory map: a full disk must raise an error, not kill the process with SIGBUS.
    digest = hashlib.sha256()
    with open(file, "wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for block in rows:
            data = np.ascontiguousarray(block, dtype=dtype).data.cast("B")
            digest.update(data)
            stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _read_json(file: Path):
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _clear_errors(file: Path, kept: int = 0):
    """Turn an operating system error into one line that names the file or folder and what is kept."""
    try:
        yield
    except (OSError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or one_line(error)
        note = f"; sequences kept: {kept}, the same command continues" if kept else ""
        raise StoreError(f"{file}: cannot write the store ({why}){note}") from error
