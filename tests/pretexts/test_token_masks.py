"""Masks over a clip's patches, which tokens they hide, and what point tubes hold, each against loops."""

from __future__ import annotations

import pytest
import torch

from pointvideo.pretexts.point_tubes import PointTube, point_tubes
from pointvideo.pretexts.token_masks import BlockMask, RandomMask, hidden_tokens
from pointvideo.pretexts.tube_masks import Tubes


def anchors(batch=3, patches=16):
    return torch.rand(batch, patches, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("lasting", [None, 1, 3])
def test_every_frame_has_the_same_number_of_hidden_patches(lasting):
    mask = RandomMask(patches=16, hidden=0.75, lasting=lasting)
    hidden = mask.draw(anchors(), 7, 5)
    assert hidden.shape == (3, 7, 16) and (hidden.sum(dim=2) == 12).all() and mask.share(7) == 0.75
    for frame in range(6):
        goes_on = lasting is None or (frame + 1) % lasting
        assert torch.equal(hidden[:, frame], hidden[:, frame + 1]) == bool(goes_on)
    assert torch.equal(hidden, mask.draw(anchors(), 7, 5)) and not torch.equal(hidden, mask.draw(anchors(), 7, 6))
    assert not torch.equal(hidden[0], hidden[1])


@pytest.mark.parametrize("lasting", [None, 2])
def test_a_block_is_a_patch_with_its_nearest_ones(lasting):
    mask = BlockMask(patches=16, blocks=1, least=0.2, most=0.4, lasting=lasting)
    sizes = set()
    for seed in range(20):
        hidden = mask.draw(anchors(), 5, seed)
        for clip in range(3):
            frames = hidden[clip].any(dim=1).nonzero()[:, 0].tolist()
            assert frames == list(range(frames[0], frames[0] + (lasting or 5)))
            assert (hidden[clip, frames] == hidden[clip, frames[0]]).all()
            inside = hidden[clip, frames[0]].nonzero()[:, 0].tolist()
            sizes.add(len(inside))
            apart = torch.cdist(anchors()[clip].double(), anchors()[clip].double())
            assert any(sorted(apart[m].argsort()[: len(inside)].tolist()) == inside for m in inside)
    assert sizes == {3, 4, 5, 6}


def test_the_share_that_blocks_hide_is_about_what_is_said():
    mask = BlockMask(patches=64)
    places = torch.rand(40, 64, 3, generator=torch.Generator().manual_seed(1))
    found = float(mask.draw(places, 3, 0).float().mean())
    assert mask.share(3) == pytest.approx(found, abs=0.06)
    short = BlockMask(patches=64, lasting=6)
    found = float(short.draw(places, 24, 0).float().mean())
    assert short.share(24) == pytest.approx(found, abs=0.04) and found < 0.2


def test_hidden_tokens_stand_in_hidden_patches_each_once():
    middles = anchors()
    hidden = RandomMask(patches=16, hidden=0.5, lasting=1).draw(middles, 4, 0)
    tubes = Tubes(torch.zeros(3, 4, 1, dtype=torch.long), middles, hidden, torch.ones(3))
    tokens = torch.rand(3, 4, 6, 3, generator=torch.Generator().manual_seed(2))
    wanted = []
    for clip in range(3):
        wanted.append(set())
        for frame in range(4):
            for token in range(6):
                patch = int((middles[clip] - tokens[clip, frame, token]).norm(dim=1).argmin())
                if hidden[clip, frame, patch]:
                    wanted[-1].add(frame * 6 + token)
    index, present = hidden_tokens(tokens, tubes, 24, 0)
    for clip in range(3):
        assert set(index[clip][present[clip]].tolist()) == wanted[clip]
        assert len(set(index[clip].tolist())) == 24
    few, there = hidden_tokens(tokens, tubes, 4, 0)
    assert there.all() and few.shape == (3, 4)
    again, _ = hidden_tokens(tokens, tubes, 4, 0)
    other, _ = hidden_tokens(tokens, tubes, 4, 1)
    assert torch.equal(few, again) and not torch.equal(few, other)


def test_tubes_hold_points_of_their_frames_and_count_them_by_octant():
    random = torch.Generator().manual_seed(3)
    xyz = torch.rand(2, 4, 40, 3, generator=random)
    tokens = torch.rand(2, 4, 3, 3, generator=random)
    tokens[1, 2, 0] = 5.0  # nothing is near it
    index = torch.tensor([[0, 5, 11, 7], [6, 3, 1, 10]])
    tube = PointTube(radius=0.4, points=6, frames=3)
    found = point_tubes(xyz, tokens, index, tube)
    assert found.xyz.shape == (2, 4, 3, 6, 3) and found.counts.shape == (2, 4, 3, 8)
    for clip in range(2):
        for query in range(4):
            frame, token = divmod(int(index[clip, query]), 3)
            for place, other in enumerate((max(0, frame - 1), frame, min(3, frame + 1))):
                middle = tokens[clip, frame, token]
                inside = [p for p in xyz[clip, other] if float((p - middle).norm()) < 0.4][:6]
                assert bool(found.filled[clip, query, place]) == bool(inside)
                counts = [0] * 8
                for point in inside:
                    x, y, z = (point - middle).tolist()
                    counts[(x > 0) + 2 * (y > 0) + 4 * (z > 0)] += 1
                assert found.counts[clip, query, place].tolist() == counts
                held = found.xyz[clip, query, place] * 0.4 + middle
                if inside:
                    assert torch.allclose(held[: len(inside)], torch.stack(inside), atol=1e-6)
                    assert torch.cdist(held, torch.stack(inside)).amin(dim=1).max() < 1e-5
    assert not found.filled[1, 0].any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomMask(patches=1), "RandomMask.patches: got 1"),
        (lambda: RandomMask(hidden=0.999), "leaves at least one"),
        (lambda: RandomMask(lasting=0), "RandomMask.lasting: got 0"),
        (lambda: BlockMask(least=0.5, most=0.2), "BlockMask.most: got 0.2, expected at least 0.5"),
        (lambda: BlockMask(blocks=8), "BlockMask.blocks: got 8 of up to 13 patches"),
        (lambda: PointTube(frames=2), "PointTube.frames: got 2"),
        (lambda: PointTube(radius=0.0), "PointTube.radius: got 0.0"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
