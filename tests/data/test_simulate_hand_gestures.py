"""The gesture world: what a store holds, fingers, motions, shades of grey, determinism, refusals."""

import numpy as np
import pytest

from pointvideo.data.nvgesture import CLASSES, camera
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.hand_gestures import (
    FINGERS,
    FIST,
    OPEN,
    THREE,
    TWO,
    HandGestures,
    draw_person,
    grey_of,
    perform,
    pose_fingers,
)

TINY = HandGestures(subjects=2, repeats=1)


def motion_of(gesture: str, seed: int = 0, subject: int = 1) -> dict[str, np.ndarray]:
    streams = (np.random.default_rng([seed, number]) for number in (0, 1))
    return perform(gesture, draw_person(0, subject), *streams)


def stroke(gesture: str, axis: int) -> float:
    """How far the hand goes in the middle of a gesture, along an axis, in metres; the mean of five takes."""
    paths = [motion_of(gesture, seed)["place"][:, axis] for seed in range(5)]
    return float(np.mean([path[15:21].mean() - path[7:11].mean() for path in paths]))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    few = HandGestures(subjects=2, repeats=1)
    kept = {name: make for name, make in few.recordings().items() if name.startswith(("class_11", "class_18"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HandGestures, "recordings", lambda self: kept)
        return build(few, tmp_path_factory.mktemp("world") / "hands", progress=False, workers=1)


def test_a_store_of_it(store):
    assert store.source == "simulated" and store.classes == CLASSES and store.camera == camera()
    assert store.unit.startswith("depth count") and set(store.fields) == {"pixels"}
    assert [(s.name, s.label, s.subject, s.split, s.frames) for s in store.sequences] == [
        ("class_11_subject1_r0", 10, 1, "train", 32), ("class_11_subject2_r0", 10, 2, "test", 32),
        ("class_18_subject1_r0", 17, 1, "train", 32), ("class_18_subject2_r0", 17, 2, "test", 32),
    ]  # fmt: skip
    for video in range(4):
        for frame in range(0, 32, 5):
            pixels = store.field("pixels", video, frame)
            assert 800 < len(pixels) < 12000 and pixels[:, 0].max() < 320 and pixels[:, 1].max() < 240
            assert pixels[:, 2].min() >= 1 and pixels[:, 2].max() <= 255


def test_a_hand_that_is_pushed_out_gets_larger_and_brighter(store):
    early, late = ([store.field("pixels", video, frame) for video in (2, 3)] for frame in (8, 19))
    for before, after in zip(early, late, strict=True):
        assert np.quantile(after[:, 2], 0.9) > np.quantile(before[:, 2], 0.9) + 20


def test_an_opened_hand_shows_its_fingers(store):
    high = [store.field("pixels", 0, frame)[:, 1].astype(int).min() for frame in (9, 20)]
    assert high[1] < high[0] - 10  # the top of the image is 0


def test_twenty_five_gestures_of_twenty_subjects():
    names = list(HandGestures().recordings())
    assert len(names) == len(set(names)) == 1000 and names[0] == "class_01_subject1_r0"
    made = [HandGestures().recordings()[f"class_09_subject{subject}_r0"]().sequence for subject in (1, 5, 12)]
    assert [sequence.split for sequence in made] == ["train", "test", "test"]


@pytest.mark.parametrize("gesture", CLASSES)
def test_every_gesture_moves_the_hand_or_its_fingers(gesture):
    motion = motion_of(gesture)
    assert {name: values.shape for name, values in motion.items()} == {
        "place": (32, 3), "curl": (32, 5), "turn": (32, 3),
    }  # fmt: skip
    assert all(np.isfinite(values).all() for values in motion.values())
    assert np.ptp(motion["place"], axis=0).max() > 0.1 and np.ptp(motion["curl"], axis=0).max() > 0.2


@pytest.mark.parametrize(
    ("one", "other", "axis", "sense"),
    [
        ("move hand left", "move hand right", 0, 1),
        ("move two fingers left", "move two fingers right", 0, 1),
        ("move hand up", "move hand down", 1, 1),
        ("push hand up", "push hand down", 1, 1),
        ("push hand out", "pull hand in", 2, 1),
        ("push two fingers away", "pull hand in", 2, 1),
    ],
)
def test_opposite_gestures_are_the_same_way_in_another_sense(one, other, axis, sense):
    assert sense * stroke(one, axis) > 0.06 and sense * stroke(other, axis) < -0.06


def test_fingers_circle_in_opposite_senses():
    """Clockwise as the subject sees it is counter-clockwise for the camera, whose x is to the right and y up."""
    turned = {}
    for gesture in ("rotate fingers clockwise", "rotate fingers counter-clockwise"):
        found = []
        for seed in range(6):
            x, y = motion_of(gesture, seed)["place"][8:20, :2].T
            angle = np.unwrap(np.arctan2(y - y.mean(), x - x.mean()))
            found.append(angle[-1] - angle[0])
        turned[gesture] = np.median(found)
    assert turned["rotate fingers clockwise"] > 1 and turned["rotate fingers counter-clockwise"] < -1


@pytest.mark.parametrize(("shape", "stretched"), [(OPEN, 5), (FIST, 0), (TWO, 2), (THREE, 3)])
def test_each_finger_has_a_curl_of_its_own(shape, stretched):
    person = draw_person(0, 1)
    motion = {"place": np.zeros((1, 3)), "turn": np.zeros((1, 3)), "curl": np.array([shape], float)}
    bones = pose_fingers(person, motion, np.array([[0.0, -0.4, -0.2]]))
    tips = {finger: bones[f"{finger} {1 if finger == 'thumb' else 2}"] for finger in FINGERS}
    far = [np.linalg.norm(origin[0]) / person.size for rotation, origin in tips.values()]
    up = [rotation[0, 1, 1] for finger, (rotation, _) in tips.items() if finger != "thumb"]
    assert sum(value > 0.8 for value in up) + (shape[0] == 0) == stretched
    assert len({bone for bone in bones if bone.startswith(FINGERS)}) == 14 and max(far) < 0.2
    lower, middle = bones["index 0"], bones["index 1"]
    np.testing.assert_allclose(lower[1] + lower[0][:, :, 1] * 0.045 * person.size, middle[1], atol=1e-9)


def test_near_is_bright():
    pixels = np.array([[1, 2, 29], [3, 4, 112], [5, 6, 196], [7, 8, 400]], np.uint16)  # 0.15, 0.57, 1.00, 2.05 metres
    grey = grey_of(pixels)
    assert grey.dtype == np.uint16 and grey[:, :2].tolist() == pixels[:, :2].tolist()
    assert grey[0, 2] == 255 and abs(int(grey[1, 2]) - 128) <= 2 and grey[2, 2] == 1 and grey[3, 2] == 1


def test_a_recording_depends_on_its_numbers_alone(store):
    again = HandGestures(subjects=5, repeats=3).recordings()["class_18_subject2_r0"]()
    np.testing.assert_array_equal(again.frames[9]["pixels"], store.field("pixels", 3, 9))
    for other in (
        HandGestures(seed=1).recordings()["class_18_subject2_r0"](),
        HandGestures().recordings()["class_18_subject2_r1"](),
        HandGestures().recordings()["class_18_subject3_r0"](),
    ):
        assert not np.array_equal(again.frames[9]["pixels"], other.frames[9]["pixels"])


@pytest.mark.parametrize("change", [{"subjects": 0}, {"repeats": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused_in_one_line(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is -?[01], expected a whole number of at least"):
        HandGestures(**change)
