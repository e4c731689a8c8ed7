"""One image of the hand_object_rgb world does not tell the action; time does, and some of it in one modality only.

A linear model sees single images: statistics of their colours, and 8 x 8 pixels of them. The temporal ones see five
frames at three rates of what is measured with the true labels: in points, where hand, thing and board are and how far
the thing is from the board's plane; in images, how light hand, thing and board are and how much of the board is dark.
Seven in ten subjects train, the others are scored.
"""

import numpy as np
import pytest
import torch

from pointvideo.data.images import LUMINANCE, places_in_image
from pointvideo.data.layout import DepthCamera
from pointvideo.data.nvgesture import otsu_threshold
from pointvideo.data.simulate.hand_object import SEMANTIC_NAMES, split_of
from pointvideo.data.simulate.hand_object_rgb import ACTION_NAMES, CATEGORY_NAMES, record
from pointvideo.data.simulate.surface_work import SURFACE_ACTIONS, TOOLS

from .measured import measured, source_of
from .test_simulate_hand_object_difficulty import network

CAMERA = DepthCamera(width=64, height=64, focal=62.0, centre_u=31.5, centre_v=31.5, scale=0.001)
FRAMES, TOOLS_OF, OTHERS_OF = 150, 240, 80  # recordings with a tool among the first so many, and others
PARTS = [SEMANTIC_NAMES.index(name) for name in ("hand", "other objects", "other furniture", "table")]
SURFACE = [ACTION_NAMES.index(name) for name in SURFACE_ACTIONS]


def numbers():
    """Of the recordings that are looked at: more of those with a tool."""
    kinds = [CATEGORY_NAMES[(number // 10 + number % 10) % len(CATEGORY_NAMES)] for number in range(TOOLS_OF)]
    return [number for number, kind in enumerate(kinds) if kind in TOOLS or number < OTHERS_OF]


def single(images):
    """Colour statistics and 8 x 8 pixels of each image, (frames, 207)."""
    shares = images.astype(np.float32) / 255
    flat = shares.reshape(len(images), -1, 3)
    blocks = shares.reshape(len(images), 8, images.shape[1] // 8, 8, images.shape[2] // 8, 3).mean((2, 4))
    statistics = [flat.mean(1), flat.std(1), *np.quantile(flat, [0.1, 0.5, 0.9], axis=1)]
    return np.concatenate([*statistics, blocks.reshape(len(images), -1)], 1)


def in_points(xyz, labels):
    """Place, extent and size of each part, and how high hand and thing are above the board's plane."""
    row = []
    for label in PARTS:
        part = xyz[labels == label]
        row += [*part.mean(0), *part.std(0), len(part) / len(xyz)] if len(part) else [0.0] * 7
    board = xyz[labels == PARTS[2]]
    if len(board) < 12:
        return row + [0.0] * 5
    middle = board.mean(0)
    normal = np.linalg.svd(board - middle, full_matrices=False)[2][2]
    normal *= -np.sign(normal @ middle)  # towards the camera
    for label, shares in ((PARTS[0], (0.1, 0.5)), (PARTS[1], (0.1, 0.5, 0.9))):
        near = xyz[(labels == label) & (np.linalg.norm(xyz - middle, axis=1) < 0.25)]
        row += list(np.quantile((near - middle) @ normal, shares)) if len(near) > 3 else [0.0] * len(shares)
    return row


def in_images(made):
    """How light each part is beside the image, and the share of the board that is dark for this recording."""
    parts, board = [], []
    for frame, image in zip(made.frames, made.images, strict=True):
        places = places_in_image(CAMERA, frame["pixels"], *image.shape[:2])
        light = image.astype(np.float32) @ np.float32(LUMINANCE)
        shades = np.clip(60 * light / max(light.mean(), 1), 0, 255).astype(np.uint8)[tuple(places.T)]
        of_part = [shades[frame["semantic"] == label] for label in PARTS]
        parts.append([value for rows in of_part for value in ((rows.mean(), rows.std()) if len(rows) else (0.0, 0.0))])
        board.append(of_part[2])
    threshold = otsu_threshold(np.concatenate(board)[None])
    dark = [float((rows <= threshold).mean()) if len(rows) else 0.5 for rows in board]
    return np.concatenate([np.array(parts), np.array(dark)[:, None]], 1)


def sequences():
    """Descriptors by name (sequences, frames, channels), actions (sequences, frames), who trains."""
    found = {"image": [], "points": [], "images": []}
    actions, train = [], []
    for number in numbers():
        made = record(number, camera=CAMERA, points=1024, frames=FRAMES)
        clouds = [(CAMERA.back_project(frame["pixels"]), frame["semantic"]) for frame in made.frames]
        found["points"].append([in_points(*cloud) for cloud in clouds])
        found["images"].append(in_images(made))
        found["image"].append(single(made.images))
        actions.append(made.action)
        train.append(split_of(made.subject) == "train")
    train = np.array(train)
    rows = {name: np.array(every, np.float32) for name, every in found.items()}
    scaled = {name: (each - each[train].mean((0, 1))) / (each[train].std((0, 1)) + 1e-6) for name, each in rows.items()}
    return {name: torch.tensor(each) for name, each in scaled.items()}, torch.tensor(np.array(actions)).long(), train


def linear(rows, actions, train, chosen):
    """Logistic regression of single frames, the best of three penalties; share of the test frames that it names of
    those with one of the ``chosen`` actions."""
    known, best = torch.isin(actions, torch.tensor(chosen)), 0.0
    inputs, targets = rows[train][known[train]], actions[train][known[train]]
    for penalty in (1e-4, 1e-3, 1e-2):
        model = torch.nn.Linear(rows.shape[-1], len(ACTION_NAMES))
        torch.nn.init.zeros_(model.weight)
        optimiser = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

        def loss(model=model, optimiser=optimiser, penalty=penalty):
            optimiser.zero_grad()
            value = torch.nn.functional.cross_entropy(model(inputs), targets) + penalty * model.weight.square().sum()
            value.backward()
            return value

        optimiser.step(loss)
        best = max(best, named(model(rows[~train]).detach(), actions[~train], known[~train]))
    return best


def named(logits, actions, known):
    return float((logits.argmax(-1) == actions)[known].float().mean())


def temporal(rows, actions, train, chosen, epochs=40, batch=8):
    """As :func:`linear`, of a perceptron over windows of five frames at three rates."""
    torch.manual_seed(0)
    known = torch.isin(actions, torch.tensor(chosen))
    targets, clips = actions.masked_fill(~known, -100), rows.transpose(1, 2).contiguous()
    model = network(rows.shape[-1], 5)
    model[-1] = torch.nn.Conv1d(64, len(ACTION_NAMES), 1)
    order = torch.nonzero(torch.tensor(train) & known.any(1))[:, 0]
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * -(-len(order) // batch))
    for _ in range(epochs):
        for part in order[torch.randperm(len(order))].split(batch):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(clips[part]), targets[part]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        return named(model(clips[~train]).transpose(1, 2), actions[~train], known[~train])


def accuracies():
    """Share of the test subjects' frames that are named rightly: of all actions, of the three that differ in colour
    only (paint, erase, rub), of the two that differ in geometry only (rub, hover)."""
    rows, actions, train = sequences()
    both = torch.cat([rows["points"], rows["images"]], -1)
    found = {}
    for name, chosen in (("all", list(range(len(ACTION_NAMES)))), ("colour", SURFACE[:3]), ("geometry", SURFACE[2:])):
        found[f"{name}: one image, linear"] = linear(rows["image"], actions, train, chosen)
        found[f"{name}: temporal, points"] = temporal(rows["points"], actions, train, chosen)
        found[f"{name}: temporal, images"] = temporal(rows["images"], actions, train, chosen)
        found[f"{name}: temporal, both"] = temporal(both, actions, train, chosen)
    dark = rows["images"][..., -1:]
    found["colour: one share of dark, linear"] = linear(dark, actions, train, SURFACE[:3])
    found["colour: temporal, share of dark"] = temporal(dark, actions, train, SURFACE[:3])
    return found


@pytest.mark.slow
def test_one_image_is_not_enough_and_each_modality_knows_what_the_other_does_not(request):
    found = measured("hand_object_rgb", source_of(__file__, record), accuracies, request.config)
    print(found)
    assert found["all: one image, linear"] < 0.3
    assert found["all: temporal, both"] > found["all: one image, linear"] + 0.3
    assert found["colour: one image, linear"] < 0.55 and found["colour: temporal, points"] < 0.45
    assert found["colour: temporal, share of dark"] > found["colour: one image, linear"] + 0.2
    assert found["geometry: temporal, points"] > 0.8
    assert found["geometry: temporal, images"] < found["geometry: temporal, points"] - 0.2
