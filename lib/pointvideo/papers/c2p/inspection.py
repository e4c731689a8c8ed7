"""Test clips as a C2P pre-training sees them, and what its network makes of them before and after.

The pages on the method draw these; nothing here is trained on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...backbones import Clip
from ...data.clips import FrameBatch
from ...data.store import Store
from ...losses.c2p import C2PLoss, LossParts, build_predictors, c2p_loss
from ...pretexts.c2p import C2P, C2PPretrain
from ...pretexts.views import camera_pose, partial_view, random_view
from ...recipe import stable_seed
from ...report.figures.matching import chance_shares, match_shares
from ...report.figures.show import data_stamp
from ...report.gate import start_not_learnt
from ...report.render import markdown_table
from ...report.stamps import Stamp
from ...study.experiments import Method
from ...study.runner import pretrained_weights, store_of

Places = tuple[np.ndarray, np.ndarray]  # sequence and start of each clip
Sides = tuple[Float[np.ndarray, "clips times width"], Float[np.ndarray, "clips times width"]]


class Views(NamedTuple):
    """Clips as recorded and as the virtual camera sees them.

    Args:
        frames: all points, (clips, frames, most_points, 3) with their lengths.
        seen: which of them the camera sees, (clips, frames, most_points).
        path: (theta°, phi°, zoom) of the camera, (clips, frames, 3).
        position, rotation: of the camera, (clips, frames, 3) and (clips, frames, 3, 3).
        complete, partial: what goes into teacher and student, (clips, frames, points, 3), without augmentation.
    """

    frames: FrameBatch
    seen: Tensor
    path: np.ndarray
    position: Tensor
    rotation: Tensor
    complete: Clip
    partial: Clip

    def random(self, seed: int) -> Tensor:
        """As many points of each frame as the camera sees, drawn at random."""
        return random_view(self.seen, self.frames.lengths, seed)

    def clouds(self, kept: Tensor | None = None, clip: int = 0) -> list[Float[np.ndarray, "_ 3"]]:
        """Points of each frame of one clip; all of them, or those marked."""
        cut = zip(self.frames.xyz[clip], self.frames.lengths[clip], strict=True)
        whole = [xyz[:length].numpy() for xyz, length in cut]
        if kept is None:
            return whole
        return [xyz[mark[: len(xyz)].numpy()] for xyz, mark in zip(whole, kept[clip], strict=True)]


def places_of(recipe: C2PPretrain, count: int, action: str = "") -> Places:
    """Clips of the test split, one of each of ``count`` videos, spread evenly over them.

    With an ``action``, a clip from the middle of the first video that shows it stands in front of them.

    Raises:
        ValueError: no test clip shows the action.
    """
    store: Store = store_of(recipe.dataset)
    clips = recipe.data.clips(store, "test")
    first = np.unique(clips.sequence, return_index=True)[1]
    chosen = first[np.linspace(0, len(first) - 1, count).astype(int)]
    if action:
        label = store.classes.index(action) if action in store.classes else -1
        shown = np.flatnonzero(store.labels[clips.sequence] == label)
        if not len(shown):
            raise ValueError(f"action: got {action!r}, expected one with a test clip of {recipe.data.frames} frames")
        shown = shown[clips.sequence[shown] == clips.sequence[shown[0]]]
        chosen = np.r_[shown[len(shown) // 2], chosen]
    return clips.sequence[chosen], clips.start[chosen]


def views_of(recipe: C2PPretrain, places: Places, seed: int = 0) -> Views:
    """Both views of clips, as the recipe's job makes them, but for the student's augmentation."""
    job = recipe.job(store_of(recipe.dataset))
    reader, trajectory = job.stream.reader, recipe.trajectory
    frames = reader.load(*places)
    seen = job.visible(frames, seed)
    path = trajectory.sample(recipe.data.frames, stable_seed(seed, 1), len(places[0]))
    centre = frames.xyz.sum(dim=2).double() / frames.lengths[..., None]
    spherical = trajectory.pattern != "released"
    position, rotation = camera_pose(centre, torch.from_numpy(path), spherical=spherical, radius=trajectory.radius)
    complete = reader.view(frames, stable_seed(seed, 0))
    partial = reader.view(frames, stable_seed(seed, 2), keep=seen)
    return Views(frames, seen, path, position, rotation, complete, partial)


def share_seen(
    recipe: C2PPretrain, views: Views, *, tolerance: float | None = None
) -> Float[np.ndarray, "clips frames"]:
    """Share of its points that each frame keeps, sweeps to the right turned round so that theta grows.

    tolerance: of the depth buffer, in the store's unit; the recipe's when left out.
    """
    camera = recipe.camera if tolerance is None else replace(recipe.camera, tolerance=tolerance)
    spherical = recipe.trajectory.pattern != "released"
    seen = partial_view(views.frames, views.path, camera, spherical=spherical, radius=recipe.trajectory.radius)
    share = (seen.sum(dim=-1) / views.frames.lengths).numpy()
    grows = views.path[:, :1, 0] < views.path[:, -1:, 0]
    return np.where(grows, share, share[:, ::-1])


def model_of(recipe: C2PPretrain, *, trained: bool) -> C2P:
    """The network as its pre-training begins, or with the weights that it has left."""
    torch.manual_seed(recipe.seed)
    model = C2P(recipe).eval()
    if trained:
        model.backbone.load_state_dict(pretrained_weights(recipe))
    return model


@torch.no_grad()
def features_of(recipe: C2PPretrain, views: Views, *, trained: bool) -> Sides:
    """Frame features of teacher and student, (clips, times, width) each."""
    model, sides = model_of(recipe, trained=trained), []
    for clip in range(0, len(views.complete.xyz), 8):
        part = slice(clip, clip + 8)
        sides.append(model(views.complete.map(lambda v: v[part]), views.partial.map(lambda v: v[part])))  # noqa: B023
    teacher, student = (torch.cat(side).numpy() for side in zip(*sides, strict=True))
    return teacher, student


def learnt_line(record: Mapping[str, Any], sides: Sides, *, other: int, reach: int = 0) -> str:
    """What a pre-training has come to, in one sentence; a student that finds its frame in another clip as well goes by
    its place in the clip, not by what it shows.

    sides: features of clips on which it was not trained. other: how many clips further on another one stands. reach: so
    many frames off still count.
    """
    result, (teacher, student) = record["result"], sides
    shares = match_shares(student, teacher, other=other, reaches=(reach,))
    (own,), (another,), (guess,) = shares["own"], shares["another"], chance_shares(student.shape[1], (reach,))
    which = "the right frame" if reach == 0 else f"the right frame (give or take {reach})"
    return (
        f"{record['dataset']['source']} data, {len(result['curve'])} epochs: loss {result['curve'][-1]['loss']:.2f} "
        f"(chance {result['chance']:.2f}); the student picks {which} of its clip in {own:.0%} of the cases, of another "
        f"clip in {another:.0%} (chance {guess:.0%})"
    )


def end_lines(runs: Mapping[Method, Sequence[Mapping[str, Any]]]) -> str:
    """A Markdown list: first and last loss of each method's runs, and NOT LEARNT with the reason where the gate of the
    tables says so."""
    lines = []
    for method, records in runs.items():
        first, last = (np.mean([one["result"]["curve"][at]["loss"] for one in records]) for at in (0, -1))
        reason = start_not_learnt(records)
        said = f"; NOT LEARNT: {reason}" if reason else ""
        lines.append(f"- **{method.label.removeprefix('after ')}**: loss {first:.2f} → {last:.2f}{said}")
    return "\n".join(lines)


def match_table(sides: Mapping[str, Sides], *, other: int, reaches: Sequence[int] = (0, 1)) -> str:
    """A Markdown table: how often the student's nearest frame is the right one, or at most so many times off, in its
    own clip and in another one; last, what guessing gives."""
    names = ["right frame" if reach == 0 else f"at most {reach} off" for reach in reaches]
    lines = []
    for name, (teacher, student) in sides.items():
        shares = match_shares(student, teacher, other=other, reaches=reaches)
        lines.append((name, *(f"{share:.0%}" for share in (*shares["own"], *shares["another"]))))
    guess = [f"{share:.0%}" for share in chance_shares(teacher.shape[1], reaches)]
    lines.append(("chance", *guess, *guess))
    header = ("", *(f"own clip: {name}" for name in names), *(f"another clip: {name}" for name in names))
    return markdown_table(header, lines)


RELEASED = {
    "all other frames\nare negatives": {"negatives": "other_frames"},
    "positive in the\ndenominator": {"positive_in_denominator": True},
    "batch norm in\nthe predictors": {"predictor_norm": "batch"},
    "next frame only\n= released": {"offsets": (1,)},
}


@torch.no_grad()
def released_steps(model: C2P, teacher: Tensor, student: Tensor) -> dict[str, tuple[C2PLoss, LossParts]]:
    """The loss on the same features from the paper's text to the code released for MSR-Action3D, one switch after the
    other; the predictors keep their linear layers."""
    steps = {"paper's text": model.recipe.loss}
    for name, switch in RELEASED.items():
        steps[name] = replace(list(steps.values())[-1], **switch)
    found = {}
    for name, loss in steps.items():
        predictors = build_predictors(loss, teacher.shape[-1], model.recipe.predictor_hidden)
        for offset, predictor in predictors.items():
            weights = model.predictors[offset].state_dict().items()
            predictor.load_state_dict({k: v for k, v in weights if not k.startswith("norm")}, strict=False)
        found[name] = loss, c2p_loss(teacher, student, predictors, loss)
    return found


def view_table(views: Mapping[str, Views]) -> str:
    """A Markdown table of what the camera leaves of the first clip, a line a name."""
    lines = []
    for name, found in views.items():
        share = (found.seen.sum(dim=-1) / found.frames.lengths)[0]
        lines.append(
            (
                name,
                str(found.frames.xyz.shape[1]),
                f"{found.frames.lengths[0].double().mean():.0f}",
                f"{share.mean():.0%}",
                f"{share.min():.0%} to {share.max():.0%}",
                f"{found.seen[0].sum(dim=-1).double().mean():.0f}",
            )
        )
    return markdown_table(("", "frames", "points a frame", "seen", "from frame to frame", "points seen"), lines)


def hidden(views: Views) -> float:
    """Share of the frames of which the camera hides a point."""
    return float((views.seen.sum(dim=-1) < views.frames.lengths).double().mean())


def stamp_of(recipes: Mapping[str, C2PPretrain], profile: str) -> Stamp:
    """The stamp of a picture of several sets at once: recorded only if all of them are."""
    stores = [store_of(recipe.dataset) for recipe in recipes.values()]
    shown = next((store for store in stores if store.source != "recorded"), stores[0])
    return data_stamp(shown, profile=profile, data=", ".join(f"{store.source} {store.name}" for store in stores))


def recorded_of(recipes: Mapping[str, C2PPretrain]) -> set[str]:
    """Names of the recipes whose data were recorded."""
    return {name for name, recipe in recipes.items() if store_of(recipe.dataset).source == "recorded"}


def longer(recipe: Any, epochs: int, profile: str) -> Any:
    """A pre-training for so many epochs at quick, a tenth of them to warm up; at other profiles as it is."""
    if profile != "quick":
        return recipe
    optimiser = replace(recipe.training.optimiser, warmup_epochs=epochs / 10)
    return replace(recipe, training=replace(recipe.training, epochs=epochs, optimiser=optimiser))
