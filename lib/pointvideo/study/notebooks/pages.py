"""Notebooks as files: the navigation bar, and what is cleaned before they are committed."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from pointvideo.files import write_text

from .index import Entry, read_index

NAVIGATION = "navigation"
HOW_TO_RUN = (
    "*To run this page: `make lab`. If `import pointvideo` fails, the page runs on another Python: choose the kernel "
    "PointVideo, which `make kernel` installs.*"
)
PROGRESS_BAR = re.compile(r"\r|\d+%\|")
# What a run says that another page trains at the same time (study.runner).
WAITED = re.compile(r"^.*: another process trains it, waiting for that one\n?", re.MULTILINE)


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
    """Drop what changes from run to run without meaning: times, paths, widget state, progress bars, versions, and that
    the page waited for another one."""
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
            cell.outputs = [output for output in map(_unhurried, cell.outputs) if not _volatile(output)]
    return notebook


def _unhurried(output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream" and output.name == "stderr":
        output.text = WAITED.sub("", output.text)
    return output


def _volatile(output: NotebookNode) -> bool:
    if output.output_type == "stream":
        return output.name == "stderr" and (not output.text or PROGRESS_BAR.search(output.text) is not None)
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
