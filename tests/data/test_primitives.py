"""Planes of a hand-drawn scene, groups made of them, labels of a whole store."""

from __future__ import annotations

import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from pointvideo.data import primitive_labels
from pointvideo.data.clips import ClipSampler, sample_indices
from pointvideo.data.layout import Sequence, StoreError
from pointvideo.data.primitive_labels import labels_fingerprint, prepare_primitives
from pointvideo.data.primitives import PlaneGrowing, fit_primitives, merge_to
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

needs_cgal = pytest.mark.skipif(find_spec("CGAL") is None, reason="needs CGAL: pip install 'pointvideo[primitives]'")

FLOOR, WALL, CLUTTER = slice(0, 400), slice(400, 700), slice(700, 720)


def scene(seed: int = 0) -> np.ndarray:
    """A floor z = 0 of 400 points, a wall y = -0.3 of 300 and 20 stray points, metres; the points shaken by 5 mm."""
    generator = np.random.default_rng(seed)
    u, v = (axis.ravel() * 0.2 for axis in np.meshgrid(np.arange(20), np.arange(20)))
    floor = np.stack([u, v, np.zeros(400)], axis=1)
    wall = np.stack([u[:300], np.full(300, -0.3), v[:300] + 0.3], axis=1)
    clutter = generator.uniform([0, 1.5, 1.5], [4, 4, 4], (20, 3))
    return (np.concatenate([floor, wall, clutter]) + generator.normal(0, 0.005, (720, 3))).astype(np.float32)


@needs_cgal
def test_two_planes_and_clutter_are_found():
    found = fit_primitives(scene())
    assert found.label.dtype == np.int64 and found.planes.shape == (2, 4)
    assert [set(found.label[part].tolist()) for part in (FLOOR, WALL, CLUTTER)] == [{0}, {1}, {-1}]
    np.testing.assert_allclose(found.planes, [[0, 0, 1, 0], [0, 1, 0, 0.3]], atol=0.01)


@needs_cgal
def test_the_same_points_give_the_same_planes():
    first, noise, second = (fit_primitives(points) for points in (scene(), scene(1), scene()))
    assert np.array_equal(first.label, second.label) and np.array_equal(first.planes, second.planes)
    assert not np.array_equal(first.planes, noise.planes)


@needs_cgal
def test_planes_are_numbered_by_size_whatever_comes_first():
    points = scene()
    found = fit_primitives(np.concatenate([points[WALL], points[FLOOR]]))
    assert np.bincount(found.label).tolist() == [400, 300]
    np.testing.assert_allclose(found.planes[0], [0, 0, 1, 0], atol=0.01)


@needs_cgal
def test_every_parameter_has_its_effect():
    points = scene()

    def sizes(cloud=points, **changes) -> list[int]:
        label = fit_primitives(cloud, PlaneGrowing(**changes)).label
        return np.bincount(label[label >= 0]).tolist()

    assert sizes(least=301) == [400] and sizes(least=401) == []
    assert sum(sizes(distance=0.002)) < 350  # the floor's own noise is 0.005
    assert sizes(cloud=points * 300, divisor=300.0) == [400, 300] and sum(sizes(cloud=points * 300)) < 350
    # a roof of two slopes, 40 degrees apart: one plane, if it may lie that far off and its normals that far apart
    u, v = (axis.ravel() * 0.1 for axis in np.meshgrid(np.arange(-10, 11), np.arange(20)))
    roof = np.stack([u, v, -np.abs(u) * np.tan(np.radians(20))], axis=1)
    assert sizes(cloud=roof, distance=0.5)[0] == len(roof)
    assert max(sizes(cloud=roof, distance=0.5, angle=10.0)) < 0.6 * len(roof)
    # two strips of floor 0.5 apart: among 60 neighbours of a point at the edge are some of the other strip
    strips = points[FLOOR][(points[FLOOR][:, 0] < 0.7) | (points[FLOOR][:, 0] > 1.1)]
    assert len(sizes(cloud=strips, neighbours=60)) == 1


@needs_cgal
def test_clouds_without_planes():
    for points in (np.zeros((0, 3)), scene()[:1], scene()[:29], scene()[CLUTTER], np.zeros((50, 3))):
        found = fit_primitives(points.astype(np.float32))
        assert (found.label == -1).all() and found.label.shape == points.shape[:1] and found.planes.shape == (0, 4)


def test_stray_points_join_the_nearest_group():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0], [8, 0, 0], [3, 0, 0], [7, 0, 0], [20, 0, 0]])
    label = np.array([5, 5, 5, 2, 2, -1, -1, 0])
    assert merge_to(points, label, 3).tolist() == [0, 0, 0, 1, 1, 0, 1, 2]
    assert merge_to(points, label, 2).tolist() == [0, 0, 0, 1, 1, 0, 1, 1]  # the smallest plane is given up
    assert merge_to(points, label, 1).tolist() == [0] * 8


def test_too_few_planes_are_halved_across_their_longest_axis():
    points = np.array([[x, y, 0.0] for x in range(8) for y in range(2)])
    label = np.zeros(16, dtype=np.int64)
    assert merge_to(points, label, 2).tolist() == [0] * 8 + [1] * 8
    quarters = merge_to(points, label, 4)
    assert np.bincount(quarters).tolist() == [4, 4, 4, 4]
    assert [np.ptp(points[quarters == group, 0]) for group in range(4)] == [1, 1, 1, 1]
    # no plane at all: the whole frame is the first group
    assert np.array_equal(merge_to(points, label - 1, 4), quarters)
    assert merge_to(points[:3], label[:3], 4).tolist() == [0, 1, 2]
    assert merge_to(np.zeros((9, 3)), label[:9], 3).tolist().count(2) > 0  # coinciding points can be told apart, too


@needs_cgal
@pytest.mark.parametrize("count", [1, 2, 4, 8, 200])
def test_every_frame_gets_exactly_so_many_groups(count):
    points = scene()
    merged = merge_to(points, fit_primitives(points).label, count)
    assert sorted(set(merged.tolist())) == list(range(count))
    if count >= 2:  # floor and wall are never in one group
        assert not set(merged[FLOOR].tolist()) & set(merged[WALL].tolist())


def test_bad_input():
    points = scene()
    with pytest.raises(ValueError, match=r"points: point 3 is \[.*nan.*\], expected finite coordinates"):
        merge_to(np.where(np.arange(720)[:, None] == 3, np.nan, points), np.zeros(720, np.int64), 2)
    with pytest.raises(ValueError, match="count: got 0, expected at least 1"):
        merge_to(points, np.zeros(720, np.int64), 0)
    with pytest.raises(ValueError, match="PlaneGrowing.neighbours: got 0, expected an integer of at least 1"):
        PlaneGrowing(neighbours=0)
    with pytest.raises(ValueError, match="PlaneGrowing.distance: got nan, expected a number above 0"):
        PlaneGrowing(distance=float("nan"))
    with pytest.raises(ValueError, match="PlaneGrowing.angle: got 91, expected 0 to 90 degrees"):
        PlaneGrowing(angle=91)


XYZ = {"xyz": {"dtype": "float32", "shape": [3], "unit": "metre"}}


@pytest.fixture
def scenes(tmp_path) -> Store:
    """Three sequences of 2, 1 and 2 frames of the scene, each frame shaken anew."""
    options = {"name": "scenes", "source": "simulated", "unit": "metre", "camera": None, "classes": ("room",)}
    seeds = iter(range(9))
    with StoreWriter(tmp_path / "scenes", fields=XYZ, **options) as writer:
        for name, frames in (("a", 2), ("b", 1), ("c", 2)):
            rows = [{"xyz": scene(next(seeds))} for _ in range(frames)]
            writer.add(Sequence(name, 0, 0, "train", frames), rows)
        return writer.finish()


@needs_cgal
def test_labels_of_a_store_are_those_of_its_frames(scenes):
    labelled = prepare_primitives(scenes, 4, progress=False)
    for position, sequence in enumerate(scenes.sequences):
        for frame in range(sequence.frames):
            points = scenes.points(position, frame)
            expected = merge_to(points, fit_primitives(points).label, 4)
            assert np.array_equal(labelled.field("primitive", position, frame), expected)
    names = sorted(file.name for file in scenes.path.iterdir() if "primitive" in file.name)
    assert names == [labelled.labels_file.name, labelled.labels_file.with_suffix(".sha256").name]
    labelled.verify()
    content = labelled.labels_file.read_bytes()
    labelled.labels_file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match="damaged, it is not what was written; delete it"):
        pickle.loads(pickle.dumps(labelled)).verify()
    labelled.labels_file.write_bytes(content)
    assert prepare_primitives(scenes, 300, progress=False).array("primitive").dtype == np.int16
    assert np.array_equal(
        prepare_primitives(Store.open(scenes.path), 4).array("primitive"), labelled.array("primitive")
    )


@needs_cgal
def test_a_sampler_takes_labels_with_the_points(scenes):
    labelled = prepare_primitives(scenes, 2, progress=False)
    sampler = ClipSampler(labelled, 2)
    batch = sampler.load([0, 2], [0, 0])
    index = sample_indices(batch, 64, seed=3)
    label = sampler.take("primitive", batch, index)
    assert label.shape == (2, 2, 64) and label.dtype == torch.uint8
    assert bool((label[index < 400] == 0).all()) and bool((label[(index >= 400) & (index < 700)] == 1).all())


def test_the_fingerprint_knows_store_and_parameters(scenes, tiny_store):
    growing = PlaneGrowing()
    prints = {
        scenes.fingerprint,
        labels_fingerprint(scenes.fingerprint, 4, growing),
        labels_fingerprint(scenes.fingerprint, 8, growing),
        labels_fingerprint(scenes.fingerprint, 4, PlaneGrowing(distance=0.2)),
        labels_fingerprint(tiny_store.fingerprint, 4, growing),
    }
    assert len(prints) == 5


@needs_cgal
def test_an_interrupted_run_is_continued(scenes, monkeypatch):
    asked = []

    def fit(points, growing):
        asked.append(len(points))
        if len(asked) == 4:
            raise KeyboardInterrupt
        return fit_primitives(points, growing)

    monkeypatch.setattr(primitive_labels, "fit_primitives", fit)
    with pytest.raises(KeyboardInterrupt):
        prepare_primitives(scenes, 4, progress=False)
    assert list(scenes.path.glob("primitive-*.npy")) == []
    labelled = prepare_primitives(scenes, 4, progress=False)
    assert len(asked) == 4 + 2  # sequence c, of two frames, alone
    assert labelled.fingerprint == labels_fingerprint(scenes.fingerprint, 4, PlaneGrowing())
    assert list(scenes.path.glob("*.partial")) == []


@needs_cgal
def test_without_the_library(scenes, monkeypatch):
    """Labels that are there need no library; without them, and for a frame, the line says what to install."""
    labelled = prepare_primitives(scenes, 4, progress=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "CGAL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "CGAL", None)
    assert prepare_primitives(scenes, 4).fingerprint == labelled.fingerprint
    needed = r"fitting primitives needs CGAL's Python bindings: pip install 'pointvideo\[primitives\]'"
    with pytest.raises(ModuleNotFoundError, match=needed):
        prepare_primitives(scenes, 5)
    with pytest.raises(ModuleNotFoundError, match=needed):
        fit_primitives(scene())
    assert len(list(scenes.path.glob("primitive-*.npy"))) == 1


@needs_cgal
def test_damaged_labels_and_bad_counts(scenes):
    labelled = prepare_primitives(scenes, 4, progress=False)
    whole = labelled.labels_file.read_bytes()
    labelled.labels_file.write_bytes(whole[:-7])
    with pytest.raises(StoreError, match=f"{labelled.labels_file.name}: not a whole array of labels"):
        prepare_primitives(scenes, 4)
    np.save(labelled.labels_file, np.zeros(9, np.uint8))
    with pytest.raises(StoreError, match=r"found uint8 \(9,\), expected uint8 \(3600,\)"):
        prepare_primitives(scenes, 4)
    for count in (0, 40_000):
        with pytest.raises(ValueError, match=f"count: got {count}, expected 1 to 32768"):
            prepare_primitives(scenes, count)
    labelled.labels_file.write_bytes(whole)
    with pytest.raises(ValueError, match="it has a field 'primitive' already"):
        prepare_primitives(prepare_primitives(scenes, 4), 8)
