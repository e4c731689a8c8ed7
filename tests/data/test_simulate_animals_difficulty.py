"""One frame of the animals world does not tell the motion; 24 frames do, of animals that no model was shown.

The models and the descriptor of a frame are those of the people world: occupancy of voxels around the animal's centre,
here in units of the clip's own size. Odd individuals of every kind train, the others are scored. The labels alone give
one in 17; the path of the centre alone, which is the simplest thing that moves, is a baseline as well.
"""

import numpy as np
import pytest

from pointvideo.data.simulate.animals import MOTION_NAMES, Animals
from pointvideo.data.simulate.building import build

from .measured import measured, source_of
from .test_simulate_difficulty import FRAMES, linear_probe, temporal_model

GRID, REACH = np.array([10, 10, 10]), 2.2  # voxels; root-mean-square radii to either side


def clips(folder):
    """Descriptors (videos, frames, voxels), centres (videos, frames, 3), labels, who trains and who is scored."""
    store = build(Animals(points=256), folder, progress=False)
    described, centres = [], []
    for number, sequence in enumerate(store.sequences):
        times = np.linspace(0, sequence.frames - 1, FRAMES).round().astype(int)
        xyz = np.stack([store.points(number, int(time)) for time in times])
        centre = xyz.mean(1)
        size = np.sqrt(((xyz - centre[:, None]) ** 2).sum(-1).mean())
        cell = (((xyz - centre[:, None]) / size / REACH * 0.5 + 0.5) * GRID).clip(0, GRID - 1).astype(int)
        flat = np.ravel_multi_index(tuple(np.moveaxis(cell, -1, 0)), tuple(GRID))
        counts = np.stack([np.bincount(row, minlength=GRID.prod()) for row in flat])
        described.append(np.sqrt(counts / xyz.shape[1]).astype(np.float32))
        centres.append((centre - centre.mean(0)) / size)
    return np.stack(described), np.stack(centres), store.labels, store.indices("train"), store.indices("test")


def best_linear(train, labels, test, wanted):
    """The best of three penalties, chosen on what is scored: an upper bound."""
    return max(float((linear_probe(train, labels, test, penalty) == wanted).mean()) for penalty in (0.1, 1.0, 10.0))


def accuracies(folder):
    """Share of the held-out individuals' videos that are named rightly."""
    described, centres, labels, train, test = clips(folder)
    one = best_linear(
        described[train].reshape(-1, described.shape[-1]),
        np.repeat(labels[train], FRAMES),
        described[test].reshape(-1, described.shape[-1]),
        np.repeat(labels[test], FRAMES),
    )
    path = best_linear(
        centres[train].reshape(len(train), -1), labels[train], centres[test].reshape(len(test), -1), labels[test]
    )
    temporal = float((temporal_model(described[train], labels[train], described[test]) == labels[test]).mean())
    return {"one frame, linear": one, "path of the centre, linear": path, "24 frames, temporal": temporal}


@pytest.mark.slow
def test_one_frame_is_not_enough_and_motion_is(tmp_path, request):
    found = measured("animals", source_of(__file__, Animals), lambda: accuracies(tmp_path / "a"), request.config)
    print(f"{found}; chance: {1 / len(MOTION_NAMES):.3f}")
    one, path, temporal = (
        found[name] for name in ("one frame, linear", "path of the centre, linear", "24 frames, temporal")
    )
    assert one < 0.40 and path < 0.50  # lying, rearing and jumping are told by the centre's height
    assert temporal > 0.52 and temporal - max(one, path) > 0.10
