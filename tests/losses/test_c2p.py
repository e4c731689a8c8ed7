"""C2P's objective against a loop-written oracle and against tensors of the authors' training loop."""

from __future__ import annotations

import inspect
import math

import pytest
import torch

from pointvideo.losses.c2p import C2PLoss, _offset_loss, build_predictors, c2p_loss, loss_of_constant
from pointvideo.losses.contrastive import info_nce
from tests.unchecked import check_again

from ..parity.goldens import FOLDER, assert_close, assert_gradient, cases, open_case


def slow_loss(teacher, student, predictors, loss):
    """Equations 1-3 with loops over clips, offsets, frames and candidates."""
    geometry, times = [], {offset: [] for offset in loss.offsets}
    for q, p in zip(teacher, student, strict=True):
        frames = len(q)
        for offset in (0, *loss.offsets):
            anchors = [i for i in range(frames) if 0 <= i + offset < frames]
            predicted = p[anchors]
            if offset:
                name = {"each": f"{offset:+d}", "one": "all", "sides": "before" if offset < 0 else "after"}
                predicted = predictors[name[loss.predictors]](p[anchors][None])[0]
            for i, row in zip(anchors, predicted, strict=True):
                row = row / row.norm()
                score = [float(row @ (q[j] / q[j].norm())) / loss.temperature for j in range(frames)]
                if loss.negatives == "outside_window":
                    reach = max((abs(o) for o in loss.offsets), default=0)
                    pool = [j for j in range(frames) if abs(j - i) > reach]
                else:
                    pool = [j for j in (a + offset for a in anchors) if j != i + offset]
                if loss.positive_in_denominator:
                    pool.append(i + offset)
                value = math.log(sum(math.exp(score[j]) for j in pool)) - score[i + offset]
                (geometry if offset == 0 else times[offset]).append(value)
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    time = mean([mean(values) for values in times.values()]) if times else 0.0
    return loss.geometry_weight * mean(geometry) + loss.time_weight * time


@pytest.mark.parametrize(
    "loss",
    [
        C2PLoss(),
        C2PLoss(offsets=()),
        C2PLoss(offsets=(-2, 2)),
        C2PLoss(offsets=(-2, -1, 1, 2), temperature=0.2),
        C2PLoss(positive_in_denominator=True),
        C2PLoss(negatives="other_frames"),
        C2PLoss(geometry_weight=0.8, time_weight=0.1),
        C2PLoss(predictors="one"),
        C2PLoss(predictors="sides"),
        C2PLoss(offsets=(-2, -1, 1, 2), predictors="one"),
        C2PLoss(offsets=(-2, -1, 1, 2), predictors="sides"),
        C2PLoss(offsets=(-2, -1, 1), predictors="sides", negatives="other_frames"),
    ],
    ids=str,
)
def test_oracle(loss):
    torch.manual_seed(0)
    teacher, student = torch.randn(2, 3, 7, 10, dtype=torch.float64)
    predictors = build_predictors(loss, 10, 20).double()
    ours = float(c2p_loss(teacher, student, predictors, loss).total.detach())
    assert ours == pytest.approx(slow_loss(teacher, student, predictors, loss), rel=1e-9)


def test_the_loss_of_a_constant_is_that_of_a_network_whose_answer_never_changes():
    """Its features are one and the same in every frame, and so are what the predictors make of them."""
    torch.manual_seed(0)
    frames, feature = 7, torch.randn(10, dtype=torch.float64)
    for loss in (
        C2PLoss(), C2PLoss(offsets=()), C2PLoss(offsets=(-2, 1), geometry_weight=0.8), C2PLoss.as_released(),
        C2PLoss.as_released_msr(), C2PLoss(negatives="other_frames"), C2PLoss(positive_in_denominator=True),
    ):  # fmt: skip
        constant = feature.expand(2, frames, 10)
        predictors = {loss.predictor_of(offset): torch.nn.Identity() for offset in loss.offsets}
        assert loss_of_constant(frames, loss) == pytest.approx(slow_loss(constant, constant, predictors, loss))
    # by hand: of ten frames the inner eight have seven negatives outside the window of three, the outer two eight
    term = (8 * math.log(7) + 2 * math.log(8)) / 10
    partner = (8 * math.log(7) + math.log(8)) / 9  # the first or the last frame has none
    assert loss_of_constant(10, C2PLoss()) == pytest.approx(0.5 * term + 0.5 * partner)


def test_how_many_predictors_there_are():
    """Table 8: a head a frame, one for all, or one a side; shared ones are the same module, not copies."""
    wide = (-2, -1, 1, 2)
    for predictors, names in (("each", ["-2", "-1", "+1", "+2"]), ("one", ["all"]), ("sides", ["before", "after"])):
        assert list(build_predictors(C2PLoss(offsets=wide, predictors=predictors), 8, 4)) == names
    assert len(build_predictors(C2PLoss(offsets=()), 8, 4)) == 0
    # with the same weights in every head, all three are one objective
    torch.manual_seed(0)
    teacher, student = torch.randn(2, 2, 8, 6)
    head = build_predictors(C2PLoss(predictors="one"), 6, 5)["all"]
    totals = []
    for predictors in ("each", "one", "sides"):
        loss = C2PLoss(offsets=wide, predictors=predictors)
        heads = build_predictors(loss, 6, 5)
        for each in heads.values():
            each.load_state_dict(head.state_dict())
        totals.append(c2p_loss(teacher, student, heads, loss).total)
    assert totals[0] == totals[1] == totals[2]


def test_a_shared_predictor_learns_from_every_offset():
    torch.manual_seed(0)
    teacher, student = torch.randn(2, 2, 8, 6)
    loss = C2PLoss(offsets=(-2, -1, 1, 2), predictors="sides")
    heads = build_predictors(loss, 6, 5)
    c2p_loss(teacher, student, heads, loss).time.backward()
    gradients = {name: head.contract.weight.grad.clone() for name, head in heads.items()}
    for side, offsets in (("before", (-2, -1)), ("after", (1, 2))):
        heads.zero_grad()
        for offset in offsets:  # alone, but with the whole window's negatives
            _offset_loss(heads[side](student[:, max(0, -offset) : 8 - max(0, offset)]),
                         torch.nn.functional.normalize(teacher, dim=-1), offset, loss).backward()  # fmt: skip
        torch.testing.assert_close(gradients[side], heads[side].contract.weight.grad / 4)


def test_stop_gradient_cuts_the_teacher_only():
    torch.manual_seed(0)
    for stop in (False, True):
        loss = C2PLoss(stop_gradient=stop)
        teacher, student = (torch.randn(2, 6, 8, requires_grad=True) for _ in range(2))
        c2p_loss(teacher, student, build_predictors(loss, 8, 8), loss).total.backward()
        assert (teacher.grad is None) == stop and student.grad.abs().sum() > 0


def test_perfect_features_score_better_than_shuffled_ones():
    torch.manual_seed(0)
    loss = C2PLoss(offsets=())
    teacher = torch.randn(4, 8, 32)
    right = c2p_loss(teacher, teacher, build_predictors(loss, 32, 8), loss).total
    wrong = c2p_loss(teacher, teacher.roll(3, dims=1), build_predictors(loss, 32, 8), loss).total
    assert right < wrong - 5


@pytest.mark.parametrize("name", cases("c2p_loss_"))
def test_released_loss(name):
    if not FOLDER.is_dir():
        pytest.skip(f"no golden tensors in {FOLDER}")
    case = open_case(name)
    loss = C2PLoss.as_released() if case.under("sd_back_predictor/") else C2PLoss.as_released_msr()
    teacher, student = (case.tensor(f"in/{side}").requires_grad_() for side in ("teacher", "student"))
    predictors = build_predictors(loss, teacher.shape[-1], case.meta["hidden"]).train()
    released = {"+1": "forward_predictor", "-1": "back_predictor"}
    for key, predictor in predictors.items():
        state = case.under(f"sd_{released[key]}/")
        for theirs, layer in (("net.0", predictor.expand), ("net.1", predictor.norm), ("net.3", predictor.contract)):
            part = {k[len(theirs) + 1 :]: v for k, v in state.items() if k.startswith(theirs)}
            layer.load_state_dict(part)
    parts = c2p_loss(teacher, student, predictors, loss)
    assert_close(parts.total, case.tensor("out/loss"), "loss", 1e-5)
    parts.total.backward()
    assert_gradient(teacher.grad, case.tensor("grad/teacher"), "teacher")
    assert_gradient(student.grad, case.tensor("grad/student"), "student")
    for key, predictor in predictors.items():
        assert_gradient(predictor.contract.bias.grad, case.tensor(f"grad/{released[key]}.net.3.bias"), key)
    after = case.under("after_forward_predictor/")
    assert_close(predictors["+1"].norm.running_mean, after["net.1.running_mean"], "running mean", 1e-5)
    assert_close(predictors["+1"].norm.running_var, after["net.1.running_var"], "running variance", 1e-5)


def test_bad_input():
    for bad in ({"offsets": (0,)}, {"offsets": (1, 1)}, {"temperature": 0.0}, {"geometry_weight": -1.0}):
        with pytest.raises(ValueError, match="C2PLoss"):
            C2PLoss(**bad)
    for bad, message in (
        ({"predictors": "two"}, "C2PLoss.predictors: got 'two', expected 'each', 'one' or 'sides'"),
        ({"predictor_norm": "group"}, "C2PLoss.predictor_norm: got 'group'"),
        ({"negatives": "none"}, "C2PLoss.negatives: got 'none'"),
    ):
        with pytest.raises(ValueError, match=message):
            check_again(C2PLoss(), **bad)
    loss = C2PLoss()
    predictors = build_predictors(loss, 4, 4)
    with pytest.raises(ValueError, match="expected the same"):
        inspect.unwrap(c2p_loss)(torch.randn(1, 6, 4), torch.randn(1, 5, 4), predictors, loss)
    with pytest.raises(ValueError, match="has no negatives"):
        c2p_loss(torch.randn(1, 3, 4), torch.randn(1, 3, 4), predictors, loss)
    eye = torch.eye(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="exactly one"):
        info_nce(torch.randn(3, 3), ~eye, eye, temperature=1.0, positive_in_denominator=True)
