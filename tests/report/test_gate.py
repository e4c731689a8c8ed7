"""The learning gate: what has not learnt is in no comparison and carries no verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo import papers
from pointvideo.report import gate, tables
from pointvideo.report.claims import Claim, judge
from pointvideo.report.figures.runs import draw_accuracies, strongest_of_labels
from pointvideo.report.results import result_from_record
from pointvideo.study.experiments import Row
from pointvideo.study.runner import trained
from pointvideo.study.trivial_rows import LABELS, LINEAR, METHODS, baseline_rows
from pointvideo.tasks.scoring.recognition import RECOGNITION

from ..study.dots import finetune, make_store, pretrain
from .made_up import C2P, made_up_row

SCRATCH, AFTER = "pptr-scratch-24", "pptr-c2p-24"
BAR = C2P.row("msr-majority")


def table(scratch: list[int], after: list[int], bar: list[int], **options):
    """Table 4's two rows and the majority with so many of 100 videos right in each seed."""
    records = {SCRATCH: made_up_row("s", scratch), AFTER: made_up_row("a", after, randomness=1)}
    records["msr-majority"] = made_up_row("m", bar, randomness=2)
    return tables.build_table(C2P, "t", [BAR, C2P.row(SCRATCH), C2P.row(AFTER)], records, **options)


def started(loss: float, **result) -> list[dict]:
    """The record of a pre-training that ends at a loss."""
    last = {"epoch": 3, "loss": loss, "effective_rank": 20.0, "feature_std": 0.1} | result.pop("last", {})
    return [{"key": f"{loss}", "result": {"curve": [{"epoch": 1, "loss": 9.0}, last], **result}}]


def test_a_row_that_is_above_labels_alone_keeps_its_verdict():
    found = table([60] * 5, [75] * 5, [10])
    assert not found[SCRATCH].not_learnt and not found[AFTER].not_learnt
    assert all(finding.word != "NOT LEARNT" for finding in found.findings) and found.findings
    assert "baseline: the most frequent label" in found.to_markdown() and "NOT LEARNT" not in found.to_html()


def test_a_row_that_is_not_above_labels_alone_has_no_verdict():
    found = table([60] * 5, [75] * 5, [55])  # 5 points on 100 videos are within the interval
    assert list(found[SCRATCH].not_learnt) == ["accuracy"] and not found[AFTER].not_learnt
    assert "not above the most frequent label: +5.0 [" in found[SCRATCH].note
    assert found[SCRATCH].verdict == "NOT LEARNT" and "NOT LEARNT" in found.to_csv()
    (finding,) = (one for one in found.findings if set(one.claim.rows) == {SCRATCH, AFTER})
    assert finding.word == "NOT LEARNT" and finding.contrast is None and SCRATCH in finding.difference
    assert found[AFTER].verdict == "NOT LEARNT"  # the comparison's, which stands in its row


@pytest.mark.parametrize(
    ("paper", "without", "judged"),
    [
        ("cross4d_jepa", ("random-found", "random-solved", "random-printed"), ("dense-solved", "scratch-labels-10")),
        ("pointcpsc", ("random-16-linear", "random-16-solved"), ("cpsc-16-linear", "scratch-16")),
        ("mvnet", ("geometry-random", "objects-random-solved"), ("objects-scratch", "geometry-both")),
    ],
)
def test_a_frozen_network_without_training_is_not_asked(paper, without, judged):
    rows = papers.get(paper).known_rows
    assert all(gate.untrained(rows[name]) for name in without)
    assert not any(gate.untrained(rows[name]) for name in judged)
    low, bar = made_up_row("s", [11] * 5), made_up_row("m", [10], randomness=2)
    runs = {name: [result_from_record(record, RECOGNITION) for record in several]
            for name, several in (("low", low), ("bar", bar))}  # fmt: skip
    bar = replace(BAR, id="bar")
    assert not gate.not_learnt({"bar": bar, "low": replace(rows[without[0]], id="low")}, runs, ["accuracy"])
    assert gate.not_learnt({"bar": bar, "low": replace(rows[judged[0]], id="low")}, runs, ["accuracy"])


def test_the_strongest_baseline_is_the_bar():
    weak, strong = (
        replace(BAR, id=name, method=LABELS[way]) for name, way in (("weak", "prior"), ("strong", "sequence"))
    )
    rows = {row.id: row for row in (weak, strong, C2P.row(SCRATCH))}
    records = {"weak": made_up_row("w", [5]), "strong": made_up_row("g", [70], randomness=2)}
    runs = {
        name: [result_from_record(record, RECOGNITION) for record in several]
        for name, several in (records | {SCRATCH: made_up_row("s", [60] * 3)}).items()
    }
    (reason,) = gate.not_learnt(rows, runs, ["accuracy"]).values()
    assert "not above the most frequent label of each frame number: -10.0" in reason
    assert not gate.not_learnt({name: rows[name] for name in ("weak", SCRATCH)}, runs, ["accuracy"])
    assert not gate.not_learnt({SCRATCH: rows[SCRATCH]}, runs, ["accuracy"])  # nothing to be above


def test_a_control_may_have_nothing_to_learn_but_must_still_beat_labels_alone():
    idle = {AFTER: started(2.0, chance=2.0)}
    control = replace(C2P.row(AFTER), control=True)
    for row, words in ((C2P.row(AFTER), ["its pre-training ends at a loss of 2.000, chance is 2.000"]), (control, [])):
        rows = {"msr-majority": BAR, AFTER: row}
        runs = {
            name: [result_from_record(record, RECOGNITION) for record in made_up_row(name, right, randomness=place)]
            for place, (name, right) in enumerate({"msr-majority": [10], AFTER: [75] * 3}.items())
        }
        assert list(gate.not_learnt(rows, runs, ["accuracy"], idle).values()) == words
    runs["msr-majority"] = [result_from_record(record, RECOGNITION) for record in made_up_row("m", [74], randomness=2)]
    assert "not above the most frequent label" in gate.not_learnt(rows, runs, ["accuracy"], idle)[AFTER, "accuracy"]


def test_takes_of_one_action_by_one_person_count_as_one_for_the_gate(monkeypatch):
    several, bar = made_up_row("few", [60] * 3), made_up_row("bar", [50])
    read = lambda records: [result_from_record(record, RECOGNITION) for record in records]  # noqa: E731
    alone = gate.over(read(several), read(bar), "accuracy")
    monkeypatch.setattr(gate, "take_of", lambda video: video[:-1])
    together = gate._over(read(several), read(bar), "accuracy")
    assert together.estimate == pytest.approx(alone.estimate) and together.videos == 20 < alone.videos


def test_rows_and_baselines_are_paired_by_the_videos_that_both_scored():
    few, many = made_up_row("few", [30] * 3, videos=40), made_up_row("many", [50])
    read = lambda records: [result_from_record(record, RECOGNITION) for record in records]  # noqa: E731
    found = gate.over(read(few), read(many), "accuracy")
    assert found.videos == 40
    expected = 0.75 - np.mean([read(many)[0].right()[video] for video in read(few)[0].right()])
    assert found.estimate == pytest.approx(expected)


@pytest.mark.parametrize(
    "records,said",
    [
        (started(1.96, chance=1.973), "its pre-training ends at a loss of 1.960, chance is 1.973"),
        (started(1.88, chance=1.973), "its pre-training ends at a loss of 1.880"),
        (started(1.87, chance=1.973), ""),
        (started(-3.0, chance=2.2), ""),
        (started(0.3, chance=None), ""),
        (started(0.3, chance=None, last={"effective_rank": 1.2}), "collapsed: effective rank 1.2"),
        (started(1.97), ""),  # an early record, which does not say what chance is
        ([*started(1.0, chance=1.973), *started(1.95, chance=1.973)], "ends at a loss of 1.950"),
    ],
)
def test_a_pre_training_at_chance_has_not_learnt(records, said):
    found = gate.start_not_learnt(records)
    assert said in found and bool(found) == bool(said)


def test_all_rows_that_start_from_it_have_not_learnt():
    found = table([60] * 5, [75] * 5, [10], starts={AFTER: started(1.96, chance=1.973)})
    assert list(found[AFTER].not_learnt) == ["accuracy"] and not found[SCRATCH].not_learnt
    assert found[AFTER].verdict == "NOT LEARNT" and "chance is 1.973" in found[AFTER].note


def test_a_baseline_lends_no_spread_over_seeds():
    """Its seeds scatter as no network's do: the interval of a comparison is the same without it."""
    claims = [Claim("x", "x", "x", 5.0, {AFTER: 1, SCRATCH: -1}, metric="accuracy")]
    records = {SCRATCH: made_up_row("s", [60, 61, 62, 60, 63]), AFTER: made_up_row("a", [75, 74, 77, 76, 75])}
    wild = {"msr-untrained": made_up_row("u", [5, 95, 20, 50, 30])}
    rows = [C2P.row(name) for name in (SCRATCH, AFTER)]
    with_it = tables.build_table(C2P, "t", [C2P.row("msr-untrained"), *rows], records | wild, claims=claims)
    without = tables.build_table(C2P, "t", rows, records, claims=claims)
    assert with_it.findings == without.findings


def test_the_picture_has_a_line_for_labels_alone():
    found = table([60] * 3, [75] * 3, [12])
    assert strongest_of_labels(found, "accuracy") == (pytest.approx(0.12), BAR.method)
    axes = draw_accuracies(found).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [C2P.row(name).title for name in (SCRATCH, AFTER)]
    assert any(line.get_color() == BAR.method.colour for line in axes.lines)


def test_labels_alone_are_greys_and_baselines_look_different():
    assert len({(method.colour, method.marker) for method in C2P.methods.values()}) == len(C2P.methods)
    for method in LABELS.values():
        red, green, blue = (method.colour[1:][place : place + 2] for place in (0, 2, 4))
        assert red == green == blue
    assert METHODS["linear"] is LINEAR


class Silent(torch.nn.Module):
    """A network whose logits are multiplied by zero."""

    def __init__(self, network):
        super().__init__()
        self.network, self.backbone = network, network.backbone

    def forward(self, xyz, **more):
        return 0 * self.network(xyz, **more)


def test_a_network_whose_logits_are_multiplied_by_zero_has_not_learnt(tmp_path, monkeypatch):
    """End to end: recipes are trained, their records are read into a table, and its claim has no verdict."""
    store = make_store(tmp_path / "msr_action3d")
    recipe = finetune(training=replace(finetune().training, epochs=2))
    monkeypatch.setattr(type(recipe), "network", lambda self, outputs: Silent(plain(self, outputs)))
    baselines = baseline_rows("x", recipe, (0,), "PPTr")[:1]
    rows = [*baselines, Row("a", "silent", (recipe,), SCRATCH_METHOD, "PPTr"), Row("b", "b", (recipe,), LINEAR, "PPTr")]
    start = pretrain(training=replace(pretrain().training, epochs=1))
    records = {row.id: [record_of(row.recipes[0], store)] for row in rows}
    starts = {"b": [{"key": "p"} | record_of(start, store)]}
    claims = [Claim("x", "x", "x", 5.0, {"b": 1, "a": -1}, metric="accuracy")]
    found = tables.build_table(C2P, "t", rows, records, claims=claims, starts=starts)
    assert found["a"].verdict == found["b"].verdict == "NOT LEARNT"
    assert found.findings[0].word == "NOT LEARNT"
    assert "not above the most frequent label: +0.0" in found["a"].note


plain = type(finetune()).network
SCRATCH_METHOD = C2P.row(SCRATCH).method


def record_of(recipe, store) -> dict:
    *_, result = trained(recipe, store, None)
    about = {"name": store.name, "source": store.source, "fingerprint": store.fingerprint}
    return {"key": recipe.title, "seed": 0, "commit": "c0ffee1", "seconds": 1.0, "dataset": about, "result": result}


def test_constant_features_are_at_chance(tmp_path, monkeypatch):
    """A pre-training whose features say nothing ends at chance, and every row that starts from it has not learnt."""
    store = make_store(tmp_path / "msr_action3d")
    recipe = pretrain(training=replace(pretrain().training, epochs=1))
    build = type(recipe.backbone).build

    def constant(size):
        backbone = build(size)
        tokens = backbone.tokens
        backbone.tokens = lambda *given, **more: (found := tokens(*given, **more))._replace(
            features=0 * found.features + 1
        )
        return backbone

    learnt = record_of(recipe, store)
    monkeypatch.setattr(type(recipe.backbone), "build", constant)
    idle = record_of(recipe, store)
    assert idle["result"]["curve"][-1]["loss"] == pytest.approx(idle["result"]["chance"], rel=1e-3)
    assert "its pre-training ends at a loss of" in gate.start_not_learnt([idle])
    assert idle["result"]["chance"] == learnt["result"]["chance"]


def test_judge_takes_what_the_gate_says():
    claim = Claim("x", "x", "x", 5.0, {AFTER: 1, SCRATCH: -1}, metric="accuracy")
    results = {
        name: [result_from_record(record, RECOGNITION) for record in made_up_row(name, [60] * 3)]
        for name in (SCRATCH, AFTER)
    }
    assert judge(claim, results, not_learnt={(SCRATCH, "accuracy"): "why"}).word == "NOT LEARNT"
    assert judge(claim, results, not_learnt={(SCRATCH, "edit"): "why"}).word != "NOT LEARNT"
