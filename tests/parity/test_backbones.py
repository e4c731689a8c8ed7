"""Outputs and gradients of the backbones against tensors that came out of the authors' code.

Every case of the families below that the golden folder holds is run; the folder is named by POINTVIDEO_GOLDENS.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pointvideo.backbones import (
    Clip,
    P4DConv,
    P4TransformerSize,
    PPTrSize,
    TransformerSize,
    TubeSize,
    frame_features,
)
from pointvideo.backbones.checkpoint import load_authors_state, translate_state
from pointvideo.tasks.classifier import Classifier

from .goldens import assert_close, assert_gradient, cases, open_case

NAMES = {"p4dconv": cases("p4dconv_"), "p4": cases("p4_msr_"), "pptr": cases("pptr_msr_", "c2p_msr_pptr_")}


def test_goldens_are_there(golden_folder):
    assert all(NAMES.values()), f"{golden_folder}: expected cases p4dconv_*, p4_msr_*, pptr_msr_*, c2p_msr_pptr_*"


@pytest.mark.parametrize("name", NAMES["p4dconv"])
def test_p4dconv(name):
    case = open_case(name)
    arguments = case.meta["args"]
    radius, neighbours = arguments["spatial_kernel_size"]
    layer = P4DConv(
        arguments["in_planes"],
        tuple(arguments["mlp_planes"]),
        radius=radius,
        neighbours=neighbours,
        spatial_stride=arguments["spatial_stride"],
        temporal_kernel=arguments["temporal_kernel_size"],
        temporal_stride=arguments["temporal_stride"],
        temporal_padding=tuple(arguments["temporal_padding"]),
        padding_mode=arguments.get("temporal_padding_mode", "replicate"),
        join="+" if arguments.get("operator", "+") == "+" else "*",
        norm=tuple(arguments["mlp_batch_norm"]),
        activation=tuple(arguments["mlp_activation"]),
        spatial_pool=arguments.get("spatial_pooling", "max"),
        temporal_pool=arguments.get("temporal_pooling", "sum"),
        bias=arguments.get("bias", False),
    ).eval()
    assert load_authors_state(layer, case.state()).unused == ()
    features = case.tensor("in/features").transpose(2, 3).contiguous() if case.has("in/features") else None
    tokens = layer(case.tensor("in/xyzs"), features)
    assert_close(tokens.xyz, case.tensor("out/new_xyzs"), "anchors")
    assert_close(tokens.features, case.tensor("out/new_features").transpose(2, 3), "features")
    (tokens.features.sum() + tokens.xyz.sum()).backward()
    check_gradients(layer, case)


def size_of(name: str, arguments: dict):
    tube = TubeSize(
        radius=arguments["radius"],
        neighbours=arguments["nsamples"],
        spatial_stride=arguments["spatial_stride"],
        temporal_kernel=arguments["temporal_kernel_size"],
        temporal_stride=arguments["temporal_stride"],
        temporal_padding=(1, 0),
    )
    transformer = TransformerSize(
        arguments["dim"], arguments["depth"], arguments["heads"], arguments["dim_head"], arguments["mlp_dim"]
    )
    if name.startswith("p4_"):
        return P4TransformerSize(tube, transformer, embedding_relu=arguments["emb_relu"])
    return PPTrSize(tube, transformer, pool_primitives=name.startswith("c2p_"))


@pytest.mark.parametrize("name", [n for n in NAMES["p4"] + NAMES["pptr"] if "pretrain" not in n])
def test_classifier(name):
    case = open_case(name)
    model = Classifier(size_of(name, case.meta["args"]), case.meta["args"]["num_classes"]).eval()
    assert load_authors_state(model, case.state()).unused == ()
    clip = case.tensor("in/clip")
    backbone = model.backbone
    tube = backbone.tube(clip)
    if case.has("mid/tube.0"):
        assert_close(tube.xyz, case.tensor("mid/tube.0"), "anchors")
        assert_close(tube.features, case.tensor("mid/tube.1").transpose(2, 3), "tube features")
    if case.has("mid/transformer"):
        assert_close(backbone(clip).features.flatten(1, 2), case.tensor("mid/transformer"), "transformer")
    if case.has("mid/transformer2"):
        assert_close(backbone(clip).features.flatten(1, 2), case.tensor("mid/transformer2"), "second transformer")
    logits = model(clip)
    assert_close(logits, case.tensor("out/logits"), "logits")
    logits.sum().backward()
    check_gradients(model, case)


@pytest.mark.parametrize("name", [n for n in NAMES["pptr"] if "pretrain" in n])
def test_pretraining_network(name):
    case = open_case(name)
    backbone = size_of(name, case.meta["args"]).build().eval()
    assert load_authors_state(backbone, case.state()).unused == ()
    clip = case.tensor("in/clip")
    teacher, student = (frame_features(backbone, Clip(clip), depth) for depth in ("primitives", "full"))
    assert_close(teacher, case.tensor("out/teacher_side_frame_features"), "teacher")
    assert_close(student, case.tensor("out/student_side_frame_features"), "student")
    (teacher.sum() + student.sum()).backward()
    check_gradients(backbone, case)


def check_gradients(model, case):
    expected = translate_state({key: case.tensor(f"grad/{key}") for key in case.gradients()}, model)
    assert expected
    for name, gradient in expected.items():
        assert_gradient(model.get_parameter(name).grad, gradient, name)


def test_number_of_parameters_at_the_authors_sizes():
    with torch.device("meta"):
        sizes = {"P4Transformer": P4TransformerSize(), "PPTr": PPTrSize()}
        counts = {name: sum(p.numel() for p in Classifier(size, 20).parameters()) for name, size in sizes.items()}
    assert counts == {"P4Transformer": 44_135_444, "PPTr": 128_093_204}


def test_a_foreign_checkpoint_is_refused():
    model = Classifier(P4TransformerSize(transformer=TransformerSize(16, 1, 1, 8, 16)), 3)
    with pytest.raises(ValueError, match="none of its 1 entries fits Classifier"):
        load_authors_state(model, {"resnet.conv1.weight": torch.zeros(3)})
    with pytest.raises(ValueError, match="has shape"):
        load_authors_state(model, {"mlp_head.0.weight": torch.zeros(17)})
    with pytest.raises(ValueError, match="entries are missing"):
        load_authors_state(model, {"mlp_head.0.weight": torch.zeros(16)})
    report = load_authors_state(
        model, {"module.mlp_head.0.weight": torch.full((16,), 7.0), "extra": torch.zeros(1)}, partial=True
    )
    assert report.unused == ("extra",) and np.allclose(model.head.norm.weight.detach(), 7)
