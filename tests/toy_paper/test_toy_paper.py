"""A paper that lives outside the package goes through everything that a paper of the package does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pointvideo import papers
from pointvideo.data.layout import cache_dir
from pointvideo.page import Page
from pointvideo.report import evidence as module
from pointvideo.report.deviations import deviations_table
from pointvideo.report.evidence import evidence, run_experiment, write
from pointvideo.report.figures.runs import draw_accuracies
from pointvideo.report.overview import paper_line
from pointvideo.report.paper_results import results_page, short_commit, with_starts
from pointvideo.report.stamps import read_stamp
from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
from pointvideo.study.plan import plan
from tests.study.dots import make_store

HOME = Path(__file__).parent / "papers"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The paper, with its data in a cache of its own and a project to write into."""
    place = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTVIDEO_PAPERS", str(HOME))
        patch.setenv("POINTVIDEO_CACHE", str(place / "cache"))
        patch.delenv("POINTVIDEO_DATA", raising=False)
        for one in (module, runner):
            patch.setattr(one, "project_root", lambda: place / "project")
        make_store(cache_dir() / "stores" / "recorded" / "toy_dots", name="toy_dots", source="recorded")
        yield papers.get("toy")
        runner.store_of.cache_clear()
        runner.fingerprint_of.cache_clear()


def states(paper) -> list[str]:
    recipes = paper.experiment("1").recipes("laptop")
    return [line.state for line in plan(recipes, runner.default_ledger(), runner.fingerprint_of)]


@pytest.fixture(scope="module")
def found(toy):
    assert states(toy) == ["run"] * 9  # three seeds from scratch, three pre-trainings and what starts from them
    found = run_experiment(toy, "1", "laptop")
    assert states(toy) == ["done"] * 9
    return found


def test_its_table_has_its_numbers_and_its_claim(toy, found):
    lines, header = found.table.body, found.table.header
    seeds, verdict = header.index("seeds"), header.index("verdict")
    (right,) = [place for place, name in enumerate(header) if name.startswith("videos right")]
    assert [line[:2] for line in lines] == [("one layer, from scratch", "61.5"), ("one layer, Agree", "72.25")]
    assert all(line[seeds] == "0, 1, 2" and " of 8 [" in line[right] for line in lines)
    (finding,) = found.findings
    assert finding.claim.id == "toy-agree" and finding.contrast.videos == 8 and finding.printed == "+10.75"
    assert lines[1][verdict] == finding.word != "not run"
    assert len(deviations_table(toy)) == 1


def test_it_is_written_and_stands_in_the_documents(toy, found):
    write(found)
    folder = module.figures_folder("laptop")
    for suffix in ("png", "csv", "md", "html"):
        assert read_stamp(folder / f"toy_table_1.{suffix}").keys == found.stamp.keys
    assert len(list((folder / "records").glob("*.json"))) == 9
    again = evidence(toy, "1", "laptop", module.committed_ledger())
    assert again.table.to_markdown() == found.table.to_markdown() and not again.missing
    word = found.findings[0].word
    line = paper_line(toy, [again.table], [again.planned], "docs/results/toy.md")
    assert line == (
        "**Toy** (nowhere 2031)",
        "[1 table](docs/results/toy.md)",
        "recorded toy dots: 6 of 6 runs",
        f"0 of 1 decided; 1 {found.findings[0].short}",
    )
    page = results_page(toy, [again], {"1": "[Toy, the page](toy.ipynb)."})
    assert "| [Toy, Table 1: four directions](#toy-table-1-four-directions) | recorded toy dots | 6 of 6 |" in page
    assert (
        "**recorded toy dots, 6 of 6 runs. " in page
        and "[Toy, the page](toy.ipynb). `make run-toy-1 PROFILE=laptop`" in page
    )
    assert page.count(word) == 1 and page.count(found.findings[0].text) == 1
    commit = short_commit(found.every_record[0]["commit"])
    command = "`make run-toy-1 PROFILE=laptop ROWS=toy-agree SEEDS=3`"
    (run,) = [line for line in page.splitlines() if command in line]
    assert run.startswith(f"| one layer, Agree | {command} | 0, 1, 2 | ") and run.endswith(f" s | {commit} |")
    assert len(with_starts(again.records["toy-agree"], again)) == 6  # with the three pre-trainings


def test_its_page(found, capsys):
    write(found)
    cells = json.loads((Path(__file__).parent / "page.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    said = capsys.readouterr().out
    assert "2 rows, 6 fine-tunings, profile laptop" in said and "recorded toy_dots" in said
    (finding,) = found.findings
    assert "this run: 2 rows, 6 runs of 6, each with a key of its own\ntrained on subjects 1 2, scored on 6 7\n" in said
    assert "committed, laptop: 6 of 6 runs\n  toy-scratch: " in said
    assert said.rstrip().endswith(f"  toy-agree: {finding.difference}, {finding.short}")
    assert read_stamp(names["page"].folder / "toy_claims.png").keys == found.stamp.keys
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kept = [output["text"] for cell in code for output in cell["outputs"] if output["output_type"] == "stream"]
    assert kept and "".join(map("".join, kept)) == said  # as it was committed


def test_a_change_of_its_own_files_makes_its_runs_stale(toy, found, tmp_path, monkeypatch):
    """The loss lies in the paper's file, not in the package: a run rests on it all the same, wherever the file lies."""
    code = (
        "from pointvideo import papers\nfrom pointvideo.study.keys import recipe_key\n"
        "for recipe in papers.get('toy').experiment('1').recipes('laptop'): print(recipe_key(recipe, lambda name: 'x'))"
    )

    def keys(home: Path) -> list[str]:
        monkeypatch.setenv("POINTVIDEO_PAPERS", str(home))
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    shutil.copytree(HOME, tmp_path / "copy")
    file = tmp_path / "copy" / "toy" / "method.py"
    file.write_text(file.read_text().replace("1 - F.cosine_similarity", "2 - F.cosine_similarity"))
    pairs = zip(keys(HOME), keys(tmp_path / "copy"), strict=True)
    assert [one == other for one, other in pairs] == [True] * 3 + [False] * 3


def test_its_page_holds_what_a_page_holds(toy, found, capsys):
    """Header, sizes, runs, kept evidence, claims, checked lines, deviations, all from the one value."""
    page = Page("toy", "1", "laptop")
    page.header("videos")
    said = capsys.readouterr().out
    assert said.startswith("2 rows, 6 fine-tunings, profile laptop; one of them: ")
    assert said.splitlines()[1] == f"data: recorded toy_dots, {len(page.store.sequences)} videos"
    assert "| kept results: laptop |" in page.sizes().data
    assert page.run().data == page.kept().data == found.table.to_html()
    assert page.shown.stamp == page.ours.stamp == found.stamp
    assert page.records_of(toy.experiment("1").recipes("laptop"), sources=("simulated",)) == []
    for picture, name in ((page.accuracies(), "rows"), (page.claims(drop=("Agree ",)), "claims")):
        file = page.folder / f"toy_{name}.png"
        assert picture.filename == str(file) and read_stamp(file).keys == found.stamp.keys
    assert page.show(draw_accuracies(found.table), "data", seed=3).filename == str(page.folder / "toy_data.png")
    assert read_stamp(page.folder / "toy_data.png").parameters["seed"] == 3
    assert len(page.deviations()) == 1 and page.kept_profile == "laptop"


def test_rows_of_an_earlier_table_are_no_run_of_a_later_one():
    page = Page("c2p", "5", "quick")  # it shares C2P's own row with Table 1, and has two for itself
    rows = page.paper.experiment("5").every_row("laptop")
    for ran in (set(), {"as-majority", "as-pptr-c2p"}, {"as-pptr-c2p", "as-pptr-partial-to-partial"}):
        lines = [SimpleNamespace(row=row, results=(1,) if row.id in ran else ()) for row in rows]
        page.__dict__["learned"] = SimpleNamespace(table=SimpleNamespace(rows=lines))
        assert page.ran == ("as-pptr-partial-to-partial" in ran)


def test_claims_of_which_none_has_run_are_a_line(toy, found, tmp_path):
    page = Page("toy", "1", "laptop")
    said = page.claims(evidence(toy, "1", "laptop", Ledger(tmp_path)), name="none")
    assert "No verdicts yet" in said.data and not (page.folder / "toy_none.png").exists()
    assert page.claims(found, name="some").filename.endswith("toy_some.png")


def test_a_page_refuses_what_there_is_not(toy):
    with pytest.raises(ValueError, match="expected one of .*toy"):
        Page("none", "1", "quick")
    with pytest.raises(ValueError, match="table: got '2', expected one of 1"):
        Page("toy", "2", "quick")
