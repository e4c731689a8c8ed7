"""What an object is cannot be read off its box and its covariance; a small network on its points tells it.

The linear model is ridge regression on the extents of the cloud and its covariance. The best of three penalties is
chosen on the test objects themselves: an upper bound. The network is a PointNet of two layers, which sees 128 points,
turned anew in every epoch.
"""

import numpy as np
import pytest
import torch

from pointvideo.data.simulate.filming import film
from pointvideo.data.simulate.object_clouds import Objects

from .measured import measured, source_of

POINTS, EPOCHS = 128, 30


def statistics(xyz: np.ndarray) -> np.ndarray:
    """The box around a cloud and its covariance."""
    return np.concatenate([np.ptp(xyz, axis=0), np.cov(xyz.T)[np.triu_indices(3)]])


def linear(seen: np.ndarray, labels: np.ndarray, wanted: np.ndarray, truth: np.ndarray) -> float:
    """Share that ridge regression to one-hot labels names rightly."""
    mean, deviation = seen.mean(0), seen.std(0)
    seen, wanted = ((rows - mean) / deviation for rows in (seen, wanted))
    target = np.eye(labels.max() + 1)[labels]
    best = 0.0
    for penalty in (0.1, 1.0, 10.0):
        weight = np.linalg.solve(seen.T @ seen + penalty * np.eye(seen.shape[1]), seen.T @ (target - target.mean(0)))
        best = max(best, float(((wanted @ weight + target.mean(0)).argmax(1) == truth).mean()))
    return best


def network(seen: np.ndarray, labels: np.ndarray, wanted: np.ndarray, truth: np.ndarray) -> float:
    """Share that a PointNet (points 3 → 64 → 128, the largest, 64, classes) names rightly."""
    torch.manual_seed(0)
    points = torch.nn.Sequential(
        torch.nn.Linear(3, 64), torch.nn.ReLU(), torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128)
    )
    head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Linear(64, 13))
    optimiser = torch.optim.AdamW([*points.parameters(), *head.parameters()], weight_decay=0.05)
    steps = EPOCHS * -(-len(seen) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    seen, labels, wanted = torch.tensor(seen), torch.tensor(labels), torch.tensor(wanted)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(seen)).split(32):
            angle, drawn = 2 * np.pi * torch.rand(len(batch)), torch.randperm(seen.shape[1])[:POINTS]
            turn = torch.zeros(len(batch), 3, 3)
            turn[:, 0, 0], turn[:, 2, 2], turn[:, 1, 1] = torch.cos(angle), torch.cos(angle), 1.0
            turn[:, 0, 2], turn[:, 2, 0] = torch.sin(angle), -torch.sin(angle)
            optimiser.zero_grad()
            logits = head(points(seen[batch][:, drawn] @ turn).amax(dim=1))
            torch.nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.1).backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        return float((head(points(wanted[:, :POINTS]).amax(dim=1)).argmax(1).numpy() == truth).mean())


def accuracies(world: Objects) -> dict[str, float]:
    """Of the test objects, whose proportions no model was shown."""
    made = dict(film(world.recordings()))
    every = [made[name] for name in sorted(made)]
    xyz = np.stack([each.frames[0]["xyz"] for each in every])
    labels = np.array([each.sequence.label for each in every])
    train = np.array([each.sequence.split == "train" for each in every])
    whole = np.stack([statistics(cloud) for cloud in xyz])
    return {
        "global statistics, linear": linear(whole[train], labels[train], whole[~train], labels[~train]),
        "128 points, network": network(xyz[train], labels[train], xyz[~train], labels[~train]),
    }


@pytest.mark.slow
def test_its_size_and_spread_are_not_enough_and_its_points_are(request):
    source = source_of(__file__, Objects)
    found = measured("objects", source, lambda: accuracies(Objects(train=32, test=12, points=192)), request.config)
    print(f"{found}; chance: {1 / 13:.3f}")
    statistics_, points = found["global statistics, linear"], found["128 points, network"]
    assert statistics_ < 0.5 and points > 0.6 and points - statistics_ > 0.2
