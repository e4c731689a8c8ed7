"""Fitted primitives in PPTr: attention inside groups of any size against a loop over them; refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, PPTrSize, TransformerSize, TubeSize, frame_features
from pointvideo.backbones.action_segmentation import PPTrActionSegmentationSize
from pointvideo.backbones.primitives import (
    anchor_labels,
    attend_by_size,
    attend_within,
    check_primitive,
    fill_absent,
    pool_groups,
)
from pointvideo.backbones.transformer import Transformer
from tests.unchecked import check_again

from .test_semantic_segmentation import SMALL as SEGMENTATION
from .test_semantic_segmentation import small_clip

WIDTH, GROUPS = 16, 5
MIXER = TransformerSize(WIDTH, 2, 2, 8, 16)
TUBE = TubeSize(radius=0.5, neighbours=4, spatial_stride=3)
CLIP = PPTrSize(TUBE, MIXER, primitives=GROUPS, grouping="fitted")
APART = replace(CLIP, pool_primitives=False)
EVERY_FRAME = PPTrActionSegmentationSize(
    replace(TUBE, temporal_stride=1, temporal_padding=(1, 1)), MIXER, primitives=GROUPS, grouping="fitted"
)
RUNS = replace(SEGMENTATION["runs"], primitives=GROUPS, grouping="fitted")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_clip(frames: int = 4, points: int = 48) -> torch.Tensor:
    return torch.rand(2, frames, points, 3, generator=generator())


def some_labels(clip: torch.Tensor, groups: int = GROUPS) -> torch.Tensor:
    """Unequal groups, the last but one without a point in any frame, and one frame with a single group."""
    labels = (torch.rand(clip.shape[:3], generator=generator(1)) ** 2 * groups).long()
    labels[labels == groups - 2] = 0
    labels[0, 1] = groups - 1
    return labels


def mixer(depth: int = 2) -> Transformer:
    torch.manual_seed(3)
    return Transformer(*replace(MIXER, depth=depth).arguments()).double()


def one_by_one(transformer: Transformer, tokens: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """The oracle: cut out every group of every cloud, mix it alone, put it back."""
    out = torch.full_like(tokens, torch.nan)
    for cloud in range(len(tokens)):
        for group in set(label[cloud].tolist()):
            members = label[cloud] == group
            out[cloud, members] = transformer(tokens[cloud, members][None])[0]
    return out


@pytest.mark.parametrize("form", [attend_within, attend_by_size])
@pytest.mark.parametrize("points", [1, 7, 33])
def test_attention_inside_groups_is_that_of_a_loop_over_them(form, points):
    transformer = mixer()
    tokens = torch.randn(3, points, WIDTH, generator=generator(), dtype=torch.double).requires_grad_()
    label = (torch.rand(3, points, generator=generator(2)) ** 2 * 6).long()
    weights = torch.randn(tokens.shape, generator=generator(4), dtype=torch.double)
    inputs = (tokens, *transformer.parameters())
    ours, theirs = form(transformer, tokens, label), one_by_one(transformer, tokens, label)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    gradients = (torch.autograd.grad((out * weights).sum(), inputs) for out in (ours, theirs))
    for mine, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-8, atol=1e-8)


def test_large_clouds_take_no_matrix_over_all_pairs(monkeypatch):
    """Among 300 points in groups of at most 40, no call of the transformer sees more than 40 tokens together."""
    seen = []
    transformer = mixer(1)
    monkeypatch.setattr(transformer, "forward", lambda tokens, mask: seen.append(tokens.shape) or tokens)
    label = torch.arange(300).div(40, rounding_mode="floor")[None]
    tokens = torch.rand(1, 300, WIDTH)
    assert torch.equal(attend_within(transformer, tokens, label), tokens)
    assert sum(rows for rows, *_ in seen) == 8 and max(length for _, length, _ in seen) == 40


def test_maximum_of_groups_and_what_an_empty_one_gets():
    features = torch.tensor([[[1.0, 9], [4, 2], [3, 5]]], requires_grad=True)
    pooled, present = pool_groups(features, torch.tensor([[2, 0, 2]]), 4)
    assert present.tolist() == [[True, False, True, False]]
    assert pooled.tolist() == [[[4, 2], [4, 9], [3, 9], [4, 9]]]
    # the gradient of the maximum over all groups is that of the maximum over all points
    (gradient,) = torch.autograd.grad(pooled.amax(dim=1).sum(), features)
    assert gradient.tolist() == [[[0, 1], [1, 0], [0, 0]]]
    assert fill_absent(pooled.detach(), present)[0, 1].tolist() == [4, 9]


@pytest.mark.parametrize(("size", "middles"), [(CLIP, [0, 2]), (EVERY_FRAME, [0, 1, 2, 3])])
def test_anchors_have_the_label_of_their_point(size, middles):
    clip = some_clip()
    tube = size.build().tube
    anchors = tube(clip).xyz
    labels = torch.arange(clip[..., 0].numel()).view(clip.shape[:3])  # every point of the clips a label of its own
    found = anchor_labels(tube, clip, anchors, labels)
    assert torch.equal(clip.flatten(0, 2)[found], anchors)
    assert torch.equal(found // 48 % 4, torch.tensor(middles)[:, None].expand(2, -1, 16))


def network(size) -> torch.nn.Module:
    torch.manual_seed(5)
    return size.build().eval()


def slow_pptr(model, clip, labels):
    """Frame by frame and group by group, absent primitives left out: the tokens before the clip's maximum."""
    tokens = model.embed(clip)
    labels = anchor_labels(model.tube, clip, tokens.xyz, labels)
    clips = []
    for features, label in zip(tokens.features, labels, strict=True):
        frames = []
        for frame, groups in zip(features.relu(), label, strict=True):
            rows = [model.transformer1(frame[groups == g][None])[0].amax(dim=0) for g in sorted(set(groups.tolist()))]
            frames.append(torch.stack(rows))
        if model.size.pool_primitives:
            frames = [rows.amax(dim=0, keepdim=True) for rows in frames]
        counts = [len(rows) for rows in frames]
        mixed = model.transformer2(torch.cat(frames).relu()[None])[0]
        clips.append(torch.stack([rows.amax(dim=0) for rows in mixed.split(counts)]))
    return torch.stack(clips)


@pytest.mark.parametrize("size", [CLIP, APART, EVERY_FRAME], ids=["pooled", "apart", "every frame"])
def test_pptr_is_a_loop_over_frames_and_groups(size):
    model, clip = network(size), some_clip()
    labels = some_labels(clip)
    ours, theirs = frame_features(model, Clip(clip, {"primitive": labels})), slow_pptr(model, clip, labels)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    tokens = model(clip, primitive=labels)
    assert tokens.features.shape[2] == (1 if size.pool_primitives else GROUPS)
    assert torch.equal(tokens.features.amax(dim=2), ours)
    gradients = [torch.autograd.grad(out.square().sum(), list(model.parameters())) for out in (ours, theirs)]
    for mine, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [CLIP, APART, EVERY_FRAME, RUNS], ids=["pooled", "apart", "every frame", "runs"])
def test_numbering_of_primitives_does_not_matter(size):
    model = network(size)
    clip = small_clip() if size is RUNS else some_clip()
    labels = some_labels(clip)
    other = torch.tensor([3, 0, 4, 1, 2])[labels]
    for depth in ("tube", "primitives", "full"):
        before = frame_features(model, Clip(clip, {"primitive": labels}), depth)
        renamed = frame_features(model, Clip(clip, {"primitive": other}), depth)
        torch.testing.assert_close(renamed, before, rtol=1e-4, atol=1e-5)
        # but who is with whom does, from the first transformer on
        elsewhere = frame_features(model, Clip(clip, {"primitive": labels.roll(1, dims=2)}), depth)
        assert torch.equal(elsewhere, before) == (depth == "tube")


def test_equal_groups_are_the_released_runs():
    """Labels that name the runs give the released network's output; the points need not be sorted for it."""
    clip = small_clip()
    released, fitted = network(SEGMENTATION["runs"]), network(replace(SEGMENTATION["runs"], grouping="fitted"))
    fitted.load_state_dict(released.state_dict())
    labels = torch.arange(32).div(4, rounding_mode="floor").expand(2, 3, 32)
    memory = torch.randn(2, 4, 3, 12, generator=generator())
    torch.testing.assert_close(fitted(clip, None, memory, labels), released(clip, None, memory), rtol=1e-4, atol=1e-5)
    for depth in ("tube", "primitives", "full"):
        found = frame_features(fitted, Clip(clip, {"primitive": labels}), depth)
        torch.testing.assert_close(found, frame_features(released, Clip(clip), depth))


def test_segmentation_trains_with_absent_primitives():
    model, clip = network(RUNS).train(), small_clip()
    logits = model(clip, primitive=some_labels(clip))
    logits.logsumexp(dim=-1).sum().backward()
    assert logits.shape == (2, 3, 32, 5)
    assert [key for key, value in model.named_parameters() if not value.grad.isfinite().all()] == []
    assert [key for key, value in model.named_parameters() if not value.grad.any()] == []


def test_an_absent_primitive_is_not_looked_at():
    """With and without three more primitives that no point is of, the logits are the same."""
    clip = small_clip()
    labels = some_labels(clip)
    few, many = network(RUNS), network(replace(RUNS, primitives=GROUPS + 3))
    torch.testing.assert_close(many(clip, primitive=labels), few(clip, primitive=labels))


@pytest.mark.parametrize("name", ["P4Transformer", "balls", "runs"])
def test_tokens_are_what_frame_features_are_the_maximum_of(name):
    model, clip = network(SEGMENTATION[name]), small_clip()
    tokens = model.tokens(clip)
    count = {"P4Transformer": 4, "balls": 6, "runs": 8}[name]
    assert tokens.xyz.shape == (2, 3, count, 3) and tokens.features.shape == (2, 3, count, 12)
    assert torch.equal(tokens.features.amax(dim=2), frame_features(model, Clip(clip)))


@pytest.mark.parametrize("name", ["balls", "runs"])
def test_the_papers_teacher_stops_before_any_attention(name):
    model, clip = network(SEGMENTATION[name]), small_clip()
    expected = model.embed_points(clip).features.amax(dim=2)
    with torch.no_grad():
        for transformer in (model.transformer1, model.transformer2):
            for parameter in transformer.parameters():
                parameter.fill_(torch.nan)
    assert torch.equal(frame_features(model, Clip(clip), "tube"), expected)


def test_labels_are_checked():
    clip = some_clip()
    labels = some_labels(clip)
    model, released = network(CLIP), network(replace(CLIP, grouping="order", primitives=8))
    with pytest.raises(ValueError, match=r"primitive: got none, expected labels \(2, 4, 48\) where the grouping is"):
        model(clip)
    with pytest.raises(ValueError, match="primitive: got labels, expected none where points are grouped by their"):
        released(clip, primitive=labels)
    for wrong, found in ((labels[..., 1:], r"torch.int64 \(2, 4, 47\)"), (labels.int(), r"torch.int32 \(2, 4, 48\)")):
        with pytest.raises(ValueError, match=f"primitive: got {found}, expected torch.int64"):
            check_primitive("fitted", wrong, clip, GROUPS)
    with pytest.raises(ValueError, match="primitive: got labels from -1 to 4, expected 0 to 4"):
        model(clip, primitive=torch.where(labels == 0, -1, labels))
    with pytest.raises(ValueError, match="primitive: got labels from 1 to 5, expected 0 to 4"):
        model.tokens(clip, "tube", primitive=torch.where(labels == 0, 5, labels))
    balls = network(SEGMENTATION["balls"])
    with pytest.raises(ValueError, match="primitive: got labels, expected none"):
        balls.tokens(small_clip(), primitive=some_labels(small_clip()))
    with pytest.raises(ValueError, match="PPTrSize.grouping: got 'planes', expected 'order' or 'fitted'"):
        check_again(CLIP, grouping="planes")
