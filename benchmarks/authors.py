"""The authors' form of P4DConv, the baseline of `tube_max` and `group_max`: frame by frame, everything written out.

From its description (Fan et al., P4Transformer, CVPR 2021, section 3.1, and how the released layer proceeds): pad the
list of frames; for every anchor frame and every frame of its window, group the neighbours' coordinates and features,
put them through 1×1 convolutions in channel-first layout, take the maximum over the neighbours; collect the window's
results and take the maximum over them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from benchmarks import plain
from pointvideo.backbones import P4DConv, Tokens


def group(values: Tensor, index: Tensor) -> Tensor:
    """Neighbours' values: (batch, channels, points) and (batch, anchors, k) give (batch, channels, anchors, k)."""
    batch, anchors, neighbours = index.shape
    rows = index.reshape(batch, 1, anchors * neighbours).expand(-1, values.shape[1], -1)
    return values.gather(2, rows).view(batch, values.shape[1], anchors, neighbours)


def tube_convolution(
    xyz: Tensor,
    anchors: Tensor,
    index: Tensor,
    frame: Tensor,
    to_displacement: Tensor,
    features: Tensor | None = None,
    to_features: Tensor | None = None,
) -> Tensor:
    """Responses (batch, times, anchors, channels) of one layer without norm; max over neighbours and window.

    xyz (batch, frames, points, 3); anchors (batch, times, anchors, 3); index (batch, times, anchors, window, k);
    frame (times, window), all within the clip; to_displacement (channels, 4); features (batch, frames, points, inputs);
    to_features (channels, inputs).
    """
    times, window = frame.shape
    clouds = [cloud.transpose(1, 2).contiguous() for cloud in xyz.unbind(1)]
    known = [] if features is None else [one.transpose(1, 2).contiguous() for one in features.unbind(1)]
    sources, outputs = frame.tolist(), []
    for time in range(times):
        anchor = anchors[:, time].transpose(1, 2)[..., None]
        pooled = []
        for step in range(window):
            source = sources[time][step]
            neighbours = index[:, time, :, step].contiguous()
            displacement = group(clouds[source], neighbours) - anchor
            offset = torch.full_like(displacement[:, :1], step - window // 2)
            response = conv2d(torch.cat([displacement, offset], dim=1), to_displacement[..., None, None])
            if features is not None:
                response = response + conv2d(group(known[source], neighbours), to_features[..., None, None])
            pooled.append(response.max(dim=-1).values)
        outputs.append(torch.stack(pooled, dim=1).max(dim=1).values)
    return torch.stack(outputs, dim=1).transpose(2, 3)


class AuthorsP4DConv(P4DConv):
    """A one-layer P4DConv without norm, max and max, in the authors' form; parameters as in ours, tubes by our kernels.

    The authors find neighbours with a CUDA extension; the time compared here is the convolution's.
    """

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> Tokens:
        anchors, index, source = self.tubes(xyz)
        to_features = None if features is None else self.feature.linear.weight
        weight = self.displacement.linear.weight
        return Tokens(anchors, tube_convolution(xyz, anchors, index, source, weight, features, to_features))


class SearchingAuthorsP4DConv(AuthorsP4DConv):
    """The same with its anchors and neighbours found frame by frame in plain torch: all of it runs without CUDA."""

    def tubes(self, xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        source = self.windows(xyz.shape[1], xyz.device)
        count, anchors, index = xyz.shape[2] // self.spatial_stride, [], []
        for window in source.tolist():
            centre = xyz[:, window[len(window) // 2]]
            chosen = plain.sample_farthest_points(centre, count)
            anchors.append(centre.gather(1, chosen[..., None].expand(-1, -1, 3)))
            found = [plain.ball_query(xyz[:, frame], anchors[-1], self.radius, self.neighbours) for frame in window]
            index.append(torch.stack(found, dim=2))
        return torch.stack(anchors, dim=1), torch.stack(index, dim=1), source


def make_authors(model: torch.nn.Module) -> torch.nn.Module:
    """Turn a classifier's tube embedding into the authors' form, in place; its weights stay."""
    model.backbone.tube.__class__ = AuthorsP4DConv
    return model
