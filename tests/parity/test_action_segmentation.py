"""The action segmentation networks against the authors' (HOI4D's baselines, C2P's pre-training)."""

from __future__ import annotations

import pytest

from pointvideo.backbones import Clip, TransformerSize, TubeSize, frame_features
from pointvideo.backbones.action_segmentation import P4ActionSegmentationSize, PPTrActionSegmentationSize
from pointvideo.backbones.checkpoint import load_authors_state, translate_state
from pointvideo.tasks.frame_classifier import FrameClassifier

from .goldens import assert_close, assert_gradient, cases, open_case

SUPERVISED, PRETRAINING = cases("hoi4d_as_"), cases("c2p_as_")
SIZES = {"p4": P4ActionSegmentationSize, "pptr": PPTrActionSegmentationSize}


def test_goldens_are_there(golden_folder):
    for names in (SUPERVISED, PRETRAINING):
        for family in SIZES:
            assert any(f"_{family}_" in name for name in names), f"{golden_folder}: expected hoi4d_as_*, c2p_as_*"


def size_of(name: str, arguments: dict):
    tube = TubeSize(
        radius=arguments["radius"],
        neighbours=arguments["nsamples"],
        spatial_stride=arguments["spatial_stride"],
        temporal_kernel=arguments["temporal_kernel_size"],
        temporal_stride=arguments["temporal_stride"],
        temporal_padding=(1, 1),
    )
    transformer = TransformerSize(
        arguments["dim"], arguments["depth"], arguments["heads"], arguments["dim_head"], arguments["mlp_dim"]
    )
    return SIZES["p4" if "_p4_" in name else "pptr"](tube, transformer)


@pytest.mark.parametrize("name", SUPERVISED)
def test_frame_classifier(name):
    case = open_case(name)
    arguments = case.meta["args"]
    size = size_of(name, arguments)
    every_frame = arguments["temporal_stride"] == 1
    model = FrameClassifier(size, arguments["num_classes"], every_frame=every_frame).eval()
    assert load_authors_state(model, case.state()).unused == ()
    seen = {}
    for part, module in model.backbone.named_children():
        module.register_forward_hook(lambda module, inputs, output, part=part: seen.update({part: output}))
    clip = case.tensor("in/clip")
    logits = model(clip)
    assert_close(seen["tube"].xyz, case.tensor("mid/tube.0"), "anchors")
    assert_close(seen["tube"].features, case.tensor("mid/tube.1").transpose(2, 3), "tube features")
    first = seen["transformer" if "_p4_" in name else "transformer1"]
    assert_close(first, case.tensor("mid/transformer1"), "first transformer")
    if "_pptr_" in name:
        assert_close(seen["transformer2"], case.tensor("mid/transformer2"), "second transformer")
    assert_close(logits, case.tensor("out/logits"), "logits")
    if every_frame:
        assert logits.shape[:2] == clip.shape[:2]
    logits.sum().backward()
    check_gradients(model, case)


@pytest.mark.parametrize("name", PRETRAINING)
def test_pretraining_network(name):
    case = open_case(name)
    backbone = size_of(name, case.meta["args"]).build().eval()
    assert load_authors_state(backbone, case.state()).unused == ()
    clip = case.tensor("in/clip")
    teacher_depth = "tube" if "_p4_" in name else "primitives"
    teacher, student = (frame_features(backbone, Clip(clip), depth) for depth in (teacher_depth, "full"))
    assert_close(teacher, case.tensor("out/teacher_side_frame_features"), "teacher")
    assert_close(student, case.tensor("out/student_side_frame_features"), "student")
    (teacher.sum() + student.sum()).backward()
    check_gradients(backbone, case)


def check_gradients(model, case):
    expected = translate_state({key: case.tensor(f"grad/{key}") for key in case.gradients()}, model)
    assert expected
    for name, gradient in expected.items():
        assert_gradient(model.get_parameter(name).grad, gradient, name)
