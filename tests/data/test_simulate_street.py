"""The street world: what its frames and its store hold, rigid movers, weathers, determinism, refusals."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from pointvideo.data.simulate import filming, street
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.street_shapes import (
    BUILDING,
    CAR,
    MARKING,
    ROAD,
    SIDEWALK,
    VOID,
    Sculptor,
)
from pointvideo.data.simulate.street_weather import WEATHERS

SMALL = {"frames": 3, "points": 512, "weathers": 1}


def make(path=None, **changes):
    return build(street.Street(**changes), path, progress=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("world") / "street", **SMALL)


def test_the_store_says_what_it_is(world):
    assert world.source == "simulated" and world.name == "street" and world.camera is None
    assert world.classes == street.WEATHER_NAMES and "metres" in world.unit
    assert world.names("semantic") == (*street.CLASS_NAMES, "Void")
    described = [(s.name, world.classes[s.label], s.subject, s.split) for s in world.sequences]
    assert described == [
        ("01-SPRING", "SPRING", 1, "train"),
        ("02-SUMMER", "SUMMER", 2, "train"),
        ("04-FALL", "FALL", 4, "train"),
        ("05-FOG", "FOG", 5, "validation"),
        ("06-SPRING", "SPRING", 6, "test"),
        ("06-SUNSET", "SUNSET", 6, "test"),
    ]


def test_every_frame_is_a_cropped_coloured_cloud_around_the_car(world):
    for i, sequence in enumerate(world.sequences):
        centre = world.frame_field("centre", i)
        assert centre.shape == (sequence.frames, 3) and centre.dtype == np.float32
        for frame in range(sequence.frames):
            points, semantic = world.points(i, frame), world.field("semantic", i, frame)
            assert points.shape == (512, 3) and points.dtype == np.float32
            offset = points - centre[frame]
            assert np.abs(offset).max() <= 25.0 and np.abs(offset[:, [0, 2]]).max() > 20
            # road and sidewalk lie under the car, houses stand above them: y is up
            assert abs(np.median(offset[semantic == ROAD, 1])) < 1.5
            assert np.median(offset[semantic == BUILDING, 1]) > 1.5
            assert semantic.max() <= VOID and len(set(semantic.tolist())) > 6
            assert world.field("rgb", i, frame).std() > 5


@pytest.fixture
def few(monkeypatch):
    """A world of three drives: what making a store costs is drives."""
    monkeypatch.setattr(street, "TRAINING", {1: ("SPRING", "WINTER")})
    monkeypatch.setattr(street, "HELD_OUT", ((6, "SPRING", "test"),))
    return SMALL | {"frames": 1, "points": 64, "weathers": 2}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(world, few, tmp_path):
    one = make(tmp_path / "one", **few)
    street.block_of.cache_clear()
    street.town_of.cache_clear()
    assert make(tmp_path / "again", **few).content == one.content
    assert make(tmp_path / "other", **(few | {"seed": 1})).content != one.content
    film, centre = street.record(1, "SPRING", frames=3, points=512)
    assert np.array_equal(centre, world.frame_field("centre", 0))
    for name in ("xyz", "rgb", "semantic"):
        assert np.array_equal(film[2][name], world.field(name, 0, 2))


def test_a_world_of_fewer_weathers_is_a_part_of_a_larger_one(few, tmp_path):
    larger = make(tmp_path / "larger", **few)
    smaller = make(tmp_path / "smaller", **(few | {"weathers": 1}))
    assert [s.name for s in larger.sequences] == ["01-SPRING", "01-WINTER", "06-SPRING"]
    assert [s.name for s in smaller.sequences] == ["01-SPRING", "06-SPRING"]
    for i, j in ((0, 0), (1, 2)):
        assert np.array_equal(smaller.field("xyz", i, 0), larger.field("xyz", j, 0))


def test_a_second_call_opens_and_other_parameters_make_anew(few, tmp_path, monkeypatch):
    path, honest = tmp_path / "street", street.record
    make(path, **few)
    monkeypatch.setattr(street, "record", lambda *a, **k: pytest.fail("recorded again"))
    assert len(make(path, **few).sequences) == 3
    monkeypatch.setattr(street, "record", honest)
    assert make(path, **(few | {"points": 65})).points(0, 0).shape == (65, 3)


def test_an_interrupted_world_is_continued_to_the_same_bytes(few, tmp_path, monkeypatch):
    honest, recorded = street.record, []
    whole = make(tmp_path / "whole", **few)

    def breaking(layout, weather, **options):
        if len(recorded) == 2:
            raise KeyboardInterrupt
        recorded.append((layout, weather))
        return honest(layout, weather, **options)

    monkeypatch.setattr(filming, "cores", lambda: 1)  # in this process, where the test can count
    monkeypatch.setattr(street, "record", breaking)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "street", **few)
    assert not (tmp_path / "street").exists()
    later = []
    monkeypatch.setattr(street, "record", lambda a, b, **o: (later.append((a, b)), honest(a, b, **o))[1])
    assert make(tmp_path / "street", **few).content == whole.content
    assert later == [(6, "SPRING")]


def test_the_default_place_is_named_after_the_world(few, tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    store = make(**few)
    assert store.path.parent == tmp_path / "stores" / "simulated" and store.path.name.startswith(
        "street-seed0-1x64x2x1-"
    )


def test_the_training_towns_see_every_weather_and_the_test_weathers():
    for weathers in street.TRAINING.values():
        assert sorted(weathers) == sorted(street.WEATHER_NAMES)
    default = {weather for weathers in street.TRAINING.values() for weather in weathers[:4]}
    assert {"SPRING", "SUNSET", "FOG"} <= default and len(default) >= 9


def test_surfaces_are_sampled_evenly_and_where_they_are():
    sculptor = Sculptor(np.random.default_rng(0), 400.0)
    sculptor.box((0, 0, 0), (2, 1, 3), (90, 90, 90), CAR)
    cloud = sculptor.cloud()
    assert len(cloud) == pytest.approx(400 * 22, rel=0.01)
    away = np.minimum(np.abs(cloud.xyz), np.abs(cloud.xyz - [2, 1, 3])).min(1)
    assert away.max() < 1e-5, "on the surface"
    assert (((cloud.xyz - [1, 0.5, 1.5]) * cloud.normal).sum(1) > 0).all(), "normals point outwards"
    share = np.mean(np.isclose(cloud.xyz[:, 1], 1.0, atol=1e-5))
    assert share == pytest.approx(6 / 22, abs=0.02)
    ball = Sculptor(np.random.default_rng(0), 1000.0)
    ball.ellipsoid((1, 2, 3), (0.5, 0.5, 0.5), (90, 90, 90), CAR)
    assert len(ball.cloud()) == pytest.approx(1000 * np.pi, rel=0.02)
    assert np.allclose(np.linalg.norm(ball.cloud().xyz - [1, 2, 3], axis=1), 0.5, atol=1e-5)
    pole = Sculptor(np.random.default_rng(0), 1000.0)
    pole.tube((0, 0, 0), (0, 2, 0), (90, 90, 90), CAR, 0.1)
    assert len(pole.cloud()) == pytest.approx(1000 * 2 * np.pi * 0.1 * 2, rel=0.02)
    assert np.allclose(np.hypot(*pole.cloud().xyz[:, [0, 2]].T), 0.1, atol=1e-5)


@pytest.mark.parametrize("layout, weather", [(1, "SPRING"), (4, "NIGHT")])
def test_movers_move_and_cars_stay_rigid(layout, weather):
    traffic = street.traffic_of(layout, weather, frames=20)
    kinds = {}
    for actor in traffic.actors:
        kinds.setdefault(actor.kind, []).append(actor)
    assert len(kinds["car"]) >= 3 and len(kinds["walker"]) >= 3 and kinds["cyclist"]
    pace = {k: [np.linalg.norm(np.diff(a.position, axis=0), axis=1) / 0.2 for a in v] for k, v in kinds.items()}
    assert np.max([p.max() for p in pace["car"]]) > 5 and max(p.max() for p in pace["car"]) < 14
    assert all(0.7 < p.mean() < 1.9 for p in pace["walker"])
    car = kinds["car"][0]
    first, last = car.cloud(0).xyz, car.cloud(19).xyz
    pairs = np.random.default_rng(0).integers(0, len(first), (200, 2))
    length = [np.linalg.norm(c[pairs[:, 0]] - c[pairs[:, 1]], axis=1) for c in (first, last)]
    assert np.allclose(*length, atol=2e-4) and np.linalg.norm(last.mean(0) - first.mean(0)) > 5
    walker = kinds["walker"][0]
    bent = [walker.cloud(t).xyz - walker.position[t] for t in range(5)]
    assert max(np.abs(bent[0].std(0) - b.std(0)).max() for b in bent[1:]) > 0.005, "limbs swing"
    for frame in range(20):  # nobody drives into us
        for actor in kinds["car"]:
            assert np.linalg.norm(actor.position[frame] - traffic.centre[frame]) > 2.2


def test_the_car_drives_on_the_road_turns_and_sometimes_waits():
    stood, turned = [], []
    for layout, weather in ((1, "SPRING"), (2, "SUMMER"), (4, "FALL"), (6, "SUNSET"), (5, "FOG"), (1, "NIGHT")):
        traffic = street.traffic_of(layout, weather, frames=40, points=64)
        pace = np.linalg.norm(np.diff(traffic.centre, axis=0), axis=1) / 0.2
        assert pace.max() < 12 and pace.max() > 4
        assert np.abs(np.diff(pace)).max() < 1.2, "no jumps"
        stood.append((pace < 0.3).any())
        turned.append(np.ptp(traffic.heading))
    assert any(stood) and not all(stood)
    assert max(turned) > 0.2


def test_what_stands_still_stays_in_place_between_frames():
    film, centre = street.record(1, "SPRING", frames=4, points=2048)
    pool = street.join(
        [
            street.block_of(0, 1, block, 2048)
            for block in street._blocks_near(
                street.town_of(0, 1)[1], street.traffic_of(1, "SPRING", frames=4, points=2048).centre[0]
            )
        ]
    )
    tree = cKDTree(pool.xyz)
    for frame in film:
        still = np.isin(frame["semantic"], (BUILDING, ROAD, SIDEWALK, MARKING))
        near = np.abs(frame["xyz"] - centre[0]).max(1) < 20
        gap = tree.query(frame["xyz"][still & near])[0]
        assert np.quantile(gap, 0.99) < 5 * WEATHERS["SPRING"].jitter
    chosen = [set(map(tuple, frame["xyz"][:50].round(1).tolist())) for frame in film]
    assert len(chosen[0] & chosen[1]) < 40, "every frame thins anew"


def test_weathers_look_as_they_are_called():
    shown = ("SPRING", "SUMMER", "FALL", "WINTER", "SUNSET", "NIGHT", "FOG", "SOFTRAIN", "HEAVYRAIN")
    one = {weather: street.record(1, weather, frames=1, points=2048)[0][0] for weather in shown}
    bright = {weather: frame["rgb"].mean() for weather, frame in one.items()}
    assert bright["NIGHT"] < 0.6 * min(bright[w] for w in ("SPRING", "SUMMER", "FALL", "WINTER", "FOG"))
    ground = {w: f["rgb"][np.isin(f["semantic"], (ROAD, SIDEWALK))].astype(float) for w, f in one.items()}
    white = {w: ((rgb.mean(1) > 150) & (np.ptp(rgb, axis=1) < 60)).mean() for w, rgb in ground.items()}
    assert white["WINTER"] > 0.4 > 0.25 > white["FALL"]
    saturation = {w: np.ptp(f["rgb"].astype(float), axis=1).mean() for w, f in one.items()}
    assert saturation["FOG"] < 0.75 * saturation["SUMMER"]
    void = {w: (f["semantic"] == VOID).sum() for w, f in one.items()}
    assert void["HEAVYRAIN"] > void["SOFTRAIN"] > 4
    red, _, blue = one["SUNSET"]["rgb"].mean(0)
    assert red > 1.1 * blue
    reach = {}
    for weather in ("SUMMER", "FOG"):
        film, centre = street.record(6, weather, frames=2, points=1024)
        reach[weather] = np.mean(
            [np.linalg.norm(f["xyz"] - c, axis=1).mean() for f, c in zip(film, centre, strict=True)]
        )
    assert reach["FOG"] < reach["SUMMER"], "fog takes what is far"


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"frames": 0}, "frames is 0, expected a whole number from 1 to 500"),
        ({"points": 5}, "points is 5"),
        ({"weathers": 12}, "weathers is 12, expected a whole number from 1 to 11"),
        ({"seed": -1}, "seed is -1, expected a whole number of at least 0"),
        ({"points": True}, "points is True"),
    ],
)
def test_wrong_numbers_are_refused(wrong, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "street", **(SMALL | wrong))
    assert not (tmp_path / "street").exists()


def test_unknown_drives_are_refused():
    with pytest.raises(ValueError, match="layout is 3, expected one of 1, 2, 4, 5, 6, 7"):
        street.record(3, "SPRING")
    with pytest.raises(ValueError, match="weather 'HAIL' is unknown, expected one of: SPRING, SUMMER"):
        street.record(1, "HAIL")
