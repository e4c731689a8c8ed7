"""From an experiment to its evidence: what is missing is run once, committed records are read without the data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pointvideo import papers
from pointvideo.report import evidence as module
from pointvideo.report.evidence import (
    committed_ledger,
    draw,
    evidence,
    figures_folder,
    file_name,
    merged,
    run_experiment,
    write,
)
from pointvideo.report.stamps import read_stamp
from pointvideo.study import runner
from pointvideo.study.experiments import Paper
from pointvideo.study.keys import recipe_key
from pointvideo.study.ledger import Ledger
from pointvideo.study.trivial_rows import baseline_rows
from tests.study.dots import DATA, finetune, make_store, pretrain

from .made_up import C2P, row

PAIR = ("pptr-scratch-24", "pptr-c2p-24")


def tiny_paper(seeds: int, *names: str, baselines=None) -> Paper:
    """C2P with these rows of its Table 4 alone, from tiny recipes."""
    starts = {PAIR[0]: lambda seed: None, PAIR[1]: lambda seed: pretrain(seed=seed)}
    rows = tuple(
        replace(row(name), recipes=tuple(finetune(seed=seed, init=starts[name](seed)) for seed in range(seeds)))
        for name in names or PAIR
    )
    experiment = replace(C2P.experiment("4"), rows=lambda profile: rows, baselines=baselines)
    return Paper(
        C2P.name, C2P.title, C2P.short, C2P.venue, C2P.arxiv, C2P.methods, {"4": experiment}, C2P.folder
    )  # fmt: skip


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A function that puts a tiny store of one source in the place of the data set."""

    def use(source):
        store = make_store(tmp_path / source / "msr_action3d", source=source)
        monkeypatch.setattr(runner, "store_of", lambda dataset: store)
        monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
        return store

    return use


@pytest.fixture(autouse=True)
def claims(monkeypatch):
    """The paper's only claim whose rows are there; the others name rows that the tiny paper has not."""
    judged = tuple(claim for claim in module.claims_of(C2P, C2P.experiment("4"), "laptop") if claim.id == "c2p-pptr-24")

    def claims_of(paper, experiment, profile):
        return judged if {line.id for line in experiment.rows(profile)} >= set(PAIR) else ()

    monkeypatch.setattr(module, "claims_of", claims_of)


def test_what_is_missing_is_run_once(tmp_path, world, monkeypatch):
    world("recorded")
    ledger, paper = Ledger(tmp_path / "cache"), tiny_paper(2)
    found = run_experiment(paper, "4", "laptop", ledger)
    assert [len(several) for several in found.records.values()] == [2, 2] and len(ledger.records()) == 6
    monkeypatch.setattr(runner, "fit", None)
    again = run_experiment(paper, "4", "laptop", ledger)
    assert again.records == found.records and again.missing == () and again.planned == 4
    assert found.table.source == found.source == "recorded"
    assert not any("moved" in line.note for line in found.table.rows)
    assert [finding.claim.id for finding in found.findings] == ["c2p-pptr-24"]


def test_a_run_of_two_rows_is_planned_and_missing_once(tmp_path, world):
    world("recorded")
    paper = tiny_paper(2)
    plain = paper.experiments["4"]
    twice = replace(plain, rows=lambda profile: (*plain.rows(profile), replace(plain.rows(profile)[0], id="again")))
    found = evidence(replace(paper, experiments={"4": twice}), "4", "laptop", Ledger(tmp_path / "cache"))
    assert len(found.rows) == 3 and found.planned == 4 and len(found.missing) == 4


def test_a_start_on_another_set_is_held_against_that_sets_data(tmp_path, monkeypatch):
    stores = {"msr_action3d": make_store(tmp_path / "one"), "people": make_store(tmp_path / "other", short=1)}
    monkeypatch.setattr(runner, "store_of", stores.__getitem__)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: stores[dataset].fingerprint)
    start = pretrain(data=replace(DATA, dataset="people"))
    only = replace(row(PAIR[1]), recipes=(finetune(init=start),))
    paper = tiny_paper(1, PAIR[1])
    paper = replace(paper, experiments={"4": replace(paper.experiment("4"), rows=lambda profile: (only,))})
    found = run_experiment(paper, "4", "laptop", Ledger(tmp_path / "cache"))
    (line,) = found.table.rows
    assert line.results and "moved" not in line.note


def test_baselines_stand_on_top_and_are_the_bar_of_every_view(tmp_path, world, monkeypatch):
    world("recorded")
    monkeypatch.setattr(module, "claims_about", lambda *_: ())
    ledger = Ledger(tmp_path / "cache")
    without = run_experiment(tiny_paper(1), "4", "laptop", ledger)
    paper = tiny_paper(1, baselines=lambda profile: baseline_rows("msr", finetune(), (0,), "PPTr")[:1])
    read = evidence(paper, "4", "laptop", ledger)  # evidence from before there were baselines
    assert [line.row.id for line in read.table.rows] == ["msr-majority", *PAIR]
    assert read.table["msr-majority"].value("accuracy") == "not run" and len(read.missing) == 1
    assert [line.not_learnt for line in read.table.rows[1:]] == [line.not_learnt for line in without.table.rows]
    found = run_experiment(paper, "4", "laptop", ledger)
    assert [line.row.id for line in found.table.rows] == ["msr-majority", *PAIR] and found.missing == ()
    # eight test videos of tiny networks: nothing is above the commonest class for sure
    assert [line.verdict for line in found.table.rows] == ["", "NOT LEARNT", "NOT LEARNT"]
    cut = found.only(PAIR[1])
    assert [line.row.id for line in cut.table.rows] == [PAIR[1]] and cut.table.rows[0].verdict == "NOT LEARNT"
    assert cut.only(PAIR[1]).table.rows[0].verdict == "NOT LEARNT"


def test_committed_records_are_read_without_their_data(tmp_path, world):
    world("recorded")
    ledger, paper = Ledger(tmp_path / "cache"), tiny_paper(2)
    found = run_experiment(paper, "4", "laptop", ledger)
    ledger.export(found.stamp.keys, tmp_path / "committed")
    world("simulated")
    elsewhere = Ledger(tmp_path / "elsewhere", [tmp_path / "committed"])
    keys = [recipe_key(recipe, runner.fingerprint_of) for line in found.rows for recipe in line.recipes]
    assert not any(map(elsewhere.get, keys))  # other data, other runs
    read = evidence(paper, "4", "laptop", elsewhere)
    assert read.records == found.records and not any("moved" in line.note for line in read.table.rows)
    # a record of other code is used, and marked
    path = next((tmp_path / "committed").glob("*.json"))
    record = json.loads(path.read_text())
    record["key"], record["commit"] = "0" * 16, "abcdef123456"
    record.pop("digest", None)  # that of the record as it was
    path.unlink()
    (path.parent / f"{record['key']}.json").write_text(json.dumps(record))
    marked = evidence(paper, "4", "laptop", Ledger(tmp_path / "third", [tmp_path / "committed"])).table
    assert sum("code has moved on since abcdef1" in line.note for line in marked.rows) == 1


def test_evidence_is_of_one_source(tmp_path, world):
    ledger, paper = Ledger(tmp_path / "cache"), tiny_paper(1)
    world("simulated")
    simulated = run_experiment(paper, "4", "laptop", ledger)
    text = simulated.table.to_markdown()
    assert simulated.source == "simulated" and "92.33" not in text and "SIMULATED" in text
    assert evidence(paper, "4", "laptop", ledger).records == simulated.records
    world("recorded")
    few = run_experiment(tiny_paper(1, PAIR[0]), "4", "laptop", ledger)
    assert evidence(paper, "4", "laptop", ledger, source="simulated").records == simulated.records
    # a single recorded row and the simulated ones fall away: never a mixture
    best = evidence(paper, "4", "laptop", ledger)
    assert best.records == {**few.records, PAIR[1]: []} and best.source == "recorded"
    assert [recipe.init is None for recipe in best.missing] == [False]
    text = best.table.to_markdown()
    assert "not run" in text and "SIMULATED" not in text


def test_newest_evidence_counts(tmp_path, world):
    world("recorded")
    ledger, paper = Ledger(tmp_path / "cache"), tiny_paper(1, PAIR[0])
    (first,) = run_experiment(paper, "4", "laptop", ledger).records[PAIR[0]]
    later = {name: value for name, value in first.items() if name != "digest"}
    ledger.put(later | {"key": "f" * 16, "finished": "2999-01-01"})
    (found,) = evidence(paper, "4", "laptop", ledger).records[PAIR[0]]
    assert found["key"] == "f" * 16


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_a_table_is_written_with_its_records(tmp_path, world, monkeypatch, source):
    world(source)
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(module, "default_ledger", lambda: Ledger(tmp_path / "cache"))
    paper = tiny_paper(1)
    found = run_experiment(paper, "4", "laptop")
    write(found)
    folder = figures_folder("laptop", source)
    files = {path.name for path in folder.iterdir()}
    assert {"c2p_table_4.csv", "c2p_table_4.md", "c2p_table_4.html", "c2p_table_4.png", "records"} <= files
    assert read_stamp(folder / "c2p_table_4.png").source == source
    assert len(list((folder / "records").glob("*.json"))) == 3  # both rows and the pre-training
    other = figures_folder("laptop", "simulated" if source == "recorded" else "recorded")
    assert not list(other.glob("c2p_*")) and not (other / "records").exists()
    committed = module.committed_ledger()
    assert len(committed.records()) == 3
    again = evidence(paper, "4", "laptop", committed)
    assert again.source == source and again.table.to_markdown() == found.table.to_markdown()


def test_every_table_without_a_record_says_so(tmp_path):
    ledger = Ledger(tmp_path)
    for number in C2P.experiments:
        found = evidence(C2P, number, "laptop", ledger)
        assert found.source is None and write(found) == [] and len(found.missing) == found.planned
        assert found.table.to_markdown().count("not run") >= len(found.table.rows), number
    with pytest.raises(ValueError, match="table: got '9', expected one of 1, 2"):
        evidence(C2P, "9", "laptop", Ledger(tmp_path))


def test_tables_are_merged_and_cut(tmp_path):
    five, text = (evidence(C2P, number, "laptop", Ledger(tmp_path)) for number in ("5", "text"))
    both = merged("both", [five, text])
    assert [line.id.removeprefix("as-pptr-") for line in both.rows if not line.baseline] == [
        "complete-to-complete", "partial-to-partial", "c2p", "symmetric", "random-points"
    ]  # fmt: skip
    assert len(both.findings) == 4 and both.table.title == "both"
    few = both.only("as-pptr-c2p", "as-pptr-symmetric")
    assert [line.id for line in few.rows] == ["as-pptr-c2p", "as-pptr-symmetric"] and list(few.records)[:2] == [
        line.id for line in few.rows
    ]
    with pytest.raises(ValueError, match="has no row 'x'; there is"):
        both.only("x")
    with pytest.raises(ValueError, match="several papers or profiles"):
        merged("mixture", [five, evidence(C2P, "text", "quick", Ledger(tmp_path))])


def test_names_in_file_names(tmp_path):
    names = {number: file_name(evidence(C2P, number, "quick", Ledger(tmp_path))) for number in C2P.experiments}
    assert names["4"] == "c2p_table_4" and names["6-msr"] == "c2p_table_6-msr"
    assert names["released"] == "c2p_released" and names["text"] == "c2p_text"
    assert len(set(names.values())) == len(C2P.experiments)


def test_recorded_and_simulated_results_go_to_folders_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    committed = module.project_root() / "figures"
    for profile in ("laptop", "gpu", "paper"):
        assert figures_folder(profile) == committed / profile
        assert figures_folder(profile, "simulated") == committed / profile / "simulated"
    for source in ("recorded", "simulated"):
        assert figures_folder("quick", source) == tmp_path / "figures" / "quick"


def test_what_a_committed_table_rests_on_is_committed():
    """Each record that a table's stamp names, whatever has been renamed since."""
    folder = runner.project_root() / "figures"
    stamps = [path for path in folder.glob("*/**/*.csv.json") if "records" not in path.parts]
    known = {path.stem for path in folder.rglob("*/records/*.json")}
    lost = {
        path.name: sorted(missing)
        for path in stamps
        if (missing := set(json.loads(path.read_text()).get("keys", ())) - known)
    }
    assert len(stamps) > 5 and not lost


@pytest.mark.parametrize(
    ("paper", "number"),
    [
        pytest.param(paper, number, id=f"{paper.name}-{number}")
        for paper in map(papers.get, papers.names())
        for number, experiment in paper.experiments.items()
        if experiment.picture == "shares"
    ],
)
def test_a_picture_over_shares_of_the_labels_can_be_drawn_with_what_there_is(paper, number, tmp_path, monkeypatch):
    monkeypatch.undo()  # all claims of the paper
    found = evidence(paper, number, "laptop", committed_ledger())
    if not found.every_record:
        with pytest.raises(ValueError, match="at least one record"):
            draw(found, tmp_path / "shares.png")
        return
    assert draw(found, tmp_path / "shares.png").stat().st_size > 10_000
