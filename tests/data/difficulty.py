"""Is a simulated world hard enough? A linear model of one frame against a small temporal model of the same features.

A frame is described by the square root of how its points are spread over voxels about the mean of the clip's points,
so that a model of one frame is told where in the clip's space it is. The linear model is
ridge regression to one-hot labels over all training frames, with the best of three penalties chosen on the test videos
themselves: an upper bound. The temporal model reads the frames of a clip, and their differences, in order.
"""

import numpy as np
import torch

from pointvideo.data.simulate.building import World
from pointvideo.data.simulate.filming import film

FRAMES = 24
GRID = (8, 10, 8)


def occupancy(xyz: np.ndarray, middle: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Square-root share of points in each of :data:`GRID` voxels, which ``reach`` to either side of ``middle``."""
    place = (xyz - middle) / reach
    counts, _ = np.histogramdd(place.clip(-0.999, 0.999), bins=GRID, range=[(-1, 1)] * 3)
    return np.sqrt(counts.ravel() / len(xyz)).astype(np.float32)


def described(world: World, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (videos, FRAMES, voxels), labels (videos,), whether a video trains (videos,); by name of the video."""
    camera, found = world.header()["camera"], {}
    for name, made in film(world.recordings()):
        shown = np.linspace(0, made.sequence.frames - 1, FRAMES).round().astype(int)
        clip = [camera.back_project(made.frames[frame]["pixels"]) for frame in shown]
        middle = np.mean([xyz.mean(0) for xyz in clip], axis=0)
        found[name] = (
            np.stack([occupancy(xyz, middle, reach) for xyz in clip]),
            made.sequence.label,
            made.sequence.split == "train",
        )
    clips, labels, train = zip(*(found[name] for name in sorted(found)), strict=True)
    return np.stack(clips), np.array(labels), np.array(train)


def linear(frames: np.ndarray, labels: np.ndarray, wanted: np.ndarray, truth: np.ndarray) -> float:
    """Share of the ``wanted`` frames (n, features) that ridge regression on ``frames`` names rightly."""
    offset, target = frames.mean(0), np.eye(labels.max() + 1)[labels]
    basis = (frames - offset).astype(np.float64)
    gram, response = basis.T @ basis, basis.T @ (target - target.mean(0))
    best = 0.0
    for penalty in (1.0, 10.0, 100.0):
        weight = np.linalg.solve(gram + penalty * np.eye(len(gram)), response)
        best = max(best, float((((wanted - offset) @ weight + target.mean(0)).argmax(1) == truth).mean()))
    return best


class Temporal(torch.nn.Module):
    """A linear map of each frame, two convolutions over time, the largest over time."""

    def __init__(self, features: int, classes: int, width: int = 64):
        super().__init__()
        self.frame = torch.nn.Sequential(torch.nn.Linear(features, width), torch.nn.ReLU())
        self.time = torch.nn.Sequential(
            torch.nn.Conv1d(2 * width, 128, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv1d(128, 128, 3, padding=1)
        )
        self.head = torch.nn.Linear(256, classes)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        seen = self.frame(8 * clips).transpose(1, 2)
        moved = torch.nn.functional.pad(seen[..., 1:] - seen[..., :-1], (1, 0))
        found = self.time(torch.cat([seen, moved], dim=1)).relu()
        return self.head(torch.cat([found.amax(dim=2), found.mean(dim=2)], dim=1))


def temporal(clips: np.ndarray, labels: np.ndarray, wanted: np.ndarray, truth: np.ndarray, epochs: int = 30) -> float:
    """Share of the ``wanted`` clips (videos, frames, features) that a :class:`Temporal` names rightly."""
    torch.manual_seed(0)
    seen, names, model = torch.tensor(clips), torch.tensor(labels), Temporal(clips.shape[-1], int(labels.max()) + 1)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    steps = epochs * -(-len(seen) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for step in range(steps):
        if step % (steps // epochs) == 0:
            order = torch.randperm(len(seen)).split(32)
        batch = order[step % (steps // epochs)]
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(seen[batch]), names[batch], label_smoothing=0.1).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return float((model(torch.tensor(wanted)).argmax(1).numpy() == truth).mean())


def accuracies(world: World, reach: np.ndarray) -> dict[str, float]:
    """What both name rightly of the test videos, and what chance does."""
    clips, labels, train = described(world, np.asarray(reach, float))
    every, times = clips.reshape(-1, clips.shape[-1]), np.repeat(labels, FRAMES)
    seen = np.repeat(train, FRAMES)
    return {
        "chance": 1 / (int(labels.max()) + 1),
        "one frame, linear": linear(every[seen], times[seen], every[~seen], times[~seen]),
        "24 frames, temporal": temporal(clips[train], labels[train], clips[~train], labels[~train]),
    }
