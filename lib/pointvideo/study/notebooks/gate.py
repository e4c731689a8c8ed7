"""The gate: what a committed notebook must be. Validation tools pass most of these silently."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from pointvideo.study.notebooks.index import read_index
from pointvideo.study.notebooks.pages import NAVIGATION, navigation_bar, read
from pointvideo.study.notebooks.parameters import declared

CHECKED = "# NBVAL_CHECK_OUTPUT"
LONGEST_CELL = 20
LARGEST_FILE = 1_500_000
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|Users|mnt|opt|var)/\S+")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


def faults(folder: Path | str) -> list[str]:
    """Every reason why the notebooks in `folder` must not be committed, one line each; empty where all is well."""
    folder = Path(folder)
    try:
        pages = read_index(folder)
    except ValueError as error:
        return [str(error)]
    found = []
    names = [page.name for page in pages]
    for path in sorted(folder.glob("*.ipynb")):
        if path.stem not in names:
            found.append(f"{path.name}: not in index.yaml")
    for position, name in enumerate(names):
        path = folder / f"{name}.ipynb"
        if not path.is_file():
            found.append(f"{path.name}: missing, index.yaml names it")
            continue
        try:
            notebook = read(path)
        except ValueError as error:
            found.append(str(error))
            continue
        found.extend(f"{path.name}: {fault}" for fault in page_faults(notebook))
        bars = [cell.source for cell in notebook.cells if NAVIGATION in cell.metadata.get("tags", [])]
        if bars != [navigation_bar(pages, position)]:
            found.append(f"{path.name}: navigation bar missing or out of date, run `make navigation`")
        if path.stat().st_size > LARGEST_FILE:
            found.append(f"{path.name}: {path.stat().st_size} bytes, expected at most {LARGEST_FILE}")
    return found


def page_faults(notebook: NotebookNode) -> Iterator[str]:
    """The faults of one notebook by itself."""
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    counts = [cell.execution_count for _, cell in code if cell.source.strip()]
    if None in counts:
        yield f"{counts.count(None)} of {len(counts)} code cells were not executed"
    elif counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts}, expected 1 to {len(counts)} in order"
    try:
        parameters = declared(notebook)
        if "profile" not in parameters or parameters["profile"].default != "quick":
            yield 'parameters cell: expected `profile = "quick"`'
    except ValueError as error:
        yield str(error)
    if any("injected-parameters" in cell.metadata.get("tags", []) for _, cell in code):
        yield "holds injected parameters, expected a run with the notebook's own"
    if not any(_gave_text(cell) for _, cell in code):
        yield f"no code cell with {CHECKED} and a text output, expected at least one"
    for index, cell in code:
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            yield f"cell {index}: {lines} lines, expected at most {LONGEST_CELL}"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {index}: error output {output.ename}"
            text = _text(output)
            if path := MACHINE_PATH.search(text):
                yield f"cell {index}: output holds a machine's path {path.group()[:60]!r}"
            if ADDRESS.search(text):
                yield f"cell {index}: output holds a memory address"


def _gave_text(cell: NotebookNode) -> bool:
    return is_checked(cell) and any(_compared(output) for output in cell.outputs)


def is_checked(cell: NotebookNode) -> bool:
    """Whether validation compares the cell's output."""
    return any(line.strip() == CHECKED for line in cell.source.splitlines())


def compared_text(cell: NotebookNode) -> str:
    """What a checked cell gave, as far as validation compares it."""
    return "\n".join(_text(output) for output in cell.outputs if _compared(output))


def _compared(output: NotebookNode) -> bool:
    if output.output_type == "stream":
        return output.name == "stdout" and bool(output.text.strip())
    return bool(output.get("data", {}).get("text/plain", "").strip()) and "image/png" not in output.get("data", {})


def _text(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join(output.traceback)
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value)
        for kind, value in output.data.items()
        if not kind.startswith("image/") or kind == "image/svg+xml"
    )
