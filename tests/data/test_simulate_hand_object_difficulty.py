"""One frame of the hand_object world does not tell the action; motion does.

Both models are given more than a network will get: where, how large and how stretched hand, thing, other objects and
table are (by their true labels) and what the thing is. They are the same network, a perceptron on one frame, and the
same with windows of five frames at three rates; seven in ten subjects train, the others are scored.
"""

import numpy as np
import pytest
import torch

from pointvideo.data.layout import DepthCamera
from pointvideo.data.simulate.hand_object import ACTION_NAMES, CATEGORY_NAMES, SEMANTIC_NAMES, record

from .measured import measured, source_of

CAMERA = DepthCamera(width=80, height=60, focal=58.0, centre_u=39.5, centre_v=29.5, scale=0.001)
SEQUENCES, FRAMES = 80, 150


def describe(frame, category):
    points, row = CAMERA.back_project(frame["pixels"]), []
    for name in ("hand", category, "other objects", "table"):
        part = points[frame["semantic"] == SEMANTIC_NAMES.index(name)]
        seen = [*part.mean(0), *part.std(0), len(part) / len(points), 1.0] if len(part) else [0.0] * 8
        row += seen
    return row


def sequences():
    """Descriptors (sequences, frames, channels), actions (sequences, frames), and who trains."""
    described, actions, train = [], [], []
    for number in range(SEQUENCES):
        made = record(number, camera=CAMERA, points=2048)
        kind = np.eye(len(CATEGORY_NAMES))[CATEGORY_NAMES.index(made.category)]
        described.append([[*describe(frame, made.category), *kind] for frame in made.frames])
        actions.append(made.action)
        train.append(made.split == "train")
    described, train = np.array(described, np.float32), np.array(train)
    mean, spread = described[train].mean((0, 1)), described[train].std((0, 1)) + 1e-6
    return torch.tensor((described - mean) / spread), torch.tensor(np.array(actions)).long(), torch.tensor(train)


def network(channels, window, width=64):
    layers = []
    for dilation in (1, 2, 4):
        layers += [
            torch.nn.Conv1d(channels, width, window, padding=dilation * (window // 2), dilation=dilation),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.2),
        ]
        channels = width
    return torch.nn.Sequential(*layers, torch.nn.Conv1d(width, len(ACTION_NAMES), 1))


def accuracy(described, actions, train, window, epochs=50, batch=8):
    """Share of the test subjects' frames that are named rightly."""
    torch.manual_seed(0)
    model = network(described.shape[-1], window)
    clips, chosen = described.transpose(1, 2).contiguous(), torch.nonzero(train)[:, 0]
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    steps = epochs * -(-len(chosen) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for part in chosen[torch.randperm(len(chosen))].split(batch):
            loss = torch.nn.functional.cross_entropy(model(clips[part]), actions[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        return float((model(clips[~train]).argmax(1) == actions[~train]).float().mean())


def linear_accuracy(described, actions, train, penalty=10.0):
    """Ridge regression of single frames to one-hot actions."""
    frames = torch.cat([described, torch.ones_like(described[..., :1])], -1).double()
    seen, target = frames[train].flatten(0, 1), torch.eye(len(ACTION_NAMES)).double()[actions[train].flatten()]
    weight = torch.linalg.solve(seen.T @ seen + penalty * torch.eye(seen.shape[1]), seen.T @ target)
    return float(((frames[~train] @ weight).argmax(-1) == actions[~train]).float().mean())


def accuracies():
    """Share of the test subjects' frames that are named rightly."""
    found = sequences()
    assert set(np.unique(found[1][found[2]])) == set(np.unique(found[1][~found[2]])) == set(range(19))
    linear, single, temporal = linear_accuracy(*found), accuracy(*found, 1), accuracy(*found, 5)
    return {"one frame, linear": linear, "one frame, perceptron": single, "temporal": temporal}


@pytest.mark.slow
def test_one_frame_is_not_enough_and_motion_is(request):
    found = measured("hand_object", source_of(__file__, record), accuracies, request.config)
    print(found)
    linear, single, temporal = (found[name] for name in ("one frame, linear", "one frame, perceptron", "temporal"))
    assert linear < 0.45 and single < 0.50
    assert temporal > 0.55 and temporal - max(linear, single) > 0.12
