"""Where a row's number is printed, if anybody has written it down.

The paper's text could not be read, so ``reported.yaml`` has its tables with empty cells, "-". Who has the text writes
the digits into them: the rows then have their numbers, and the comparison appears.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ...report.reported import EMPTY
from ...study.experiments import Printed
from .methods import SILENT

FILE = Path(__file__).with_name("reported.yaml")


def place(table: str, row: str, file: Path = FILE) -> dict[str, Any]:
    """The fields of a row that say where its number stands, or why it has none.

    Raises:
        ValueError: no such table or row in the file.
    """
    tables = _tables(file)
    if table not in tables or row not in tables[table]:
        raise ValueError(f"{file.name}: no row {row!r} of {table}, expected one that is there, if without a number")
    return {"printed": Printed(table, row)} if tables[table][row] else {"because": SILENT}


@functools.cache
def _tables(file: Path) -> dict[str, dict[str, bool]]:
    """Table -> row -> whether all of its numbers are there."""
    import yaml

    tables = yaml.safe_load(file.read_text(encoding="utf-8"))["tables"]
    return {
        name: {str(row["row"]): EMPTY not in row["printed"].split() for row in table["rows"]}
        for name, table in tables.items()
    }
