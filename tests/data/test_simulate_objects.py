"""The objects world: what a store holds, surfaces that are even with true normals, scans, determinism, refusals."""

import numpy as np
import pytest

from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.object_clouds import STRETCH, Objects, _stretched, scanned
from pointvideo.data.simulate.object_families import FAMILIES, PARTS, add_object
from pointvideo.data.simulate.shapes import Shapes, turned
from pointvideo.data.simulate.solid_surface import Surface, draw_surface

from ..unchecked import check_again

TINY = Objects(train=5, test=1, points=200)


def draw(name: str, world: Objects = TINY):
    return world.recordings()[name]()


def surface_of(shapes: Shapes, points: int = 20_000) -> Surface:
    return draw_surface(shapes.solids(), points, np.random.default_rng(0))


def test_a_store_of_it(tmp_path, monkeypatch):
    few = {name: make for name, make in TINY.recordings().items() if name.startswith(("chair_", "mug_0006"))}
    monkeypatch.setattr(Objects, "recordings", lambda self: few)
    store = build(TINY, tmp_path / "objects", progress=False, workers=1)
    assert store.source == "simulated" and store.classes == tuple(FAMILIES) and list(store.frame_counts) == [1] * 7
    assert [(s.name, s.split, s.subject) for s in store.sequences] == [
        ("chair_0001", "train", 1), ("chair_0002", "train", 2), ("chair_0003", "train", 3), ("chair_0004", "train", 4),
        ("chair_0005", "train", 5), ("chair_0006", "test", 6), ("mug_0006", "test", 6),
    ]  # fmt: skip
    assert store.names("part") == PARTS and len(PARTS) == len(set(PARTS)) == 40
    for number, sequence in enumerate(store.sequences):
        family = store.classes[sequence.label]
        assert {PARTS[part].split(": ")[0] for part in store.field("part", number, 0)} == {family}
        xyz, normals = store.points(number, 0), store.field("normals", number, 0)
        assert xyz.shape == (200, 3) and np.linalg.norm(xyz, axis=1).max() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(xyz.mean(0), 0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_all_its_parts_sometimes(family):
    found = set()
    for seed in range(12):
        shapes = Shapes()
        add_object(family, shapes, np.random.default_rng(seed))
        found |= {PARTS[part] for part in surface_of(shapes, 2000).part}
    assert found == {f"{family}: {part}" for part in FAMILIES[family].parts}


def test_points_are_even_over_boxes_and_their_normals_point_outwards():
    shapes = Shapes()
    shapes.box("", 0, (1, 2, 3), (0.5, 1.0, 0.25), turned("y", 30))
    found = surface_of(shapes)
    own = (found.xyz - (1, 2, 3)) @ turned("y", 30) / (0.5, 1.0, 0.25)
    assert np.allclose(np.abs(own).max(1), 1) and len(own) == 20_000
    axis = np.abs(own).argmax(1)
    share = np.bincount(axis) / len(axis)
    np.testing.assert_allclose(share, np.array([0.25, 0.125, 0.5]) / 0.875, atol=0.015)
    expected = (np.eye(3)[axis] * np.sign(own[np.arange(len(own)), axis])[:, None]) @ turned("y", 30).T
    np.testing.assert_allclose(found.normals, expected, atol=1e-9)


def test_points_are_even_over_ellipsoids_and_over_stretched_balls():
    shapes = Shapes()
    shapes.ellipsoid("", 0, (0, 0, 0), (1.0, 1.0, 1.0))
    ball, half = surface_of(shapes, 60_000), np.array([1.0, 0.6, 1.5])
    np.testing.assert_allclose(ball.normals, ball.xyz, atol=1e-9)
    shapes = Shapes()
    shapes.ellipsoid("", 0, (0, 0, 0), tuple(half))
    drawn, stretched = surface_of(shapes, 60_000), _stretched(ball, half, np.random.default_rng(1))
    for found in (drawn, stretched):
        inside = found.xyz / half
        np.testing.assert_allclose(np.linalg.norm(inside, axis=1), 1, atol=1e-9)
        slope = inside / half
        np.testing.assert_allclose(found.normals, slope / np.linalg.norm(slope, axis=1, keepdims=True), atol=1e-9)
    # the two are drawn differently and must be spread alike
    np.testing.assert_allclose(np.abs(drawn.xyz).mean(0), np.abs(stretched.xyz).mean(0), atol=0.01)
    np.testing.assert_allclose(np.cov(drawn.xyz.T), np.cov(stretched.xyz.T), atol=0.012)


def test_capsules_have_round_normals_and_what_lies_inside_is_left_out():
    shapes = Shapes()
    shapes.capsule("", 0, (0, 0, 0), (0, 2, 0), 0.5)
    shapes.ellipsoid("", 1, (0, 2, 0), (0.2, 0.2, 0.2))  # inside the round end
    shapes.box("", 2, (0, 1, 0), (1.0, 0.1, 0.1))  # through its middle
    found = surface_of(shapes)
    assert set(found.part) == {0, 2} and 0.5 < len(found.part) / 20_000 < 0.95
    own = found.part == 0
    nearest = np.zeros((own.sum(), 3))
    nearest[:, 1] = found.xyz[own, 1].clip(0, 2)
    np.testing.assert_allclose(found.xyz[own] - 0.5 * found.normals[own], nearest, atol=1e-6)
    assert np.abs(found.xyz[~own][:, 0]).min() > 0.45  # of the box only what sticks out
    inside = own & (np.abs(found.xyz[:, 1] - 1) < 0.098) & (np.abs(found.xyz[:, 2]) < 0.098)
    assert not inside.any()


def test_a_scan_is_of_one_side_with_holes_and_noise():
    shapes = Shapes()
    shapes.ellipsoid("", 0, (0, 0, 0), (1.0, 1.0, 1.0))
    ball = surface_of(shapes, 8000)
    unseen = []
    for seed in range(4):
        left = scanned(ball, 500, np.random.default_rng(seed))
        radius = np.linalg.norm(left.xyz, axis=1)
        assert 1000 < len(left.xyz) < 7500 and 0.004 < radius.std() < 0.012
        assert radius.mean() == pytest.approx(1, abs=2e-3)
        gaps = np.linalg.norm(ball.xyz[::20, None] - left.xyz[None, ::4], axis=-1).min(1)
        unseen.append((gaps > 0.4).mean())
    assert max(unseen) > 0.05  # a side that neither camera saw, unless they stand across
    plain, scan = draw("sofa_0001"), draw("sofa_0001", Objects(train=5, test=1, points=200, scan=True))
    assert len(scan.frames[0]["xyz"]) == 200 and not np.array_equal(scan.frames[0]["xyz"], plain.frames[0]["xyz"])


def test_an_object_depends_on_its_numbers_alone():
    one, again = draw("lamp_0002"), draw("lamp_0002", Objects(train=9, test=3, points=200))
    assert all(np.array_equal(one.frames[0][name], again.frames[0][name]) for name in one.frames[0])
    tested, further = draw("lamp_0006"), draw("lamp_0010", Objects(train=9, test=3, points=200))
    assert np.array_equal(tested.frames[0]["xyz"], further.frames[0]["xyz"]) and further.sequence.split == "test"
    for other in (draw("lamp_0003"), tested, draw("lamp_0002", Objects(seed=1, train=5, test=1, points=200))):
        assert not np.array_equal(other.frames[0]["xyz"], one.frames[0]["xyz"])


def test_colours_are_of_parts_and_differ_between_objects():
    first, second = (draw(f"rocket_000{number}").frames[0] for number in (1, 2))
    colours = []
    for frame in (first, second):
        of_part = [frame["rgb"][frame["part"] == part].astype(float) for part in np.unique(frame["part"])]
        assert all(values.std(0).max() < 15 for values in of_part)
        colours.append(np.array([values.mean(0) for values in of_part]))
    assert np.abs(colours[0] - colours[1]).max() > 20


def test_objects_of_every_family_are_stretched():
    assert 0 < STRETCH < 1
    for family in ("mug", "bottle", "car", "sofa"):
        several = [draw(f"{family}_000{number}").frames[0]["xyz"] for number in range(1, 6)]
        slender = [np.ptp(xyz[:, 1]) / np.linalg.norm(xyz[:, (0, 2)], axis=1).max() for xyz in several]
        assert max(slender) > 1.2 * min(slender), family


@pytest.mark.parametrize("change", [{"train": 0}, {"test": 0}, {"points": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused_in_one_line(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is -?[01], expected a whole number"):
        Objects(**change)


def test_a_switch_is_true_or_false():
    with pytest.raises(ValueError, match="scan is 1, expected True or False"):
        check_again(Objects(), scan=1)
