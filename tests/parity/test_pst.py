"""PSTNet and its relatives against tensors that came out of the authors' code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones.pointnet2_segmentation import PointNet2SegmentationSize
from pointvideo.backbones.pst_checkpoint import load_pst_state, names
from pointvideo.backbones.pst_transformer import PSTTransformerSize
from pointvideo.backbones.pstconv import PSTConv
from pointvideo.backbones.pstconv_transpose import PSTConvTranspose
from pointvideo.backbones.pstnet import PSTNetSize
from pointvideo.backbones.pstnet2 import PSTNet2Size
from pointvideo.backbones.sizes import TransformerSize, TubeSize
from pointvideo.backbones.tokens import Tokens
from pointvideo.tasks.classifier import Classifier
from pointvideo.tasks.pooled_classifier import PooledClassifier

from .goldens import assert_close, assert_gradients, cases, open_case

NAMES = {
    "pstconv": cases("pstconv_"),
    "pstnet": cases("pstnet_"),
    "pstconvt": cases("pstconvt_"),
    "pstnet2": cases("pstnet2_"),
    "pst_transformer": cases("pst_transformer_"),
    "pointnet2": cases("pointnet2_seg_"),
}


def test_goldens_are_there(golden_folder):
    missing = [family for family, found in NAMES.items() if not found]
    assert not missing, f"{golden_folder}: no cases of {missing}"


def channels_last(case, name: str) -> torch.Tensor | None:
    return case.tensor(name).transpose(2, 3).contiguous() if case.has(name) else None


def check_tokens(case, place: tuple[str, str], tokens: Tokens):
    assert_close(tokens.xyz, case.tensor(place[0]), place[0])
    assert_close(tokens.features, case.tensor(place[1]).transpose(2, 3), place[1])


@pytest.mark.parametrize("name", NAMES["pstconv"])
def test_pstconv(name):
    case = open_case(name)
    given = case.meta["args"]
    radius, neighbours = given["spatial_kernel_size"]
    pool = given.get("spatial_pooling", "max")
    layer = PSTConv(
        given["in_planes"],
        given["mid_planes"],
        given["out_planes"],
        radius=radius,
        neighbours=neighbours,
        spatial_stride=given["spatial_stride"],
        temporal_kernel=given["temporal_kernel_size"],
        temporal_stride=given["temporal_stride"],
        temporal_padding=tuple(given["temporal_padding"]),
        padding_mode=given.get("padding_mode", given.get("temporal_padding_mode", "zeros")),
        join="+" if given.get("spatial_aggregation", "addition") == "addition" else "*",
        spatial_pool=pool if pool in ("max", "sum") else "mean",
        bias=given.get("bias", False),
        norm=given.get("batch_norm", True),
    ).eval()
    assert load_pst_state(layer, case.state()).unused == ()
    tokens = layer(case.tensor("in/xyzs"), channels_last(case, "in/features"))
    check_tokens(case, ("out/new_xyzs", "out/new_features"), tokens)
    tokens.features.sum().backward()
    assert_gradients(layer, case, names)


LEVELS = ("1", "2a", "2b", "3a", "3b", "4")


@pytest.mark.parametrize("name", NAMES["pstnet"])
def test_pstnet(name):
    case = open_case(name)
    given = case.meta["args"]
    size = PSTNetSize.ntu() if "ntu" in name else PSTNetSize()
    size = replace(size, radius=given["radius"], neighbours=given["nsamples"])
    model = PooledClassifier(size, given["num_classes"]).eval()
    assert load_pst_state(model, case.state()).unused == ()
    clip = case.tensor("in/clip")
    for level, tokens in zip(LEVELS, model.backbone.encode(clip), strict=True):
        if case.has(f"mid/conv{level}.0"):
            check_tokens(case, (f"mid/conv{level}.0", f"mid/conv{level}.1"), tokens)
    logits = model(clip)
    assert_close(logits, case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)


@pytest.mark.parametrize("name", NAMES["pstconvt"])
def test_pstconv_transpose(name):
    case = open_case(name)
    given = case.meta["args"]
    layer = PSTConvTranspose(
        given["in_planes"],
        given["mid_planes"],
        given["out_planes"],
        temporal_kernel=given["temporal_kernel_size"],
        temporal_stride=given["temporal_stride"],
        temporal_padding=tuple(given["temporal_padding"]),
        skip=given["original_in_planes"],
        activation=given.get("activation", True),
    ).eval()
    assert load_pst_state(layer, case.state()).unused == ()
    coarse = Tokens(case.tensor("in/xyzs"), channels_last(case, "in/features"))
    tokens = layer(coarse, case.tensor("in/original_xyzs"), channels_last(case, "in/original_features"))
    check_tokens(case, ("out/new_xyzs", "out/new_features"), tokens)
    tokens.features.sum().backward()
    assert_gradients(layer, case, names)


@pytest.mark.parametrize("name", NAMES["pstnet2"])
def test_pstnet2(name):
    case = open_case(name)
    given = case.meta["args"]
    size = PSTNet2Size.ntu() if "ntu" in name else PSTNet2Size()
    size = replace(size, radius=given["radius"], neighbours=given["nsamples"])
    model = PooledClassifier(size, given["num_classes"]).eval()
    assert load_pst_state(model, case.state()).unused == ()
    logits = model(case.tensor("in/clip"))
    assert_close(logits, case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)


@pytest.mark.parametrize("name", NAMES["pst_transformer"])
def test_pst_transformer(name):
    case = open_case(name)
    given = case.meta["args"]
    tube = TubeSize(
        given["radius"], given["nsamples"], given["spatial_stride"], given["temporal_kernel_size"],
        given["temporal_stride"],
    )  # fmt: skip
    transformer = TransformerSize(*(given[key] for key in ("dim", "depth", "heads", "dim_head", "mlp_dim", "dropout1")))
    model = Classifier(PSTTransformerSize(tube, transformer), given["num_classes"], given["dropout2"]).eval()
    assert load_pst_state(model, case.state()).unused == ()
    clip = case.tensor("in/clip")
    check_tokens(case, ("mid/tube.0", "mid/tube.1"), model.backbone.tokens(clip, "tube"))
    assert_close(model.backbone(clip).features, case.tensor("mid/transformer"), "transformer")
    logits = model(clip)
    assert_close(logits, case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)


@pytest.mark.parametrize("name", NAMES["pointnet2"])
def test_pointnet2(name):
    case = open_case(name)
    given = case.meta["args"]
    size = PointNet2SegmentationSize(radius=given["radius"], neighbours=given["nsamples"], classes=given["num_classes"])
    model = size.build().eval()
    assert load_pst_state(model, case.state()).unused == ()
    logits = model(case.tensor("in/xyzs"), channels_last(case, "in/rgbs"))
    assert_close(logits.transpose(2, 3), case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)
