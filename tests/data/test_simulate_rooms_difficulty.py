"""What a point lies on cannot be read off its place, height and colour; a small network on its neighbours tells it.

The linear model is ridge regression of one-hot classes on coordinates about the middle of the room, their squares, the
height, the distance to the nearest wall and the colour; classes are weighed alike, and the best of three penalties is
chosen on the test rooms themselves: an upper bound. The network is the point U-Net on 3072 points a room, whose loss
weighs rare classes up. Both are scored by the mean IoU of the thirteen classes over all test points together.
"""

import numpy as np
import pytest
import torch

from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.data.simulate.filming import film
from pointvideo.data.simulate.furnished_rooms import CLASSES, FurnishedRooms
from pointvideo.tasks.intersection import class_ious, count, mean_iou
from pointvideo.tasks.point_classifier import PointClassifier

from .measured import measured, source_of

POINTS, EPOCHS, BATCH = 3072, 80, 4
RADIUS = 2.0


def told(xyz: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Place, height, distance to the nearest wall, and colour of every point of a room."""
    middle = (xyz.max(0) + xyz.min(0)) / 2
    about, half = xyz - middle, (xyz.max(0) - xyz.min(0)) / 2
    wall = (half - np.abs(about))[:, (0, 2)].min(axis=1, keepdims=True)
    return np.concatenate([about, about**2, xyz[:, 1:2], wall, wall**2, rgb / 255.0], axis=1)


def scored(guess: np.ndarray, truth: np.ndarray) -> float:
    return mean_iou(class_ious(count(guess, truth, len(CLASSES)), absent=0.0))


def linear(rooms: list[dict], tests: list[dict]) -> float:
    """mIoU of ridge regression, each class weighed as if it had as many points as any other."""
    seen, wanted = (np.concatenate([told(each["xyz"], each["rgb"]) for each in some]) for some in (rooms, tests))
    labels, truth = (np.concatenate([each["semantic"] for each in some]).astype(int) for some in (rooms, tests))
    mean, deviation = seen.mean(0), seen.std(0)
    seen, wanted = (
        np.concatenate([(rows - mean) / deviation, np.ones((len(rows), 1))], axis=1) for rows in (seen, wanted)
    )
    target, best = np.eye(len(CLASSES))[labels], 0.0
    for power in (0.0, 0.5, 1.0):
        weight = (1.0 / np.maximum(np.bincount(labels, minlength=len(CLASSES)), 1)[labels]) ** power
        left = (seen * weight[:, None]).T
        for penalty in (1e-4, 1e-2):
            gram = left @ seen
            found = np.linalg.solve(gram + penalty * np.trace(gram) * np.eye(len(gram)), left @ target)
            best = max(best, scored((wanted @ found).argmax(1), truth))
    return best


def network(rooms: list[dict], tests: list[dict]) -> float:
    """mIoU of a point U-Net with colours."""
    torch.manual_seed(0)
    size = PointUNetSize(
        inputs=3, stem=16, encoder=((16,), (32,), (64,)), radius=0.08, neighbours=12, decoder=(64, 32, 32),
        output="points",
    )  # fmt: skip
    model = PointClassifier(size, len(CLASSES))
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    steps = EPOCHS * (len(rooms) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    random = np.random.default_rng(0)
    often = np.bincount(np.concatenate([each["semantic"] for each in rooms]), minlength=len(CLASSES))
    weight = torch.tensor((often.sum() / len(CLASSES) / np.maximum(often, 1)) ** 0.5).float()

    def batch(several: list[dict], turned: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        chosen = [random.permutation(len(each["xyz"]))[:POINTS] for each in several]
        xyz, rgb, label = (
            np.stack([each[name][some] for each, some in zip(several, chosen, strict=True)])
            for name in ("xyz", "rgb", "semantic")
        )
        if turned:
            angle = random.uniform(0, 2 * np.pi)
            turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
            xyz = xyz @ turn
        xyz = torch.from_numpy(xyz).float()
        xyz = (xyz - xyz.mean(dim=1, keepdim=True)) / RADIUS
        return xyz[:, None], torch.from_numpy(rgb).float()[:, None] / 255, torch.from_numpy(label).long()

    for _ in range(EPOCHS):
        order = random.permutation(len(rooms))
        for first in range(0, len(rooms) - BATCH + 1, BATCH):
            xyz, rgb, label = batch([rooms[at] for at in order[first : first + BATCH]], True)
            optimiser.zero_grad()
            logits = model(xyz, features=rgb).flatten(0, 2)
            torch.nn.functional.cross_entropy(logits, label.flatten(), weight).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    guess, truth = [], []
    with torch.no_grad():
        for first in range(0, len(tests), BATCH):
            xyz, rgb, label = batch(tests[first : first + BATCH], False)
            guess.append(model(xyz, features=rgb).argmax(-1).flatten())
            truth.append(label.flatten())
    return scored(torch.cat(guess).numpy(), torch.cat(truth).numpy())


def accuracies(world: FurnishedRooms) -> dict[str, float]:
    """Of the test rooms, of whose furniture no model was shown a piece."""
    made = dict(film(world.recordings()))
    rooms, tests = (
        [made[name].frames[0] for name in sorted(made) if made[name].sequence.split == split]
        for split in ("train", "test")
    )
    return {
        "place and colour, linear": linear(rooms, tests),
        "3072 points, network": network(rooms, tests),
    }


@pytest.mark.slow
def test_place_and_colour_are_not_enough_and_neighbours_are(request):
    source = source_of(__file__, FurnishedRooms)
    world = FurnishedRooms(train=48, test=16, points=4096)
    found = measured("furnished_rooms", source, lambda: accuracies(world), request.config)
    print(found)
    place, neighbours = found["place and colour, linear"], found["3072 points, network"]
    assert place < 0.2 and neighbours > 0.28 and neighbours > 1.8 * place
