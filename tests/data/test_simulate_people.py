"""The people world as a store: contents, determinism, resuming, refusals."""

import numpy as np
import pytest

from pointvideo.data.layout import DepthCamera
from pointvideo.data.simulate import filming, people
from pointvideo.data.simulate.body import PARTS
from pointvideo.data.simulate.building import build

SMALL = DepthCamera(width=80, height=60, focal=70.0, centre_u=40.0, centre_v=30.0)
WORLD = {
    "subjects": 2,
    "repeats": 1,
    "actions": ("draw circle", "bend", "hand clap"),
    "camera": SMALL,
}


def make(path=None, **changes):
    return build(people.People(**changes), path, progress=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("world") / "people", **WORLD)


def test_the_store_says_what_it_is(world):
    assert world.source == "simulated" and world.name == "people"
    assert world.classes == WORLD["actions"] and world.camera == SMALL and "5.12 mm" in world.unit
    assert [s.name for s in world.sequences] == [
        "a09_s01_e01",
        "a09_s02_e01",
        "a10_s01_e01",
        "a10_s02_e01",
        "a13_s01_e01",
        "a13_s02_e01",
    ]
    assert [s.split for s in world.sequences] == ["train", "test"] * 3
    assert [world.classes[s.label] for s in world.sequences] == ["draw circle"] * 2 + ["hand clap"] * 2 + ["bend"] * 2
    assert {s.camera for s in world.sequences} == {0, 1}


def test_every_point_is_a_labelled_coloured_pixel_of_a_person(world):
    seen = set()
    for i, sequence in enumerate(world.sequences):
        for frame in range(0, sequence.frames, 7):
            points, part = world.points(i, frame), world.field("part", i, frame)
            assert 200 < len(points) < 1200 and len(part) == len(points) == len(world.field("rgb", i, frame))
            assert 350 < np.median(points[:, 2]) < 620, "depth counts of a person 2-3 m away"
            assert 120 < np.ptp(points[:, 1]) < 500
            seen |= set(part.tolist())
    assert seen == set(range(len(PARTS)))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(world, tmp_path):
    again = make(tmp_path / "again", **WORLD)
    assert again.content == world.content
    other = make(tmp_path / "other", **(WORLD | {"seed": 1}))
    assert other.content != world.content


def test_a_smaller_world_is_a_part_of_a_larger_one(world, tmp_path):
    part = make(tmp_path / "part", **(WORLD | {"actions": ("hand clap",), "subjects": 1}))
    position = [s.name for s in world.sequences].index("a10_s01_e01")
    assert np.array_equal(part.field("pixels", 0, 5), world.field("pixels", position, 5))


def test_a_second_call_opens_and_other_parameters_make_anew(world, tmp_path, monkeypatch):
    path = tmp_path / "people"
    tiny = WORLD | {"subjects": 1, "actions": ("bend",)}
    make(path, **tiny)
    monkeypatch.setattr(people, "record", lambda *a, **k: pytest.fail("recorded again"))
    assert len(make(path, **tiny).sequences) == 1
    monkeypatch.undo()
    assert len(make(path, **(tiny | {"repeats": 2})).sequences) == 2


def test_an_interrupted_world_is_continued_to_the_same_bytes(world, tmp_path, monkeypatch):
    honest, filmed = people.record, []

    def breaking(action, subject, repeat, **options):
        if len(filmed) == 3:
            raise KeyboardInterrupt
        filmed.append((action, subject))
        return honest(action, subject, repeat, **options)

    monkeypatch.setattr(filming, "cores", lambda: 1)  # in this process, where the test can count
    monkeypatch.setattr(people, "record", breaking)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "people", **WORLD)
    assert not (tmp_path / "people").exists()
    later = []
    monkeypatch.setattr(people, "record", lambda a, s, r, **o: (later.append((a, s)), honest(a, s, r, **o))[1])
    assert make(tmp_path / "people", **WORLD).content == world.content
    assert len(later) == 3 and not set(later) & set(filmed)


def test_the_default_place_is_named_after_the_world(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    store = make(fields=("pixels",), **(WORLD | {"subjects": 1, "actions": ("bend",)}))
    assert store.path.parent == tmp_path / "stores" / "simulated" and store.path.name.startswith("people-seed0-1x1x1-")
    assert set(store.fields) == {"pixels"}


def test_the_default_sensor_is_a_kinect():
    sensor, frames = people.record("high throw", 1, 1)
    assert sensor in (0, 1)
    assert 4000 < np.mean([len(frame["part"]) for frame in frames]) < 11000
    pixels = frames[0]["pixels"]
    assert pixels.dtype == np.uint16 and pixels[:, 0].max() < 320 and pixels[:, 1].max() < 240
    levels = np.unique(pixels[:, 2]).astype(float)
    steps = -np.diff(1 / levels) / 1.4315e-5
    assert np.abs(steps - np.round(steps)).max() < 0.35, "depth lies on the sensor's disparities"


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"subjects": 0}, "subjects is 0, expected a whole number of at least 1"),
        ({"repeats": -1}, "repeats is -1"),
        ({"cameras": True}, "cameras is True"),
        ({"cameras": 10}, "from 1 to 9"),
        ({"seed": -1}, "seed is -1"),
        ({"actions": ("wave",)}, "action 'wave' is unknown"),
        ({"actions": ()}, "actions is empty"),
        ({"actions": ("bend", "bend")}, "twice"),
        ({"fields": ("rgb",)}, "expected 'pixels'"),
        ({"left_handed": (3,)}, r"left_handed \[3\]"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        make(tmp_path / "people", **(WORLD | wrong))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
