"""VoteNet's losses against loops over rooms, seeds, proposals and boxes."""

import math

import pytest
import torch

from pointvideo.losses.votenet import FAR, NEAR, Proposals, Targets, assign, votenet_loss


def drawn(seed: int, rooms=3, seeds=7, count=6, boxes=4, classes=3) -> tuple[Proposals, Targets, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)

    def values(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    there = torch.rand(rooms, boxes, generator=random) < 0.7
    there[-1] = False  # a room without boxes
    centre = values(rooms, boxes, 3)
    near = centre[:, torch.arange(count) % boxes] + 0.25 * values(rooms, count, 3)
    found = Proposals(
        values(rooms, seeds, 3), values(rooms, seeds, 3), near, values(rooms, count, 2), near + 0.1,
        values(rooms, count, classes), values(rooms, count, classes, 3), values(rooms, count, classes),
    )  # fmt: skip
    on = torch.rand(rooms, seeds, generator=random) < 0.5
    label = torch.randint(classes, (rooms, boxes), generator=random)
    true = Targets(values(rooms, seeds, 3), on, centre, values(rooms, boxes, 3).exp(), label, there)
    return found, true, values(classes, 3).exp()


def cross_entropy(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(value) for value in logits)) - logits[label]


def slow(found: Proposals, true: Targets, means: torch.Tensor) -> dict[str, float]:
    votes, objectness, sizes, size_classes, labels, to_truth, to_found, positive = [], [], [], [], [], [], [], []
    for room in range(len(found.vote)):
        boxes = [box for box in range(true.there.shape[1]) if true.there[room, box]]
        for seed in range(found.vote.shape[1]):
            if true.on[room, seed]:
                votes.append(float((found.vote[room, seed] - true.middle[room, seed]).abs().sum()))
        for place in range(found.cluster.shape[1]):
            apart = {box: math.dist(found.cluster[room, place], true.centre[room, box]) for box in boxes}
            best = min(apart, key=apart.get) if apart else None
            some = best is not None and apart[best] < NEAR
            positive.append(some)
            if best is None or some or apart[best] > FAR:
                value = cross_entropy(found.objectness[room, place].tolist(), int(some))
                objectness.append((0.8 if some else 0.2) * value)
            if some:
                label = int(true.label[room, best])
                labels.append(cross_entropy(found.label[room, place].tolist(), label))
                size_classes.append(cross_entropy(found.size_class[room, place].tolist(), label))
                wanted = true.size[room, best] / means[label] - 1
                off = [abs(float(value)) for value in found.size[room, place, label] - wanted]
                sizes.append(sum(0.5 * value**2 if value < 1 else value - 0.5 for value in off) / 3)
                to_truth.append(min(math.dist(found.centre[room, place], true.centre[room, box]) ** 2 for box in boxes))
        for box in boxes:
            to_found.append(min(math.dist(true.centre[room, box], each) ** 2 for each in found.centre[room]))

    def mean(values: list[float]) -> float:
        return sum(values) / max(1, len(values))

    parts = {
        "vote": mean(votes), "objectness": mean(objectness), "centre": mean(to_truth) + mean(to_found),
        "size_class": mean(size_classes), "size": mean(sizes), "label": mean(labels), "positive": mean(positive),
    }  # fmt: skip
    box = parts["centre"] + 0.1 * parts["size_class"] + parts["size"]
    parts["loss"] = 10 * (parts["vote"] + 0.5 * parts["objectness"] + box + 0.1 * parts["label"])
    return parts


@pytest.mark.parametrize("seed", range(5))
def test_every_term_is_the_slow_one(seed):
    found, true, means = drawn(seed)
    parts, expected = votenet_loss(found, true, means), slow(found, true, means)
    assert set(parts) == set(expected) and 0 < expected["positive"] < 1
    for name, value in expected.items():
        assert float(parts[name]) == pytest.approx(value, rel=1e-6), name


def test_perfect_proposals_cost_nothing_but_their_doubt():
    found, true, means = drawn(0, boxes=6)
    true = true._replace(there=torch.ones_like(true.there))
    right = true.size / means[true.label] - 1
    size = right[:, :, None].expand(-1, -1, 3, -1)
    sure = torch.nn.functional.one_hot(true.label, 3).double() * 100
    some = torch.tensor([-50.0, 50.0], dtype=torch.float64).expand(3, 6, 2)
    perfect = Proposals(found.seed, true.middle, true.centre, some, true.centre, sure, size, sure)
    assert float(votenet_loss(perfect, true, means)["loss"]) == pytest.approx(0, abs=1e-6)


def test_between_near_and_far_nothing_counts():
    centre, there = torch.zeros(1, 2, 3), torch.tensor([[True, False]])
    cluster = torch.tensor([[[0.29, 0, 0], [0.31, 0, 0], [0.59, 0, 0], [0.61, 0, 0]]])
    counted, owner, some = assign(cluster, centre, there)
    assert counted.tolist() == [[True, False, False, True]] and some.tolist() == [[True, False, False, False]]
    assert owner.tolist() == [[0, 0, 0, 0]]


def test_rooms_without_boxes_have_a_finite_loss_and_gradient():
    found, true, means = drawn(1)
    true = true._replace(there=torch.zeros_like(true.there), on=torch.zeros_like(true.on))
    found = Proposals(*(values.clone().requires_grad_() for values in found))
    parts = votenet_loss(found, true, means)
    parts["loss"].backward()
    assert torch.isfinite(parts["loss"]) and float(parts["objectness"].detach()) > 0
    assert all(values.grad is None or bool(values.grad.isfinite().all()) for values in found)
    assert found.objectness.grad.abs().sum() > 0
