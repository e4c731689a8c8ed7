"""Networks for action segmentation of HOI4D's clips, forward and backward, against themselves with the authors' tubes.

The tube embedding is what differs: theirs groups, maps and pools frame by frame with everything written out. What
follows it, positions and transformers, is the same code for both; where that is most of the time, a ratio cannot be
large.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.authors import AuthorsP4DConv, SearchingAuthorsP4DConv
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import moving, radius_holding
from benchmarks.operators import AUTHORS, IN_BALL
from pointvideo.backbones import P4ActionSegmentationSize, PPTrActionSegmentationSize, TransformerSize
from pointvideo.backbones.action_segmentation import EVERY_FRAME, TRANSFORMER
from pointvideo.tasks.frame_classifier import FrameClassifier

CLASSES = 19
SEARCHING = "authors' form, plain search"
FORMS = {AUTHORS: AuthorsP4DConv, SEARCHING: SearchingAuthorsP4DConv}
CHECKED = 4  # frames that an equality looks at


def transformer_of(width: int, depth: int) -> TransformerSize:
    """The authors' transformer where the width is theirs, else two heads and a narrow one."""
    if width == TRANSFORMER.width:
        return replace(TRANSFORMER, depth=depth)
    return TransformerSize(width=width, depth=depth, heads=2, head_width=width // 2, hidden=2 * width)


def learner(model: nn.Module, clips: Tensor, labels: Tensor):
    """Forward and backward of the mean cross entropy over all frames."""

    def call() -> None:
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(clips).flatten(0, 1), labels.flatten()).backward()

    return call


def trainer(model: nn.Module, clips: Tensor, labels: Tensor):
    """The same and an update with momentum, as the authors train."""
    optimiser, learn = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9), learner(model, clips, labels)

    def call() -> None:
        learn()
        optimiser.step()

    return call


def work(model: FrameClassifier, batch: int, frames: int, points: int) -> tuple[float, float]:
    """Bytes of the weights and their gradients, and operations of one forward and backward pass."""
    backbone, size = model.backbone, model.backbone.size
    width, depth = size.transformer.width, size.transformer.depth
    anchors = points // size.tube.spatial_stride
    blocks = {name: sum(p.numel() for p in part.parameters()) for name, part in backbone.named_children()}
    passes = [(blocks.get("transformer", blocks.get("transformer2")), batch * frames, frames)]
    if "transformer1" in blocks:
        passes.append((blocks["transformer1"], batch * frames * anchors, anchors // size.primitives))
    operations = sum(3 * tokens * (2.0 * weights + 4.0 * depth * seen * width) for weights, tokens, seen in passes)
    slots = batch * frames * anchors * size.tube.temporal_kernel * size.tube.neighbours
    every = sum(p.numel() for p in model.parameters())
    return 3 * 4.0 * every, operations + 8.0 * slots * width


def learning(size_of: type, device, batch: int, frames: int, points: int, width: int, depth: int) -> Bench:
    """Forward and backward of a network for action segmentation; the memory is that of a whole training step."""
    tube = replace(EVERY_FRAME, radius=radius_holding(points, IN_BALL))
    torch.manual_seed(0)
    model = FrameClassifier(size_of(tube=tube, transformer=transformer_of(width, depth)), CLASSES).to(device)
    clips = moving(batch, frames, points, device=device)
    labels = torch.randint(CLASSES, (batch, frames), generator=torch.Generator().manual_seed(2)).to(device)

    def form(kind: type) -> nn.Module:
        theirs = copy.copy(model)  # the same weights
        theirs._modules = {**model._modules, "backbone": copy.copy(model.backbone)}
        theirs.backbone._modules = {**model.backbone._modules, "tube": copy.copy(model.backbone.tube)}
        theirs.backbone.tube.__class__ = kind
        return theirs

    def few(of: nn.Module) -> Tensor:
        with torch.no_grad():
            return of.backbone.embed(clips[:1, :CHECKED]).features

    def agree(kind: type) -> float:
        "On average: cdist may take one point more or less at the edge of a ball."
        ours, theirs = few(model), few(form(kind))
        return float((ours - theirs).abs().mean() / ours.abs().mean())

    contenders = {
        name: Contender(
            lambda kind=kind: learner(form(kind), clips, labels),
            tolerance=1e-3,
            agree=partial(agree, kind),
            note="" if name == AUTHORS else "neighbours in plain torch: the authors' search needs CUDA",
        )
        for name, kind in FORMS.items()
    }
    return Bench(
        ours=learner(model, clips, labels),
        contenders=contenders,
        checks=(Check("tokens", lambda: few(model), lambda: few(form(AuthorsP4DConv)), tolerance=1e-5),),
        work=lambda _: work(model, batch, frames, points),
        training=trainer(model, clips, labels),
    )


p4transformer = partial(learning, P4ActionSegmentationSize)
pptr = partial(learning, PPTrActionSegmentationSize)
