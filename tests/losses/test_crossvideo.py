"""CrossVideo's objective against double loops, and what each of its switches changes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pointvideo.losses.crossvideo import (
    CrossVideoLoss,
    Projected,
    crossvideo_loss,
    frame_negatives,
    loss_of_clock,
    loss_of_constant,
    prototype,
)

EVERY, SECOND = tuple(range(8)), (0, 2, 4, 6)
PRINTED = CrossVideoLoss()


def cosine(one, two) -> float:
    return float(one @ two) / (float(one.norm()) * float(two.norm()))


def slow_pair(i, anchors, others, negatives, temperature) -> float:
    """One anchor's loss: Eq. 1, 2, 5 and 6."""
    same = sum(math.exp(cosine(anchors[i], anchors[k]) / temperature) for k in negatives)
    across = sum(math.exp(cosine(anchors[i], others[k]) / temperature) for k in [*negatives, i])
    return -math.log(math.exp(cosine(anchors[i], others[i]) / temperature) / (same + across))


def slow_videos(one, two, loss) -> list[float]:
    found = []
    for i in range(len(one)):
        others = [k for k in range(len(one)) if k != i]
        ways = [(one, two), (two, one)] if loss.symmetric else [(one, two)]
        found.append(sum(slow_pair(i, *way, others, loss.temperature) for way in ways) / len(ways))
    return found


def slow_frames(one: dict, two: dict, loss) -> list[float]:
    """``one`` and ``two``: the feature of each (video, number)."""
    places = [place for place in one if place in two]
    found: dict[int, list[float]] = {}
    for video, number in places:
        negatives = []
        for other, time in places:
            if (other, time) == (video, number):
                continue
            if other == video and (loss.negatives == "other_videos" or abs(time - number) <= loss.margin):
                continue
            if other != video and loss.negatives == "same_video":
                continue
            negatives.append((other, time))
        ways = [(one, two), (two, one)] if loss.symmetric else [(one, two)]
        values = [slow_pair((video, number), *way, negatives, loss.temperature) for way in ways]
        found.setdefault(video, []).append(sum(values) / len(values))
    return [sum(values) / len(values) for values in found.values()]


def slow_terms(first, second, images, loss) -> dict[str, list[float]]:
    """Eq. 1 to 6 with loops."""
    by_place = [
        {(video, number): side.features[video, t] for video in range(len(side.features)) for t, number in
         enumerate(side.numbers)} for side in (first, second, images)
    ]  # fmt: skip
    videos = range(len(first.features))
    z1, z2, h = (
        [torch.stack([frames[video, n] for n in side.numbers]).max(dim=0).values for video in videos]
        for frames, side in zip(by_place, (first, second, images), strict=True)
    )
    mean = {}
    for place, feature in by_place[0].items():
        mean[place] = (feature + by_place[1][place]) / 2 if place in by_place[1] else feature
    terms = {
        "intra_video": slow_videos(z1, z2, loss),
        "intra_frame": slow_frames(by_place[0], by_place[1], loss),
        "cross_video": slow_videos([(a + b) / 2 for a, b in zip(z1, z2, strict=True)], h, loss),
        "cross_frame": slow_frames(mean, by_place[2], loss),
    }
    return {name: values for name, values in terms.items() if all(getattr(loss, word) for word in name.split("_"))}


def sides(videos=3, first=EVERY, second=SECOND, images=EVERY, width=5):
    random = torch.Generator().manual_seed(0)
    return [
        Projected(torch.randn(videos, len(numbers), width, generator=random, dtype=torch.float64), numbers)
        for numbers in (first, second, images)
    ]


SWITCHES = [
    PRINTED,
    CrossVideoLoss(symmetric=True),
    CrossVideoLoss(negatives="other_videos"),
    CrossVideoLoss(negatives="same_video"),
    CrossVideoLoss(margin=3),
    CrossVideoLoss(negatives="same_video", margin=3, symmetric=True),
    CrossVideoLoss(cross=False, temperature=0.2),
    CrossVideoLoss(intra=False),
    CrossVideoLoss(frame=False),
    CrossVideoLoss(video=False),
    CrossVideoLoss(video=False, cross=False, margin=1),
]


@pytest.mark.parametrize("loss", SWITCHES, ids=str)
@pytest.mark.parametrize("frames", [(EVERY, SECOND, EVERY), ((0, 2, 4, 6), (0, 4), EVERY), (EVERY, EVERY, EVERY)])
def test_oracle(loss, frames):
    if frames[1] == (0, 4) and loss.negatives == "same_video" and loss.margin:
        frames = (EVERY, (0, 4, 6), EVERY)  # two frames so near each other have no negatives
    given = sides(2, *frames)
    parts, expected = crossvideo_loss(*given, loss), slow_terms(*given, loss)
    assert set(parts.terms) == set(expected)
    for name, values in expected.items():
        assert parts.terms[name].tolist() == pytest.approx(values, rel=1e-9), name
    videos = len(given[0].features)
    total = sum(sum(values) for values in expected.values()) / (2 * videos)  # Eq. 3, 7 and 8
    assert float(parts.total) == pytest.approx(total, rel=1e-9)


def test_permuting_the_videos_permutes_the_losses():
    given, order = sides(4), [2, 0, 3, 1]
    plain = crossvideo_loss(*given, PRINTED)
    moved = crossvideo_loss(*(Projected(side.features[order], side.numbers) for side in given), PRINTED)
    assert float(moved.total) == pytest.approx(float(plain.total), rel=1e-12)
    for name, values in plain.terms.items():
        assert torch.allclose(moved.terms[name], values[order], rtol=1e-12), name
    # and the images alone are another loss: pairs count
    first, second, images = given
    shuffled = crossvideo_loss(first, second, Projected(images.features[order], EVERY), PRINTED)
    assert torch.equal(shuffled.terms["intra_frame"], plain.terms["intra_frame"])
    assert not torch.isclose(shuffled.terms["cross_video"].mean(), plain.terms["cross_video"].mean())


def test_the_order_of_frames_does_not_count_but_their_numbers_do():
    first, second, images = sides()
    turned = Projected(second.features.flip(1), second.numbers[::-1])
    assert float(crossvideo_loss(first, turned, images, PRINTED).total) == pytest.approx(
        float(crossvideo_loss(first, second, images, PRINTED).total), rel=1e-12
    )
    wrong = Projected(second.features.flip(1), second.numbers)
    assert not torch.isclose(
        crossvideo_loss(first, wrong, images, PRINTED).total, crossvideo_loss(first, second, images, PRINTED).total
    )


def test_the_mean_of_two_views_where_both_have_a_frame():
    first, second, _ = sides()
    mean = prototype(first, second)
    assert mean.numbers == EVERY
    for place, number in enumerate(EVERY):
        expected = first.features[:, place]
        if number in SECOND:
            expected = (expected + second.features[:, SECOND.index(number)]) / 2
        assert torch.equal(mean.features[:, place], expected)


def test_frames_that_the_second_view_dropped_are_no_candidates():
    first, second, images = sides()
    plain = crossvideo_loss(first, second, images, PRINTED).terms["intra_frame"]
    other = first.features.clone()
    other[:, 1::2] = torch.randn(3, 4, 5, dtype=torch.float64)
    assert torch.equal(crossvideo_loss(Projected(other, EVERY), second, images, PRINTED).terms["intra_frame"], plain)


def test_which_frames_are_negatives():
    count = {
        loss: frame_negatives(3, EVERY, loss).sum(dim=1).unique().tolist()
        for loss in (PRINTED, replace(PRINTED, negatives="other_videos"), replace(PRINTED, negatives="same_video"))
    }
    assert list(count.values()) == [[23], [16], [7]]
    near = frame_negatives(2, EVERY, replace(PRINTED, margin=3))
    assert near[0].tolist() == [False] * 4 + [True] * 4 + [True] * 8
    assert near[4, :8].tolist() == [True] + [False] * 7  # of eight, the first is four frames away
    # numbers count, not places: of every second frame only the neighbours are so near
    assert frame_negatives(2, SECOND, replace(PRINTED, margin=3))[0, :4].tolist() == [False, False, True, True]


@pytest.mark.parametrize("loss", SWITCHES, ids=str)
def test_the_loss_of_a_constant_is_that_of_equal_features(loss):
    feature = torch.randn(5, dtype=torch.float64)
    equal = [Projected(feature.expand(*side.features.shape), side.numbers) for side in sides(2)]
    slow = slow_terms(*equal, loss)
    images = EVERY if loss.cross else None
    expected = sum(sum(values) for values in slow.values()) / 4
    assert loss_of_constant(2, EVERY, SECOND, images, loss) == pytest.approx(expected, rel=1e-6)
    assert loss_of_clock(2, EVERY, SECOND, images, loss) <= expected + 1e-6


def test_the_loss_of_a_constant_by_hand():
    """Eight videos have 15 candidates each, 8 · 150 frames have 2399; every second frame of 150 is one of 8 · 75."""
    every, second = tuple(range(150)), tuple(range(0, 150, 2))
    expected = (2 * math.log(15) + math.log(2 * 8 * 75 - 1) + math.log(2 * 8 * 150 - 1)) / 2
    assert loss_of_constant(8, every, second, every, PRINTED) == pytest.approx(expected, rel=1e-6)
    # a clock knows the frame, not the video: one of 15 again, but for what cosines of 0 leave
    rest = [math.log(15 + (2 * 8 * frames - 16) * math.exp(-1 / 0.07)) for frames in (75, 150)]
    expected = (2 * math.log(15) + sum(rest)) / 2
    assert loss_of_clock(8, every, second, every, PRINTED) == pytest.approx(expected, rel=1e-5)
    # inside a video the number is all that is asked for
    frames = CrossVideoLoss(video=False, negatives="same_video")
    assert loss_of_clock(8, every, second, every, frames) < 1e-3


def test_gradients_reach_all_three_sides():
    given = [Projected(side.features.requires_grad_(), side.numbers) for side in sides()]
    crossvideo_loss(*given, PRINTED).total.backward()
    assert all(float(side.features.grad.abs().sum()) > 0 for side in given)


def test_what_is_refused():
    first, second, images = sides()
    with pytest.raises(ValueError, match="got a batch of 1 video, expected at least 2"):
        crossvideo_loss(*(Projected(side.features[:1], side.numbers) for side in (first, second, images)), PRINTED)
    with pytest.raises(ValueError, match="images: got None, expected the other modality"):
        crossvideo_loss(first, second, None, PRINTED)
    with pytest.raises(ValueError, match=r"second: got features \(3, 4, 5\), expected \(3, 8, 5\)"):
        crossvideo_loss(first, Projected(second.features, EVERY), images, PRINTED)
    with pytest.raises(ValueError, match=r"second: got frames \(9, 11, 13, 15\), expected one of the first view's"):
        crossvideo_loss(first, Projected(second.features, (9, 11, 13, 15)), images, PRINTED)
    with pytest.raises(ValueError, match="a frame without negatives among 4 of a video, numbers 0 to 6, with margin 7"):
        frame_negatives(2, SECOND, CrossVideoLoss(negatives="same_video", margin=7))
    with pytest.raises(ValueError, match="intra: got False with cross=False"):
        CrossVideoLoss(intra=False, cross=False)
    with pytest.raises(ValueError, match="video: got False with frame=False"):
        CrossVideoLoss(video=False, frame=False)
    with pytest.raises(ValueError, match="margin: got 3 with negatives='other_videos', expected 0"):
        CrossVideoLoss(negatives="other_videos", margin=3)
