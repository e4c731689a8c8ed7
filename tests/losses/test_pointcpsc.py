"""PointCPSC's local contrast against loops over superpoints and entries; controls; where gradients go."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from pointvideo.losses.pointcpsc import (
    LocalContrast,
    PointCPSCLoss,
    local_contrast,
    pointcpsc_loss,
)
from pointvideo.losses.prototypes import PrototypeTables, SemanticClustering
from pointvideo.losses.selection import (
    History,
    Neighbours,
    negatives_of,
    neighbour_numbers,
    neighbour_weights,
    neighbours_of,
    retrieval_numbers,
)

VIDEO = [4, 7, 4]  # of the three clips
OWNERS = [4, 4, 7, 9, 7, 4, 9, 1, 1, 2, 7, 4]  # of the bank's entries
WEIGHTINGS = ("printed", "soft_labels", "pairs", "fuse")


def unit(row):
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row]


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def slow(prediction, target, bank, owners, loss, selecting=None):
    """Eq. 1 to 4 in Python's own numbers; neighbours, negatives and weights are those of the targets ``selecting``."""
    points = [(clip, row) for clip in range(len(target)) for row in range(len(target[clip]))]
    true = {point: unit(target[point[0]][point[1]]) for point in points}
    looked = target if selecting is None else selecting
    total = 0.0
    for clip, row in points:
        looker = unit(looked[clip][row])
        ranked = sorted(range(len(bank)), key=lambda m: dot(bank[m], looker))  # least similar first
        keep = max(1, round(loss.kept * len(bank))) if bank else 0
        near = [m for m in reversed(ranked) if loss.own_video or owners[m] != VIDEO[clip]][: loss.neighbours]
        parts = [math.exp(dot(bank[m], looker)) for m in near]
        weight = [part / sum(parts) for part in parts]
        others = []
        if "bank" in loss.negatives:
            others += [bank[m] for m in ranked[:keep] if m not in near]
        said, z = unit(prediction[clip][row]), true[clip, row]
        if loss.weighting == "fuse":
            fused = {}
            for c, r in points:  # every target of the batch has its own neighbours
                gaze = unit(looked[c][r])
                some = sorted((m for m in range(len(bank)) if loss.own_video or owners[m] != VIDEO[c]),
                              key=lambda m, gaze=gaze: -dot(bank[m], gaze))[: loss.neighbours]  # fmt: skip
                strength = [math.exp(dot(bank[m], gaze)) for m in some]
                added = [sum(s / sum(strength) * bank[m][i] for s, m in zip(strength, some, strict=True))
                         for i in range(len(z))]  # fmt: skip
                fused[c, r] = unit([a + b for a, b in zip(true[c, r], added, strict=True)])
            z, near, weight = fused[clip, row], [], []
        else:
            fused = true
        if loss.negatives in ("batch", "bank_and_batch"):
            others += [fused[point] for point in points if point != (clip, row)]
        if loss.negatives == "other_clips":
            others += [fused[point] for point in points if point[0] != clip]
        anchor, partner = (said, z) if loss.anchor == "prediction" else (z, said)
        e = lambda row, anchor=anchor: math.exp(dot(anchor, row) / loss.temperature)  # noqa: E731
        psi, first, beside = sum(map(e, others)), e(partner), [e(bank[m]) for m in near]
        if loss.weighting in ("printed", "fuse"):
            positive = first + sum(w * b for w, b in zip(weight, beside, strict=True))
            total += -math.log(positive / (positive + psi))
        elif loss.weighting == "pairs":
            total += sum(-math.log(b / (b + psi)) for b in [first, *beside])
        else:
            every = first + sum(beside) + psi
            total += sum(-w * math.log(b / every) for w, b in zip([1, *weight], [first, *beside], strict=True))
    return total / len(points)


def made(entries=12, width=5, superpoints=4):
    torch.manual_seed(3)
    prediction, target = torch.randn(2, len(VIDEO), superpoints, width, dtype=torch.float64)
    bank = torch.nn.functional.normalize(torch.randn(entries, width, dtype=torch.float64), dim=-1)
    return prediction, target, History(bank, torch.tensor(OWNERS[:entries], dtype=torch.int64))


def value(prediction, target, history, loss):
    return local_contrast(prediction, target, torch.tensor(VIDEO), history, loss)


CASES = [
    LocalContrast(temperature=0.3, weighting=weighting, anchor=anchor)
    for weighting, anchor in product(WEIGHTINGS, ("prediction", "target"))
] + [
    LocalContrast(**{"temperature": 0.3} | changes)
    for changes in (
        {"kept": 1.0, "neighbours": 0},
        {"kept": 1.0},
        {"kept": 0.2},
        {"neighbours": 1},
        {"neighbours": 7, "weighting": "soft_labels"},
        {"neighbours": 12},  # more than are of other videos
        {"own_video": True},
        {"negatives": "batch"},
        {"negatives": "batch", "weighting": "fuse"},
        {"negatives": "other_clips"},
        {"negatives": "bank_and_batch", "weighting": "pairs"},
        {"negatives": "bank_and_batch", "anchor": "target"},
        {"temperature": 0.01},
    )
]


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_oracle(loss):
    prediction, target, history = made()
    ours = float(value(prediction, target, history, loss).loss)
    rows = (prediction.tolist(), target.tolist(), history.vectors.tolist(), history.video.tolist())
    assert ours == pytest.approx(slow(*rows, loss), rel=1e-9)


@pytest.mark.parametrize("entries", [0, 1, 2, 5])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_oracle_while_the_bank_fills(entries, weighting):
    loss = LocalContrast(temperature=0.3, weighting=weighting)
    prediction, target, history = made(entries)
    prediction.requires_grad_(), target.requires_grad_()
    found = value(prediction, target, history, loss).loss
    rows = (prediction.tolist(), target.tolist(), history.vectors.tolist(), history.video.tolist())
    assert float(found.detach()) == pytest.approx(slow(*rows, loss), rel=1e-9, abs=1e-12)
    found.backward()  # rows without any negative among them
    assert prediction.grad.isfinite().all() and target.grad.isfinite().all()
    if entries == 0:
        assert float(found.detach()) == 0


@pytest.mark.parametrize("loss", CASES[:8] + CASES[-6:-1], ids=str)
def test_gradients_of_both_sides_are_those_of_the_loops(loss):
    """Weights and choices are constants: Eq. 3 is no way for a gradient."""
    prediction, target, history = made(superpoints=2)
    value(prediction.requires_grad_(), target.requires_grad_(), history, loss).loss.backward()
    bank = (history.vectors.tolist(), history.video.tolist())
    fixed, step = target.detach().tolist(), 1e-6
    for side in range(2):
        for clip, row, channel in ((0, 0, 0), (1, 1, 3), (2, 0, 4)):
            costs = []
            for sign in (1, -1):
                rows = [prediction.detach().tolist(), target.detach().tolist()]
                rows[side][clip][row][channel] += sign * step
                costs.append(slow(*rows, *bank, loss, selecting=fixed))
            expected = (costs[0] - costs[1]) / (2 * step)
            found = float((prediction, target)[side].grad[clip, row, channel])
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_the_temperature_of_the_paper_neither_overflows_nor_needs_doubles():
    prediction, target, history = made()
    loss = LocalContrast()
    rows = (prediction.tolist(), target.tolist(), history.vectors.tolist(), history.video.tolist())
    single = value(prediction.float(), target.float(), History(history.vectors.float(), history.video), loss).loss
    assert float(single) == pytest.approx(slow(*rows, loss), rel=1e-4)


def test_the_printed_anchor_contrasts_nothing_once_targets_have_no_gradient():
    """Literally, negatives and neighbours then only weigh the pull of the prediction to its own target."""
    prediction, target, history = made(superpoints=1)
    prediction.requires_grad_()
    moved = History(-history.vectors, history.video)  # another bank altogether
    for anchor, contrasts in (("target", False), ("prediction", True)):
        loss = PointCPSCLoss(LocalContrast(temperature=0.3, anchor=anchor), prototypes=0.0, stop_gradient=True)
        directions = []
        for bank in (history, moved):
            prediction.grad = None
            pointcpsc_loss(prediction, target, torch.tensor(VIDEO), bank, loss).total.backward()
            directions.append(torch.nn.functional.normalize(prediction.grad, dim=-1))
        assert torch.allclose(*directions, atol=1e-9) != contrasts


def test_stop_gradient_cuts_the_targets_only():
    for stop in (False, True):
        prediction, target, history = made()
        loss = PointCPSCLoss(prototypes=0.0, stop_gradient=stop)
        video = torch.tensor(VIDEO)
        pointcpsc_loss(prediction.requires_grad_(), target.requires_grad_(), video, history, loss).total.backward()
        assert (target.grad is None) == stop and prediction.grad.abs().sum() > 0


def test_neighbours_are_the_most_similar_of_other_videos():
    similarity = torch.tensor([[0.9, 0.1, 0.8, 0.7], [0.2, 0.3, 0.1, 0.4]])
    allowed = torch.tensor([[False, True, True, True], [False, True, False, False]])
    index, present = neighbours_of(similarity, 2, allowed)
    assert index[0].tolist() == [2, 3] and present[0].all()
    assert int(index[1, 0]) == 1 and present[1].tolist() == [True, False]
    index, _ = neighbours_of(similarity, 3)
    assert index.tolist() == [[0, 2, 3], [3, 1, 0]]
    torch.manual_seed(0)
    drawn = [neighbours_of(similarity, 1, allowed, random=True)[0].tolist() for _ in range(200)]
    assert {one[0][0] for one in drawn} == {1, 2, 3} and {one[1][0] for one in drawn} == {1}


def test_negatives_are_the_least_similar_and_a_random_control_is_of_as_many():
    torch.manual_seed(0)
    similarity = torch.randn(6, 20)
    for kept, count in ((0.7, 14), (1.0, 20), (0.05, 1), (0.01, 1), (0.33, 7)):
        mask = negatives_of(similarity, kept)
        assert mask.sum(dim=1).tolist() == [count] * 6
        for row, chosen in zip(similarity, mask, strict=True):
            assert count == 20 or row[chosen].max() < row[~chosen].min()
        assert negatives_of(similarity, kept, random=True).sum(dim=1).tolist() == [count] * 6
    counted = sum(negatives_of(similarity, 0.5, random=True).float() for _ in range(400)) / 400
    assert float((counted - 0.5).abs().max()) < 0.12  # whatever its similarity


def test_weights_of_near_neighbours_are_nearly_the_same():
    """Cosines of the nearest differ by hundredths, and Eq. 3 has no temperature."""
    weights = neighbour_weights(torch.tensor([[0.98, 0.97, 0.95]]), torch.ones(1, 3, dtype=torch.bool))
    assert float(weights.sum()) == pytest.approx(1) and float((weights - 1 / 3).abs().max()) < 0.01
    present = torch.tensor([[True, False, True], [False, False, False]])
    weights = neighbour_weights(torch.zeros(2, 3), present)
    assert weights.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_numbers_tell_whose_the_neighbours_are_and_how_evenly_they_weigh():
    owner, owners = torch.tensor([1, 2]), torch.tensor([1, 2, 3, 1])
    index, nearest = torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 3], [1, 0]])
    present = torch.tensor([[True, True], [True, False]])
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    found = Neighbours(index, present, weights, nearest)
    numbers = {k: float(v) for k, v in neighbour_numbers(owner, owners, found).items()}
    assert numbers["own_video"] == pytest.approx(1 / 3)  # of the three that are present, target 0's first
    assert numbers["own_video_nearest"] == pytest.approx(3 / 4)
    assert numbers["own_video_bank"] == pytest.approx(3 / 8)
    assert numbers["neighbour_entropy"] == pytest.approx((1 + 0) / 2)
    empty = torch.zeros(2, 0, dtype=torch.int64)
    assert neighbour_numbers(owner, owners[:0], Neighbours(empty, empty.bool(), empty.float(), empty)) == {}


def test_retrieval_tells_a_prediction_of_the_own_superpoint_from_one_of_the_own_clip():
    torch.manual_seed(0)
    target = torch.randn(4, 5, 32)
    shares = lambda said, most=64: [float(v) for v in retrieval_numbers(said, target, most).values()]  # noqa: E731
    assert shares(3 * target) == [1.0, 1.0] == shares(target, 7)
    assert shares(target.roll(1, dims=1)) == [0.0, 1.0]  # another superpoint of the same clip
    assert shares(target.roll(1, dims=0)) == [0.0, 0.0]


@pytest.mark.parametrize("chosen", ["dropped", "chosen"])
def test_random_controls_follow_the_seed_and_no_similarity(chosen):
    prediction, target, history = made()
    loss = LocalContrast(temperature=0.3, **{chosen: "random"})
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(float(value(prediction, target, history, loss).loss))
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_the_loss_of_a_constant_is_that_of_features_that_are_all_the_same(loss):
    prediction, target, history = made()
    one = torch.nn.functional.normalize(torch.randn(5, dtype=torch.float64), dim=-1)
    same = History(one.expand_as(history.vectors), history.video)
    found = value(one.expand_as(prediction), one.expand_as(target), same, loss)
    if loss.neighbours == 3 and loss.own_video and loss.weighting == "printed":
        assert float(found.constant) == pytest.approx(math.log((8 + 2) / 2))  # by hand: 8 of 12 entries, 2 positives
    if loss.neighbours == 0:
        assert float(found.constant) == pytest.approx(math.log(13))
    # which of entries that are all alike are neighbours is any one's guess, and with it which are negatives
    assert float(found.constant) == pytest.approx(float(found.loss), rel=1e-9)


def test_total_is_the_weighted_sum_of_its_terms():
    prediction, target, history = made()
    torch.manual_seed(0)
    tables = PrototypeTables(SemanticClustering(prototypes=3), 5, 6).double()
    video = torch.tensor(VIDEO)
    loss = PointCPSCLoss(
        LocalContrast(temperature=0.3), SemanticClustering(prototypes=3), prototypes=0.3, assignments=0.7
    )
    parts = pointcpsc_loss(prediction, target, video, history, loss, tables)
    expected = parts.local + 0.3 * parts.prototypes + 0.7 * parts.assignments
    assert (
        float(parts.total.detach()) == pytest.approx(float(expected.detach())) and float(parts.assignments.detach()) > 0
    )
    assert float(parts.constant) == pytest.approx(
        float(value(prediction, target, history, loss.local).constant) + 0.3 * math.log(3)
    )
    alone = pointcpsc_loss(prediction, target, video, history, replace(loss, prototypes=0.0, assignments=0.0))
    assert alone.total == alone.local == parts.local and alone.scores is None
    plain = PointCPSCLoss()
    assert (plain.prototypes, plain.assignments) == (1.0, 0.0)  # recognition: prototypes alone
    assert (PointCPSCLoss.for_segmentation().prototypes, PointCPSCLoss.for_segmentation().assignments) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalContrast(kept=0.0), "LocalContrast.kept: got 0.0, expected a number above 0 and at most 1"),
        (lambda: LocalContrast(kept=1.1), "LocalContrast.kept: got 1.1"),
        (lambda: LocalContrast(neighbours=-1), "LocalContrast.neighbours: got -1"),
        (lambda: LocalContrast(temperature=0.0), "LocalContrast.temperature: got 0.0"),
        (
            lambda: PointCPSCLoss(clusters=SemanticClustering(centring=0.9)),
            "PointCPSCLoss.assignments: got 0 with clusters.centring",
        ),
    ],
)
def test_bad_switches_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_input_is_one_clear_line():
    prediction, target, history = made()
    video = torch.tensor(VIDEO)
    with pytest.raises(ValueError, match=r"got shapes \(3, 4, 5\) and \(3, 2, 5\)"):
        inspect.unwrap(local_contrast)(prediction, target[:, :2], video, history, LocalContrast())
    with pytest.raises(ValueError, match="tables: got NoneType, expected PrototypeTables"):
        pointcpsc_loss(prediction, target, video, history, PointCPSCLoss())
