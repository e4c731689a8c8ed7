"""From a recorded set in its official layout to a store: resumable, atomic, naming every file it refuses."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from tqdm import tqdm

from pointvideo.data import hoi4d_action, hoi4d_semantic, msr_action3d, synthia4d_files
from pointvideo.data.layout import StoreError, cache_dir, one_line
from pointvideo.data.recorded import Listing
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

FORMATS = {format.NAME: format for format in (msr_action3d, hoi4d_action, hoi4d_semantic, synthia4d_files)}
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

    The store goes to ``path``, else to ``<cache>/stores/<name>``. A damaged, misnamed or missing file or sequence is
    noted in ``store.rejected`` (and printed to stderr) and the rest is still prepared. An interrupted or failed
    run is continued by the same call; a store that is already there is made again only if the names,
    sizes or times of the source files changed. One sequence at a time is in memory. Until the store is whole each
    sequence also lies in a file of its own: at the end the disk must hold the store twice.

    Raises :class:`StoreError`, one line: unknown set, missing folder, no files of the format, no usable sequence,
    store not writable, disk full.
    """
    if name not in FORMATS:
        raise StoreError(f"no recorded set {name!r} that can be prepared, known: {', '.join(FORMATS)}")
    reader = FORMATS[name]
    source = Path(source_folder).expanduser()
    listing = reader.list_sources(source)
    path = Path(path).expanduser() if path is not None else store_path(name, cache)
    stamps = [[_shown(source, file), *_stamp(file)] for file in listing.files]
    inputs = {"reader": READER_VERSION, "files": stamps}
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
            classes=listing.classes,
            fields=reader.FIELDS,
            frame_fields=reader.FRAME_FIELDS,
            made_by="pointvideo data prepare",
            inputs=inputs,
        )
        return writer.finish(only=_add_sources(reader.NAME, listing, writer, source, progress))


def _add_sources(name: str, listing: Listing, writer: StoreWriter, folder: Path, progress: bool) -> set[str]:
    """Write every source that can be used; the names of the sequences. What cannot be used is noted and printed."""

    def reject(file: Path, reason: str) -> None:
        reason = reason.removeprefix(f"{file}: ")
        writer.reject(_shown(folder, file), reason)
        if progress:
            tqdm.write(f"rejected {file}: {reason}", file=sys.stderr)

    kept: dict[str, Path] = {}
    rate = 0.2 if sys.stderr.isatty() else 10.0
    for entry in listing.rejected:
        reject(*entry)
    options = {"unit": listing.unit, "mininterval": rate, "disable": not progress, "file": sys.stderr}
    for source in tqdm(listing.sources, name, **options):
        file = source.files[0]
        try:
            sequence = source.name()
            if sequence in kept:
                raise StoreError(f"{file}: sequence {sequence} is already read from {kept[sequence].name}")
            stamp = _stamp_text(source.files)
            if writer.done(sequence, stamp):
                kept[sequence] = file
                continue
            reading = source.read()
        except StoreError as error:
            reject(file, str(error))
            continue
        for entry in reading.rejected:
            reject(*entry)
        for recording in reading.recordings:
            # Pieces are read again by a run that continues: it has to list again what was refused between them.
            own = f"{stamp}, in part" if reading.rejected else stamp
            writer.add(recording.sequence, recording.frames, stamp=own, frame_values=recording.frame_values)
            kept[recording.sequence.name] = file
    if not kept:
        first = writer.rejected[len(listing.rejected)]
        raise StoreError(
            f"{folder}: none of the {len(listing.sources)} {listing.unit}s could be used, "
            f"first {first['file']}: {first['reason']}"
        )
    return set(kept)


def _shown(folder: Path, file: Path) -> str:
    return str(file.relative_to(folder))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (-1, -1)  # a dangling link: reading it will say what is wrong
    return (status.st_size, status.st_mtime_ns)


def _stamp_text(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return " ".join(map(str, (READER_VERSION, files[0].name, *_stamp(files[0]))))
    content = repr([(file.name, *_stamp(file)) for file in files])
    return f"{READER_VERSION} {len(files)} files {hashlib.sha256(content.encode()).hexdigest()}"


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
