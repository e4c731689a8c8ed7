"""From a recorded set in its official layout to a store: resumable, atomic, naming every file it refuses."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from . import catalogue
from .catalogue import DataSet
from .layout import StoreError
from .leftovers import set_aside, sweep
from .locks import locked
from .places import recorded_store
from .recorded import Listing, Reader, Source
from .store import Store
from .writer import StoreWriter

READER_VERSION = 1


def prepare(
    name: str,
    source_folder: str | os.PathLike,
    *,
    path: str | os.PathLike | None = None,
    partial: bool = True,
    replace: bool = False,
    verify: bool = False,
    progress: bool = True,
) -> Store:
    """Make the store of recorded set ``name`` from its files under ``source_folder``.

    A damaged, misnamed or missing file or sequence is noted in ``store.rejected`` (and printed to stderr) and the rest
    is still prepared. An interrupted or failed run is continued by the same call; a store that is already there is made
    again only if the names, sizes or times of the source files changed. One sequence at a time is in memory. Until the
    store is whole each sequence also lies in a file of its own: at the end the disk must hold the store twice.

    Args:
        name: a recorded set of the catalogue.
        source_folder: the folder with its official files.
        path: the store's folder, new, empty or a store of the same set; default: that of the set in the cache.
        partial: whether less than half of the official release will do.
        replace: whether a store that is there may lose sequences which the files no longer have.
        verify: whether a store that is there is read in full before it is kept.
        progress: show a bar, and what is rejected.

    Raises:
        StoreError: one line: unknown set, missing folder, no files of the format, no usable sequence, less than half of
            the release, another store at ``path``, not writable, disk full.
    """
    entry = catalogue.recorded(name)
    if not str(source_folder):
        raise StoreError(f"the folder of {name} is '', expected the folder with its official files")
    source = Path(source_folder).expanduser()
    reader = entry.reader()
    listing = reader.list_sources(source)
    inputs = inputs_of(listing, source)
    if not partial and _ready(Path(path).expanduser() if path else recorded_store(name), inputs) is None:
        _check_share(entry, sum(len(each.files) for each in listing.sources if _named(each)), source)

    def check(kept: int) -> None:
        if not partial and listing.unit == entry.counted:
            _check_share(entry, kept, source)

    return store_from(
        listing,
        reader,
        name=name,
        folder=source,
        path=path,
        own=recorded_store(name),
        inputs=inputs,
        made_by="pointvideo data prepare",
        check=check,
        replace=replace,
        verify=verify,
        progress=progress,
    )


def store_from(
    listing: Listing,
    reader: Reader,
    *,
    name: str,
    folder: Path,
    path: str | os.PathLike | None,
    own: Path,
    inputs: dict,
    made_by: str,
    check: Callable[[int], None] = lambda kept: None,
    replace: bool = False,
    verify: bool = False,
    progress: bool = True,
) -> Store:
    """The store of what a listing names: found made from the same ``inputs``, or made now.

    Args:
        listing, reader: the sequences and the description of the store.
        name, folder: the set's name, and the folder that its files are shown from.
        path, own: the store's folder; None for ``own``, the one in the cache.
        inputs, made_by: what store.json says of where it comes from.
        check: told how many sequences could be used, may refuse.
        replace, verify, progress: as for :func:`prepare`.
    """
    if path is not None and not str(path):
        raise StoreError("the folder of the store is '', expected a folder")
    place = own if path is None else Path(os.path.abspath(Path(path).expanduser()))  # "." has no name
    store = _ready(place, inputs, verify)
    if store is None:
        with locked(place):
            store = _ready(place, inputs, verify)  # another process may have made it in the meantime
            if store is None:
                if path is None:
                    set_aside(place)
                writer = StoreWriter(
                    place,
                    name=name,
                    source="recorded",
                    unit=reader.UNIT,
                    camera=reader.camera(),
                    classes=listing.classes,
                    fields=reader.FIELDS,
                    frame_fields=reader.FRAME_FIELDS,
                    made_by=made_by,
                    inputs=inputs,
                    replace=replace,
                )
                kept = _add_sources(name, listing, writer, folder, progress)
                check(len(kept))
                store = writer.finish(only=kept)
    sweep(place)
    return store


def _named(source: Source) -> bool:
    try:
        source.name()
    except StoreError:
        return False
    return True


def _check_share(entry: DataSet, found: int, folder: Path) -> None:
    if 2 * found < entry.official:
        share = f"{found} {entry.counted}s of {entry.name}, less than half of the {entry.official} of the release"
        raise StoreError(f"{folder}: {share}; is it the right folder? --partial prepares what is there")


def inputs_of(listing: Listing, folder: Path) -> dict:
    """What a store made from these files says of them: name, size and time of each."""
    stamps = [[_shown(folder, file), *_stamp(file)] for file in listing.files]
    return {"reader": READER_VERSION, "files": stamps}


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


def _ready(path: Path, inputs: dict, verify: bool = False) -> Store | None:
    try:
        store = Store.open(path)
        if verify:
            store.verify()
    except StoreError:
        return None
    return store if store.description.get("inputs") == inputs else None


def prepared(entry: DataSet, files: Path, path: Path) -> Store | None:
    """The finished store at ``path`` of these official files; None where they are not prepared, or changed since."""
    return _ready(path, inputs_of(entry.reader().list_sources(files), files))


def summary(store: Store) -> str:
    """The last line of a preparation: sequences, frames, rejected files, where the store is."""
    counts = (
        f"{len(store.sequences)} sequences, {int(store.sequence_offsets[-1])} frames, {len(store.rejected)} rejected"
    )
    return f"{store.name}: {counts} -> {store.path}"
