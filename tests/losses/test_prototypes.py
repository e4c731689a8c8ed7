"""Semantic clustering against loops over superpoints and prototypes; both forms, both scopes, the centre."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from pointvideo.losses.prototypes import (
    PrototypeTables,
    SemanticClustering,
    assignment_divergence,
    assignment_numbers,
    clustering_loss,
    gather_prototypes,
    prototype_contrast,
)

CLIPS, POINTS, WIDTH, K = 3, 6, 5, 4


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def unit(row):
    return [x / math.sqrt(dot(row, row)) for x in row]


def softmax(scores):
    parts = [math.exp(score - max(scores)) for score in scores]
    return [part / sum(parts) for part in parts]


def slow_scores(clip, table, switches):
    """Eq. 5 before its softmax."""
    if switches.form == "normalised":
        clip, table = [unit(row) for row in clip], [unit(row) for row in table]
        return [[dot(row, s) / switches.temperature for s in table] for row in clip]
    return [[dot(row, s) for s in table] for row in clip]


def slow_gathered(clip, chances, switches):
    """Eq. 6."""
    rows = [unit(row) for row in clip] if switches.form == "normalised" else clip
    found = []
    for k in range(len(chances[0])):
        total = sum(chance[k] for chance in chances)
        found.append([sum(c[k] * row[i] for c, row in zip(chances, rows, strict=True)) / total for i in range(WIDTH)])
    return found


def slow_losses(prediction, target, tables, switches):
    """Eq. 7 and 8; the predictor is called on what was gathered."""
    gathered, won, divergence = [], [], []
    predicted = []
    for p, t in zip(prediction.tolist(), target.tolist(), strict=True):
        scores_p = slow_scores(p, tables.prediction.tolist(), switches)
        scores_t = slow_scores(t, tables.target.tolist(), switches)
        chances_p, chances_t = [softmax(row) for row in scores_p], [softmax(row) for row in scores_t]
        gathered.append(slow_gathered(t, chances_t, switches))
        predicted.append(slow_gathered(p, chances_p, switches))
        winners = [{row.index(max(row)) for row in chances} for chances in (chances_p, chances_t)]
        won.append(winners[0] & winners[1])
        centre = tables.centre.tolist()
        for row_p, row_t in zip(chances_p, scores_t, strict=True):
            moved = [
                score - (c if switches.centring is not None else 0) for score, c in zip(row_t, centre, strict=True)
            ]
            true = softmax(moved)
            divergence.append(sum(a * (math.log(a) - math.log(b)) for a, b in zip(row_p, true, strict=True)))
    flat = torch.tensor([row for clip in predicted for row in clip], dtype=torch.float64)
    said = tables.predictor(flat).detach().tolist()
    predicted = [said[K * clip : K * (clip + 1)] for clip in range(CLIPS)]
    if switches.form == "normalised":
        gathered, predicted = ([[unit(row) for row in clip] for clip in side] for side in (gathered, predicted))
    contrast = []
    for clip, own in product(range(CLIPS), range(K)):
        if switches.scope == "clip":
            among = [(clip, k) for k in range(K)]
        elif own in won[clip]:
            among = [(c, k) for c in range(CLIPS) for k in range(K) if k in won[c]]
        else:
            continue
        score = {place: dot(gathered[clip][own], predicted[place[0]][place[1]]) / switches.contrast_temperature
                 for place in among}  # fmt: skip
        contrast.append(-math.log(math.exp(score[clip, own]) / sum(map(math.exp, score.values()))))
    return sum(contrast) / len(contrast), sum(divergence) / len(divergence), won


def made(switches):
    torch.manual_seed(2)
    tables = PrototypeTables(switches, WIDTH, 7).double()
    tables.centre.copy_(torch.randn(K))
    prediction, target = torch.randn(2, CLIPS, POINTS, WIDTH, dtype=torch.float64)
    return prediction, target, tables


def switches_of(**changes):
    return SemanticClustering(**{"prototypes": K, "temperature": 0.4, "contrast_temperature": 0.5} | changes)


CASES = [
    switches_of(form=form, scope=scope, centring=centring)
    for form, scope, centring in product(("normalised", "printed"), ("clip", "batch"), (None, 0.9))
]


@pytest.mark.parametrize("switches", CASES, ids=str)
def test_oracle(switches):
    prediction, target, tables = made(switches)
    found = clustering_loss(prediction, target, tables, switches)
    contrast, divergence, won = slow_losses(prediction, target, tables, switches)
    assert any(len(some) < K for some in won) and any(len(some) > 1 for some in won)  # the filter has work to do
    assert float(found.prototypes.detach()) == pytest.approx(contrast, rel=1e-9)
    assert float(found.assignments.detach()) == pytest.approx(divergence, rel=1e-9)


@pytest.mark.parametrize("switches", CASES, ids=str)
def test_gradients_are_those_of_differences(switches):
    prediction, target, tables = made(switches)
    tables.eval()  # a batch norm with fixed statistics, so that numbers of one row are its own
    attached = replace(switches, detached=False)

    def cost(prediction, target, first, second):
        owned = {"tables.prediction": first, "tables.target": second}
        return torch.func.functional_call(_Both(tables, attached), owned, (prediction, target))

    inputs = [prediction, target, tables.prediction.detach().clone(), tables.target.detach().clone()]
    assert torch.autograd.gradcheck(cost, [value.requires_grad_() for value in inputs], atol=1e-6)


class _Both(torch.nn.Module):
    def __init__(self, tables, switches):
        super().__init__()
        self.tables, self.switches = tables, switches

    def forward(self, prediction, target):
        found = clustering_loss(prediction, target, self.tables, self.switches)
        return found.prototypes + found.assignments


def test_each_side_learns_its_own_table_and_the_divergence_leaves_the_targets_alone():
    for detached in (True, False):
        switches = switches_of(detached=detached)
        prediction, target, tables = made(switches)
        prediction.requires_grad_(), target.requires_grad_()
        clustering_loss(prediction, target, tables, switches).assignments.backward()
        assert prediction.grad.abs().sum() > 0 and tables.prediction.grad.abs().sum() > 0
        assert (target.grad is None and tables.target.grad is None) == detached
    prediction, target, tables = made(switches_of())
    clustering_loss(prediction.requires_grad_(), target.requires_grad_(), tables, switches_of()).prototypes.backward()
    for value in (prediction, target, tables.prediction, tables.target, *tables.predictor.parameters()):
        assert value.grad is not None and value.grad.abs().sum() > 0


def test_a_temperature_of_one_makes_normalised_assignments_all_alike_and_raw_ones_hard():
    """Ten prototypes of many channels: what silence of the paper stands between."""
    torch.manual_seed(0)
    features, tables = 3 * torch.randn(2, 40, 256), PrototypeTables(SemanticClustering(), 256, 8)
    entropy = {}
    for name, switches in (
        ("one", SemanticClustering(temperature=1.0)),
        ("ours", SemanticClustering()),
        ("printed", SemanticClustering(form="printed")),
    ):
        scores = clustering_loss(features, features, tables, switches).scores
        entropy[name] = float(assignment_numbers(scores)["assignment_entropy"])
    assert entropy["one"] > 0.99 and entropy["printed"] < 0.1 < entropy["ours"] < 0.95


def test_numbers_show_a_collapse_to_one_prototype():
    scores = torch.zeros(2, 5, 4)
    scores[..., 1] = 100.0
    numbers = assignment_numbers(scores)
    assert float(numbers["assignment_entropy"]) < 1e-6 and float(numbers["used_prototypes"]) == 0.25
    even = assignment_numbers(torch.zeros(2, 5, 4))
    assert float(even["assignment_entropy"]) == pytest.approx(1)


def test_the_centre_is_a_moving_mean_of_scores():
    tables = PrototypeTables(SemanticClustering(prototypes=2), 3, 4)
    tables.follow(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 0.9)
    assert torch.allclose(tables.centre, torch.tensor([0.2, 0.3]))
    tables.follow(torch.zeros(1, 1, 2), 0.5)
    assert torch.allclose(tables.centre, torch.tensor([0.1, 0.15]))
    assert "centre" in tables.state_dict()


def test_superpoints_that_are_all_the_same_cost_what_the_constant_says():
    torch.manual_seed(0)
    for scope in ("clip", "batch"):
        switches = switches_of(scope=scope)
        prediction, target, tables = made(switches)
        one = torch.randn(WIDTH, dtype=torch.float64).expand(CLIPS, POINTS, WIDTH)
        tables.prediction.data.copy_(tables.target.data)  # so that both sides have the same likeliest one
        found = clustering_loss(one, one, tables, switches)
        expected = math.log(K if scope == "clip" else CLIPS)
        assert float(found.prototypes.detach()) == pytest.approx(expected) == pytest.approx(float(found.constant))


def test_a_prototype_of_nobody_is_finite_and_equal_assignments_diverge_by_nothing():
    features, nobody = torch.randn(1, 4, 3), torch.tensor([[[1.0, 0.0]] * 4])
    found = gather_prototypes(features, nobody)
    assert torch.allclose(found[0, 0], features.mean(dim=1)[0], atol=1e-6) and found[0, 1].abs().sum() == 0
    scores = torch.randn(2, 4, 3)
    assert float(assignment_divergence(scores, scores + 5)) == pytest.approx(0, abs=1e-6)
    nothing = prototype_contrast(
        torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool), switches_of(scope="batch")
    )
    assert float(nothing[0]) == 0


def test_bad_input_is_one_clear_line():
    switches = switches_of()
    prediction, target, tables = made(switches)
    with pytest.raises(ValueError, match="prototypes: got 4 for the 3 superpoints of a clip's last segment"):
        clustering_loss(prediction[:, :3], target[:, :3], tables, switches)
    for bad, message in (
        ({"prototypes": 0}, "SemanticClustering.prototypes: got 0"),
        ({"temperature": 0.0}, "SemanticClustering.temperature: got 0.0"),
        ({"centring": 1.0}, "SemanticClustering.centring: got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            SemanticClustering(**bad)
