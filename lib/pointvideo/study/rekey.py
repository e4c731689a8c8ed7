"""Carry committed records over a change of the code that was proved to change no number.

    python -m pointvideo.study.rekey CURRENT.json FOLDER …

CURRENT.json is an object whose names are the keys of the records that were current before the change. They get the key
that their recipe has now, the old one stays among their ``former_keys``; a simulated world's fingerprint likewise. Other
records keep their key, and with it their mark that the code has moved on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from ..files import write_json
from .keys import identity, key_of, public_version, recipe_dict
from .ledger import Record, read_record, sealed
from .rebuild import recipe_from_dict


def rekeyed(record: Record, fingerprint: Callable[[str], str]) -> Record:
    """The record under the key of today's code.

    Args:
        record: it was current until the change.
        fingerprint: of a simulated set by its name; a recorded one's is its content's and stays.

    Raises:
        ValueError: its recipe is not the same any more, or it was made with another torch.
    """
    recipe = recipe_from_dict(record["recipe"])
    if (now := recipe_dict(recipe)) != record["recipe"]:
        raise ValueError(f"record {record['key']}: its recipe is {now} now, expected {record['recipe']}")
    before = record["dataset"]["fingerprint"]
    recorded = record["dataset"]["source"] == "recorded"
    about = identity(recipe, (lambda name: before) if recorded else fingerprint)
    if about["torch"] != public_version(record["torch"]):
        raise ValueError(f"record {record['key']}: made with torch {record['torch']}, expected {about['torch']}")
    key, dataset = key_of(about), record["dataset"] | {"fingerprint": about["dataset"]}
    if about["dataset"] != before:
        dataset["former_fingerprint"] = before
    former = list(dict.fromkeys([*record.get("former_keys", ()), record["key"]]))
    return record | {
        "key": key,
        "former_keys": [name for name in former if name != key],
        "dataset": dataset,
        "init": about["init"],
        "sources": about["sources"],
    }


def rekey(folders: Iterable[Path], current: Iterable[str], fingerprint: Callable[[str], str]) -> dict[str, str]:
    """Rewrite the records of committed folders, all or none; old key -> new key of those that were current."""
    wanted, changed, files = set(current), {}, []
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            record = read_record(path, path.stem)
            new = rekeyed(record, fingerprint) if record["key"] in wanted else record
            if record["key"] in wanted:
                changed[record["key"]] = new["key"]
            files.append((path, sealed(new)))
    if missing := wanted - changed.keys():
        raise ValueError(f"{len(missing)} records are in none of the folders, the first is {min(missing)}")
    for path, record in files:
        write_json(path.with_name(f"{record['key']}.json"), record, indent=None)
        if path.stem != record["key"]:
            path.unlink()
    return changed


def main(arguments: list[str]) -> int:
    from ..data import fingerprint_of

    if len(arguments) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    current = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    changed = rekey(map(Path, arguments[1:]), current, cache(fingerprint_of))
    print(
        f"{len(changed)} records carried over, {sum(old != new for old, new in changed.items())} of them have new keys"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
