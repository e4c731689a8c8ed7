import csv
import io

import pytest

from pointvideo.report.claims import claims_about, judge
from pointvideo.report.results import Recorded, Simulated, beside_reported, correctness

from .made_up import (
    C2P,
    build_table,
    claim,
    claims,
    made_up_record,
    made_up_row,
    made_up_segmentation,
    made_up_semantic,
    made_up_videos,
    printed,
    reported,
    result_from_record,
    row,
)

PAIR = ("pptr-scratch-24", "pptr-c2p-24")


def _records(scratch=(70, 71, 69, 70, 70), c2p=(85, 86, 84, 85, 85), **options):
    return {
        PAIR[0]: made_up_row(PAIR[0], list(scratch), **options),
        PAIR[1]: made_up_row(PAIR[1], list(c2p), **options),
    }


def test_a_recorded_table():
    table = build_table("Table 4", PAIR, _records(total=103))
    assert table.source == "recorded" and "paper: video accuracy, %" in table.header
    first, second = table.body
    assert first[:3] == ("PPTr, from scratch, 24 frames", "92.33 (265/287)", "70.00 ± 0.71")
    assert first[3] == "72.00 ± 0.71"  # the best epoch stands in its own column
    assert first[4].startswith("70 of 100 [60.4, 78.1]") and first[4].endswith("; 100 of 103 videos long enough")
    assert first[5:] == ("0, 1, 2, 3, 4", "", "")
    assert second[6] == "larger than printed"
    assert table.finding_body[0][:2] == (
        "C2P pre-training beats PPTr from scratch on MSR-Action3D at 24 frames (Table 4)",
        "+2.43",
    )
    assert table.keys == tuple(f"{name}-{seed}" for name in PAIR for seed in range(5))


@pytest.mark.parametrize(
    ("scratch", "c2p", "word"),
    [
        ((85, 85, 86, 84, 85), (65, 65, 66, 64, 65), "opposite direction"),
        ((80, 80, 81, 80, 80), (81, 80, 80, 81, 80), "undecided (about 20 seeds would decide)"),
        ((70, 71), (95, 96), "undecided (5 seeds are the first look)"),
        ((70, 71, 69, 70, 70), (95,), "undecided (5 seeds are the first look)"),
    ],
)
def test_verdicts(scratch, c2p, word):
    table = build_table("Table 4", PAIR, _records(scratch, c2p))
    assert table.rows[1].verdict == word


def test_common_seeds_are_paired_at_the_last_look():
    """Seven seeds of one row and six of the other: the five of the first look count, those of seeds 0 to 4."""
    table = build_table("Table 4", PAIR, _records((70, 71, 69, 70, 70, 0, 0), (85, 86, 84, 85, 85, 100)))
    (finding,) = table.findings
    assert finding.contrast.seeds == 5 and finding.contrast.estimate == pytest.approx(0.15)
    assert table.finding_body[0][3] == "5"
    apart = {PAIR[0]: made_up_row(PAIR[0], [70]), PAIR[1]: made_up_row(PAIR[1], [70, 71])[1:]}
    (finding,) = build_table("Table 4", PAIR, apart).findings
    assert finding.word == "not run" and finding.difference == "not run: no seed that all rows have"


def test_a_row_that_has_not_learnt_is_in_no_comparison():
    runs = {name: [result_from_record(record) for record in records] for name, records in _records().items()}
    finding = judge(claim("c2p-pptr-24"), runs, not_learnt={(PAIR[0], "accuracy"): "below the majority class"})
    assert (finding.word, finding.contrast, finding.p) == ("NOT LEARNT", None, None)
    assert finding.difference == "NOT LEARNT: pptr-scratch-24 (below the majority class)"
    assert judge(claim("c2p-pptr-24"), runs, not_learnt={(PAIR[0], "edit"): "x"}).word == "larger than printed"


def test_missing_rows_stay():
    names = [line.id for line in C2P.experiment("4").rows("quick")]
    table = build_table("Table 4", names, {PAIR[0]: made_up_row(PAIR[0], [70])})
    assert len(table.body) == 20
    assert table.body[0] == (
        "PPTr, from scratch, 8 frames",
        "84.02",
        "not run",
        "not run",
        "not run",
        "not run",
        "",
        "",
    )
    assert table.body[6][2] == "70.00" and table.body[7][2:6] == ("not run",) * 4
    assert table.body[10][6] == "over from scratch: not run; over STRL: not run; over VideoMAE: not run"
    assert table.finding_body[2][2:] == ("not run: PPTr, C2P, 24 frames", "–", "–", "not run")
    assert "not run" in table.to_html() and "not run" in table.to_markdown() and "not run" in table.to_csv()
    empty = build_table("Table 4", PAIR, {})
    assert empty.source == "recorded" and empty.body[0][1] == "92.33 (265/287)"


def test_a_simulated_table_shows_no_reported_number():
    table = build_table("Table 4", PAIR, _records(source="simulated", dataset="people"))
    assert table.source == "simulated" and table.header[1] == "SIMULATED" and table.body[1][1] == "simulated"
    assert table.body[1][6] == "same direction (simulated)"
    for text in (table.to_html(), table.to_markdown(), table.to_csv(), table.to_dataframe().to_string()):
        assert not any(number in text for number in ("92.33", "94.76", "2.43", "265/287", "printed"))
    assert "SIMULATED" in table.to_html() and "SIMULATED" in table.to_markdown() and ",simulated," in table.to_csv()


def test_the_firewall():
    simulated = result_from_record(made_up_record("k", source="simulated", dataset="people"))
    recorded = result_from_record(made_up_record("k"))
    assert isinstance(simulated, Simulated) and isinstance(recorded, Recorded)
    with pytest.raises(TypeError, match="cannot stand beside the reported 92.33 %"):
        beside_reported(reported("Table 4", row="PPTr", frames=24), [recorded, simulated])
    mixed = {
        PAIR[0]: made_up_row(PAIR[0], [70]),
        PAIR[1]: made_up_row(PAIR[1], [70], source="simulated", dataset="people"),
    }
    with pytest.raises(TypeError, match="mixes"):
        build_table("Table 4", PAIR, mixed)
    with pytest.raises(TypeError, match="mixes"):
        judge(claim("c2p-pptr-24"), {PAIR[0]: [recorded], PAIR[1]: [simulated]})
    with pytest.raises(ValueError, match="'other'.*'msr_action3d'"):
        build_table("Table 4", PAIR, {PAIR[0]: [made_up_record("k", dataset="other")]})
    with pytest.raises(ValueError, match="source 'guessed'"):
        result_from_record(made_up_record("k", source="guessed"))


def test_code_that_has_moved_on():
    current = {PAIR[0]: {f"{PAIR[0]}-{seed}" for seed in range(5)}, PAIR[1]: {"another key"}}
    table = build_table("Table 4", PAIR, _records(), current_keys=current)
    assert table.rows[0].note == "" and table.rows[1].note == "code has moved on since c0ffee1"
    lines = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [line["code_moved_on"] for line in lines] == ["False"] * 5 + ["True"] * 5
    assert lines[0]["last_correct"] == "70" and lines[0]["last_videos"] == "100" and lines[0]["best_epoch"] == "7"


def test_a_row_that_the_paper_does_not_have():
    names = ("p4transformer-scratch-24", "p4transformer-c2p-24")
    table = build_table("Table 4", names, {name: made_up_row(name, [80, 81, 82]) for name in names})
    assert table.body[0][1] == "90.94 (261/287)" and table.body[1][1] == "–"
    assert table.body[1][7] == "the paper gives no such row on MSR-Action3D"
    assert table.finding_body[0][1] == "for another set" and "HOI4D: +2.3" in table.finding_body[0][0]


def test_gain_that_grows():
    names = [f"pptr-{start}-24-labels-{labels}" for labels in (10, 20, 40) for start in ("scratch", "c2p")]
    runs = {
        name: made_up_row(name, [count, count + 1, count - 1, count, count])
        for name, count in zip(names, (30, 60, 40, 65, 70, 72), strict=True)
    }
    table = build_table("Table 6", names, runs)
    found = {finding.claim.id: finding for finding in table.findings}
    assert set(found) == {"c2p-labels-10", "c2p-labels-20", "c2p-labels-40", "c2p-gain-grows-to-40"}
    assert found["c2p-gain-grows-to-40"].contrast.estimate == pytest.approx(0.5 * 0.30 + 0.5 * 0.25 - 0.02)
    assert found["c2p-gain-grows-to-40"].word == "same direction"
    assert table.rows[1].verdict == "same direction"  # only the plain comparison stands in a row


def test_claims_carry_the_papers_differences():
    for entry in claims():
        assert sum(entry.rows.values()) == 0 and all(row(name) for name in entry.rows)
        if entry.question:
            assert len(entry.higher) == 2
        elif not entry.transfer:
            difference = sum(weight * printed(name)[entry.metric].value for name, weight in entry.rows.items())
            assert round(difference, 2) == entry.reported, entry.id
    gain = {labels: reported("Table 6", row=f"{labels}%", column="C2P").change for labels in (10, 20, 40, 80)}
    assert all(claim(f"c2p-labels-{labels}").reported == gain[labels] for labels in gain)
    assert claim("c2p-gain-grows-to-40").reported == pytest.approx((gain[10] + gain[20]) / 2 - gain[40])
    assert claim("c2p-gain-grows-to-80").reported == pytest.approx((gain[10] + gain[20] - gain[40] - gain[80]) / 2)
    table1 = [reported("Table 1", row=name, column="Acc").value for name in ("P4Transformer+C2P", "P4Transformer")]
    assert round(table1[0] - table1[1], 2) == claim("c2p-p4transformer-24").reported
    assert claims_about(C2P, PAIR) == (claim("c2p-pptr-24"),)
    with pytest.raises(ValueError, match="pptr-c2p-24"):
        row("pptr-c2p-25")
    with pytest.raises(ValueError, match="c2p-pptr-24"):
        claim("c2p-pptr-25")


def test_correctness_comes_from_labels_or_names_and_is_checked():
    record = made_up_record("k", videos=40, right=30)
    by_name = correctness([result_from_record(record)])[0]
    truth = made_up_videos(40)
    assert (correctness([result_from_record(record, labels=truth)])[0] == by_name).all() and by_name.sum() == 30
    with pytest.raises(ValueError, match="0 of 40 right, its score says 30 of 40"):
        correctness([result_from_record(record, labels={name: 99 for name in truth})])
    renamed = {
        **record,
        "result": {**record["result"], "predictions": {f"clip{position}": 0 for position in range(40)}},
    }
    with pytest.raises(ValueError, match="'clip0' has no label"):
        correctness([result_from_record(renamed)])
    with pytest.raises(ValueError, match="no label for video"):
        correctness([result_from_record(record, labels={"x": 1})])
    with pytest.raises(ValueError, match="10 are not in both"):
        correctness([result_from_record(record), result_from_record(made_up_record("l", videos=50, right=30))])


def test_contradictions_are_refused():
    wrong = made_up_record("k")
    wrong["result"]["last"]["accuracy"] = 0.9
    with pytest.raises(ValueError, match="accuracy 0.9 is not its 80 of 100"):
        result_from_record(wrong)
    with pytest.raises(ValueError, match="0 <= correct"):
        result_from_record(made_up_record("k", total=90))
    with pytest.raises(ValueError, match="no result of a task; expected 'last', found curve"):
        result_from_record({**made_up_record("k"), "result": {"curve": []}})
    with pytest.raises(ValueError, match="two runs of one seed"):
        build_table("Table 4", PAIR, {PAIR[0]: [made_up_record("k"), made_up_record("l")]})
    with pytest.raises(ValueError, match="different numbers of videos: 100, 90"):
        build_table("Table 4", PAIR, {PAIR[0]: [made_up_record("k"), made_up_record("l", seed=1, videos=90)]})
    with pytest.raises(ValueError, match="neither table nor claims have: pptr-c2p-8"):
        build_table("Table 4", PAIR, {"pptr-c2p-8": []})
    unlike = {PAIR[0]: made_up_row(PAIR[0], [70]), PAIR[1]: made_up_row(PAIR[1], [70], videos=90)}
    with pytest.raises(ValueError, match="scored other videos"):
        build_table("Table 4", PAIR, unlike)


def test_cells_are_escaped():
    table = build_table("<b> & |", PAIR, _records())
    assert "&lt;b&gt; &amp; |" in table.to_html() and "<b>" not in table.to_html()
    assert all(line.count(" | ") == 7 for line in table.to_markdown().splitlines()[2:6] if line.startswith("| P"))


def action_table(source="recorded", dataset="hoi4d_action", **options):
    names = ("as-pptr-scratch", "as-pptr-strl", "as-pptr-c2p")
    records = {
        name: [
            made_up_segmentation(f"{name}{seed}", seed=seed, quality=quality, source=source, dataset=dataset, **options)
            for seed in range(5)
        ]
        for name, quality in zip(names, (0.5, 0.55, 0.9), strict=True)
    }
    return build_table("Table 1", (*names, "as-pptr-videomae"), records), records


def test_a_search_is_scored_on_training_subjects_and_a_fold_on_the_test_set():
    from pointvideo import papers
    from pointvideo.report.evidence import committed_ledger, evidence
    from pointvideo.report.figures.runs import draw_accuracies

    tables = {number: evidence(papers.get("c2p"), number, "laptop", committed_ledger()).table
              for number in ("4-choice", "4-folds", "4")}  # fmt: skip
    where = {number: table.scored for number, table in tables.items()}
    assert where == {"4-choice": "held-out training subjects", "4-folds": "test set", "4": "test set"}
    assert "ours, best epoch on the held-out training subjects, %" in tables["4-choice"].header
    axes = draw_accuracies(tables["4-choice"]).axes[0]
    assert axes.get_xlabel() == "video accuracy on the held-out training subjects, last epoch, %"


def test_what_is_scored_once_has_no_column_for_its_best_epoch():
    from pointvideo import papers
    from pointvideo.report.evidence import committed_ledger, evidence

    probed = evidence(papers.get("cross4d_jepa"), "fair", "laptop", committed_ledger()).table
    assert all(line.results for line in probed.rows) and not probed.best_differs
    assert "ours, %" in probed.header and not any("best epoch" in name for name in probed.header)
    assert {len(line) for line in probed.body} == {len(probed.header)}


def test_a_table_of_action_segmentation_has_all_five_metrics():
    table, records = action_table()
    assert table.metrics == ("accuracy", "edit", "f1@10", "f1@25", "f1@50") and len(table.header) == 13
    assert [name.split(", %")[0] for name in table.header[5:9]] == ["edit score", "F1@10", "F1@25", "F1@50"]
    line = dict(zip(table.header, table.body[2], strict=True))
    mean = 100 * sum(record["result"]["last"]["accuracy"] for record in records["as-pptr-c2p"]) / 5
    assert line["paper: frame accuracy, %"] == "81.1"
    assert line["ours: frame accuracy, after the last epoch, %"].startswith(f"{mean:.2f} ± ")
    assert line["frame accuracy, best epoch on the test set, % (epochs)"].endswith("(6, 6, 6, 6, 6)")
    assert line["F1@50, %"].endswith("]; printed 74.1") and line["sequences"] == "12"
    assert (
        line["verdict, frame accuracy"]
        == "over from scratch: larger than printed; over STRL: larger than printed; over VideoMAE: not run"
    )
    assert table.body[3][1:6] == ("78.6", "not run", "not run", "not run", "not run; printed 80.2")
    low, high = (float(end) for end in line["95 % interval"].strip("[]").split(", "))
    assert low < mean < high and high - low < 40
    assert ">larger than printed</span>; over VideoMAE: <span" in table.to_html()


def test_a_table_of_semantic_segmentation_shows_classes_where_the_paper_does():
    names = [f"synthia-p4transformer-{start}" for start in ("scratch-1", "scratch-3", "c2p-3")]
    records = {
        name: [made_up_semantic(f"{name}{seed}", seed=seed, quality=quality) for seed in range(5)]
        for name, quality in zip(names, (0.6, 0.7, 0.9), strict=True)
    }
    table = build_table("Table 3", names, records)
    assert table.metrics[:2] == ("miou", "iou:Building") and len(table.metrics) == 13
    line = dict(zip(table.header, table.body[2], strict=True))
    assert line["paper: mIoU, %"] == "84.11" and line["IoU of Traffic light, %"].endswith("; printed 82.60")
    assert line["IoU of Bicycle, %"] == "0.00 ± 0.00 [0.0, 0.0]; NOT LEARNT; printed 0.00"
    assert table.body[1][-2] == "over 1 frame: larger than printed" and table.body[2][-2] == "larger than printed"
    plain = build_table("Table 2", ["ss-pptr-c2p"], {})
    assert plain.metrics == ("miou",) and plain.body[0][1:5] == ("42.3", "not run", "not run", "not run")


def test_few_sequences_are_said_to_be_few():
    table, _ = action_table(sequences=4)
    assert table.rows[0].note == "4 sequences are too few for a verdict"
    assert table.rows[2].verdict.startswith("over from scratch: undecided (too few test videos)")


def test_sequences_that_are_too_short_are_counted():
    records = [made_up_segmentation("k")]
    records[0]["result"]["last"]["sequences_total"] = 15
    table = build_table("Table 1", ["as-pptr-c2p"], {"as-pptr-c2p": records})
    assert table.rows[0].note == "12 of 15 sequences long enough"


def test_a_simulated_table_of_segmentation_shows_no_reported_number():
    table, _ = action_table(source="simulated", dataset="hand_object")
    printed = [cell.printed for line in table.rows for cell in line.printed.values()]
    assert table.header[1] == "SIMULATED" and len(printed) == 20
    body = [cell for line in table.body for cell in line]
    assert not any("printed" in cell or cell in printed for cell in body)
    lines = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert {line[name] for line in lines for name in line if "reported" in name} == {""}
    assert {line[1] for line in table.finding_body} == {"SIMULATED"}
    assert table.rows[2].verdict.startswith("over from scratch: same direction (simulated)")
    records = {"as-pptr-c2p": [made_up_segmentation("k", source="recorded")], "as-pptr-scratch": []}
    records["as-pptr-scratch"] = [made_up_segmentation("l", source="simulated", dataset="hand_object")]
    with pytest.raises(TypeError, match="mixes"):
        build_table("Table 1", list(records), records)
    with pytest.raises(ValueError, match="'hand_object'.*'hoi4d_action'"):
        build_table("Table 1", ["as-pptr-c2p"], {"as-pptr-c2p": [made_up_segmentation("k", dataset="hand_object")]})


def test_lines_of_segmentation_are_unrounded():
    table, records = action_table()
    lines = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert len(lines) == 16 and lines[-1]["verdict"] == "not run"
    last = records["as-pptr-c2p"][1]["result"]["last"]
    found = next(line for line in lines if line["row"] == "as-pptr-c2p" and line["seed"] == "1")
    assert float(found["accuracy_last"]) == last["accuracy"] and float(found["f1@25_last"]) == last["f1"][1]
    assert found["best_epoch"] == "6" and found["sequences"] == "12" and found["f1@10_reported"] == "85.4"
    assert found["reported"] == "81.1" and found["reproducibility"] == "CR"


def test_a_question_stands_in_the_row_that_it_is_asked_about():
    names = ("as-pptr-c2p", "as-pptr-released")
    records = {
        name: [made_up_segmentation(f"{name}{seed}", seed=seed, quality=quality) for seed in range(5)]
        for name, quality in zip(names, (0.5, 0.95), strict=True)
    }
    table = build_table("Switches", names, records)
    assert [line.verdict for line in table.rows] == ["", "against PPTr, C2P: released way higher"]
    assert table.rows[1].note == "the paper does not say which of the two ways its number is of"
    assert table.finding_body[0][1] == "–"


def test_tasks_are_not_mixed():
    with pytest.raises(ValueError, match="mixes tasks: recognition, action segmentation"):
        build_table("x", ["pptr-c2p-24", "as-pptr-c2p"], {})
    with pytest.raises(ValueError, match="record k is no result of action segmentation; expected 'edit'"):
        build_table("x", ["as-pptr-c2p"], {"as-pptr-c2p": [made_up_record("k", dataset="hoi4d_action")]})
