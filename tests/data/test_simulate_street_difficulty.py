"""The street world is like Synthia 4D and hard enough: a point alone says little of its class, its surroundings much.

Three models name points of towns that they have not seen: a linear one and a perceptron of a point's place around the
car and its colour, and the same perceptron of its neighbourhood, too. Their intersections over unions are means of the
12 classes.
"""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from pointvideo.data.simulate import street
from pointvideo.data.simulate.street_shapes import BICYCLE, PEDESTRIAN

from .measured import measured, source_of

# MeteorNet's frequencies of the classes in Synthia 4D (its file of label weights)
SYNTHIA = np.array(
    [
        0.416347, 0.270832, 0.114028, 0.0294782, 0.0883920, 0.0162698, 0.0334688, 0.00219127, 0.00325139, 0.000359844,
        0.0245613, 0.00081971,
    ]
)  # fmt: skip


def filmed():
    """Split -> every training drive of the default world, and the test drives, every tenth frame."""
    drives = [(layout, w) for layout, weathers in street.TRAINING.items() for w in weathers[:4]]
    tests = [(layout, w) for layout, w, split in street.HELD_OUT if split == "test"]
    chosen = {}
    for split, entries in (("train", drives), ("test", tests)):
        chosen[split] = []
        for entry in entries:
            film, centre = street.record(*entry)
            chosen[split] += [(film[t], centre[t]) for t in range(0, 40, 10)]
    return chosen


def describe_points(frame, centre, context):
    """Features of every point: its own place and colour; with ``context`` also what surrounds it at three scales."""
    offset = frame["xyz"] - centre
    own = np.concatenate([offset / 10, frame["rgb"] / 128 - 1], 1)
    if not context:
        return own
    features, rgb = [own], frame["rgb"] / 128 - 1
    tree, flat = cKDTree(offset), cKDTree(offset[:, [0, 2]])
    for neighbours in (8, 24, 64):
        index = tree.query(offset, neighbours)[1]
        near = offset[index] - offset[:, None]
        spread = np.linalg.eigh(np.einsum("nki,nkj->nij", near, near) / neighbours)
        features += [np.sqrt(spread[0].clip(0)), np.abs(spread[1][:, 1, :]), near.mean(1), near.std(1)]
        features += [rgb[index].mean(1) - rgb, rgb[index].std(1)]
    for neighbours in (16, 48):  # columns: how high above the ground here, how much above and below
        index = flat.query(offset[:, [0, 2]], neighbours)[1]
        up = offset[:, 1:2] - offset[index, 1]
        features.append(np.stack([up.max(1), up.min(1), up.std(1), np.median(up, 1)], 1))
    return np.concatenate(features, 1)


def fit(features, labels, hidden, epochs=10, rate=5e-3):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(features.shape[1], hidden or 12)]
    if hidden:
        middle = [torch.nn.ReLU(), torch.nn.Linear(hidden, hidden), torch.nn.ReLU()]
        layers += [*middle, torch.nn.Linear(hidden, 12)]
    model = torch.nn.Sequential(*layers)
    share = torch.bincount(labels, minlength=12) / len(labels)
    weight = 1 / torch.log(1.2 + share)  # the papers' class weights
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    steps = -(-len(labels) // 2048)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2 * rate, total_steps=epochs * steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(2048):
            loss = torch.nn.functional.cross_entropy(model(features[chosen]), labels[chosen], weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model


def overlaps(predicted, labels):
    both = np.array([((predicted == c) & (labels == c)).sum() for c in range(12)])
    either = np.array([((predicted == c) | (labels == c)).sum() for c in range(12)])
    return both / np.maximum(either, 1)


def overlap(films, context, hidden):
    """Mean intersection over union of a model on the test drives."""
    described = {}
    for split, frames in films.items():
        features = np.concatenate([describe_points(frame, centre, context) for frame, centre in frames])
        labels = np.concatenate([frame["semantic"] for frame, _ in frames]).astype(np.int64)
        kept = labels < 12
        described[split] = features[kept].astype(np.float32), labels[kept]
    mean, std = described["train"][0].mean(0), described["train"][0].std(0) + 1e-3
    train, test = (torch.from_numpy((described[s][0] - mean) / std) for s in ("train", "test"))
    model = fit(train, torch.from_numpy(described["train"][1]), hidden)
    with torch.no_grad():
        return overlaps(model(test).argmax(1).numpy(), described["test"][1]).mean()


def numbers():
    """Shares of the classes in the training drives, and how well each model does."""
    films = filmed()
    count = sum(np.bincount(frame["semantic"], minlength=13) for frame, _ in films["train"])[:12]
    found = {f"share of {name}": share for name, share in zip(street.CLASS_NAMES, count / count.sum(), strict=True)}
    models = {"a point, linear": (False, 0), "a point": (False, 64), "its surroundings": (True, 64)}
    return found | {name: overlap(films, *model) for name, model in models.items()}


@pytest.fixture(scope="module")
def found(request):
    return measured("street", source_of(__file__, street.Street), numbers, request.config)


@pytest.mark.slow
def test_classes_are_about_as_frequent_as_in_synthia(found):
    share = np.array([found[f"share of {name}"] for name in street.CLASS_NAMES])
    for name, made, true in zip(street.CLASS_NAMES, share, SYNTHIA, strict=True):
        assert true / 2.5 < made < 2.5 * true, name
    assert share[BICYCLE] == share.min() and share[PEDESTRIAN] < 0.01


@pytest.mark.slow
def test_a_point_alone_says_little_and_its_surroundings_much(found):
    linear, point, context = (found[name] for name in ("a point, linear", "a point", "its surroundings"))
    assert linear < 0.25
    assert context > point + 0.08 > linear + 0.08
    assert context < 0.85, "and something is left to learn"
