"""Stores: what is written comes back, interrupted writing continues, damage is named."""

import copy
import errno
import json
import os
import pickle

import numpy as np
import pytest
import torch

from pointvideo.data import layout
from pointvideo.data.clips import ClipSampler
from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.store import Store, StoreError
from pointvideo.data.writer import StoreWriter

from .conftest import CAMERA, PIXELS, build_store, draw_frames

VIDEOS = {"b": [5, 60], "a": [40, 10, 25, 7]}


def open_writer(path, **changes) -> StoreWriter:
    options = {"name": "tiny", "source": "simulated", "unit": "count", "camera": CAMERA, "classes": ("wave", "bend")}
    return StoreWriter(path, **(options | {"fields": PIXELS} | changes))


def test_what_is_written_comes_back_sorted_by_name(tmp_path):
    store = build_store(tmp_path / "tiny", VIDEOS)
    assert [s.name for s in store.sequences] == ["a", "b"]
    assert store.frame_counts.tolist() == [4, 2] and store.labels.tolist() == [1, 0]
    assert store.indices("train").tolist() == [1] and store.indices("test").tolist() == [0]
    for frame, rows in enumerate(draw_frames(VIDEOS["a"], seed=1)):
        np.testing.assert_array_equal(store.field("pixels", 0, frame), rows["pixels"])
    assert sorted(os.listdir(tmp_path)) == ["tiny"]


def test_points_of_a_hand_made_pixel(tmp_path):
    with open_writer(tmp_path / "s") as writer:
        pixels = np.array([[160, 120, 280], [300, 50, 560]], np.uint16)
        store = [writer.add(Sequence("v", 0, 1, "train", 1), [{"pixels": pixels}]), writer.finish()][1]
    expected = np.array([[0, 0, 280], [280, -140, 560]], np.float32)
    np.testing.assert_array_equal(store.points(0, 0), expected)
    assert store.points(0, 0).dtype == np.float32


def test_several_fields_travel_together(tmp_path):
    fields = PIXELS | {"rgb": {"dtype": "uint8", "shape": [3]}, "part": {"dtype": "uint8", "shape": []}}
    frame = draw_frames([9])[0] | {"rgb": np.full((9, 3), 7, np.uint8), "part": np.arange(9, dtype=np.uint8)}
    with open_writer(tmp_path / "s", fields=fields) as writer:
        writer.add(Sequence("v", 0, 1, "train", 1, camera=2), [frame])
        store = writer.finish()
    assert store.field("part", 0, 0).tolist() == list(range(9)) and store.field("rgb", 0, 0).shape == (9, 3)
    assert store.sequences[0].camera == 2


def test_fingerprint_is_of_the_content(tmp_path):
    first = build_store(tmp_path / "one", VIDEOS)
    again = build_store(tmp_path / "two", dict(reversed(VIDEOS.items())))
    assert first.fingerprint != again.fingerprint, "labels, splits and pixels changed places"
    assert first.fingerprint == build_store(tmp_path / "three", VIDEOS, made_by="someone else", inputs=[1]).fingerprint
    moved = DepthCamera(width=320, height=240, focal=281.0, centre_u=160.0, centre_v=120.0)
    assert first.fingerprint != build_store(tmp_path / "four", VIDEOS, camera=moved).fingerprint
    assert first.fingerprint != build_store(tmp_path / "five", VIDEOS, classes=("bend", "wave")).fingerprint


def test_interrupted_writing_continues_and_gives_the_same_store(tmp_path):
    whole = build_store(tmp_path / "whole", VIDEOS)
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "s") as writer:
        writer.add(Sequence("b", 0, 1, "train", 2), draw_frames(VIDEOS["b"], 0), stamp="one")
        raise KeyboardInterrupt
    assert not (tmp_path / "s").exists()
    with open_writer(tmp_path / "s") as writer:
        assert writer.done("b", "one") and not writer.done("b", "another") and not writer.done("a")
        writer.add(Sequence("a", 1, 2, "test", 4), draw_frames(VIDEOS["a"], 1))
        store = writer.finish()
    assert store.fingerprint == whole.fingerprint
    for file in ("pixels.npy", "frame_offsets.npy", "sequence_offsets.npy"):
        assert (store.path / file).read_bytes() == (whole.path / file).read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["s", "whole"]


def test_parts_of_another_description_or_damaged_are_dropped(tmp_path):
    open_writer(tmp_path / "s").add(Sequence("a", 0, 1, "train", 1), draw_frames([3]))
    part = tmp_path / "s.partial" / "a.part"
    part.write_bytes(part.read_bytes()[:100])
    assert not open_writer(tmp_path / "s").done("a")
    open_writer(tmp_path / "s").add(Sequence("a", 0, 1, "train", 1), draw_frames([3]))
    assert open_writer(tmp_path / "s").done("a")
    assert not open_writer(tmp_path / "s", unit="metre").done("a")


def test_a_folder_that_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="mine: exists and is not a store"):
        open_writer(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("moment", ["add", "finish"])
def test_full_disk_is_one_line_and_leaves_the_old_store(tmp_path, monkeypatch, moment):
    old = build_store(tmp_path / "s", VIDEOS)
    writer = open_writer(tmp_path / "s", unit="metre")
    writer.add(Sequence("a", 0, 1, "train", 1), draw_frames([3]))

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(StoreError) as caught:
        patch.setattr(os, "fsync", full)
        if moment == "add":
            writer.add(Sequence("b", 0, 1, "train", 1), draw_frames([3]))
        else:
            writer.finish()
    assert "No space left on device" in str(caught.value) and "sequences kept: 1" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path / "s.partial")) == ["a.part", "writer.json"]
    assert Store.open(tmp_path / "s").fingerprint == old.fingerprint
    assert open_writer(tmp_path / "s", unit="metre").finish().unit == "metre"


@pytest.mark.parametrize(
    ("sequence", "frames", "message"),
    [
        (Sequence("../a", 0, 1, "train", 1), draw_frames([3]), "a name may hold"),
        (Sequence("a", 2, 1, "train", 1), draw_frames([3]), "label 2, expected 0 to 1"),
        (Sequence("a", 0, 1, "train", 2), draw_frames([3]), "got 1 frames, expected 2"),
        (Sequence("a", 0, 1, "train", 1), [{"pixels": np.zeros((0, 3), np.uint16)}], "no points"),
        (Sequence("a", 0, 1, "train", 1), [{"pixels": np.zeros((4, 3), np.int64)}], "expected uint16"),
        (Sequence("a", 0, 1, "train", 1), [{"pixels": np.zeros((4, 2), np.uint16)}], "expected uint16"),
        (Sequence("a", 0, 1, "train", 1), [{"colour": np.zeros((4, 2), np.uint16)}], "expected \\['pixels'\\]"),
    ],
)
def test_writer_refuses_what_does_not_fit(tmp_path, sequence, frames, message):
    with pytest.raises(StoreError, match=message):
        open_writer(tmp_path / "s").add(sequence, frames)


def test_writer_refuses_an_empty_store_and_an_unknown_source(tmp_path):
    with pytest.raises(StoreError, match="no sequence to write"):
        open_writer(tmp_path / "s").finish()
    with pytest.raises(StoreError, match="expected 'recorded' or 'simulated'"):
        open_writer(tmp_path / "s", source="guessed")


def damage_version(path):
    description = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps(description | {"version": 99}))


def damage_key(path):
    description = json.loads((path / "store.json").read_text())
    del description["camera"]
    (path / "store.json").write_text(json.dumps(description))


def shorten(name):
    def damage(path):
        file = path / f"{name}.npy"
        file.write_bytes(file.read_bytes()[:-6])

    return damage


def replace_array(name, array):
    return lambda path: np.save(path / f"{name}.npy", array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "store.json").unlink(), "no store here"),
        (lambda path: (path / "store.json").write_text("{"), "store.json: not valid JSON"),
        (damage_version, "store version 99, this program reads version 1"),
        (damage_key, "store.json: damaged, 'camera'"),
        (lambda path: (path / "pixels.npy").unlink(), "pixels.npy: missing"),
        (shorten("pixels"), "pixels.npy: not a whole .npy array"),
        (shorten("frame_offsets"), "frame_offsets.npy: not a whole .npy array"),
        (replace_array("pixels", np.zeros((4, 3), np.uint16)), "expected uint16 \\(342, 3\\)"),
        (replace_array("pixels", np.zeros((342, 3), np.int32)), "found int32"),
        (replace_array("frame_offsets", np.zeros(4, np.int64)), "frame_offsets.npy: found int64 \\(4,\\)"),
        (replace_array("frame_offsets", np.arange(13, 0, -1)[:13]), "offsets must start at 0 and never fall"),
        (replace_array("sequence_offsets", np.array([0, 1, 2, 3])), "disagrees with the frame counts"),
    ],
)
def test_a_damaged_store_is_named_in_one_line(tiny_store, damage, message):
    damage(tiny_store.path)
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(tiny_store.path)
    assert "\n" not in str(caught.value) and str(tiny_store.path) in str(caught.value)


def edit(**changes):
    """Change entries of store.json, and nothing of its digests; None takes an entry out."""

    def damage(path):
        description = json.loads((path / "store.json").read_text()) | changes
        kept = {key: value for key, value in description.items() if key not in changes or value is not None}
        (path / "store.json").write_text(json.dumps(kept))

    return damage


def early(path):
    """As stores of early versions are: without digests."""
    edit(digest=None, content=None, arrays=None)(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (edit(fingerprint=5), "damaged, fingerprint is 5, expected hexadecimal digits"),
        (edit(fingerprint="x"), "damaged, fingerprint is 'x', expected hexadecimal digits"),
        (edit(fingerprint=None), "damaged, 'fingerprint' is missing"),
        (edit(fields={}), "damaged, fields  with a camera"),
        (edit(camera=None), "damaged, 'camera' is missing"),
        (edit(classes=["wave"]), "damaged, its content is not that of its digest"),
        (edit(unit="metre"), "damaged, its content is not that of its digest"),
        (edit(rejected=[{"file": "a", "reason": "b"}]), "damaged, its content is not that of its digest"),
        (edit(digest=None), "damaged, 'digest' is missing"),
        (edit(colour="red"), "damaged, 'colour' is no entry of it"),
    ],
)
@pytest.mark.parametrize("version", ["early", "of today"])
def test_a_changed_description_is_never_believed(tiny_store, damage, message, version):
    if version == "early":
        early(tiny_store.path)
    damage(tiny_store.path)
    if version == "early" and ("digest" in message):  # nothing says what it was
        return
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(tiny_store.path)
    assert "\n" not in str(caught.value)


def test_any_flipped_bit_of_the_description_is_noticed(tiny_store):
    file = tiny_store.path / "store.json"
    content, random = file.read_bytes(), np.random.default_rng(0)
    for place in random.integers(0, len(content), 400).tolist():
        bit = 1 << int(random.integers(8))
        changed = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
        try:
            same = json.loads(changed) == json.loads(content)
        except ValueError:
            same = False
        file.write_bytes(changed)
        if same:
            assert Store.open(tiny_store.path).fingerprint == tiny_store.fingerprint
        else:
            with pytest.raises(StoreError, match="store.json"):
                Store.open(tiny_store.path)


def flip(file):
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_flipped_bits_of_arrays_are_named(tmp_path):
    for name in ("frame_offsets", "sequence_offsets", "action", "centre"):
        store = build_coordinates(tmp_path / name)
        flip(store.path / f"{name}.npy")
        with pytest.raises(StoreError, match=f"{name}.npy: "):
            Store.open(store.path)
    for name in ("xyz", "semantic"):
        store = build_coordinates(tmp_path / name)
        store.verify()
        flip(store.path / f"{name}.npy")
        with pytest.raises(StoreError, match=f"{name}.npy: damaged, it is not what was written"):
            Store.open(store.path).verify()


def test_a_store_of_an_early_version_opens_and_is_verified_by_its_fingerprint(tiny_store):
    early(tiny_store.path)
    store = Store.open(tiny_store.path)
    assert store.content == store.fingerprint == tiny_store.fingerprint
    store.verify()
    flip(store.path / "pixels.npy")
    with pytest.raises(StoreError, match="an array is not what its fingerprint says"):
        Store.open(store.path).verify()


def test_a_store_is_pickled_as_its_path_and_shares_the_mapped_arrays(tmp_path):
    videos = {name: [5000] * 20 for name in "ab"}
    store = build_store(tmp_path / "s", videos)
    store.resident("pixels")
    content = pickle.dumps(store)
    assert len(content) < 1000
    for other in (pickle.loads(content), copy.deepcopy(store)):
        assert other.fingerprint == store.fingerprint and isinstance(other.array("pixels"), np.memmap)
        np.testing.assert_array_equal(other.array("pixels"), store.array("pixels"))
    for resident in (True, False):
        sampler = ClipSampler(store, 4, 2, resident=resident)
        content = pickle.dumps(sampler)
        assert len(content) < 1000
        drawn = [each.sample([0, 1], [3, 5], 64, seed=1) for each in (sampler, pickle.loads(content))]
        assert torch.equal(*drawn)


def test_asking_for_what_is_not_there(tiny_store, tmp_path):
    for call, message in [
        (lambda: tiny_store.points(3, 0), "no sequence 3, it has 3"),
        (lambda: tiny_store.points(1, 2), "no frame 2 in b, it has 2"),
        (lambda: tiny_store.points(1, -1), "no frame -1 in b"),
        (lambda: tiny_store.array("rgb"), "no field 'rgb', it has pixels"),
        (lambda: tiny_store.indices("validation"), "it has test, train"),
        (lambda: Store.open(tmp_path / "nowhere"), "no store here"),
    ]:
        with pytest.raises(StoreError, match=message):
            call()


def test_folders_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    assert layout.cache_dir() == tmp_path
    monkeypatch.delenv("POINTVIDEO_CACHE")
    assert layout.cache_dir().name == "build"
    monkeypatch.setenv("POINTVIDEO_DATA", "")
    assert layout.data_dir() is None
    monkeypatch.setenv("POINTVIDEO_DATA", str(tmp_path))
    assert layout.data_dir() == tmp_path


ACTION = {"action": {"dtype": "uint8", "shape": [], "unit": "action", "names": ["rest", "reach"]}}
COORDINATES = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "m"},
    "semantic": {"dtype": "uint8", "shape": [], "names": ["hand", "cup", "table"]},
}
CENTRE = ACTION | {"centre": {"dtype": "float32", "shape": [3], "unit": "m"}}


def film(counts: list[int], seed: int) -> tuple[list[dict], dict]:
    """Frames of random coordinates with a label, an action and a centre for every frame."""
    random = np.random.default_rng(seed)
    frames = [
        {"xyz": random.random((n, 3), dtype=np.float32), "semantic": random.integers(0, 3, n).astype(np.uint8)}
        for n in counts
    ]
    values = {"action": random.integers(0, 2, len(counts)).astype(np.uint8)}
    return frames, values | {"centre": random.random((len(counts), 3), dtype=np.float32)}


def build_coordinates(path) -> Store:
    """The videos of :data:`VIDEOS` as coordinates, without a camera, with two frame fields."""
    with open_writer(path, camera=None, unit="m", fields=COORDINATES, frame_fields=CENTRE) as writer:
        for seed, (name, counts) in enumerate(VIDEOS.items()):
            frames, values = film(counts, seed)
            writer.add(Sequence(name, 0, 1, "train", len(counts)), frames, frame_values=values)
        return writer.finish()


def test_coordinates_and_frame_fields_come_back(tmp_path):
    store = build_coordinates(tmp_path / "s")
    assert store.camera is None and json.loads((store.path / "store.json").read_text())["camera"] is None
    assert set(store.fields) == {"xyz", "semantic"} and set(store.frame_fields) == {"action", "centre"}
    for position, (name, seed) in enumerate((("a", 1), ("b", 0))):
        frames, values = film(VIDEOS[name], seed)
        for frame, rows in enumerate(frames):
            np.testing.assert_array_equal(store.points(position, frame), rows["xyz"])
            np.testing.assert_array_equal(store.field("semantic", position, frame), rows["semantic"])
        for field, rows in values.items():
            np.testing.assert_array_equal(store.frame_field(field, position), rows)
            assert store.frame_field(field, position).dtype == rows.dtype
    assert store.names("action") == ("rest", "reach") and store.names("semantic") == ("hand", "cup", "table")
    assert store.array("centre").shape == (6, 3) and "6 frames" in store.summary()


def test_frame_fields_and_names_enter_the_fingerprint(tmp_path):
    first = build_coordinates(tmp_path / "one")
    assert first.fingerprint == build_coordinates(tmp_path / "two").fingerprint
    seen = {first.fingerprint}
    for number, change in enumerate(("value", "names", "unit")):
        fields = json.loads(json.dumps(CENTRE))
        if change == "names":
            fields["action"]["names"] = ["rest", "grasp"]
        if change == "unit":
            fields["centre"]["unit"] = "mm"
        with open_writer(
            tmp_path / f"s{number}", camera=None, unit="m", fields=COORDINATES, frame_fields=fields
        ) as writer:
            for seed, (name, counts) in enumerate(VIDEOS.items()):
                frames, values = film(counts, seed)
                if change == "value" and name == "a":
                    values["action"][2] ^= 1
                writer.add(Sequence(name, 0, 1, "train", len(counts)), frames, frame_values=values)
            seen.add(writer.finish().fingerprint)
    assert len(seen) == 4


def test_interrupted_writing_of_frame_fields_continues(tmp_path):
    whole = build_coordinates(tmp_path / "whole")
    options = {"camera": None, "unit": "m", "fields": COORDINATES, "frame_fields": CENTRE}
    frames, values = film(VIDEOS["b"], 0)
    open_writer(tmp_path / "s", **options).add(Sequence("b", 0, 1, "train", 2), frames, frame_values=values)
    assert not open_writer(tmp_path / "other", **options).done("b")
    with open_writer(tmp_path / "s", **options) as writer:
        assert writer.done("b")
        frames, values = film(VIDEOS["a"], 1)
        writer.add(Sequence("a", 0, 1, "train", 4), frames, frame_values=values)
        store = writer.finish()
    assert store.fingerprint == whole.fingerprint
    assert (store.path / "centre.npy").read_bytes() == (whole.path / "centre.npy").read_bytes()
    # a part of a description without the frame field does not fit
    open_writer(tmp_path / "t", fields=PIXELS).add(Sequence("a", 0, 1, "train", 1), draw_frames([3]))
    assert not open_writer(tmp_path / "t", fields=PIXELS, frame_fields=ACTION).done("a")


def test_a_store_of_plain_pixels_says_nothing_of_what_it_lacks(tmp_path):
    """Stores from before depth scales and frame fields keep their description and fingerprint."""
    store = build_store(tmp_path / "s", VIDEOS)
    description = json.loads((store.path / "store.json").read_text())
    assert "frame_fields" not in description and "scale" not in description["camera"]
    assert all("names" not in field for field in description["fields"].values())
    assert store.frame_fields == {} and store.camera.scale == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "sequence a: got frame fields \\[\\], expected \\['action'\\]"),
        ({"action": np.zeros(2, np.uint8), "more": np.zeros(2)}, "got frame fields \\['action', 'more'\\]"),
        ({"action": np.zeros(3, np.uint8)}, "frame field action: got uint8 \\(3,\\), expected uint8 \\(2,\\)"),
        ({"action": np.zeros((2, 1), np.uint8)}, "got uint8 \\(2, 1\\), expected uint8 \\(2,\\)"),
        ({"action": np.zeros(2, np.int64)}, "got int64 \\(2,\\), expected uint8 \\(2,\\)"),
    ],
)
def test_writer_refuses_frame_values_that_do_not_fit(tmp_path, values, message):
    writer = open_writer(tmp_path / "s", frame_fields=ACTION)
    with pytest.raises(StoreError, match=message):
        writer.add(Sequence("a", 0, 1, "train", 2), draw_frames([3, 4]), frame_values=values)
    assert not writer.done("a") and not list((tmp_path / "s.partial").glob("*.part"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera": None}, "store tiny: fields pixels, expected 'xyz' without a camera"),
        ({"fields": COORDINATES}, "store tiny: fields xyz, semantic, expected 'pixels' with a camera"),
        ({"fields": {}}, "expected 'pixels' with a camera"),
        ({"fields": PIXELS | COORDINATES}, "fields pixels, xyz, semantic, expected 'pixels' with a camera"),
        ({"frame_fields": PIXELS}, "store tiny: pixels stands among fields and frame fields"),
    ],
)
def test_writer_refuses_fields_that_contradict_each_other(tmp_path, changes, message):
    with pytest.raises(StoreError, match=message):
        open_writer(tmp_path / "s", **changes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "action.npy").unlink(), "action.npy: missing"),
        (shorten("action"), "action.npy: not a whole .npy array"),
        (
            replace_array("action", np.zeros(5, np.uint8)),
            "found uint8 \\(5,\\), expected uint8 \\(6,\\) from store.json",
        ),
        (replace_array("action", np.zeros(6, np.int32)), "found int32 \\(6,\\), expected uint8 \\(6,\\)"),
        (replace_array("centre", np.zeros((6, 2), np.float32)), "expected float32 \\(6, 3\\) from store.json"),
        (lambda path: (path / "xyz.npy").unlink(), "xyz.npy: missing"),
        (replace_array("xyz", np.zeros((147, 3), np.float64)), "xyz.npy: found float64"),
    ],
)
def test_damaged_frame_fields_and_coordinates_are_named(tmp_path, damage, message):
    path = build_coordinates(tmp_path / "s").path
    damage(path)
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_asking_for_frame_fields_that_are_not_there(tiny_store, tmp_path):
    store = build_coordinates(tmp_path / "s")
    for call, message in [
        (lambda: tiny_store.frame_field("action", 0), "no frame field 'action', it has none"),
        (lambda: store.frame_field("xyz", 0), "no frame field 'xyz', it has action, centre"),
        (lambda: store.frame_field("action", 2), "no sequence 2, it has 2"),
        (lambda: store.frame_field("action", -1), "no sequence -1"),
        (lambda: store.names("xyz"), "no names for the values of 'xyz'"),
        (lambda: store.names("nothing"), "no names for the values of 'nothing'"),
        (lambda: store.array("rgb"), "no field 'rgb', it has xyz, semantic, action, centre"),
    ]:
        with pytest.raises(StoreError, match=message):
            call()
