"""All tables at a glance: what they are on and what their claims have come to, recorded and simulated apart."""

import pytest

from pointvideo import papers
from pointvideo.report import overview as overview_module
from pointvideo.report.claims import claims
from pointvideo.report.overview import (
    claims_not_run,
    data_of,
    findings_by_source,
    headline,
    headlines,
    overview,
    paper_line,
    training_time,
    verdict_counts,
)

from .made_up import build_table, made_up_row, made_up_segmentation


def recorded(name: str = "Table 4"):
    rows = {"pptr-scratch-24": [70, 71, 69, 70, 70], "pptr-c2p-24": [85, 86, 84, 85, 85]}
    records = {row: made_up_row(row, right) for row, right in rows.items()}
    return build_table(name, list(rows), records)


def simulated(name: str = "Table 1"):
    rows = ("as-pptr-scratch", "as-pptr-c2p")
    records = {
        row: [
            made_up_segmentation(f"{row}{seed}", seed=seed, quality=quality, source="simulated", dataset="hand_object")
            for seed in range(5)
        ]
        for row, quality in zip(rows, (0.3, 0.9), strict=True)
    }
    return build_table(name, list(rows), records)


def not_run(name: str = "Table 3"):
    return build_table(name, ["synthia-p4transformer-scratch-3", "synthia-p4transformer-c2p-3"], {})


def test_each_table_has_a_line_with_data_runs_and_verdicts():
    tables = [recorded(), simulated(), not_run()]
    lines = overview(tables, [10, 12, 9])
    assert lines[0] == ("Table 4", "recorded MSR-Action3D", "10 of 10", "1 larger than printed")
    assert lines[1][:3] == ("Table 1", "SIMULATED hand object", "10 of 12")
    assert lines[1][3].endswith(f"{len(tables[1].findings)} same direction")
    assert lines[2] == ("Table 3", "not run", "0 of 9", f"{len(tables[2].findings)} not run")
    with pytest.raises(ValueError, match="shorter"):
        overview(tables, [10, 12])


def test_a_table_without_claims_says_so():
    table = build_table("alone", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("pptr-c2p-24", [80])})
    assert overview([table], [1])[0][3] == "none" and data_of(table) == "recorded MSR-Action3D"


def test_verdicts_are_counted_a_table_and_answers_together(monkeypatch):
    alone = build_table("alone", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("pptr-c2p-24", [80])})
    tables = [recorded(), simulated(), not_run(), alone]
    header, lines = verdict_counts(tables)
    assert header == ("table", "same direction", "larger than printed", "not run")
    assert lines[0] == ("Table 4", "", "1", "")
    assert lines[1] == ("Table 1", str(len(tables[1].findings)), "", "")
    assert lines[2] == ("Table 3", "", "", str(len(tables[2].findings))) and len(lines) == 3
    monkeypatch.setattr(overview_module, "VERDICT_COLOURS", {"not run": "grey"})
    assert verdict_counts(tables)[0] == ("table", "not run", "question answered")


def test_findings_are_apart_by_source_and_each_claim_stands_once():
    found = findings_by_source([recorded(), simulated(), not_run(), recorded("again")])
    assert [finding.claim.id for finding in found["recorded"]] == ["c2p-pptr-24"]
    assert found["simulated"] and {finding.source for finding in found["simulated"]} == {"simulated"}
    assert all(finding.contrast is not None for findings in found.values() for finding in findings)


def test_claims_without_evidence_are_named_once():
    missing = claims_not_run([not_run(), recorded(), not_run("again")])
    assert "c2p-synthia-miou" in missing and "c2p-pptr-24" not in missing and len(set(missing)) == len(missing)


def test_a_paper_is_one_line_with_each_claim_once():
    paper = papers.get("c2p")
    tables = [recorded(), recorded("again"), *[not_run(f"Table {n}") for n in range(len(paper.experiments) - 2)]]
    first, here, data, words = paper_line(paper, tables, [10, 12, *[3] * (len(tables) - 2)], "docs/results/c2p.md")
    assert first == "**C2P** (CVPR 2023)" and here == f"[{len(tables)} tables](docs/results/c2p.md)"
    assert data.startswith("recorded MSR-Action3D: 20 of 22 runs; not run yet: ") and "Synthia 4D" in data
    many = len(claims(paper))
    assert words == f"1 of {many} decided; {many - 1} not run"


def test_headlines_are_recorded_and_the_main_claims_come_first():
    rows = {
        "pptr-scratch-24": [70, 71, 69, 70, 70],
        "pptr-c2p-24": [85, 86, 84, 85, 85],
        "pptr-strl-24": [84, 87, 83, 86, 85],
    }
    table = build_table("Table 4", list(rows), {row: made_up_row(row, right) for row, right in rows.items()})
    found = headlines([simulated(), table, not_run()])
    assert found and all(finding.source == "recorded" and finding.contrast for finding in found)
    kinds = [(finding.claim.confirmatory, finding.decided) for finding in found]
    assert kinds == sorted(kinds, reverse=True) and {True, False} == {decided for _, decided in kinds}
    assert {True, False} == {main for main, _ in kinds}
    assert len(headlines([table], most=1)) == 1
    said = headline(found[0])
    assert said.startswith(found[0].text) and said.endswith(f"points** at 5 seeds; {found[0].word}")
    assert headline(found[-1]).endswith(" (exploratory)")


def test_training_time_is_told_by_one_metric_of_one_kind_of_data():
    rows = {"as-pptr-scratch": 0.3, "as-pptr-c2p": 0.6, "as-pptr-longer": 0.9}
    records = {
        row: [
            made_up_segmentation(f"{row}{seed}", seed=seed, quality=quality, source="simulated", dataset="hand_object")
            for seed in range(5)
        ]
        for row, quality in rows.items()
    }
    table, paper = build_table("Table 1", list(rows), records), papers.get("c2p")
    assert training_time(paper, [table]) == "", "nothing of recorded data"
    said = training_time(paper, [table], "simulated")
    assert " (SIMULATED): **+" in said and said.endswith("that time is better spent on training from scratch.")
    by_claim = {finding.claim.id: finding.difference for finding in table.findings}
    assert f"**{by_claim['c2p-as-pptr-accuracy']} points**" in said and f"**{by_claim['c2p-asks-cost-as']}**" in said


@pytest.mark.parametrize(
    ("longer", "said"),
    [
        (71, "not all of the gain is training time."),
        (85, "most of the gain is training time."),
        (80, "how much of the gain is training time is undecided."),
        (99, "that time is better spent on training from scratch."),
        (None, None),
        (0, None),
    ],
)
def test_what_a_gain_owes_to_training_time_is_said_as_the_runs_have_it(longer, said):
    """None: no run; 0: no gain to divide."""
    right = {"pptr-scratch-24": [70, 71, 69, 70, 70], "pptr-c2p-24": [85, 86, 84, 85, 85]}
    if longer == 0:
        right["pptr-c2p-24"] = right["pptr-scratch-24"]
    if longer is not None:
        right["pptr-longer-24"] = [longer or 71] * 5
    records = {row: made_up_row(row, of, randomness=number) for number, (row, of) in enumerate(right.items())}
    table = build_table("Table 4", list(right), records)
    text = training_time(papers.get("c2p"), [simulated(), table])
    if said is None:
        assert text == ""
    else:
        assert text.endswith(said)
        by_rows = {frozenset(finding.claim.rows): finding for finding in table.findings}
        for other in ("pptr-scratch-24", "pptr-longer-24"):
            assert f"**{by_rows[frozenset(('pptr-c2p-24', other))].difference}" in text
