"""DeformingThings4D: files in the true format, what is read, rejected and refused, and the golden file."""

import numpy as np
import pytest

from pointvideo.data import deformingthings4d as module
from pointvideo.data.deformingthings4d import POINTS, VIEW, held_out, list_sources, points_of, read_anime
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare
from pointvideo.data.surface import draw_places, points_at

from ..parity.goldens import FOLDER

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)  # of a cube
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
TRIANGLES = np.array([side[:3] for side in SIDES] + [(side[0], *side[2:]) for side in SIDES], np.int32)


def cube(frames: int = 3) -> np.ndarray:
    """A cube that grows upwards and moves to the side, (frames, 8, 3)."""
    time = np.arange(frames, dtype=np.float32)[:, None, None]
    return CORNERS * (1 + time * [0, 0, 1]).astype(np.float32) + time * np.float32([0.5, 0, 0])


def anime_bytes(vertices: np.ndarray, triangles: np.ndarray = TRIANGLES, header=None) -> bytes:
    """An animation in the official format; ``header`` replaces the true frames, vertices, triangles."""
    counts = header or (*vertices.shape[:2], len(triangles))
    parts = [np.array(counts, "<i4"), vertices[0].astype("<f4"), triangles.astype("<i4")]
    return b"".join(part.tobytes() for part in [*parts, (vertices[1:] - vertices[0]).astype("<f4")])


def write(folder, name: str, content: bytes | None = None, where: str = "animals"):
    file = folder / where / name / f"{name}.anime"
    file.parent.mkdir(parents=True)
    file.write_bytes(anime_bytes(cube()) if content is None else content)
    return file


@pytest.mark.skipif(not (FOLDER / "data_anime.npz").is_file(), reason=f"no golden tensors in {FOLDER}")
def test_the_golden_file_is_read_as_the_released_code_reads_it(tmp_path):
    golden = np.load(FOLDER / "data_anime.npz")
    file = write(tmp_path, "bear3EP_walk", golden["in/file_bytes"].tobytes())
    anime = read_anime(file)
    assert (*anime.vertices.shape[:2], len(anime.triangles)) == tuple(golden["out/nf_nv_nt"])
    np.testing.assert_array_equal(anime.vertices, golden["out/vertices_all"])
    np.testing.assert_array_equal(anime.triangles, golden["out/faces"])


def test_what_is_written_is_read(tmp_path):
    anime = read_anime(write(tmp_path, "bear3EP_walk"))
    np.testing.assert_allclose(anime.vertices, cube(), atol=1e-6)
    np.testing.assert_array_equal(anime.triangles, TRIANGLES)
    assert anime.vertices.dtype == np.float32


def test_places_are_even_over_the_surface_and_stay_where_they_are_on_it():
    box = cube(2)[1]  # twice as high as wide
    places = draw_places(box, TRIANGLES, 20_000, np.random.default_rng(0))
    share = np.bincount(places.triangle, minlength=12) / 20_000
    high = np.ptp(box[TRIANGLES][:, :, 2], axis=1) > 0
    np.testing.assert_allclose(share, np.where(high, 0.1, 0.05), atol=0.01)
    moved = points_at(places, np.stack([box, 2 * box + 1]), TRIANGLES)
    np.testing.assert_allclose(moved[1], 2 * moved[0] + 1, atol=1e-5)
    within = places.weights[places.triangle == 0]  # of a triangle, whose corners share its area evenly
    np.testing.assert_allclose(within.mean(0), 1 / 3, atol=0.02)
    np.testing.assert_allclose(within.std(0), np.sqrt(1 / 18), atol=0.02)  # of an even draw


def test_a_point_is_the_same_place_in_every_frame_as_the_renderer_sees_it(tmp_path):
    file = write(tmp_path, "bear3EP_walk")
    xyz = points_of(file, read_anime(file))
    assert xyz.shape == (3, POINTS, 3) and xyz.dtype == np.float32
    world = xyz @ VIEW.astype(np.float32)  # the view is a rotation: its transpose turns back
    expected = world[0] * [1, 1, 3] + [1.0, 0, 0]
    np.testing.assert_allclose(world[2], expected, atol=1e-5)
    on = np.isclose(world[0], 0, atol=1e-5) | np.isclose(world[0], 1, atol=1e-5)
    assert on.any(axis=1).all()
    np.testing.assert_allclose(VIEW @ VIEW.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(VIEW) > 0 and VIEW[1, 2] < -0.9 and abs(VIEW[0, 2]) < 1e-12  # down is down, right is level
    assert np.array_equal(points_of(file, read_anime(file)), xyz)


def test_kinds_are_classes_and_whole_identities_are_tested(tmp_path):
    for identity in ("bear3EP", "bear84Q", "bear9AK", "bunnyQ", "duck", "dinoET", "dinoBDK"):
        for action in ("walk", "Idle_1"):
            write(tmp_path, f"{identity}_{action}")
    write(tmp_path, "clarie_run", where="humanoids")
    (tmp_path / "animals" / "duck_walk" / "screenshots").mkdir()
    store = prepare("deformingthings4d", tmp_path, path=tmp_path / "store", progress=False)
    assert store.classes == ("bear", "bunny", "dino", "duck") and len(store.sequences) == 14 and not store.rejected
    assert store.points(0, 1).shape == (POINTS, 3) and list(store.frame_counts) == [3] * 14
    splits = {}
    for sequence in store.sequences:
        identity = sequence.name.partition("_")[0]
        assert identity.startswith(store.classes[sequence.label])
        splits.setdefault(identity, set()).add((sequence.split, sequence.subject))
    assert all(len(found) == 1 for found in splits.values())
    tested = {identity for identity, found in splits.items() if next(iter(found))[0] == "test"}
    assert len(tested) == 2 and tested == held_out(
        {"bear": {"bear3EP", "bear84Q", "bear9AK"}, "dino": {"dinoET", "dinoBDK"}}
    )
    assert len({next(iter(found))[1] for found in splits.values()}) == 7


def test_a_third_of_the_identities_of_a_kind_is_tested_and_lone_ones_train():
    many = {f"deer{number}" for number in range(8)}
    tested = held_out({"deer": many, "duck": {"duck"}, "fox": {"foxA", "foxB"}})
    assert len(tested & many) == 3 and len(tested) == 4 and "duck" not in tested
    assert tested == held_out({"fox": {"foxB", "foxA"}, "deer": many})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1\0\0\0", "4 bytes, expected at least the 12 of the header"),
        (anime_bytes(cube())[:-4], "truncated, header says 3 frames of 8 vertices and 12 triangles = 444 bytes"),
        (anime_bytes(cube()) + b"\0", "too long, header says 3 frames"),
        (anime_bytes(cube(), header=(2, 8, 12)), "too long, header says 2 frames of 8 vertices"),
        (anime_bytes(cube(), header=(2**31 - 1, 2**31 - 1, 12)), "truncated, header says 2147483647 frames"),
        (anime_bytes(cube(), header=(3, -8, 12)), "header says 3 frames of -8 vertices .*, expected positive numbers"),
        (anime_bytes(cube(), TRIANGLES + 1), "triangles have corners from 1 to 8, expected 0 to 7"),
        (anime_bytes(cube() * [1, 1, np.nan]), "values that are NaN or infinite, first in frame 0, expected finite"),
        (anime_bytes(np.zeros((2, 8, 3), np.float32)), "the 12 triangles have an area of 0, expected a surface"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_rejected_in_one_line_and_the_rest_is_prepared(tmp_path, content, message):
    bad, good = write(tmp_path, "bear3EP_attack", content), write(tmp_path, "bear3EP_walk")
    with pytest.raises(StoreError, match=message) as caught:
        points_of(bad, read_anime(bad))
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{bad}: ")
    store = prepare("deformingthings4d", tmp_path, path=tmp_path / "store", progress=False)
    assert [sequence.name for sequence in store.sequences] == [good.stem]
    assert [entry["file"] for entry in store.rejected] == [str(bad.relative_to(tmp_path))]


def test_folders_without_animations_and_names_that_are_none(tmp_path):
    write(tmp_path, "clarie_run", where="humanoids")
    with pytest.raises(StoreError, match="no animations, expected files like animals/bear3EP_Agression/"):
        list_sources(tmp_path)
    write(tmp_path, "Bear")
    write(tmp_path, "bear3EP_walk")
    store = prepare("deformingthings4d", tmp_path, path=tmp_path / "store", progress=False)
    assert len(store.sequences) == 1
    assert "file name is not of the form <identity>_<action>.anime" in store.rejected[0]["reason"]


def test_one_frame_is_an_animation(tmp_path):
    assert len(read_anime(write(tmp_path, "bear3EP_rest", anime_bytes(cube(1)))).vertices) == 1
    assert module.camera() is None
