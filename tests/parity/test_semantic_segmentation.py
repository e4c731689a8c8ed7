"""Segmentation networks and P4DTransConv against tensors that came out of the authors' code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones.p4_segmentation import P4SegmentationSize
from pointvideo.backbones.p4dtransconv import P4DTransConv
from pointvideo.backbones.pptr_segmentation import BallSegmentationSize, RunSegmentationSize
from pointvideo.backbones.segmentation_checkpoint import load_segmentation_state, names
from pointvideo.backbones.tokens import Tokens

from .goldens import assert_close, assert_gradients, cases, open_case

NAMES = {
    "p4dtransconv": cases("p4dtransconv_"),
    "p4": cases("p4_synthia_", "hoi4d_ss_p4_"),
    "pptr": cases("hoi4d_ss_pptr_", "pptr_synthia_"),
}


def test_goldens_are_there(golden_folder):
    missing = [family for family, names in NAMES.items() if not names]
    assert not missing, f"{golden_folder}: no cases of {missing}"


def channels_last(case, *names: str) -> torch.Tensor | None:
    """The first of these inputs that the case has, (batch, frames, points, channels)."""
    found = [name for name in names if case.has(name)]
    return case.tensor(found[0]).transpose(2, 3).contiguous() if found else None


def flags(arguments: dict, name: str) -> tuple[bool, ...] | None:
    return tuple(arguments[name]) if name in arguments else None


def check_level(case, name: str, tokens: Tokens):
    if case.has(f"mid/{name}.0"):
        assert_close(tokens.xyz, case.tensor(f"mid/{name}.0"), f"coordinates of {name}")
        assert_close(tokens.features, case.tensor(f"mid/{name}.1").transpose(2, 3), f"features of {name}")


@pytest.mark.parametrize("name", NAMES["p4dtransconv"])
def test_p4dtransconv(name):
    case = open_case(name)
    arguments = case.meta["args"]
    layer = P4DTransConv(
        arguments["in_planes"],
        tuple(arguments["mlp_planes"]),
        skip=arguments["original_planes"],
        norm=flags(arguments, "mlp_batch_norm"),
        activation=flags(arguments, "mlp_activation"),
        bias=arguments.get("bias", False),
    ).eval()
    assert load_segmentation_state(layer, case.state()).unused == ()
    coarse = Tokens(case.tensor("in/xyzs"), channels_last(case, "in/features"))
    tokens = layer(coarse, case.tensor("in/original_xyzs"), channels_last(case, "in/original_features"))
    assert_close(tokens.xyz, case.tensor("out/new_xyzs"), "coordinates")
    assert_close(tokens.features, case.tensor("out/new_features").transpose(2, 3), "features")
    tokens.features.sum().backward()
    assert_gradients(layer, case, names)


def pyramid_of(case, size):
    """The size's pyramid with the case's radius and neighbours, its features given from outside."""
    arguments = case.meta["args"]
    return replace(size, radius=arguments["radius"], neighbours=arguments["nsamples"], features="given")


@pytest.mark.parametrize("name", NAMES["p4"])
def test_p4_segmentation(name):
    case = open_case(name)
    size = P4SegmentationSize() if "synthia" in name else P4SegmentationSize.hoi4d()
    assert size.classes == case.meta["args"]["num_classes"]
    model = replace(size, pyramid=pyramid_of(case, size.pyramid)).build().eval()
    assert load_segmentation_state(model, case.state()).unused == ()
    xyz, features = case.tensor("in/xyzs"), channels_last(case, "in/rgbs", "in/features")
    for level, tokens in enumerate(model.pyramid.encode(xyz, features)[1:], start=1):
        check_level(case, f"conv{level}", tokens)
    logits = model(xyz, features)
    assert_close(logits.transpose(2, 3), case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)


def pptr_size(name: str):
    if "hoi4d" in name:
        return BallSegmentationSize()
    return RunSegmentationSize.long() if "long" in name else RunSegmentationSize()


@pytest.mark.parametrize("name", NAMES["pptr"])
def test_pptr_segmentation(name):
    case = open_case(name)
    size = pptr_size(name)
    assert size.classes == case.meta["args"]["num_classes"]
    model = replace(size, pyramid=pyramid_of(case, size.pyramid)).build().eval()
    assert load_segmentation_state(model, case.state()).unused == ()
    xyz, features = case.tensor("in/xyzs"), channels_last(case, "in/rgbs", "in/features")
    for level, tokens in enumerate(model.pyramid.encode(xyz, features)[1:], start=1):
        check_level(case, f"conv{level}", tokens)
    points = model.embed_points(xyz, features)
    check_level(case, "deconv1", points)
    memory = {"memory": case.tensor("in/primitive_embedding")} if case.has("in/primitive_embedding") else {}
    if case.has("mid/transformer2"):
        ours = model.transform(model.embed_primitives(points)[1], **memory).features.flatten(1, 2)
        assert_close(ours, case.tensor("mid/transformer2")[:, : ours.shape[1]], "second transformer")
    logits = model(xyz, features, **memory)
    assert_close(logits.transpose(2, 3), case.tensor("out/logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)
