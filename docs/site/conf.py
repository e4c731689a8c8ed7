"""The site of documents and executed notebooks (`make docs`): Sphinx, MyST and Furo; nothing is executed.

The sources are the files as they lie in the repository, so that the same links work on GitHub. What a reader opens
needs no network: no fonts or scripts from elsewhere; formulas are MathML, which browsers draw themselves.
"""

import json
import re
import sys
from html import escape
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "lib"))

from pointvideo import __version__  # noqa: E402
from pointvideo.burn import MARK, TEXT  # noqa: E402
from pointvideo.study.notebooks.pages import NAVIGATION, read_index  # noqa: E402

logger = logging.getLogger(__name__)
project, author, copyright = "PointVideo", "PointVideo authors", "PointVideo authors, MIT licence"
version = release = __version__
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "docs/*.md", "docs/results/*.md", "notebooks/*.ipynb"]
extensions = ["myst_nb"]
html_theme = "furo"
html_title = "PointVideo"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
nb_execution_mode = "off"
nb_merge_streams = True
nb_output_stderr = "remove"
nb_render_image_options = {"class": "picture"}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]

IN_PAGE = re.compile(r"\]\(#[^)]+\)")
CONTENTS = {  # heading -> documents, in order
    "Pages": [f"notebooks/{page.name}" for page in read_index(ROOT / "notebooks")],
    "Results": [f"docs/results/{path.stem}" for path in sorted((ROOT / "docs" / "results").glob("*.md"))],
    "Documents": [
        *(f"docs/{name}" for name in ("verdicts", "glossary", "data", "bring_your_own", "contributing", "speed")),
        *(f"docs/{name}" for name in ("several", "gpu")),
        "CHANGELOG",
    ],
}


def contents() -> str:
    """The table of contents, which the README itself does not have."""
    trees = (
        "\n".join(["```{toctree}", ":hidden:", f":caption: {name}", "", *listed, "```"])
        for name, listed in CONTENTS.items()
    )
    return "\n\n" + "\n\n".join(trees) + "\n"


def prepare(app, name: str, source: list[str]) -> None:
    """Add the contents to the README; fold the code that a notebook hides; leave out its bar, which the site has."""
    if name == root_doc:
        source[0] += contents()
    if not name.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    notebook["cells"] = [cell for cell in notebook["cells"] if NAVIGATION not in cell["metadata"].get("tags", [])]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":  # Jupyter keeps a heading's capitals in its anchor, the site does not
            cell["source"] = IN_PAGE.sub(lambda link: link[0].lower(), "".join(cell["source"]))
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"].setdefault("tags", []).append("hide-input")
    source[0] = json.dumps(notebook)


def mathml(node: nodes.math | nodes.math_block, display: str) -> str:
    """A formula as MathML; one that cannot be read stays as it is written, with a warning."""
    try:
        found = convert(node.astext().replace(r"\arg", r"\operatorname{arg}"), display=display)  # \arg is unknown there
        if "\\" not in found:
            return found
        problem = "an unknown command"
    except Exception as error:  # each kind of fault has a class of its own there, without a common one
        problem = repr(error)
    logger.warning("formula: %s", problem, location=node)
    return f"<code>{escape(node.astext())}</code>"


def inline_math(translator, node: nodes.math) -> None:
    translator.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def block_math(translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{mathml(node, "block")}</div>')
    raise nodes.SkipNode


def finish(app, error: Exception | None) -> None:
    """A first page by the usual name, and the mark by which `make burn` knows the folder."""
    if error is None:
        goes = f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={root_doc}.html">'
        page = f'{goes}<title>{project}</title><a href="{root_doc}.html">{project}</a>\n'
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")
        Path(app.outdir, MARK).write_text(TEXT, encoding="utf-8")


def setup(app) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", inline_renderers=(inline_math, None), block_renderers=(block_math, None))
    app.connect("source-read", prepare)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
