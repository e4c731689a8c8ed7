"""From a recorded set in its official layout to a store: resumable, atomic, naming every file it refuses."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from tqdm import tqdm

from pointvideo.data import msr_action3d
from pointvideo.data.layout import StoreError, cache_dir, one_line
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

FORMATS = {msr_action3d.NAME: msr_action3d}
READER_VERSION = 1


def store_path(name: str, cache: str | os.PathLike | None = None) -> Path:
    """Where the store of a set lies unless another folder is named: ``<cache>/stores/<name>``."""
    return (Path(cache) if cache is not None else cache_dir()) / "stores" / name


def prepare(
    name: str,
    source_folder: str | os.PathLike,
    cache: str | os.PathLike | None = None,
    progress: bool = True,
    *,
    path: str | os.PathLike | None = None,
) -> Store:
    """Make the store of recorded set ``name`` from its files under ``source_folder``.

    The store goes to ``path``, else to ``<cache>/stores/<name>``. A damaged or misnamed file is noted in
    ``store.rejected`` (and printed to stderr) and the rest is still prepared. An interrupted or failed
    run is continued by the same call; a store that is already there is made again only if the names,
    sizes or times of the source files changed.

    Raises :class:`StoreError`, one line: unknown set, missing folder, no depth files, no usable file,
    store not writable, disk full.
    """
    if name not in FORMATS:
        raise StoreError(f"no recorded set {name!r} that can be prepared, known: {', '.join(sorted(FORMATS))}")
    reader = FORMATS[name]
    source = Path(source_folder).expanduser()
    files = find_files(source)
    path = Path(path).expanduser() if path is not None else store_path(name, cache)
    inputs = {"reader": READER_VERSION, "files": [[str(file.relative_to(source)), *_stamp(file)] for file in files]}
    store = _ready(path, inputs)
    if store is not None:
        return store
    with locked(path):
        store = _ready(path, inputs)  # another process may have made it in the meantime
        if store is not None:
            return store
        writer = StoreWriter(
            path,
            name=name,
            source="recorded",
            unit=reader.UNIT,
            camera=reader.camera(),
            classes=reader.CLASSES,
            fields=reader.FIELDS,
            made_by="pointvideo data prepare",
            inputs=inputs,
        )
        kept = _add_files(reader, writer, source, files, progress)
        if not kept:
            first = writer.rejected[0]
            raise StoreError(
                f"{source}: none of the {len(files)} files could be used, first {first['file']}: {first['reason']}"
            )
        return writer.finish(only=kept)


def _add_files(reader, writer: StoreWriter, source: Path, files: list[Path], progress: bool) -> set[str]:
    kept: dict[str, Path] = {}
    rate = 0.2 if sys.stderr.isatty() else 10.0
    for file in tqdm(files, reader.NAME, unit="file", mininterval=rate, disable=not progress, file=sys.stderr):
        try:
            name = reader.parse_name(file).name
            if name in kept:
                raise StoreError(f"{file}: sequence {name} is already read from {kept[name].name}")
            stamp = " ".join(map(str, (READER_VERSION, file.name, *_stamp(file))))
            read = None if writer.done(name, stamp) else reader.read_sequence(file)
        except StoreError as error:
            reason = str(error).removeprefix(f"{file}: ")
            writer.reject(str(file.relative_to(source)), reason)
            if progress:
                tqdm.write(f"rejected {file}: {reason}", file=sys.stderr)
            continue
        if read is not None:
            writer.add(*read, stamp=stamp)
        kept[name] = file
    return set(kept)


def find_files(source: Path) -> list[Path]:
    """Every ``.bin`` and ``.mat`` file under ``source`` and everything named ``*_sdepth*``, sorted by name."""
    if not source.exists():
        raise StoreError(f"{source}: no such folder, expected the folder with the depth files")
    if not source.is_dir():
        raise StoreError(f"{source}: not a folder, expected the folder with the depth files")
    try:
        entries = [Path(folder) / name for folder, _, names in os.walk(source, onerror=_raise) for name in names]
        wanted = [
            e for e in entries if not e.name.startswith(".") and (e.suffix in (".bin", ".mat") or "_sdepth." in e.name)
        ]
    except OSError as error:
        raise StoreError(f"{source}: cannot be listed ({error.strerror or one_line(error)})") from error
    if not wanted:
        raise StoreError(f"{source}: no depth files, expected aAA_sSS_eEE_sdepth.bin or .mat here or in a folder below")
    return sorted(wanted, key=lambda file: (file.name, str(file)))


def _raise(error: OSError) -> None:
    raise error


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (-1, -1)  # a dangling link: reading it will say what is wrong
    return (status.st_size, status.st_mtime_ns)


def _ready(path: Path, inputs: dict) -> Store | None:
    try:
        store = Store.open(path)
    except StoreError:
        return None
    return store if store.description.get("inputs") == inputs else None


@contextlib.contextmanager
def locked(path: Path):
    """Keep other processes from making the store at ``path`` at the same time; they wait."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: the rename at the end still keeps stores whole
        yield
        return
    file = path.with_name(path.name + ".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = _lock(fcntl, file)
    except OSError as error:
        raise StoreError(f"{path}: cannot write the store ({error.strerror or one_line(error)})") from error
    with stream:
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def _lock(fcntl, file: Path):
    while True:
        stream = open(file, "w")
        fcntl.flock(stream, fcntl.LOCK_EX)
        # Whoever held the lock before has deleted its file: only a lock on the file that is there now counts.
        try:
            if os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                return stream
        except FileNotFoundError:
            pass
        stream.close()


def summary(store: Store) -> str:
    """The last line of a preparation: sequences, frames, rejected files, where the store is."""
    counts = (
        f"{len(store.sequences)} sequences, {int(store.sequence_offsets[-1])} frames, {len(store.rejected)} rejected"
    )
    return f"{store.name}: {counts} -> {store.path}"
