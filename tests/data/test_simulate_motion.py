"""Bodies and motions: bones keep their lengths, feet stand, actions differ in what they should."""

import numpy as np
import pytest

from pointvideo.data.simulate.body import PARTS, build_solids, draw_clothing, draw_proportions
from pointvideo.data.simulate.motions import ACTION_NAMES, CHANNELS, perform
from pointvideo.data.simulate.skeleton import pose, two_bone
from pointvideo.data.simulate.style import draw_style


def act(action, seed=0, left_handed=False):
    rng = np.random.default_rng(seed)
    body, style = draw_proportions(rng), draw_style(rng, left_handed=left_handed)
    motion = perform(action, style, np.random.default_rng(seed + 1), np.random.default_rng(seed + 2))
    return body, motion, pose(body, motion)


def hand_path(bones, side="right"):
    return bones[f"{side} hand"][1] - bones["chest"][1]


def test_the_names_are_those_of_msr_action3d():
    assert len(ACTION_NAMES) == 20
    assert (
        ACTION_NAMES[0] == "high arm wave"
        and ACTION_NAMES[11] == "side-boxing"
        and ACTION_NAMES[19] == "pick up & throw"
    )


@pytest.mark.parametrize("action", ACTION_NAMES)
def test_every_action_moves_a_whole_body(action):
    for seed in (0, 5):
        body, motion, bones = act(action, seed)
        frames = len(motion["lean"])
        assert 15 <= frames <= 80
        assert set(motion) == set(CHANNELS)
        for name, (rotation, origin) in bones.items():
            assert rotation.shape == (frames, 3, 3) and origin.shape == (frames, 3)
            assert np.isfinite(rotation).all() and np.isfinite(origin).all()
            assert np.allclose(rotation.swapaxes(1, 2) @ rotation, np.eye(3), atol=1e-6), name
        for side in ("left", "right"):
            for above, below, length in (
                ("upper arm", "forearm", body.upper_arm),
                ("forearm", "hand", body.forearm),
                ("thigh", "shin", body.thigh),
            ):
                gap = np.linalg.norm(bones[f"{side} {above}"][1] - bones[f"{side} {below}"][1], axis=-1)
                assert np.allclose(gap, length, atol=1e-6), (side, above)
            assert bones[f"{side} foot"][1][:, 1].min() > -0.01, "a foot below the floor"
        speed = np.linalg.norm(np.diff(hand_path(bones), axis=0), axis=-1) * 15
        assert speed.max() < 12, "hands faster than people's"


def test_people_stand_on_the_floor_and_begin_and_end_at_rest():
    for action in ("draw x", "bend", "jogging"):
        body, motion, bones = act(action, 3)
        for frame in (0, -1):
            for side in ("left", "right"):
                ankle = bones[f"{side} shin"][1][frame] + bones[f"{side} shin"][0][frame][:, 1] * body.shin
                assert ankle[1] == pytest.approx(body.ankle, abs=0.02)
                assert hand_path(bones, side)[frame][1] < -0.05, "hands hang at rest"
        assert bones["head"][1][0, 1] > 0.8 * body.stature


def test_what_the_actions_are_about():
    def reach(action, side="right"):
        body, _, bones = act(action, 4)
        return hand_path(bones, side) / body.arm

    assert reach("high arm wave")[:, 1].max() > 0.9
    assert reach("forward punch")[:, 2].max() > 0.75
    assert reach("two hand wave", "left")[:, 1].max() > 0.8 and reach("high arm wave", "left")[:, 1].max() < 0.1
    body, _, bones = act("bend", 4)
    assert bones["head"][1][:, 1].min() < 0.75 * bones["head"][1][0, 1]
    body, _, bones = act("forward kick", 4)
    assert bones["right foot"][1][:, 2].max() > 0.35 and bones["left foot"][1][:, 2].max() < 0.15
    _, _, bones = act("hand clap", 4)
    gap = np.linalg.norm(bones["right hand"][1] - bones["left hand"][1], axis=-1)
    assert gap.min() < 0.25 < 0.5 < gap.max()


def test_the_left_handed_mirror_the_right_handed():
    _, right, _ = act("tennis swing", 7)
    _, left, _ = act("tennis swing", 7, left_handed=True)
    assert np.array_equal(right["right_hand"], left["left_hand"])
    assert np.array_equal(right["twist"], -left["twist"])


def test_no_two_performances_are_alike():
    rng = np.random.default_rng(0)
    style = draw_style(rng)
    one, two = (perform("hammer", style, np.random.default_rng(1), np.random.default_rng(seed)) for seed in (2, 3))
    assert len(one["lean"]) != len(two["lean"]) or not np.allclose(one["right_hand"], two["right_hand"], atol=0.02)


def test_out_of_reach_is_approached_straight():
    root, target = np.zeros((1, 3)), np.array([[0.0, 0.0, 5.0]])
    middle, end = two_bone(root, target, 0.3, 0.25, np.array([[0.0, 1.0, 0.0]]))
    assert np.linalg.norm(end) == pytest.approx(0.55, abs=2e-3)
    assert np.linalg.norm(middle) == pytest.approx(0.3)


def test_every_part_has_a_solid_and_people_differ():
    rng = np.random.default_rng(0)
    bodies = [draw_proportions(rng) for _ in range(10)]
    assert len({body.stature for body in bodies}) == 10
    solids = build_solids(bodies[0], draw_clothing(rng))
    assert set(solids.part) == set(range(len(PARTS)))
    assert set(solids.kind) == {0, 1, 2}


def test_bad_requests_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'dance': unknown"):
        perform("dance", draw_style(rng), rng, rng)
    with pytest.raises(ValueError, match="frame_rate 0.0"):
        perform("bend", draw_style(rng), rng, rng, frame_rate=0.0)
