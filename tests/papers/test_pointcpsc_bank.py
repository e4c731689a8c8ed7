"""What a memory bank costs: memory that is known is found, a bank of clips grows, arithmetic by hand, pictures."""

from dataclasses import replace

import pytest
import torch

from pointvideo.papers.pointcpsc import bank_cost, recognition
from pointvideo.papers.pointcpsc.bank_cost import (
    MIB,
    Arithmetic,
    StepCost,
    arithmetic,
    measured,
    peak_bytes,
    printed_growth,
)
from tests.report.small_store import make_store


def test_the_peak_of_a_call_is_found():
    def call():
        first = torch.ones(MIB)  # 4 MiB
        second = first + 1
        del first
        third = second * 2
        return third.sum()

    call()
    assert peak_bytes(call) == pytest.approx(8 * MIB, rel=0.01)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("bank") / "six", frames=16)


@pytest.fixture(scope="module")
def costs(store):
    return measured("quick", store, entries=(64, 512), rounds=1)


def test_a_bank_of_clips_costs_memory_and_one_of_superpoints_next_to_none(costs):
    found = {(one.kind, one.entries): one for one in costs}
    assert [(one.kind, one.entries) for one in costs] == [
        *(("superpoint", 64), ("superpoint", 512), ("clip", 64), ("clip", 512)),
    ]
    assert found["superpoint", 512].vectors == 512 and found["clip", 512].vectors == 512 * 16
    grown = {kind: found[kind, 512].peak - found[kind, 64].peak for kind in ("superpoint", "clip")}
    matrix = Arithmetic("clip", 3 * 16, 16, 32).compared(448)  # three training videos
    assert grown["clip"] > matrix and grown["clip"] > 8 * max(grown["superpoint"], 0)
    assert all(one.seconds > 0 for one in costs)
    assert bank_cost.cost_table(costs).count("\n") == 6


def test_arithmetic_at_the_authors_sizes():
    recipe = recognition.pretrain("paper", "cpsc")
    one, clips = arithmetic(recipe, "superpoint"), arithmetic(recipe, "clip")
    assert (one.anchors, one.rows, one.width) == (88 * 64, 1, 1024) and clips.rows == 64
    assert one.stored(768) == 3 * MIB and clips.stored(768) == 192 * MIB
    assert one.compared(768) == 5632 * 768 * 4 and clips.compared(768) == 64 * one.compared(768)
    assert "98.5" in bank_cost.arithmetic_table(recipe) and "1,056.0 MiB" in bank_cost.arithmetic_table(recipe)


def test_arithmetic_knows_the_superpoints_that_the_network_has(store):
    recipe = recognition.pretrain("quick", "cpsc")
    job = recipe.job(store)
    clip, _, _ = job.batch(0, 0)
    found = job.module(clip)[1].shape[1]
    assert arithmetic(recipe, "clip").rows == found


def test_printed_growth_is_that_of_table_8():
    assert printed_growth("Memory") == {256: 0, 512: 788, 1024: 1629}
    assert printed_growth("Time")[1024] == pytest.approx(0.9)


def test_no_round_is_refused(store):
    with pytest.raises(ValueError, match="rounds: got 0"):
        bank_cost.step_cost(replace(recognition.pretrain("quick", "cpsc"), bank=8), store, rounds=0)


def test_costs_are_drawn_in_multiples_of_the_smallest():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from pointvideo.papers.pointcpsc import bank_figures

    several = [StepCost(256 * n, "clip", 1, 10, 0.1 * n, 4 * 10 * 256 * 7 * n) for n in (1, 2, 4)]
    recipe = recognition.pretrain("paper", "cpsc")
    axes = bank_figures.draw_bank_costs(several, recipe).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes[0].lines}
    assert drawn["clips, here"] == pytest.approx([1, 2, 4]) and drawn["printed"] == pytest.approx([1, 1.7 / 1.2, 1.75])
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes[1].lines}
    assert drawn["clips, here"] == pytest.approx([7, 7])
    assert drawn["printed"] == pytest.approx([788 * MIB / (4 * 5632 * 256), 1629 * MIB / (4 * 5632 * 768)])
    (panel,) = bank_figures.draw_bank_memory([arithmetic(recipe, "clip")]).axes
    assert panel.lines[0].get_ydata()[-1] == pytest.approx(192 + 1056)
    with pytest.raises(ValueError, match="at least one measurement"):
        bank_figures.draw_bank_costs([], recipe)
