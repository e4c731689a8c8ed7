"""Notebooks as files: the index of all pages, the navigation bar, and what is cleaned before they are committed."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from pointvideo.files import write_text

NAVIGATION = "navigation"
HOW_TO_RUN = (
    "*To run this page: `make lab`. If `import pointvideo` fails, the kernel is another Python's: choose the kernel "
    "PointVideo, which `make kernel` installs.*"
)
PROGRESS_BAR = re.compile(r"\r|\d+%\|")


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


def read(path: Path | str) -> NotebookNode:
    """A notebook, or ValueError with one line."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such notebook")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise ValueError(f"{path}: found no valid notebook ({str(error).splitlines()[0]})") from error
    return notebook


def write(notebook: NotebookNode, path: Path | str) -> None:
    """Write a notebook, whole or not at all; ValueError where the place cannot be written."""
    write_text(Path(path), nbformat.writes(notebook, version=4).rstrip("\n") + "\n")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop what changes from run to run without meaning: times, paths, widget state, progress bars, versions."""
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("papermill")]
        for name in ("papermill", "execution", "tags"):
            cell.metadata.pop(name, None)
        if tags:
            cell.metadata["tags"] = tags
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _volatile(output)]
    return notebook


def _volatile(output: NotebookNode) -> bool:
    if output.output_type == "stream":
        return output.name == "stderr" and PROGRESS_BAR.search(output.text) is not None
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def navigate(folder: Path | str) -> list[str]:
    """Write the bar (previous, index, next; how to run the page) as first cell of every page; return the names of those
    that changed."""
    folder, changed = Path(folder), []
    pages = read_index(folder)
    for position, page in enumerate(pages):
        path = folder / f"{page.name}.ipynb"
        notebook = read(path)
        source = navigation_bar(pages, position)
        bar = nbformat.v4.new_markdown_cell(source, id=NAVIGATION, metadata={"tags": [NAVIGATION]})
        cells = [cell for cell in notebook.cells if NAVIGATION not in cell.metadata.get("tags", [])]
        if notebook.cells != [bar, *cells]:
            notebook.cells = [bar, *cells]
            write(notebook, path)
            changed.append(page.name)
    return changed


def navigation_bar(pages: list[Entry], position: int) -> str:
    """The bar's markdown for one page."""
    parts = []
    if position > 0:
        parts.append(f"← [{pages[position - 1].title}]({pages[position - 1].name}.ipynb)")
    if position != 0:
        parts.append(f"[Contents]({pages[0].name}.ipynb)")
    if position + 1 < len(pages):
        parts.append(f"[{pages[position + 1].title}]({pages[position + 1].name}.ipynb) →")
    return f"{' | '.join(parts)}\n\n{HOW_TO_RUN}"
