"""Segmentation networks and P4DTransConv against tensors that came out of the authors' code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones.checkpoint import translate_state
from pointvideo.backbones.p4_segmentation import P4SegmentationSize
from pointvideo.backbones.p4dtransconv import P4DTransConv, carry
from pointvideo.backbones.pptr_segmentation import BallSegmentationSize, RunSegmentationSize
from pointvideo.backbones.pyramid import PyramidSize
from pointvideo.backbones.segmentation_checkpoint import load_segmentation_state, names
from pointvideo.backbones.sizes import TransformerSize
from pointvideo.backbones.tokens import Tokens

from .goldens import assert_close, assert_gradient, cases, open_case

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


def check_gradients(model, case):
    placed = names(case.state())
    theirs = {placed[key]: case.tensor(f"grad/{key}") for key in case.gradients()}
    assert theirs
    for name, gradient in translate_state(theirs, model).items():
        assert_gradient(model.get_parameter(name).grad, gradient, name)


def check_level(case, name: str, tokens: Tokens):
    if case.has(f"mid/{name}.0"):
        assert_close(tokens.xyz, case.tensor(f"mid/{name}.0"), f"coordinates of {name}")
        assert_close(tokens.features, case.tensor(f"mid/{name}.1").transpose(2, 3), f"features of {name}")


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
    assert load_segmentation_state(layer, state) == []
    clip = small_clip()
    ours = layer.eval()(Tokens(clip, clip * 2), clip).features
    assert_close(
        ours.flatten(0, 1).transpose(1, 2), theirs(clip.flatten(0, 1).transpose(1, 2) * 2).detach(), "features"
    )


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
    assert load_segmentation_state(layer, case.state()) == []
    coarse = Tokens(case.tensor("in/xyzs"), channels_last(case, "in/features"))
    tokens = layer(coarse, case.tensor("in/original_xyzs"), channels_last(case, "in/original_features"))
    assert_close(tokens.xyz, case.tensor("out/new_xyzs"), "coordinates")
    assert_close(tokens.features, case.tensor("out/new_features").transpose(2, 3), "features")
    tokens.features.sum().backward()
    check_gradients(layer, case)


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
    assert load_segmentation_state(model, case.state()) == []
    xyz, features = case.tensor("in/xyzs"), channels_last(case, "in/rgbs", "in/features")
    for level, tokens in enumerate(model.pyramid.encode(xyz, features)[1:], start=1):
        check_level(case, f"conv{level}", tokens)
    logits = model(xyz, features)
    assert_close(logits.transpose(2, 3), case.tensor("out/logits"), "logits")
    logits.sum().backward()
    check_gradients(model, case)


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
    assert load_segmentation_state(model, case.state()) == []
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
    check_gradients(model, case)


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
    before, after = model.frame_features(clip, shallow), model.frame_features(clip)
    assert before.shape == after.shape == (2, 3, 12)
    # the last frame becomes the one before it: attention carries that to the first frame, nothing else does
    changed = clip[:, frames]
    assert torch.equal(model.frame_features(changed, shallow)[:, 0], before[:, 0])
    assert not torch.allclose(model.frame_features(changed)[:, 0], after[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="depth: got 'half'"):
        model.frame_features(clip, "half")


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
    assert load_segmentation_state(model, pretrained, partial=True) == ["module.predictor.0.weight"]
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
    "PyramidSize.features: got 'colour'": lambda: PyramidSize(features="colour"),
    "PyramidSize.inputs: got 6, expected 3": lambda: PyramidSize(inputs=6, features="coordinates"),
    "PyramidSize.inputs: got 0": lambda: PyramidSize(inputs=0),
    "PyramidSize.radius: got -1": lambda: PyramidSize(radius=-1.0),
    "PyramidSize: got 0 neighbours": lambda: PyramidSize(neighbours=0),
    "PyramidSize.strides: got 2 levels, expected 4": lambda: PyramidSize(strides=(4, 4)),
    "PyramidSize.decoder: got .* widths of at least 1": lambda: PyramidSize(decoder=((8,), (), (8,), (8,))),
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
