"""What a data set holds, in lines for a person; nothing is prepared or made to say it."""

from __future__ import annotations

import os
from pathlib import Path

from . import NOT_PREPARED, fingerprint_of, resolve
from .catalogue import DataSet
from .layout import PRIMITIVES, DepthCamera, data_dir
from .places import locate, recorded_store
from .simulate.building import World, arguments
from .store import Store


def describe(name: str, verify: bool = False) -> list[str]:
    """Lines about the set of that name, or the store in that folder; of a store that is not there yet what it will be.

    Args:
        name: a data set's name or a folder.
        verify: read everything that is there, and compare it with its digests.

    Raises:
        StoreError: an unknown name, a set that is not there, a damaged store.
    """
    if os.sep in name or (Path(name) / "store.json").is_file():
        return _store(Store.open(name), verify)
    fingerprint, place = fingerprint_of(name), locate(name.partition(PRIMITIVES)[0])
    if fingerprint == NOT_PREPARED:
        return _files(place.entry, place.files)
    note = _note(place.entry) if place.world is not None else []
    if place.world is not None and not _is_made(place.store, name, fingerprint):
        return _world(place.world, place.store, fingerprint) + note
    return _store(resolve(name, progress=False), verify) + note


def _is_made(path: Path, name: str, fingerprint: str) -> bool:
    if PRIMITIVES in name:
        return (path / f"primitive-{fingerprint[:16]}.npy").is_file()
    return (path / "store.json").is_file() and Store.open(path).fingerprint == fingerprint


def _note(entry: DataSet | None) -> list[str]:
    """A word on a prepared store that is not used."""
    if entry is None or data_dir() is not None or not recorded_store(entry.name).is_dir():
        return []
    return [f"a recorded store lies in {recorded_store(entry.name)}; it is used where POINTVIDEO_DATA is given"]


def _files(entry: DataSet, files: Path) -> list[str]:
    return _lines(
        {
            "name": f"{entry.name} (recorded, {NOT_PREPARED})",
            "files": files,
            "release": f"{entry.official} {entry.counted}s",
            "unit": entry.unit,
            "to prepare": f"pointvideo data prepare {entry.name} --from {files}",
        }
    )


def _world(world: World, path: Path, fingerprint: str) -> list[str]:
    header = world.header()
    return _lines(
        {
            "name": f"{world.name} (simulated, not made yet)",
            "store": path,
            "fingerprint": fingerprint,
            "sequences": len(world.recordings()),
            "classes": _classes(header["classes"]),
            "camera": _camera(header["camera"]),
            "unit": world.unit,
            "fields": _fields(header["fields"]),
            "of frames": _fields(header.get("frame_fields", {})),
            "made from": ", ".join(
                f"{key} {value}" for key, value in arguments(world).items() if isinstance(value, int | float | str)
            ),
        }
    )


def _store(store: Store, verify: bool) -> list[str]:
    if verify:
        store.verify()
    splits: dict[str, int] = {}
    for sequence in store.sequences:
        splits[sequence.split] = splits.get(sequence.split, 0) + 1
    counts = store.frame_counts
    entries = {
        "name": f"{store.name} ({store.source})",
        "store": store.path,
        "fingerprint": store.fingerprint,
        "sequences": f"{len(store.sequences)} ({', '.join(f'{split} {n}' for split, n in sorted(splits.items()))})",
        "frames": f"{counts.sum()} ({counts.min()} to {counts.max()} a sequence)",
        "points": f"{store.frame_offsets[-1]} ({store.frame_offsets[-1] / counts.sum():.0f} a frame)",
        "classes": _classes(store.classes),
        "subjects": len({sequence.subject for sequence in store.sequences}),
        "camera": _camera(store.camera),
        "unit": store.unit,
        "fields": _fields(store.fields),
        "of frames": _fields(store.frame_fields),
    }
    verified = {"verified": "every array is what was written"} if verify else {}
    rejected = [f"  {entry['file']}: {entry['reason']}" for entry in store.rejected]
    return _lines(entries | verified | {"rejected": len(store.rejected)}) + rejected


def _lines(entries: dict[str, object]) -> list[str]:
    return [f"{name + ':':13}{value}" for name, value in entries.items()]


def _classes(classes: tuple[str, ...]) -> str:
    return f"{len(classes)}: {', '.join(classes)}"


def _fields(fields: dict[str, dict]) -> str:
    return ", ".join(f"{name} {field['dtype']} {list(field['shape'])}" for name, field in fields.items()) or "none"


def _camera(camera: DepthCamera | None) -> str:
    if camera is None:
        return "none, points are coordinates"
    return (
        f"{camera.width} x {camera.height} pixels, focal length {camera.focal:g} pixels, "
        f"centre {camera.centre_u:g}, {camera.centre_v:g}"
    )
