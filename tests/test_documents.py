"""README and documents say what the committed records say, and name only what exists."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import pytest

from pointvideo import cover, papers
from pointvideo.documents import committed, documents, write_documents
from pointvideo.report.paper_results import anchor
from pointvideo.report.stamps import read_stamp
from pointvideo.study.notebooks.index import read_index

ROOT = Path(__file__).resolve().parents[1]
PAPERS = tuple(map(papers.get, papers.names()))
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!`)\]\((?!https?:)([^)\s]*)\)")
README_BYTES = 12_000
generated = functools.cache(lambda: documents(ROOT, PAPERS))  # every interval of every table: once is enough


@pytest.mark.parametrize("name", ["README.md", "docs/speed.md", *(f"docs/results/{paper.name}.md" for paper in PAPERS)])
def test_what_is_generated_is_up_to_date(name):
    assert (ROOT / name).read_text(encoding="utf-8") == generated()[ROOT / name], "run `make readme`"


def test_the_picture_shows_the_committed_runs():
    found = [one for paper in PAPERS for one in committed(paper)]
    assert not cover.behind(ROOT, found), "run `make readme` where POINTVIDEO_DATA has the recorded clips"
    stamp = read_stamp(ROOT / cover.FILE)
    assert stamp.source == "recorded" and "+" not in stamp.commit


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= README_BYTES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    lost = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (heading and heading not in headings(target)):
            lost.append(link)
    assert not lost


def headings(path: Path) -> set[str]:
    return {anchor(line.lstrip("# ")) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")}


def test_every_document_can_be_reached_from_the_readme():
    reached, pending = set(), [ROOT / "README.md"]
    while pending:
        path = pending.pop()
        if path in reached or path.suffix != ".md" or not path.is_file():
            continue
        reached.add(path)
        links = LINK.findall(path.read_text(encoding="utf-8"))
        pending += [(path.parent / link.partition("#")[0]).resolve() for link in links]
    assert set(FILES) == reached


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    for paper in PAPERS:
        targets |= {f"{verb}-{paper.name}-{number}" for verb in ("table", "run") for number in paper.experiments}
        targets |= {f"paper-{paper.name}", f"power-{paper.name}"}
    for path in FILES:
        named = set(re.findall(r"(?:`|^ *|… )(?:[A-Z_]+=\S+ )?make ([a-z0-9][a-z0-9_-]*)", path.read_text(), re.M))
        examples = {name for name in named if "-toy" in name or name.endswith("-")}  # of contributing.md; run-PAPER-N
        assert named - examples <= targets, path.name


def test_every_table_stands_on_its_paper_s_page_and_every_verdict_once():
    for paper in PAPERS:
        text = generated()[ROOT / f"docs/results/{paper.name}.md"]
        lines = text.splitlines()
        for one in committed(paper):
            assert f"## {one.table.title}" in lines
            for finding in one.findings if one.table.keys else ():
                assert sum(line.startswith(f"| {finding.text} |") for line in lines) == 1, finding.claim.id
        assert {entry.name for entry in read_index(ROOT / "notebooks") if entry.tables[:1] == (paper.name,)} <= set(
            re.findall(r"notebooks/(\w+)\.ipynb", text)
        )


def test_writing_is_refused_without_the_marks(tmp_path: Path):
    for name in ("figures/bench", "notebooks", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    assert write_documents(tmp_path, ()) == [tmp_path / "README.md"]  # a README of no paper is another one
    assert write_documents(tmp_path, ()) == []
    assert (tmp_path / "README.md").read_text().count("| to come |") == 5
    (tmp_path / "README.md").write_text("no marks")
    with pytest.raises(ValueError, match="README.md: expected one"):
        documents(tmp_path, ())
