"""The animals world: what a store holds, correspondences, bodies that hang together, gaits, determinism, refusals."""

import numpy as np
import pytest

from pointvideo.data.simulate import animals as module
from pointvideo.data.simulate.animal_body import KINDS, LIMBS, PARTS, pose
from pointvideo.data.simulate.animals import GAITS, MOTION_NAMES, Animals, draw_animal, perform
from pointvideo.data.simulate.building import build

TINY = Animals(individuals=2, repeats=1, points=128)


def film(name: str, world: Animals = TINY):
    return world.recordings()[name]()


def motion_of(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    return perform(name, np.random.default_rng(seed))


def test_a_store_of_it(tmp_path, monkeypatch):
    few = {name: make for name, make in TINY.recordings().items() if name.startswith(("m01_cat", "m06_ostrich"))}
    monkeypatch.setattr(Animals, "recordings", lambda self: few)
    store = build(TINY, tmp_path / "animals", progress=False, workers=1)
    assert store.source == "simulated" and store.camera is None and store.classes == MOTION_NAMES
    found = [(s.name, s.split) for s in store.sequences]
    assert found[:2] == [("m01_cat1_e01", "train"), ("m01_cat2_e01", "test")]
    assert found[2:] == [("m06_ostrich1_e01", "train"), ("m06_ostrich2_e01", "test")]
    assert [store.classes[s.label] for s in store.sequences] == ["walk", "walk", "sit down", "sit down"]
    assert len({s.subject for s in store.sequences}) == 4
    assert store.points(0, 3).shape == (128, 3) and set(store.field("part", 0, 0)) <= set(range(len(PARTS)))


def test_every_kind_has_every_motion_and_whole_individuals_are_tested():
    names = list(TINY.recordings())
    assert len(names) == len(set(names)) == len(MOTION_NAMES) * len(KINDS) * 2
    assert len(MOTION_NAMES) == 17 and len(Animals().recordings()) == 816
    subjects = {(film(f"m01_{kind}{i}_e01").sequence.subject, i) for kind in KINDS for i in (1, 2)}
    assert {number for number, _ in subjects} == set(range(1, 17)) and len(subjects) == 16


@pytest.mark.parametrize("kind", KINDS)
def test_point_n_is_the_same_place_in_every_frame(kind):
    """Within a rigid piece of the body distances stay; between pieces they do not."""
    recording = film(f"m04_{kind}1_e01")
    xyz, part = np.stack([frame["xyz"] for frame in recording.frames]), recording.frames[0]["part"]
    assert all(np.array_equal(frame["part"], part) for frame in recording.frames)
    bones = np.array(draw_animal(0, kind, 1, 128)[1])
    for bone in ("head", "left hind lower", "tail"):
        own = xyz[:, bones == bone]
        apart = np.linalg.norm(own[:, :, None] - own[:, None], axis=-1)
        np.testing.assert_allclose(apart, np.broadcast_to(apart[:1], apart.shape), atol=1e-4)
    foot, head = xyz[:, bones == "left hind lower"].mean(1), xyz[:, bones == "head"].mean(1)
    assert np.ptp(np.linalg.norm(foot - head, axis=-1)) > 0.05 * np.ptp(xyz[0], axis=0).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_standing_animal_hangs_together_on_its_feet(kind):
    build_, bones, local, part = draw_animal(0, kind, 1, 512)
    still = {channel: np.zeros((1, 3) if width == 3 else 1) for channel, width in module.CHANNELS.items()}
    posed = pose(build_, still)
    world = module.move(bones, local, posed)[0]
    height = build_.height
    assert -0.15 * height < world[:, 1].min() < 0.1 * height
    for side in ("left", "right"):
        for end in ("fore", "hind"):
            upper, lower = (posed[f"{side} {end} {half}"] for half in ("upper", "lower"))
            size = 0.53 * height * (build_.arm if end == "fore" else 1)
            knee = upper[1] + upper[0][..., 1] * size
            np.testing.assert_allclose(knee, lower[1], atol=1e-6)
    left = world[[PARTS[p].startswith("left") for p in part]]
    right = world[[PARTS[p].startswith("right") for p in part]]
    assert left[:, 0].mean() < 0 < right[:, 0].mean()
    assert world[part == PARTS.index("head"), 2].mean() > world[part == PARTS.index("tail"), 2].mean()


def test_gaits_differ_in_the_order_of_the_feet():
    def together(name: str, one: str, other: str) -> float:
        motion = motion_of(name)
        return float(np.corrcoef(motion[one][:, 2], motion[other][:, 2])[0, 1])

    left_fore, right_fore, left_hind, right_hind = LIMBS
    assert together("trot", left_fore, right_hind) > 0.9 > 0 > together("trot", left_fore, left_hind)
    assert together("pace", left_fore, left_hind) > 0.9 > 0 > together("pace", left_fore, right_hind)
    assert together("bound", left_hind, right_hind) > 0.9 > 0 > together("bound", left_fore, left_hind)
    for name in GAITS:
        lowest = np.min([motion_of(name)[limb][:, 1].min() for limb in LIMBS])
        assert -1e-9 < lowest < 0.01  # feet touch the ground and do not sink


@pytest.mark.parametrize(("down", "up"), [("sit down", "rise from sitting"), ("lie down", "rise from lying")])
def test_rising_is_the_same_posture_in_another_order(down, up):
    low, high = motion_of(down)["root"][:, 1], motion_of(up)["root"][:, 1]
    assert low[-1] < -0.25 < -0.1 < low[0] and high[0] < -0.25 < -0.1 < high[-1]


def test_a_recording_depends_on_its_numbers_alone():
    one, again = film("m03_dog2_e01"), film("m03_dog2_e01", Animals(individuals=3, repeats=2, points=128))
    assert all(np.array_equal(a["xyz"], b["xyz"]) for a, b in zip(one.frames, again.frames, strict=True))
    other = film("m03_dog2_e01", Animals(seed=1, repeats=1, points=128))
    assert not np.array_equal(one.frames[0]["xyz"], other.frames[0]["xyz"])
    assert not np.array_equal(one.frames[0]["xyz"], film("m03_dog1_e01").frames[0]["xyz"])


@pytest.mark.parametrize("change", [{"individuals": 0}, {"repeats": 0}, {"points": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused_in_one_line(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is -?[01], expected a whole number of at least"):
        Animals(**change)
