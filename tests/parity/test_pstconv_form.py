"""PSTConv's spatial maximum (PSTNet, addition) is one feature tube max: the authors' layer, from our operators.

Displacement and feature branch are added without norm or ReLU, so both linear maps move in front of the gather. Batch
norm stands behind the maxima there, over the frames of the window side by side.
"""

from __future__ import annotations

import pytest
import torch

from pointvideo.backbones import P4DConv
from pointvideo.kernels import feature_tube_max

from .goldens import assert_close, assert_gradient, cases, open_case


@pytest.mark.parametrize("name", [name for name in cases("pstconv_") if name.endswith("_add_max")])
def test_pstconv(name):
    case = open_case(name)
    arguments, state = case.meta["args"], case.state()
    radius, neighbours = arguments["spatial_kernel_size"]
    kernel, middle = arguments["temporal_kernel_size"], arguments["mid_planes"]
    # the layer's anchors, neighbours and windows are P4DConv's
    tubes = P4DConv(
        1,
        (1,),
        radius=radius,
        neighbours=neighbours,
        spatial_stride=arguments["spatial_stride"],
        temporal_kernel=kernel,
        temporal_stride=arguments["temporal_stride"],
        temporal_padding=tuple(arguments["temporal_padding"]),
        padding_mode=arguments.get("temporal_padding_mode", "zeros"),
    )
    xyz, features = case.tensor("in/xyzs"), case.tensor("in/features").transpose(2, 3)
    batch = len(xyz)
    anchors, index, source = tubes.tubes(xyz)
    _, times, count, window, _ = index.shape
    displace = state["spatial_conv_d.weight"].flatten(1).requires_grad_()
    weight = torch.cat([state["spatial_conv_f.weight"].flatten(1), displace, torch.zeros(middle, 1)], dim=1)  # no dt
    # one frame of featureless points at the origin stands for the padding
    features, points = (torch.cat([one, torch.zeros_like(one[:, :1])], dim=1) for one in (features, xyz))
    frames = points.shape[1]
    cloud = torch.arange(batch)[:, None, None] * frames + source.where(source >= 0, frames - 1)
    rows = index.transpose(2, 3).reshape(batch * times * window, count, 1, neighbours)
    maxima = feature_tube_max(features.flatten(0, 1), points.flatten(0, 1), weight, rows, cloud.view(-1, 1))
    maxima = maxima.view(batch, times, window, count, middle) - (anchors @ displace.T)[:, :, None]

    norm = torch.nn.BatchNorm1d(window * middle)
    norm.load_state_dict({key[11:]: value for key, value in state.items() if key.startswith("batch_norm.")})
    temporal = state["temporal.weight"].flatten(1).requires_grad_()
    side_by_side = maxima.permute(0, 1, 3, 2, 4).flatten(3)
    normed = norm.eval()(side_by_side.flatten(0, 2)).view_as(side_by_side).relu()
    out = normed @ temporal.T
    assert_close(anchors, case.tensor("out/new_xyzs"), "anchors")
    assert_close(out.transpose(2, 3), case.tensor("out/new_features"), "features")
    out.sum().backward()
    expected = case.tensor("grad/spatial_conv_d.weight").flatten(1)
    assert_gradient(displace.grad, expected, "displacement weight")
    assert_gradient(temporal.grad, case.tensor("grad/temporal.weight").flatten(1), "temporal weight")


def test_the_golden_is_there():
    assert any(name.endswith("_add_max") for name in cases("pstconv_"))
