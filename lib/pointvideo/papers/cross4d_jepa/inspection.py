"""One clip looked at step by step, as the teacher sees it and as the student's targets are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ...backbones import Clip, Tokens, tokens_of
from ...data.clips import ClipSampler
from ...data.store import Store
from ...pretexts.cross4d import Cross4DPretrain
from ...pretexts.patch_targets import point_targets, token_targets
from ...study.runner import pretrained_weights
from ...teachers.render import Drawn, draw, patch_of
from ...teachers.targets import clip_points, middle_start, targets_of

COMPONENTS = 3  # of a principal component analysis, shown as red, green, blue


class Seen(NamedTuple):
    """A clip on its way from points to targets.

    ``drawn`` from the cameras; ``maps`` (frames, grid, grid, channels) of the first camera, projected; ``targets``
    (frames, points, channels) of the points and ``visible`` (frames, points), which have one; ``anchors`` (frames,
    tokens, 3) in the student's unit, ``answers`` (frames, tokens, channels), what the tokens have to say, and
    ``taught`` (frames, tokens), which have to.
    """

    drawn: Drawn
    maps: Float[Tensor, "frames grid grid channels"]
    targets: Float[Tensor, "frames points channels"]
    visible: Bool[Tensor, "frames points"]
    anchors: Float[Tensor, "frames tokens 3"]
    answers: Float[Tensor, "frames tokens channels"]
    taught: Bool[Tensor, "frames tokens"]

    @property
    def coverage(self) -> float:
        """Share of the points that a camera sees."""
        return float(self.visible.double().mean())


@torch.no_grad()
def look_at(recipe: Cross4DPretrain, store: Store, video: int) -> Seen:
    """A video's clip as the recipe's teacher and student see it."""
    spec, videos = recipe.targets, np.array([video])
    kept = targets_of(spec, store, videos)
    xyz, student = _clips(recipe, store, videos)
    cell, values = patch_of(kept.pixel(videos), spec.teacher.side, spec.teacher.grid), kept.map(videos)
    targets, visible = point_targets(cell, values)
    anchors = tokens_of(_backbone(recipe, trained=False), student).xyz
    answers, taught = token_targets(anchors, student.xyz, cell[..., :: xyz.shape[2] // student.xyz.shape[2]], values)
    maps = values[0, 0].unflatten(1, (spec.teacher.grid, spec.teacher.grid))
    drawn = draw(spec.render, spec.teacher.side, xyz[0])
    return Seen(drawn, maps, targets[0], visible[0], anchors[0], answers[0], taught[0])


def colours_of(
    rows: Float[Tensor, "rows channels"], others: Float[Tensor, "more channels"] | None = None
) -> Float[np.ndarray, "rows 3"]:
    """The first three principal components as red, green and blue from 0 to 1, cut at the 2nd and 98th per cent.

    rows: what is coloured. others: rows that the components are those of, ``rows`` themselves when left out.
    """
    basis = rows if others is None else others
    mean = basis.mean(dim=0)
    _, _, directions = torch.linalg.svd((basis - mean).double(), full_matrices=False)
    directions = directions[:COMPONENTS].T
    # a component has no sign of its own: one that does not change from run to run
    directions = directions * torch.where(directions.sum(dim=0) < 0, -1.0, 1.0)
    found, inside = (((values - mean).double() @ directions).numpy() for values in (rows, basis))
    low, high = np.percentile(inside, [2, 98], axis=0)
    found = np.clip((found - low) / np.maximum(high - low, 1e-9), 0, 1)
    return np.pad(found, ((0, 0), (0, COMPONENTS - found.shape[1])), constant_values=0.5)


@torch.no_grad()
def painted(
    recipe: Cross4DPretrain, store: Store, videos: Sequence[int], *, trained: bool
) -> tuple[Float[np.ndarray, "videos frames points 3"], Float[np.ndarray, "videos frames points 3"]]:
    """The points of clips, and each one's colour: that of the nearest token of its frame, by the principal components
    of all tokens of these clips (the rule of the paper's supplement D).

    trained: with the weights that the recipe has left, which is trained if it has not been; else as it begins.
    """
    clip, tokens = _tokens(recipe, store, videos, trained)
    colours = torch.from_numpy(colours_of(tokens.features.flatten(0, 2))).view(*tokens.features.shape[:3], 3)
    near = torch.cdist(clip.xyz.flatten(0, 1), tokens.xyz.flatten(0, 1)).argmin(dim=-1)
    found = colours.flatten(0, 1).gather(1, near[..., None].expand(-1, -1, 3))
    return clip.xyz.numpy(), found.view(*clip.xyz.shape[:3], 3).numpy()


@torch.no_grad()
def share_of_place(recipe: Cross4DPretrain, store: Store, videos: Sequence[int], *, trained: bool) -> float:
    """Share of the variance of token features that a linear map of the token's (x, y, z) explains, 0 to 1; arguments
    as for :func:`painted`."""
    _, tokens = _tokens(recipe, store, videos, trained)
    features, places = tokens.features.flatten(0, 2).double(), tokens.xyz.flatten(0, 2).double()
    features = features - features.mean(dim=0)
    inputs = torch.cat([places, torch.ones(len(places), 1, dtype=places.dtype)], dim=1)
    rest = features - inputs @ torch.linalg.lstsq(inputs, features).solution
    return 1 - float(rest.square().sum() / features.square().sum())


def _tokens(recipe: Cross4DPretrain, store: Store, videos: Sequence[int], trained: bool) -> tuple[Clip, Tokens]:
    """The student's clips of some videos, and its tokens."""
    _, clip = _clips(recipe, store, np.asarray(videos))
    return clip, tokens_of(_backbone(recipe, trained=trained), clip)


def _clips(recipe: Cross4DPretrain, store: Store, videos: np.ndarray) -> tuple[Tensor, Clip]:
    """The clips in the middle of videos: as they are drawn, in the store's unit, and as the student takes them."""
    spec = recipe.targets
    start = middle_start(store.frame_counts, spec.frames)[videos]
    xyz = clip_points(ClipSampler(store, spec.frames), spec, videos, start)
    thin = spec.render.points // recipe.data.points
    return xyz, Clip(recipe.data.in_unit(xyz, xyz.mean(dim=(1, 2)))[:, :, ::thin])


def _backbone(recipe: Cross4DPretrain, *, trained: bool) -> nn.Module:
    """The student as its pre-training begins, or with the weights that it has left."""
    torch.manual_seed(recipe.seed)
    backbone = recipe.backbone.build().eval()
    if trained:
        backbone.load_state_dict(pretrained_weights(recipe))
    return backbone
