"""PSTNet, forward and backward, against itself with the authors' form of its layer.

Their form, from the layer's description (Fan et al., PSTNet, ICLR 2021, section 3.2, and how the released layer
proceeds): for every anchor frame and every frame of its window, group the neighbours' coordinates and features, put
both through 1×1 convolutions in channel-first layout, join them, pool over the neighbours; then norm, ReLU and the
temporal convolution over the window's results side by side. Neighbours are found by our operators in both forms: the
authors' search is a CUDA extension.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv2d, cross_entropy

from benchmarks.authors import group
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import moving, radius_holding
from benchmarks.operators import AUTHORS, IN_BALL
from pointvideo.backbones import PSTConv, PSTNetSize, Tokens
from pointvideo.tasks.pooled_classifier import PooledClassifier

CLASSES = 20
POOLS = {"max": torch.amax, "sum": torch.sum, "mean": torch.mean}


def convolved(linear: nn.Linear, values: Tensor) -> Tensor:
    """A linear map of channels, (batch, channels, anchors, k)."""
    return conv2d(values, linear.weight[..., None, None], linear.bias)


class AuthorsPSTConv(PSTConv):
    """A PSTConv in the authors' form; parameters as in ours, tubes by our kernels."""

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> Tokens:
        anchors, index, source = self.tubes(xyz)
        # the last frame is one of zeros, which -1 names
        clouds = [cloud.transpose(1, 2).contiguous() for cloud in (*xyz.unbind(1), torch.zeros_like(xyz[:, 0]))]
        known = [torch.empty(0)] * len(clouds)
        if features is not None:
            every = (*features.unbind(1), torch.zeros_like(features[:, 0]))
            known = [one.transpose(1, 2).contiguous() for one in every]
        outputs = []
        for time, window in enumerate(source.tolist()):
            anchor = anchors[:, time].transpose(1, 2)[..., None]
            pooled = []
            for step, frame in enumerate(window):
                neighbours = index[:, time, :, step].contiguous()
                response = convolved(self.displacement, group(clouds[frame], neighbours) - anchor)
                if features is not None:
                    mapped = convolved(self.feature, group(known[frame], neighbours))
                    response = response + mapped if self.join == "+" else response * mapped
                pooled.append(POOLS[self.spatial_pool](response, dim=-1))
            outputs.append(torch.cat(pooled, dim=1))
        values = torch.stack(outputs, dim=1)
        batch, times = values.shape[:2]
        values = values.flatten(0, 1)
        if self.norm is not None:
            values = self.norm(values)
        values = conv1d(values.relu(), self.temporal.weight[..., None], self.temporal.bias)
        return Tokens(anchors, values.unflatten(0, (batch, times)).transpose(2, 3))


def make_authors(model: PooledClassifier) -> PooledClassifier:
    """Turn a classifier's layers into the authors' form, in place; its weights stay."""
    for level in model.backbone.levels:
        level.__class__ = AuthorsPSTConv
    return model


def learner(model: nn.Module, clips: Tensor, labels: Tensor):
    """Forward and backward of the mean cross entropy; the loss."""

    def call() -> Tensor:
        model.zero_grad(set_to_none=True)
        loss = cross_entropy(model(clips), labels)
        loss.backward()
        return loss.detach()

    return call


def work(model: PooledClassifier, frames: int, points: int, batch: int) -> tuple[float, float]:
    """Bytes of the weights and their gradients, and operations of one forward and backward pass."""
    operations, size, inputs = 0.0, model.backbone.size, 0
    for level in size.levels:
        mapped = frames * points * (inputs + 3) * level.middle
        frames = (frames + sum(level.temporal_padding) - level.temporal_kernel) // level.temporal_stride + 1
        points = points // level.spatial_stride
        slots = frames * points * level.temporal_kernel * level.middle
        operations += mapped + slots * (4 * size.neighbours + level.width)
        inputs = level.width
    return 3 * 4.0 * sum(p.numel() for p in model.parameters()), 3 * 2.0 * batch * operations


def pstnet(device, batch: int, frames: int, points: int, neighbours: int, narrower: int) -> Bench:
    """Forward and backward of PSTNet with its head, product and sum as released for MSR-Action3D."""
    torch.manual_seed(0)
    size = replace(PSTNetSize().narrower(narrower), radius=radius_holding(points, IN_BALL), neighbours=neighbours)
    model = PooledClassifier(size, CLASSES).to(device)
    clips = moving(batch, frames, points, device=device)
    labels = torch.arange(batch, device=device) % CLASSES
    theirs = make_authors(copy.deepcopy(model))

    def few(of: PooledClassifier) -> Tensor:
        with torch.no_grad():
            return of.eval()(clips[:1, :4])

    def agree() -> float:
        ours, other = few(model), few(theirs)
        for one in (model, theirs):
            one.train()
        return float((ours - other).abs().max() / other.abs().max())

    return Bench(
        ours=learner(model, clips, labels),
        contenders={AUTHORS: Contender(lambda: learner(theirs, clips, labels), tolerance=1e-4, agree=agree)},
        checks=(Check("loss", learner(model, clips, labels), learner(theirs, clips, labels), tolerance=1e-4),),
        work=lambda _: work(model, frames, points, batch),
    )
