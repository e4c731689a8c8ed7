"""The contract: a network of one's own goes wherever ours go, clips carry fields by name, attention can be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import nn

from pointvideo.backbones import (
    BackboneSize,
    Clip,
    P4TransformerSize,
    PPTrSize,
    Tokens,
    attention_maps,
    frame_features,
    stages_of,
    tokens_of,
)
from pointvideo.backbones.tokens import check_clip
from pointvideo.backbones.transformer import Attention
from pointvideo.pretexts.c2p import C2P, C2PPretrain
from pointvideo.pretexts.strl import STRL, STRLPretrain
from pointvideo.pretexts.videomae import VideoMAE, VideoMAEPretrain
from pointvideo.stream import ClipData
from pointvideo.tasks.classifier import Classifier
from pointvideo.tasks.frame_classifier import FrameClassifier
from pointvideo.tasks.point_classifier import PointClassifier, point_features
from pointvideo.values import Checked, Count

from ..pretexts.networks import NARROW, NETWORKS, TUBE, clip_for


@dataclass(frozen=True)
class MySize(Checked):
    """Every eighth point with a linear map; no tube, no transformer."""

    width: Count = 12
    inputs: int = 0
    name: ClassVar[str] = "mine"

    def build(self) -> Mine:
        return Mine(self)


class Mine(nn.Module):
    stages = ("shallow", "deep")

    def __init__(self, size: MySize):
        super().__init__()
        self.width = size.width
        self.first, self.second = nn.Linear(3 + size.inputs, size.width), nn.Linear(size.width, size.width)

    def tokens(self, xyz, stage="deep", features=None):
        rows = xyz if features is None else torch.cat([xyz, features], dim=-1)
        shallow = self.first(rows[:, :, ::8])
        return Tokens(xyz[:, :, ::8], shallow if stage == "shallow" else self.second(shallow.relu()))


def test_a_backbone_of_ones_own_goes_wherever_ours_go():
    size, clip = MySize(), clip_for(0)
    assert isinstance(size, BackboneSize) and stages_of(size) == ("shallow", "deep")
    assert Classifier(size, 20)(clip.xyz).shape == (4, 20)
    assert FrameClassifier(size, 19)(clip.xyz).shape == (4, 3, 19)
    assert PointClassifier(size, 7)(clip.xyz).shape == (4, 3, 32, 7)
    teacher, student = C2P(C2PPretrain(backbone=size, teacher="shallow", predictor_hidden=8))(clip, clip)
    assert teacher.shape == student.shape == (4, 3, 12) and not torch.equal(teacher, student)
    assert STRL(STRLPretrain(backbone=size, hidden=8, projection=4))(clip)[0].shape == (4, 12)
    assert VideoMAE(VideoMAEPretrain(backbone=size, decoder=NARROW)).encode(clip).features.shape == (4, 3, 4, 12)
    with pytest.raises(ValueError, match="C2PPretrain.teacher: got 'tube', expected 'shallow' or 'deep', where"):
        C2PPretrain(backbone=size)
    with pytest.raises(ValueError, match="clock: got False, expected True: mine has no clock"):
        C2PPretrain(backbone=size, teacher="shallow", clock=False)


def test_every_measured_field_reaches_the_network_in_its_order():
    xyz = clip_for(0).xyz
    rgb, normals, heat = torch.rand_like(xyz), torch.rand_like(xyz), torch.rand(xyz.shape[:3])
    clip = Clip(xyz, {"rgb": rgb, "normals": normals, "heat": heat, "part": torch.ones(xyz.shape[:3]).long()})
    given = clip.given()
    assert torch.equal(given["features"], torch.cat([rgb, normals, heat[..., None]], dim=-1)) and "part" in given
    network = MySize(inputs=6).build()
    both = Clip(xyz, {"rgb": rgb, "normals": normals})
    for name in both.fields:
        changed = Clip(xyz, both.fields | {name: 1 - both.fields[name]})
        assert not torch.allclose(frame_features(network, both), frame_features(network, changed)), name
    with pytest.raises(ValueError, match=r"Mine: got a clip with rgb, normals, heat, part \(ClipData.*'part'"):
        tokens_of(network, clip)
    with pytest.raises(ValueError, match="P4Transformer: got a clip with rgb"):
        tokens_of(NETWORKS["P4Transformer"][0].build(), Clip(xyz, {"rgb": rgb}))
    halves = Clip.cat([both, both.map(lambda values: values + 1)])
    assert torch.equal(halves.fields["normals"], torch.cat([normals, normals + 1])) and halves.xyz.shape[0] == 8


def test_tokens_must_be_what_is_promised():
    network = MySize().build()
    with pytest.raises(ValueError, match="stage: got 'tube', expected one of 'shallow', 'deep' for Mine"):
        frame_features(network, clip_for(0), "tube")
    network.tokens = lambda xyz, stage="deep": Tokens(xyz, xyz[:, 0])
    with pytest.raises(ValueError, match=r"Mine.tokens: got \(4, 3, 32, 3\) and \(4, 32, 3\)"):
        frame_features(network, clip_for(0))


def test_points_get_their_own_tokens_or_their_neighbours():
    xyz = clip_for(0).xyz
    same = Tokens(xyz, torch.rand(4, 3, 32, 5))
    assert point_features(same, xyz) is same.features
    few = Tokens(xyz[:, ::2, :4], torch.rand(4, 2, 4, 5))  # two frames of tokens for three
    found = point_features(few, xyz)
    torch.testing.assert_close(found[:, 0, :4], few.features[:, 0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[:, 2, :4], few.features[:, 1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_attention_maps_are_what_the_network_mixes_by(name):
    size, inputs = NETWORKS[name]
    network, clip = size.build(), clip_for(inputs)
    before = frame_features(network.eval(), clip)
    mixed = {}

    def keep(layer, given, output):
        mixed.setdefault(layer, (given, output))

    layers = {found: layer for found, layer in network.named_modules() if isinstance(layer, Attention)}
    handles = [layer.register_forward_hook(keep) for layer in layers.values()]
    network.train()
    maps = attention_maps(network, clip)
    for handle in handles:
        handle.remove()
    assert network.training and {found.name for found in maps} == set(layers) and len(maps) == len(layers)
    for found in maps:
        layer = layers[found.name]
        (tokens, *_), output = mixed[layer]
        assert found.weights.shape == (len(tokens), layer.heads, tokens.shape[1], tokens.shape[1])
        torch.testing.assert_close(found.weights.sum(-1), torch.ones(found.weights.shape[:3]))
        value = layer.query_key_value(tokens)[2]
        again = (found.weights @ value).transpose(1, 2).flatten(2)
        torch.testing.assert_close(torch.nn.functional.gelu(layer.to_out(again)), output, rtol=1e-4, atol=1e-5)
    assert torch.equal(frame_features(network.eval(), clip), before)


def test_nobody_looks_at_an_absent_primitive():
    size = replace(PPTrSize(TUBE, NARROW), primitives=3, grouping="fitted", pool_primitives=False)
    xyz = clip_for(0).xyz
    labels = torch.arange(32).remainder(2).expand(4, 3, 32)  # the third primitive has no point
    first, second = attention_maps(size.build(), Clip(xyz, {"primitive": labels}))
    assert second.weights.shape == (4, 2, 9, 9) and not second.weights[..., 2::3].any()
    assert 0 < float((first.weights == 0).float().mean()) < 1
    with pytest.raises(ValueError, match="Mine: no attention layer, expected a transformer"):
        attention_maps(MySize().build(), Clip(xyz))


@pytest.mark.parametrize("name", NETWORKS)
def test_clips_of_another_shape_are_refused_in_one_line(name):
    size, inputs = NETWORKS[name]
    network = size.build()

    def given(xyz):
        return {"features": xyz[..., :3]} if inputs else {}

    for xyz, message in (
        (torch.rand(0, 3, 32, 3), "xyz: got 0 clips, expected at least 1"),
        (torch.rand(3, 32, 3), r"xyz: got shape \(3, 32, 3\), expected \(batch, frames, points, 3\)"),
        (torch.rand(2, 3, 32, 6), r"xyz: got shape \(2, 3, 32, 6\), expected .*; colours and normals are features"),
    ):
        with pytest.raises(ValueError, match=message):
            check_clip(xyz, next(network.parameters()))
    with pytest.raises(ValueError, match="xyz: got 0 clips"):
        network.tokens(torch.rand(0, 3, 32, 3), **given(torch.rand(0, 3, 32, 3)))
    half = size.build().bfloat16()
    with pytest.raises(ValueError, match="weights: got torch.bfloat16, expected torch.float32"):
        half.tokens(torch.rand(2, 3, 32, 3), **given(torch.rand(2, 3, 32, 3)))


def test_sizes_say_what_recipes_ask():
    assert P4TransformerSize.has_clock and not hasattr(PPTrSize, "has_clock")
    assert stages_of(PPTrSize()) == ("tube", "primitives", "full")
    plain = C2PPretrain(backbone=PPTrSize(), data=ClipData("hoi4d_action"))
    assert plain.as_released().teacher == "primitives"
    assert replace(plain, backbone=P4TransformerSize()).as_released().teacher == "tube"
