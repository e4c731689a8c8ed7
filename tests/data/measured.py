"""What was measured of a simulated world once, kept until the world's source or the measurement changes.

`pytest --measure` measures anew and writes `measured.json`; without it a measurement whose source is as it was is taken
from there, and any other fails: measured at every run, unnoticed, they would be the dearest tests of all.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pointvideo.definitions import digest_of
from pointvideo.source_text import canonical, digest

FILE = Path(__file__).with_name("measured.json")


def source_of(test: str | Path, *world: object) -> str:
    """Of a world's definitions and of the test that measures it."""
    text = canonical(ast.parse(Path(test).read_text(encoding="utf-8")))
    return digest(json.dumps(digest_of(*world), sort_keys=True) + text)


def measured(
    name: str, source: str, measure: Callable[[], dict[str, float]], config: pytest.Config, file: Path = FILE
) -> dict[str, float]:
    """Name of a number -> its value: the kept ones, which must be of this source; with ``--measure`` those measured
    now."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not config.getoption("--measure"):
        if kept.get(name, {}).get("source") != source:
            pytest.fail(f"what is kept of the world {name!r} is of another source: `pytest --measure` measures it anew")
        return {number: value for number, value in kept[name].items() if number != "source"}
    found = {number: round(float(value), 4) for number, value in measure().items()}
    file.write_text(json.dumps(kept | {name: {"source": source} | found}, indent=2, sort_keys=True) + "\n")
    return found
