"""The three-view world: what a store holds, three cameras of one performance, motions, determinism, refusals."""

import numpy as np
import pytest

from pointvideo.data.ntu60 import parse_name
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.daily_actions import DAILY_ACTIONS
from pointvideo.data.simulate.motions import ACTION_NAMES, CHANNELS
from pointvideo.data.simulate.people import draw_person
from pointvideo.data.simulate.people_three_views import CAMERA, CLASSES, PeopleThreeViews, enact, place_camera
from pointvideo.tasks.ntu_clips import NTUClips

TINY = PeopleThreeViews(subjects=2, actions=("sit down", "bend"))


def motion_of(action: str, seed: int = 0) -> dict[str, np.ndarray]:
    streams = (np.random.default_rng([seed, number]) for number in (0, 1))
    return enact(action, draw_person(0, 1).style, *streams)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return build(TINY, tmp_path_factory.mktemp("world") / "people", progress=False, workers=1)


def test_a_store_of_it(store):
    assert store.source == "simulated" and store.unit == "millimetre" and store.classes == TINY.actions
    assert store.camera == CAMERA and set(store.fields) == {"pixels", "part"} and store.divisor == 1000
    assert len(store.sequences) == 12 and {s.camera for s in store.sequences} == {0, 1, 2}
    assert {(s.subject, s.split) for s in store.sequences} == {(1, "train"), (2, "test")}
    for place, sequence in enumerate(store.sequences):
        assert parse_name(sequence.name, "").camera == sequence.camera  # names are NTU RGB+D's
        points = store.points(place, sequence.frames // 2)
        assert 300 < len(points) < 4000 and 2000 < np.median(points[:, 2]) < 4000, "millimetres"
        assert 40 < sequence.frames < 150


def test_the_protocols_of_ntu_rgbd_hold_on_it(store):
    for protocol, trained in (("subject", 6), ("view", 8)):
        data = NTUClips("people_three_views", frames=12, protocol=protocol)
        assert len(data.split(store, "train")) == trained and len(data.clips(store, "test")) > 0


def test_three_cameras_see_one_performance(store):
    """As many frames by each, and the same height of the body over time; the silhouettes differ."""
    for action in (1, 2):
        same = [i for i, s in enumerate(store.sequences) if s.subject == 1 and s.label == action - 1]
        assert len({store.sequences[i].frames for i in same}) == 1
        heights = [[np.ptp(store.points(i, t)[:, 1]) for t in range(0, store.sequences[i].frames, 5)] for i in same]
        assert min(np.corrcoef(heights)[0, 1:]) > 0.9
        wide = [np.ptp(store.points(i, 0)[:, 0]) for i in same]
        assert max(wide) > 1.15 * min(wide)


def test_people_face_the_second_or_the_third_camera():
    for facing, azimuths in ((1, (45, 0, 90)), (2, (-45, -90, 0))):
        for camera, expected in enumerate(azimuths):
            around = []
            for seed in range(20):
                rngs = np.random.default_rng(5), np.random.default_rng(seed)
                x, height, z = place_camera(camera, facing, *rngs).position
                assert 0.8 <= height <= 1.7 and 2.5 <= np.hypot(x, z) <= 3.3
                around.append(np.rad2deg(np.arctan2(x, z)))
            assert abs(np.mean(around) - expected) < 4


def test_forty_classes_and_their_recordings():
    assert len(CLASSES) == len(set(CLASSES)) == 40 and CLASSES[:20] == ACTION_NAMES
    names = list(PeopleThreeViews().recordings())
    assert len(names) == len(set(names)) == 1200 and names[:2] == ["S001C001P001R001A001", "S001C002P001R001A001"]


@pytest.mark.parametrize("action", DAILY_ACTIONS)
def test_every_action_moves_and_is_whole(action):
    motion = motion_of(action)
    assert set(motion) == set(CHANNELS) and len({len(values) for values in motion.values()}) == 1
    assert all(np.isfinite(values).all() for values in motion.values())
    still = ("root", "right_hand", "left_hand")
    assert max(np.ptp(motion[channel], axis=0).max() for channel in still) > 0.15


@pytest.mark.parametrize(("one", "other"), [("sit down", "stand up"), ("take off a hat", "put on a hat")])
def test_the_same_postures_in_another_order(one, other):
    if one == "sit down":
        height = [motion_of(name)["root"][:, 1] for name in (one, other)]
        assert height[0][0] > -0.1 and height[0][-1] < -0.35 and height[1][0] < -0.35 and height[1][-1] > -0.1
    else:
        up = [motion_of(name)["right_hand"][:, 1] for name in (one, other)]
        share = [np.argmax(values) / len(values) for values in up]
        assert share[0] < 0.5 < share[1] and min(values.max() for values in up) > 0.3


def test_a_recording_depends_on_its_numbers_alone(store):
    name = f"S001C002P002R001A{CLASSES.index('bend') + 1:03d}"
    again = PeopleThreeViews(subjects=4, repeats=2).recordings()[name]()
    place = [s.name for s in store.sequences].index(name)
    np.testing.assert_array_equal(again.frames[7]["pixels"], store.field("pixels", place, 7))
    other = PeopleThreeViews(seed=1, subjects=2).recordings()[name]()
    assert not np.array_equal(other.frames[7]["pixels"], again.frames[7]["pixels"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subjects": 0}, "subjects is 0, expected a whole number of at least 1"),
        ({"repeats": -1}, "repeats is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"actions": ("wave",)}, "action 'wave' is unknown, expected one of: high arm wave"),
        ({"actions": ()}, "actions has 0 names, expected at least one"),
        ({"actions": ("bend", "bend")}, "actions has 2 names, expected at least one, and each once"),
    ],
)
def test_refusals_are_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        PeopleThreeViews(**change)
    assert "\n" not in str(caught.value)
