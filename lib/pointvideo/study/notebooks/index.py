"""The index of all pages, `index.yaml`; nothing here opens a notebook."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Entry:
    """One line of `index.yaml`: the notebook's name without suffix, its title, and the paper and tables whose claims it
    decides, as ("c2p", "4"), if any."""

    name: str
    title: str
    tables: tuple[str, ...] = ()


def read_index(folder: Path | str) -> list[Entry]:
    """The pages that must exist, in order: `index.yaml`, a list of {name, title}.

    Raises ValueError where it is missing or says something else.
    """
    path = Path(folder) / "index.yaml"
    if not path.is_file():
        raise ValueError(f"{path}: missing, expected the list of notebooks")
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and {"name", "title"} <= entry.keys() <= {"name", "title", "tables"}
        for entry in entries
    ):
        raise ValueError(f"{path}: expected a list of entries with name and title, and perhaps tables")
    names = [entry["name"] for entry in entries]
    if len(set(names)) < len(names) or names != sorted(names):
        raise ValueError(f"{path}: expected each name once, in order")
    return [Entry(entry["name"], entry["title"], tuple(map(str, entry.get("tables", ())))) for entry in entries]


def choose(pages: list[Entry], wanted: list[str]) -> list[Entry]:
    """The pages wanted, in the index's order: by name, or by the start of a name that only one page has; all for none.

    Raises ValueError for a name that fits no page or several.
    """
    chosen = set()
    for name in wanted:
        stem = name.removesuffix(".ipynb")
        fitting = [page for page in pages if page.name == stem] or [p for p in pages if p.name.startswith(stem)]
        if len(fitting) != 1:
            known = ", ".join(page.name for page in fitting or pages)
            raise ValueError(f"notebook {name!r}: found {len(fitting)} of that name, expected one of {known}")
        chosen.add(fitting[0])
    return [page for page in pages if not wanted or page in chosen]
