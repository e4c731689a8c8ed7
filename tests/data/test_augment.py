"""Augmentation of clips: against a loop over points, MSR-Action3D's bit for bit, and what is refused."""

import math

import numpy as np
import pytest
import torch

from pointvideo.data.augment import Augment, apply
from pointvideo.data.clips import scale_augment
from tests.unchecked import check_again

CLIPS = 3 + torch.rand(40, 3, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).float()
HOI4D = Augment(0.8, 1.2, per_axis=False, around="centre", mirror="x")


def slow_apply(augment: Augment, xyz: torch.Tensor, seed: int, centre: torch.Tensor | None) -> np.ndarray:
    """Scale, mirror, then turn, point by point and in float64, with the draws in the order of the module."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 0xA06]))
    clips = len(xyz)
    factors = random.uniform(augment.low, augment.high, (clips, 3))
    angles = math.radians(augment.turn_degrees) * random.uniform(-1, 1, clips)
    mirrored = random.random(clips) < 0.5
    out = xyz.double().numpy().copy()
    for clip in range(clips):
        middle = np.zeros(3)
        if augment.around == "centre":
            first = out[clip, 0].mean(axis=0)
            middle = first if centre is None else centre[clip].double().numpy()
        for frame in out[clip]:
            for number, point in enumerate(frame):
                if augment.mirror == "first_point" and mirrored[clip] and number == 0:
                    point = -point
                x, y, z = (
                    (value - about) * (factors[clip][axis] if augment.per_axis else factors[clip][0])
                    for axis, (value, about) in enumerate(zip(point, middle, strict=True))
                )
                if augment.mirror == "x" and mirrored[clip]:
                    x = -x
                cosine, sine = math.cos(angles[clip]), math.sin(angles[clip])
                frame[number] = middle + [cosine * x + sine * z, y, -sine * x + cosine * z]
    return out


@pytest.mark.parametrize(
    "augment",
    [
        Augment(0.8, 1.2, per_axis=False),
        Augment(0.8, 1.2, per_axis=False, around="centre"),
        HOI4D,
        Augment(1.0, 1.0, turn_degrees=9.0),
        Augment(0.7, 1.3, per_axis=True, around="centre", turn_degrees=180.0, mirror="x"),
        Augment(0.5, 2.0, mirror="x"),
        Augment(0.8, 1.2, per_axis=False, mirror="first_point"),
    ],
    ids=str,
)
@pytest.mark.parametrize("given", [False, True])
def test_oracle(augment, given):
    centre = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) if given else None
    ours = apply(augment, CLIPS, 5, centre)
    np.testing.assert_allclose(ours.numpy(), slow_apply(augment, CLIPS, 5, centre), rtol=1e-5, atol=1e-5)
    assert ours.dtype == torch.float32 and ours.shape == CLIPS.shape


def test_msr_action3d_is_the_old_augmentation_bit_for_bit():
    assert Augment() == Augment(0.9, 1.1)
    for seed in (0, 7, 2**62, -3):
        assert torch.equal(apply(Augment(), CLIPS, seed), scale_augment(CLIPS, seed))
        assert torch.equal(apply(Augment(0.5, 2.0), CLIPS, seed), scale_augment(CLIPS, seed, 0.5, 2.0))
    assert apply(None, CLIPS, 3) is CLIPS


def test_a_clip_keeps_its_shape_from_frame_to_frame():
    """One draw a clip: distances between any two points of any two frames change by the clip's one factor."""
    for augment in (HOI4D, Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0, mirror="x")):
        before, after = (
            torch.cdist(clips.flatten(1, 2).double(), clips.flatten(1, 2).double())
            for clips in (CLIPS, apply(augment, CLIPS, 2))
        )
        ratio = (after / before)[:, ~torch.eye(18, dtype=torch.bool)]
        assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-2)
        assert 0.8 <= float(ratio.mean(1).min()) < 0.87 and 1.13 < float(ratio.mean(1).max()) <= 1.2


def test_mirroring_turns_half_of_the_clips_inside_out():
    still = Augment(1.0, 1.0, mirror="x")
    moved = apply(still, CLIPS, 3)
    flipped = (moved[..., 0] == -CLIPS[..., 0]).flatten(1).all(1)
    assert torch.equal(moved[~flipped], CLIPS[~flipped]) and torch.equal(moved[..., 1:], CLIPS[..., 1:])
    assert 10 <= int(flipped.sum()) <= 30
    centred = apply(Augment(1.0, 1.0, around="centre", mirror="x"), CLIPS, 3)
    assert torch.allclose(centred[:, 0].mean(1), CLIPS[:, 0].mean(1), atol=1e-5)  # the fixed point stays


def test_as_released_the_mirror_negates_one_point_of_every_frame():
    moved = apply(Augment(1.0, 1.0, mirror="first_point"), CLIPS, 3)
    flipped = (moved[:, :, 0] == -CLIPS[:, :, 0]).flatten(1).all(1)
    assert 10 <= int(flipped.sum()) <= 30
    assert torch.equal(moved[:, :, 1:], CLIPS[:, :, 1:])
    assert torch.equal(moved[~flipped], CLIPS[~flipped])
    assert float(CLIPS.min()) >= 3  # what was given has not changed


def test_turning_is_about_the_vertical_axis_up_to_the_angle():
    moved = apply(Augment(1.0, 1.0, turn_degrees=9.0), CLIPS, 1)
    assert torch.equal(moved[..., 1], CLIPS[..., 1])
    angle = torch.rad2deg(torch.atan2(CLIPS[..., 0], CLIPS[..., 2]) - torch.atan2(moved[..., 0], moved[..., 2]))
    angle = (angle + 180) % 360 - 180
    assert torch.allclose(angle, angle[:, :1, :1].expand_as(angle), atol=1e-3)
    assert 7 < float(angle.abs().max()) <= 9.001 and float(angle.min()) < 0 < float(angle.max())


@pytest.mark.parametrize("augment", [Augment(), HOI4D, Augment(0.8, 1.2, turn_degrees=90.0)], ids=str)
def test_a_draw_depends_on_seed_and_place_in_the_batch_alone(augment):
    once = apply(augment, CLIPS, 11)
    torch.manual_seed(5)
    np.random.seed(5)
    assert torch.equal(once, apply(augment, CLIPS, 11)) and not torch.equal(once, apply(augment, CLIPS, 12))
    assert not torch.equal(once[0] / CLIPS[0], once[1] / CLIPS[1])


@pytest.mark.parametrize(
    "fields,message",
    [
        ({"low": 1.2, "high": 1.1}, "Augment: got factors 1.2 to 1.1, expected 0 < low <= high"),
        ({"low": 0.0}, "Augment.low: got 0.0, expected a number above 0"),
        ({"high": float("inf")}, "Augment.high: got inf"),
        ({"low": float("nan")}, "Augment.low: got nan"),
        ({"turn_degrees": 181.0}, "Augment.turn_degrees: got 181.0, expected a number of at least 0 and at most 180"),
        ({"turn_degrees": -1.0}, "Augment.turn_degrees: got -1.0"),
        ({"around": "corner"}, "Augment.around: got 'corner', expected 'origin' or 'centre'"),
        ({"mirror": "y"}, "Augment.mirror: got 'y', expected 'none', 'x' or 'first_point'"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        check_again(Augment(), **fields)
