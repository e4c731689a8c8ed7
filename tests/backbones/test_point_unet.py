"""The point U-Net: every cloud alone, all its points back in their order, and each level as loops have it."""

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, frame_features, tokens_of
from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.kernels import sample_farthest_points
from pointvideo.tasks.classifier import Classifier
from pointvideo.tasks.point_classifier import PointClassifier

from ..unchecked import check_again

SMALL = PointUNetSize(
    stem=5, encoder=((6,), (8,)), stride=2, radius=0.5, neighbours=4, decoder=(10, 7), output="points"
)

UP = ((256, 128, 256), (256, 64, 128), (128, 32, 96), (96, 32, 96))  # carried, known before, given


def clouds(points: int = 32, frames: int = 3) -> torch.Tensor:
    return 2 * torch.rand(2, frames, points, 3, generator=torch.Generator().manual_seed(0)) - 1


def network(size: PointUNetSize):
    torch.manual_seed(0)
    return size.build()


def with_moved_norms(module):
    """Statistics and scales as no fresh network has them, some scales negative."""
    random = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm1d):
            norm.running_mean.normal_(generator=random)
            norm.running_var.uniform_(0.5, 2, generator=random)
            norm.weight.data.normal_(generator=random)
    return module.eval()


def level_by_loop(level, block, xyz, features):
    """One cloud's level: every anchor's ball, in index order, filled with its first point."""
    layer, anchors, rows = level.spatial.layers[0], sample_farthest_points(xyz[None], len(xyz) // 2)[0], []
    for anchor in xyz[anchors]:
        ball = [point for point in range(len(xyz)) if (xyz[point] - anchor).norm() < level.radius][: level.neighbours]
        every = [torch.cat([xyz[point] - anchor, features[point]]) for point in ball]
        rows.append(layer.finish(layer.linear(torch.stack(every))).amax(dim=0))
    rows = torch.stack(rows)
    inside = block.first.finish(block.first.linear(rows))
    return xyz[anchors], (rows + block.second.finish(block.second.linear(inside))).relu()


def test_levels_down_are_what_loops_say():
    unet, xyz = with_moved_norms(network(SMALL)), clouds(24)
    levels = unet.encoder(xyz)
    for clip in range(2):
        for frame in range(3):
            place, values = xyz[clip, frame], levels[0].features[clip, frame]
            for level, block, found in zip(unet.encoder.levels, unet.encoder.blocks, levels[1:], strict=True):
                place, values = level_by_loop(level, block, place, values)
                torch.testing.assert_close(found.xyz[clip, frame], place)
                torch.testing.assert_close(found.features[clip, frame], values, rtol=1e-4, atol=1e-5)


def test_a_level_up_is_what_loops_say():
    unet, xyz = with_moved_norms(network(SMALL)), clouds(24)
    *_, fine, coarse = unet.encoder(xyz)
    layer, block = unet.decoder.levels[0], unet.decoder.blocks[0]
    found = block(layer(coarse, *fine).features)[1, 2]
    for point, value in enumerate(found):
        apart = (coarse.xyz[1, 2] - fine.xyz[1, 2, point]).norm(dim=-1)
        weights, rows = 1 / (apart.sort().values[:3] + 1e-8), apart.argsort()[:3]
        carried = (weights[:, None] * coarse.features[1, 2, rows]).sum(dim=0) / weights.sum()
        row = layer.layers(torch.cat([carried, fine.features[1, 2, point]])[None])
        torch.testing.assert_close(block(row)[0], value, rtol=1e-3, atol=1e-4)


def test_every_point_has_a_token_in_its_own_place_and_a_frame_sees_itself_alone():
    unet, xyz = network(SMALL).eval(), clouds()
    tokens = tokens_of(unet, Clip(xyz))
    assert torch.equal(tokens.xyz, xyz) and tokens.features.shape == (2, 3, 32, unet.width)
    alone = tokens_of(unet, Clip(xyz[:, 1:2]))
    torch.testing.assert_close(alone.features, tokens.features[:, 1:2])
    changed = xyz.clone()
    changed[:, 1] += 0.1
    moved = (tokens_of(unet, Clip(changed)).features - tokens.features).abs().amax(dim=(0, 2, 3))
    assert [float(move) > 1e-4 for move in moved.detach()] == [False, True, False]


def test_the_encoder_alone_gives_the_coarsest_anchors_and_its_weights_are_the_same():
    whole, few = network(SMALL), replace(SMALL, output="anchors").build()
    few.load_state_dict(whole.state_dict())
    clip = Clip(clouds())
    tokens = tokens_of(few.eval(), clip)
    assert tokens.features.shape == (2, 3, 8, 8) and few.width == 8 and frame_features(few, clip).shape == (2, 3, 8)
    torch.testing.assert_close(tokens.features, whole.eval().encoder(clip.xyz)[-1].features)
    assert Classifier(replace(SMALL, output="anchors"), 5)(clip.xyz).shape == (2, 5)
    assert PointClassifier(SMALL, 4)(clip.xyz).shape == (2, 3, 32, 4)


def test_every_weight_learns_and_colours_reach_the_tokens():
    size = replace(SMALL, inputs=3)
    unet, xyz = network(size), clouds()
    colours = torch.rand(2, 3, 32, 3)
    values = tokens_of(unet, Clip(xyz, {"rgb": colours})).features
    (values - torch.randn_like(values)).square().mean().backward()
    without = [name for name, p in unet.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert without == []
    unet.eval()
    other = tokens_of(unet, Clip(xyz, {"rgb": 1 - colours})).features
    assert not torch.allclose(other, tokens_of(unet, Clip(xyz, {"rgb": colours})).features)


def test_defaults_are_four_levels_and_few_enough_parameters_for_a_laptop():
    unet = network(PointUNetSize(output="points")).eval()
    with torch.no_grad():
        levels = unet.encoder(clouds(1024, 1))
        assert [level.xyz.shape[2] for level in levels] == [1024, 256, 64, 16, 4]
        assert [level.features.shape[-1] for level in levels] == [32, 32, 64, 128, 256]
        assert unet.decoder(levels).features.shape == (2, 1, 1024, 96)
    linear = [3 * 32]  # inputs x outputs; batch norm has two more an output
    linear += [(3 + below) * width for below, width in ((32, 32), (32, 64), (64, 128), (128, 256))]
    linear += [(below + skip) * width for below, skip, width in UP]
    widths = [32, 32, 64, 128, 256, 256, 128, 96, 96]
    blocks = sum(2 * (width * width + 2 * width) for width in widths[1:])
    assert sum(p.numel() for p in unet.parameters()) == sum(linear) + 2 * sum(widths) + blocks == 593_664


def test_what_is_refused():
    unet, xyz = network(SMALL), clouds()
    with pytest.raises(ValueError, match=r"xyz: got 3 points a frame, expected at least 4: 2 levels of 2 points"):
        unet.tokens(xyz[:, :, :3])
    with pytest.raises(ValueError, match=r"features: got \(2, 3, 32, 3\), expected none"):
        unet.tokens(xyz, features=xyz)
    with pytest.raises(ValueError, match=r"features: got none, expected \(2, 3, 32, 3\)"):
        network(replace(SMALL, inputs=3)).tokens(xyz)
    with pytest.raises(ValueError, match=r"PointUNetSize.decoder: got 1 levels, expected 2 as in encoder"):
        check_again(SMALL, decoder=(4,))
