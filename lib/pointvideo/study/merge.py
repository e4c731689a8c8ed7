"""Take records that were made on another machine, with a GPU say, into the ledger of this one.

    python -m pointvideo.study.merge FOLDER …

Every record.json below the folders, and every file of a folder called "records", is checked: that it is as it was
written, that its key is that of what it says it is, and that its recipe is one of ours. What passes is copied into the
cache's runs, device and commit as it names them; a damaged or foreign one is refused in one line, and the others are
still taken. A run that the ledger has already keeps the record that it has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from ..files import Damaged
from .keys import key_of, public_version
from .ledger import REQUIRED, Ledger, Record, read_record
from .rebuild import recipe_from_dict

Verdict = Literal["taken", "known", "refused"]


class Merged(NamedTuple):
    """What became of one file; ``words`` are one line."""

    file: Path
    verdict: Verdict
    words: str


def merge(folders: Iterable[Path], ledger: Ledger) -> list[Merged]:
    """Copy the records below the folders into the ledger's runs.

    Raises:
        ValueError: a folder that is none or holds no record, or the ledger's cannot be written; one line.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder, expected one with records")
        files = sorted({*folder.rglob("record.json"), *folder.rglob("records/*.json")})
        if folder.name == "records":
            files = sorted({*files, *folder.glob("*.json")})
        if not files:
            raise ValueError(f"{folder}: no record (record.json, records/*.json) in it or below")
        found += [_merged(file, ledger) for file in files]
    return found


def _merged(file: Path, ledger: Ledger) -> Merged:
    try:
        record = read_record(file, file.parent.name if file.name == "record.json" else file.stem)
        check(record)
    except Damaged as error:
        return Merged(file, "refused", str(error))
    except ValueError as error:
        return Merged(file, "refused", f"{file}: {error}")
    known = ledger.get(record["key"])
    if known is not None:
        same = known["result"] == record["result"]
        words = "the ledger has it" if same else f"the ledger has another result of this run, made on {_device(known)}"
        return Merged(file, "known", f"{record['key']}: {words}")
    ledger.put({name: value for name, value in record.items() if name != "digest"})
    return Merged(file, "taken", f"{record['key']}: {record.get('title', '')}, {_device(record)}")


def _device(record: Record) -> str:
    return str(record.get("device", "an unnamed device"))


def check(record: Record) -> None:
    """Refuse a record that this project did not make.

    Raises:
        ValueError: a field is missing, the recipe is none of ours, or the key is not that of what it says it is.
    """
    if missing := [name for name in (*REQUIRED, "init") if name not in record]:
        raise ValueError(f"found no {missing[0]!r}, expected the record of a run")
    recipe, dataset = record["recipe"], record["dataset"]
    if not isinstance(recipe, dict) or "kind" not in recipe or not {"source", "fingerprint"} <= set(dataset):
        raise ValueError("found no recipe or data set that this project knows, expected the record of a run")
    try:
        recipe_from_dict(recipe)
    except (TypeError, KeyError) as error:
        raise ValueError(f"its recipe cannot be made ({error})") from error
    if record["key"] not in _keys(record):
        raise ValueError(f"its key {record['key']} is not that of its recipe, data, code and torch")


def _keys(record: Record) -> set[str]:
    """The keys that a run of the record's recipe, data, sources and torch may have; see :func:`keys.identity`."""
    starts = record["recipe"].get("init")
    recipe = record["recipe"] | ({"init": None} if record["init"] is not None or starts is None else {})
    about = {
        "recipe": recipe,
        "init": record["init"],
        "dataset": record["dataset"]["fingerprint"],
        "sources": record["sources"],
        "torch": public_version(record["torch"]),
    }
    return {key_of(about), key_of(about | {"kernels": "specification"})}


def summary(merged: list[Merged]) -> str:
    """One line: how many were taken, known, refused."""
    count = {verdict: sum(one.verdict == verdict for one in merged) for verdict in ("taken", "known", "refused")}
    return ", ".join(f"{number} {verdict}" for verdict, number in count.items())


def main(arguments: list[str]) -> int:
    """Exit status 0; 1 where a record was refused, 2 for a bad command line."""
    from .runner import default_ledger

    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        merged = merge(map(Path, arguments), default_ledger())
    except ValueError as error:
        print(f"merge: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    for one in merged:
        print(f"{one.verdict}: {' '.join(one.words.split())}")
    print(summary(merged))
    return 1 if any(one.verdict == "refused" for one in merged) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
