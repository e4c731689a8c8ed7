"""Segmentation networks at small sizes: shapes, gradients, frame features, checkpoints, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, frame_features
from pointvideo.backbones.p4_segmentation import P4SegmentationSize
from pointvideo.backbones.p4dtransconv import P4DTransConv, carry
from pointvideo.backbones.pptr_segmentation import BallSegmentationSize, RunSegmentationSize
from pointvideo.backbones.pyramid import PyramidSize
from pointvideo.backbones.segmentation_checkpoint import load_segmentation_state
from pointvideo.backbones.sizes import TransformerSize
from pointvideo.backbones.tokens import Tokens
from tests.unchecked import check_again

from ..parity.goldens import assert_close


def test_a_stack_without_some_norms_and_activations_is_numbered_through():
    layer = P4DTransConv(3, (4, 5, 6), norm=(False, True, False), activation=(False, False, True))
    theirs = torch.nn.Sequential(
        torch.nn.Conv1d(3, 4, 1, bias=False),
        torch.nn.Conv1d(4, 5, 1, bias=False),
        torch.nn.BatchNorm1d(5),
        torch.nn.Conv1d(5, 6, 1, bias=False),
        torch.nn.ReLU(),
    ).eval()
    torch.nn.init.normal_(theirs[2].weight)
    state = {f"module.conv.{key}": value for key, value in theirs.state_dict().items()}
    assert load_segmentation_state(layer, state).unused == ()
    clip = small_clip()
    ours = layer.eval()(Tokens(clip, clip * 2), clip).features
    assert_close(
        ours.flatten(0, 1).transpose(1, 2), theirs(clip.flatten(0, 1).transpose(1, 2) * 2).detach(), "features"
    )


PYRAMID = PyramidSize(
    radius=0.5,
    neighbours=4,
    encoder=((4, 6), (8,), (8, 10), (12,)),
    strides=(2, 2, 2, 1),
    decoder=((8,), (8, 6), (6,), (12,)),
    features="coordinates",
)
TRANSFORMER = TransformerSize(width=12, depth=1, heads=2, head_width=4, hidden=8)
SMALL = {
    "P4Transformer": P4SegmentationSize(PYRAMID, TRANSFORMER, classes=5),
    "balls": BallSegmentationSize(PYRAMID, TRANSFORMER, 6, 0.7, 5, merge=(12, 8), head=(7,), classes=5),
    "runs": RunSegmentationSize(PYRAMID, TRANSFORMER, 8, head=(7,), classes=5),
}


def small_clip(points: int = 32) -> torch.Tensor:
    return torch.rand(2, 3, points, 3, generator=torch.Generator().manual_seed(0)) + 1


def built(name: str, **changes) -> torch.nn.Module:
    torch.manual_seed(1)
    return replace(SMALL[name], **changes).build()


def test_number_of_parameters_at_the_authors_sizes():
    with torch.device("meta"):
        networks = {
            "Synthia4D": P4SegmentationSize().build(),
            "HOI4D": P4SegmentationSize.hoi4d().build(),
            "HOI4D, PPTr": BallSegmentationSize().build(),
            "Synthia4D, PPTr": RunSegmentationSize().build(),
            "Synthia4D, PPTr with memory": RunSegmentationSize.long().build(),
        }
    assert {name: count(network) for name, network in networks.items()} == {
        "Synthia4D": 14_755_692,
        "HOI4D": 14_760_465,
        "HOI4D, PPTr": 32_413_457,
        "Synthia4D, PPTr": 31_356_012,
        "Synthia4D, PPTr with memory": 4_439_532,
    }
    # what C2P pre-trains of them
    p4, pptr = networks["HOI4D"], networks["HOI4D, PPTr"]
    assert count(p4.pyramid.encoder) + count(p4.transformer) == 13_997_024
    assert count(pptr) - count(pptr.merge) - count(pptr.head) == 28_076_512


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_training_reaches_every_parameter(name):
    model, clip = built(name), small_clip()
    labels = (clip[..., 0] > 1.5).long()
    torch.nn.functional.cross_entropy(model(clip).flatten(0, 2), labels.flatten()).backward()
    without = [key for key, parameter in model.named_parameters() if not parameter.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", SMALL)
def test_given_features_may_be_the_coordinates(name):
    clip = small_clip()
    ours = built(name).eval()(clip)
    given = built(name, pyramid=replace(PYRAMID, features="given")).eval()
    assert torch.equal(ours, given(clip, clip))
    assert not torch.equal(ours, given(clip, clip * 2))


@pytest.mark.parametrize("name", SMALL)
def test_frame_features(name):
    model, clip = built(name).eval(), small_clip()
    shallow, frames = ("tube" if name == "P4Transformer" else "primitives"), [0, 1, 1]
    before, after = frame_features(model, Clip(clip), shallow), frame_features(model, Clip(clip))
    assert before.shape == after.shape == (2, 3, 12)
    # the last frame becomes the one before it: attention carries that to the first frame, nothing else does
    changed = clip[:, frames]
    assert torch.equal(frame_features(model, Clip(changed), shallow)[:, 0], before[:, 0])
    assert not torch.allclose(frame_features(model, Clip(changed))[:, 0], after[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="stage: got 'half', expected one of 'tube', "):
        frame_features(model, Clip(clip), "half")


def test_memory_is_looked_at_and_not_returned():
    model, clip = built("runs").eval(), small_clip()
    memory = torch.randn(2, 4, 3, 12, generator=torch.Generator().manual_seed(2))
    alone, reminded = model(clip), model(clip, memory=memory)
    assert alone.shape == reminded.shape == (2, 3, 32, 5)
    assert not torch.allclose(alone, reminded)
    with pytest.raises(ValueError, match=r"memory: got shape \(2, 4, 3, 9\), expected \(2, frames, primitives, 12\)"):
        model(clip, memory=memory[..., :9])


def test_carried_features_are_the_mean_over_three_points():
    xyz = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [9, 9, 9]])[None, None]
    coarse = Tokens(xyz, torch.tensor([1.0, 10, 100, 1000]).view(1, 1, 4, 1))
    fine = torch.tensor([[0.0, 0, 0], [0.5, 0, 0]])[None, None]
    weights = torch.tensor([1 / 0.5, 1 / 0.5, 1 / 4.25**0.5])
    expected = (weights * torch.tensor([1.0, 10, 100])).sum() / weights.sum()
    assert torch.allclose(carry(coarse, fine).flatten(), torch.stack([torch.tensor(1.0), expected]), rtol=1e-5)
    two = Tokens(xyz[:, :, :2], coarse.features[:, :, :2])  # with fewer than three, the missing one weighs nothing
    assert torch.allclose(carry(two, fine).flatten(), torch.tensor([1.0, 5.5]), rtol=1e-5)


def test_pretrained_part_of_a_checkpoint():
    model = built("P4Transformer")
    pretrained = {
        "module.conv4.conv_f.0.weight": torch.full((12, 10, 1, 1), 2.0),
        "module.transformer.layers.0.0.fn.norm.bias": torch.full((12,), 3.0),
        "module.predictor.0.weight": torch.zeros(1),
    }
    assert load_segmentation_state(model, pretrained, partial=True).unused == ("predictor.0.weight",)
    assert (model.pyramid.encoder[3].feature.linear.weight == 2).all()
    assert (model.transformer.attention[0].norm.bias == 3).all()
    with pytest.raises(ValueError, match="entries are missing"):
        load_segmentation_state(model, pretrained)
    with pytest.raises(ValueError, match="none of its 1 entries fits P4Segmentation"):
        load_segmentation_state(model, {"resnet.conv1.weight": torch.zeros(3)}, partial=True)


REFUSED = {
    "features: got some, expected none": lambda: built("P4Transformer")(small_clip(), small_clip()),
    r"features: got none, expected \(2, 3, 32, 3\)": lambda: built(
        "P4Transformer", pyramid=replace(PYRAMID, features="given")
    )(small_clip()),
    r"features: got shape \(2, 3, 32, 2\)": lambda: built("runs", pyramid=replace(PYRAMID, features="given"))(
        small_clip(), small_clip()[..., :2]
    ),
    "xyz: got 7 points a frame, expected at least 8": lambda: built("P4Transformer")(small_clip(7)),
    "xyz: got 34 points a frame, expected a multiple of 8": lambda: built("runs")(small_clip(34)),
    "expected at least 40, one a primitive": lambda: built("balls", primitives=40)(small_clip()),
    "P4SegmentationSize.transformer: got width 12, expected 1024": lambda: P4SegmentationSize(transformer=TRANSFORMER),
    "RunSegmentationSize.transformer: got width 12": lambda: RunSegmentationSize(transformer=TRANSFORMER),
    "BallSegmentationSize.members: got 0": lambda: BallSegmentationSize(members=0),
    "BallSegmentationSize.radius: got 0": lambda: BallSegmentationSize(radius=0),
    "P4SegmentationSize.classes: got 0": lambda: P4SegmentationSize(classes=0),
    "PyramidSize.features: got 'colour'": lambda: check_again(PYRAMID, features="colour"),
    "PyramidSize.inputs: got 6, expected 3": lambda: PyramidSize(inputs=6, features="coordinates"),
    "PyramidSize.inputs: got 0": lambda: PyramidSize(inputs=0),
    "PyramidSize.radius: got -1": lambda: PyramidSize(radius=-1.0),
    "PyramidSize.neighbours: got 0": lambda: PyramidSize(neighbours=0),
    "PyramidSize.strides: got 2 levels, expected 4": lambda: PyramidSize(strides=(4, 4)),
    "PyramidSize.decoder: got .* that is not empty": lambda: PyramidSize(decoder=((8,), (), (8,), (8,))),
    "skip: got none, expected features with 2 channels": lambda: P4DTransConv(3, (4,), skip=2)(COARSE, COARSE.xyz),
    r"skip: got shape .*, expected none": lambda: P4DTransConv(3, (4,))(COARSE, COARSE.xyz, COARSE.features),
    r"coarse: got features of shape .*, expected \(batch, frames, points, 5\)": lambda: P4DTransConv(5, (4,))(
        COARSE, COARSE.xyz
    ),
    "coarse: got coordinates of shape": lambda: carry(COARSE, COARSE.xyz[:, :2]),
    "expected one row for each of the points": lambda: carry(Tokens(COARSE.xyz, COARSE.features[:, :, 1:]), COARSE.xyz),
    "norm: got 1 flags, expected one for each of the 2 layers": lambda: P4DTransConv(3, (4, 4), norm=(True,)),
    "channels: got": lambda: P4DTransConv(3, ()),
    "inputs: got 0": lambda: P4DTransConv(0, (4,)),
    "skip: got -1": lambda: P4DTransConv(3, (4,), skip=-1),
}
COARSE = Tokens(small_clip(), small_clip())


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
