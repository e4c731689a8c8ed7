"""Pictures that are committed, in notebooks and as files: from a clean tree, all at one width, small."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

Image = pytest.importorskip("PIL.Image")

from pointvideo.report.figures.style import PAGE, SAVED, SHOWN  # noqa: E402
from pointvideo.report.stamps import read_stamp  # noqa: E402

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))
FILES = sorted((ROOT / "figures").rglob("*.png"))
ONE, MEAN = 800_000, 430_000  # bytes of a notebook, and of a notebook on average
LONGER = {"90_claims": 860_000}  # it has every claim of six papers


def pictures(page: Path) -> Iterator[tuple[str, dict, Image.Image]]:
    """Where each PNG of a notebook stands, how it is shown, and the picture."""
    for number, cell in enumerate(json.loads(page.read_text("utf-8"))["cells"]):
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                data = base64.b64decode("".join(output["data"]["image/png"]))
                shown = output.get("metadata", {}).get("image/png", {})
                yield f"{page.name}, cell {number}", shown, Image.open(io.BytesIO(data))


def of_a_clean_tree(stamp: str) -> bool:
    return "+changes" not in json.loads(stamp)["commit"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_of_a_page_are_of_one_kind(page: Path):
    assert page.stat().st_size <= LONGER.get(page.stem, ONE)
    for where, shown, picture in pictures(page):
        assert shown.get("width") == PAGE * SHOWN, f"{where}: shown {shown}"
        assert (picture.width, picture.mode) == (PAGE * SAVED, "P"), f"{where}: {picture.width} {picture.mode}"
        if "pointvideo" in picture.info:
            assert of_a_clean_tree(picture.info["pointvideo"]), f"{where}: its stamp says +changes"
    for output in (
        output for cell in json.loads(page.read_text("utf-8"))["cells"] for output in cell.get("outputs", ())
    ):
        assert "+changes" not in "".join(output.get("data", {}).get("text/html", "")), f"{page.name}: +changes"


def test_all_pages_together_are_small():
    sizes = {page.name: page.stat().st_size for page in PAGES}
    assert sum(sizes.values()) <= MEAN * len(sizes), sizes


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_committed_figures_are_of_one_kind(path: Path):
    with Image.open(path) as picture:
        assert (picture.width, picture.mode) == (PAGE * SAVED, "P")
    assert "+changes" not in read_stamp(path).commit


def test_a_dirty_stamp_is_seen():
    assert of_a_clean_tree('{"commit": "c0ffee1"}') and not of_a_clean_tree('{"commit": "c0ffee1+changes"}')
