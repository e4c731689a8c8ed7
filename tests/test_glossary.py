"""The glossary holds every verdict that the report can give, and the terms that the pages lean on."""

import re
from pathlib import Path

import pytest

from pointvideo.glossary import glossary, terms
from pointvideo.report.render import VERDICT_COLOURS

ROOT = Path(__file__).resolve().parents[1]


def test_every_verdict_is_explained_and_no_other():
    explained = {term.lower() for term in terms()["Verdicts"]}
    assert explained == {word.lower() for word in VERDICT_COLOURS}


def test_what_a_page_links_to_is_there():
    anchors = {re.sub(r"[^\w -]", "", term).replace(" ", "-").lower() for group in terms().values() for term in group}
    linked = {
        (page.name, anchor)
        for page in [*(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb"), ROOT / "README.md"]
        for anchor in re.findall(r"\(\S*glossary\.md#([\w-]+)\)", page.read_text(encoding="utf-8"))
    }
    assert linked and not {one for one in linked if one[1] not in anchors}


def test_a_group_can_be_shown_alone():
    text = glossary("Scores")
    assert "| **mIoU** | Mean intersection over union" in text and "**Tube**" not in text
    assert all(f"**{term}**" in glossary() for group in terms().values() for term in group)
    with pytest.raises(ValueError, match="'Tools', expected some of Data, Networks"):
        glossary("Tools")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("## A\n\n### b\n\n## C\n", "'b' has no meaning"),
        ("## A\n\n### b\n\nx\n\n## C\n\n### b\n\ny\n", "'b' has no meaning, or stands there twice"),
        ("## A\n\nloose words\n", "stands in group 'A' under no term"),
    ],
)
def test_what_is_written_wrongly_is_named(tmp_path, text, said):
    path = tmp_path / "glossary.md"
    path.write_text(f"# G\n\n{text}")
    with pytest.raises(ValueError, match=said):
        terms(path)
    with pytest.raises(ValueError, match="missing"):
        terms(tmp_path / "none.md")
