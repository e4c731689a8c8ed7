"""The page of all claims: each claim once, recorded and simulated apart, what would decide the open ones."""

import html
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pointvideo import papers
from pointvideo import verdicts as module
from pointvideo.report.claims import claims, family_size, unbound
from pointvideo.report.evidence import Evidence
from pointvideo.report.stamps import read_stamp
from pointvideo.study.ledger import Ledger
from pointvideo.verdicts import Verdicts, every_paper
from tests.report.made_up import C2P, build_table, made_up_row, made_up_segmentation

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def found(number: str, records: dict, source: str | None) -> Evidence:
    """Evidence of a table with made-up records."""
    one = Evidence(
        C2P, replace(C2P.experiment("4"), number=number), "laptop", (), records, source, (), Ledger(Path("nowhere"))
    )
    several = {name: of_row for name, of_row in records.items() if of_row}
    one.__dict__["table"] = build_table(f"Table {number}", list(records), several)
    return one


def recorded(c2p=(72, 70, 71, 70, 70)):
    right = {"pptr-scratch-24": (70, 71, 69, 70, 70), "pptr-c2p-24": c2p}
    return found("4", {row: made_up_row(row, list(values)) for row, values in right.items()}, "recorded")


def simulated():
    rows = {"as-pptr-scratch": 0.3, "as-pptr-c2p": 0.9}
    records = {
        row: [
            made_up_segmentation(f"{row}{seed}", seed=seed, quality=quality, source="simulated", dataset="hand_object")
            for seed in range(5)
        ]
        for row, quality in rows.items()
    }
    return found("1", records, "simulated")


def not_run():
    return found("3", {"synthia-p4transformer-scratch-3": [], "synthia-p4transformer-c2p-3": []}, None)


@pytest.fixture
def verdicts(monkeypatch, tmp_path) -> Verdicts:
    several = {"a": recorded(), "b": simulated(), "c": not_run(), "d": recorded()}
    paper = SimpleNamespace(name="c2p", short="C2P", experiments=several)
    monkeypatch.setattr(module, "evidence", lambda paper, number, profile, ledger: several[number])
    monkeypatch.setattr(module, "figures_folder", lambda profile: tmp_path / profile)
    monkeypatch.setattr(module.papers, "get", lambda name: paper)
    monkeypatch.setattr(module, "claims", lambda paper: claims(C2P))
    monkeypatch.setattr(module, "family_size", lambda paper: family_size(C2P))
    monkeypatch.setattr(module, "unbound", lambda paper: unbound(C2P))
    return Verdicts("c2p", "quick")


def test_each_claim_stands_once_and_sources_stay_apart(verdicts):
    assert [finding.claim.id for finding in verdicts.findings["recorded"]] == ["c2p-pptr-24"]
    assert {finding.source for finding in verdicts.findings["simulated"]} == {"simulated"}
    names = [finding.claim.id for several in (*verdicts.findings.values(), verdicts.not_run) for finding in several]
    assert len(set(names)) == len(names) and "c2p-synthia-miou" in names
    questions = sum(claim.question for claim in claims(C2P))
    assert verdicts.counts == f"C2P: {len(claims(C2P)) - questions} claims and {questions} questions"
    assert set(names) == {claim.id for claim in claims(C2P)}
    lines = verdicts.answer().data.splitlines()
    assert [line.split(":")[0] for line in lines[2:]] == [
        "- recorded data", "- SIMULATED data, directions only",
        f"- not run yet ({len(verdicts.not_run)} claims and questions)",
    ]  # fmt: skip


def test_the_table_has_every_claim_and_no_printed_number_beside_a_simulated_one(verdicts):
    text = verdicts.table().data
    assert text.startswith("<details>") and text.count("<table") == 3 and text.count("<ul>") == 1
    ran = [finding.text for several in verdicts.findings.values() for finding in several]
    for said in (*ran, *(f"{one.claim.statement} ({one.claim.where})" for one in verdicts.not_run)):
        assert text.count(f">{html.escape(said)}<") == 1
    for entry in unbound(C2P):
        assert html.escape(entry["statement"]) in text
    recorded_part, simulated_part = text.split("<table")[1:3]
    assert "+2.43" in recorded_part and "SIMULATED" not in recorded_part and "SIMULATED" in simulated_part
    assert not re.search(r">[+-]\d+\.\d\d<", simulated_part)  # as printed numbers are written


def test_pictures_carry_the_stamp_of_their_source(verdicts, tmp_path):
    assert len(verdicts.forests()) == 2
    for source in ("recorded", "simulated"):
        stamp = read_stamp(tmp_path / "quick" / f"c2p_claims_{source}.png")
        assert stamp.source == source and stamp.parameters == {"profile": "laptop"}


def test_each_table_is_counted_under_its_source(verdicts):
    text = verdicts.overview().data
    captions = re.findall(r"<caption.*?</caption>", text)
    assert len(captions) == 3 and ["SIMULATED" in one for one in captions] == [False, True, False]
    assert "no runs yet" in captions[2]
    for one in verdicts.evidence:
        assert text.count(f">{html.escape(one.table.title)}<") == bool(one.findings)


def test_undecided_claims_say_what_they_need(verdicts):
    (need,) = verdicts.needs
    assert need.finding.claim.id == "c2p-pptr-24" and need.finding.short == "undecided"
    text = verdicts.open().data
    seeds = "more test videos needed" if need.seeds is None else f">{need.seeds}<"
    assert need.finding.claim.statement in text and seeds in text and "SIMULATED" not in text
    verdicts.__dict__["needs"] = []
    assert "no claim with runs is undecided" in verdicts.open().data


def test_checked_lines_rest_on_committed_records(verdicts, monkeypatch, capsys):
    asked, committed = [], Ledger(Path("committed"))
    monkeypatch.setattr(module, "committed_ledger", lambda: committed)
    given = module.evidence
    monkeypatch.setattr(module, "evidence", lambda *what: asked.append(what[2:]) or given(*what))
    verdicts.checked()
    lines = capsys.readouterr().out.splitlines()
    assert asked == [("laptop", committed)] * 4
    assert lines[0] == verdicts.counts and lines[1].startswith(f"tested as one family: {family_size(C2P)}; ")
    (finding,) = verdicts.findings["recorded"]
    assert lines[2:4] == ["recorded data: 1 undecided", f"  c2p-pptr-24: {finding.difference}, undecided"]


def test_there_is_one_for_every_paper():
    assert [one.paper.name for one in every_paper("quick")] == list(papers.names())
