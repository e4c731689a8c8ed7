"""The ledger: one record a finished run, found by its key.

`runs/<key>/record.json` in the cache is written only by a finished run, in one step. Committed records of expensive
profiles (one JSON file a record, in a folder of the repository) are read as well, and never written through.
A record carries a digest of its content: a damaged one of the cache is named, moved aside and made anew, a damaged
committed one is an error.
"""

import dataclasses
import hashlib
import json
import operator
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ..burn import made_folder
from ..files import Damaged, set_aside, write_json
from ..source import settled_since
from .keys import plain, recipe_dict

Record = dict[str, Any]
REQUIRED = ("key", "recipe", "dataset", "sources", "torch", "seconds", "result")


class Ledger:
    """The records below `root` (the cache) and in the committed folders.

    root: folder that holds `runs/`; made when something is put.
    committed: folders with committed records; one that does not exist holds none.
    """

    def __init__(self, root: Path | str, committed: Iterable[Path | str] = ()) -> None:
        self.root = Path(root)
        self.committed = tuple(Path(folder) for folder in committed)
        self._known: dict[Path, tuple[tuple[int, ...], Record]] = {}  # file -> its time and size, what it held
        self._former: tuple[set[str], dict[str, Path]] = set(), {}  # committed keys, and what those formerly were
        self._listed: tuple[list[list[str]], dict[str, Path]] = [], {}  # names in the committed folders, their files
        self._newest: dict[Any, Record | None] = {}  # what has been looked for among the records of `_among`
        self._settled: tuple[object, list[Record]] = None, []  # in which block all records were looked for, and which
        self._among: list[Record] = []
        self._alike: dict[tuple[str, str | None], list[Record]] = {}  # those, by source of the data and kind of recipe

    def folder_of(self, key: str) -> Path:
        """Where the run's own folder is, or would be."""
        return self.root / "runs" / key

    def run_directory(self, key: str) -> Path:
        """The run's own folder, made if missing: for check-points while it trains, the record when it is done."""
        folder = self.folder_of(key)
        try:
            made_folder(folder)
        except OSError as error:
            raise ValueError(f"run folder {folder}: cannot be made ({error.strerror})") from error
        return folder

    def get(self, key: str) -> Record | None:
        """The record of a finished run, or None."""
        path = self.find(key)
        return None if path is None else self._read(path)

    def find(self, key: str) -> Path | None:
        """The file with the run's record: our own run before a committed one; None where there is neither.

        A committed record is also found by a key that it had formerly.
        """
        if self.own(key) is not None:
            return self.folder_of(key) / "record.json"
        for folder in reversed(self.committed):  # far quicker than a list of all
            if (path := folder / f"{key}.json").is_file():
                return path
        files = self._committed_files()
        if self._former[0] != files.keys():
            former = {old: path for path in files.values() for old in self._read(path).get("former_keys", ())}
            self._former = set(files), former
        return self._former[1].get(key)

    def own(self, key: str) -> Record | None:
        """The record of a run of this cache, or None; a damaged one is moved aside."""
        path = self.folder_of(key) / "record.json"
        if not path.is_file():
            return None
        try:
            return self._read(path)
        except Damaged as error:
            set_aside(path, error)
            return None

    def is_committed(self, key: str) -> bool:
        """Whether the record comes out of a committed folder, not from a run of this cache."""
        path = self.find(key)
        return path is not None and path.name != "record.json"

    def records(self) -> list[Record]:
        """Every record, one a key, the oldest first; looked for once in a :func:`~pointvideo.source.settled` block."""
        since = settled_since()
        if since is not None and self._settled[0] is since:
            return self._settled[1]
        found = {key: self._read(path) for key, path in self._committed_files().items()}
        for path in sorted((self.root / "runs").glob("*/record.json")):
            record = self.own(path.parent.name)
            if record is not None:
                found[record["key"]] = record
        every = sorted(found.values(), key=lambda record: (record.get("finished", ""), record["key"]))
        self._settled = since, every
        return every

    def find_by_recipe(self, recipe: Any, *, but: str | None = None) -> Record | None:
        """The newest record of the same recipe under another key than `but`: the code, data or torch has moved on.

        recipe: a recipe, or its dictionary as a record holds it.
        """
        return newest_of_recipe(self.records(), recipe, but=but)

    def newest(self, recipes: Iterable[Any], sources: Iterable[str]) -> list[Record | None]:
        """Of each recipe the newest record on data of the first source, "recorded" or "simulated", that any of them
        has; each recipe is looked for once."""
        known, recipes = self.records(), list(recipes)
        if len(known) != len(self._among) or any(map(operator.is_not, known, self._among)):
            self._among, self._newest, self._alike = known, {}, {}
            for record in known:
                kind = record["dataset"]["source"], record["recipe"].get("kind")
                self._alike.setdefault(kind, []).append(record)
        found: list[Record | None] = [None] * len(recipes)
        for source in sources:
            for recipe in recipes:
                if (recipe, source) not in self._newest:
                    several = self._alike.get((source, type(recipe).__name__))
                    self._newest[recipe, source] = newest_of_recipe(several, recipe) if several else None
            found = [self._newest[recipe, source] for recipe in recipes]
            if any(found):
                break
        return found

    def put(self, record: Record) -> Path:
        """Write a finished run's record, whole or not at all. Adds "finished" (UTC) where it is missing.

        Raises ValueError where a field is missing, a number is not finite, or the folder cannot be written.
        """
        missing = [name for name in REQUIRED if name not in record]
        if missing:
            raise ValueError(f"record {record.get('key', 'without key')}: lacks {', '.join(missing)}")
        record = {"finished": datetime.now(UTC).isoformat(timespec="seconds")} | record
        return write_json(self.run_directory(record["key"]) / "record.json", sealed(record))

    def export(self, keys: Iterable[str], folder: Path | str) -> list[Path]:
        """Copy the records of finished runs into a folder to be committed, `<key>.json` each.

        Raises ValueError, before anything is written, where a key has no record.
        """
        records = {key: self.get(key) for key in keys}
        for key, record in records.items():
            if record is None:
                raise ValueError(f"export: run {key} has no record, expected a finished run")
        files = {Path(folder) / f"{key}.json": record for key, record in records.items()}
        return [write_json(path, sealed(record), indent=None) for path, record in files.items()]

    def _committed_files(self) -> dict[str, Path]:
        """Key -> file. The folders are listed at every call, paths are made where the names are others than before."""
        names = [os.listdir(folder) if folder.is_dir() else [] for folder in self.committed]
        if names != self._listed[0]:
            listed = ((folder, name) for folder, several in zip(self.committed, names, strict=True)
                      for name in sorted(several))  # fmt: skip
            self._listed = names, {name[:-5]: folder / name for folder, name in listed if name.endswith(".json")}
        return self._listed[1]

    def _read(self, path: Path) -> Record:
        """What the file holds; parsed once as long as it does not change. The record is shared: not to be altered."""
        status = path.stat()
        state = status.st_mtime_ns, status.st_size, status.st_ino
        if path not in self._known or self._known[path][0] != state:
            key = path.parent.name if path.name == "record.json" else path.stem
            self._known[path] = state, read_record(path, key)
        return self._known[path][1]


def sealed(record: Record) -> Record:
    """The record with the digest of its content, as its file has it.

    Raises:
        ValueError: it cannot be said in JSON, or a number is not finite.
    """
    try:
        content = json.loads(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"record {record['key']}: cannot be written as JSON ({error})") from error
    return record | {"digest": _digest(content)}


def _digest(content: Record) -> str:
    """SHA-256 of everything in a record but its digest; how the file is laid out does not count."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_record(path: Path, key: str | None = None) -> Record:
    """A record out of its file.

    Args:
        path: the file.
        key: of the run that it must be of; None takes any.

    Raises:
        Damaged: the file is not as it was written, or another run's. Only a record of a name other than record.json,
            a committed one, may be without a digest: those of before there were digests are.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}), expected a run's record") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: found no JSON ({error}), expected a run's record") from error
    if not isinstance(record, dict) or "key" not in record or key not in (None, record["key"]):
        raise Damaged(f"{path}: expected the record of run {key or 'any'}")
    if record["digest"] != _digest(record) if "digest" in record else path.name == "record.json":
        raise Damaged(f"{path}: its content is not what its digest says, expected the record as it was written")
    return record


def newest_of_recipe(records: list[Record], recipe: Any, *, but: str | None = None) -> Record | None:
    """The last of the records, oldest first, whose recipe is this one; see `Ledger.find_by_recipe`.

    A field that recipes have got since a record was written counts as being at its default there, which stands for
    what was done before: a default that does anything else would need another name.
    """
    wanted, later = (recipe, {}) if isinstance(recipe, dict) else _described(recipe)
    seed = wanted.get("seed")
    for record in reversed(records):
        found = record["recipe"]
        # the seed alone tells most of them apart
        if record["key"] != but and found.get("seed", seed) == seed and _same(found, wanted, later):
            return record
    return None


_DESCRIBED: dict[int, tuple[Any, dict[str, Any], dict[str, dict[str, Any]]]] = {}  # a recipe is looked for many times


def _described(recipe: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A recipe's dictionary and :func:`defaults`, made once for each recipe."""
    if _DESCRIBED.get(id(recipe), (None,))[0] is not recipe:
        _DESCRIBED[id(recipe)] = recipe, recipe_dict(recipe), defaults(recipe)
    return _DESCRIBED[id(recipe)][1:]


def defaults(recipe: Any) -> dict[str, dict[str, Any]]:
    """Kind of each dataclass in a recipe -> its fields that have a default, as a recipe's dictionary holds them."""
    return {kind.__name__: _defaults_of(kind) for kind in map(type, _parts(recipe))}


@cache
def _defaults_of(kind: type) -> dict[str, Any]:
    given = {field.name: field.default for field in dataclasses.fields(kind)}
    return {name: plain(value, name) for name, value in given.items() if value is not dataclasses.MISSING}


def _parts(value: Any):
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))


def _same(found: Any, wanted: Any, later: dict[str, dict[str, Any]]) -> bool:
    if not isinstance(found, dict) or not isinstance(wanted, dict) or found.get("kind") != wanted.get("kind"):
        return found == wanted
    if not found.keys() <= wanted.keys():
        return False
    known, parts = later.get(wanted.get("kind"), {}), []
    for name, value in wanted.items():  # what is plainly the same or another one first: most recipes differ there
        if name not in found:
            if name not in known or known[name] != value:
                return False
        elif found[name] != value:
            if not isinstance(value, dict):
                return False
            parts.append(name)
    return all(_same(found[name], wanted[name], later) for name in parts)
