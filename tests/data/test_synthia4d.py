"""Synthia 4D: classes and weights, the two halves, the official files, gaps, what is refused."""

import math

import numpy as np
import pytest

from pointvideo.data import synthia4d, synthia4d_files
from pointvideo.data.clips import enumerate_split
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare, summary
from pointvideo.data.store import Store
from pointvideo.data.synthia4d import (
    CLASSES,
    FREQUENCIES,
    RAW_TO_CLASS,
    VOID,
    class_frequencies,
    class_weights,
    draw,
    draw_half,
    halves,
)
from pointvideo.data.synthia4d_files import read_frame

SPRING, FOG, SUNSET = "SYNTHIA-SEQS-01-SPRING", "SYNTHIA-SEQS-05-FOG", "SYNTHIA-SEQS-06-SUNSET"
RAW = [raw for raw, label in enumerate(RAW_TO_CLASS) if label >= 0]


@pytest.fixture(autouse=True)
def few_points(request, monkeypatch):
    """50 points a frame, unless a test is marked to use the true number."""
    if "true_size" not in request.fixturenames:
        monkeypatch.setattr(synthia4d_files, "POINTS", 50)


@pytest.fixture
def true_size():
    return synthia4d_files.POINTS


def frame_arrays(seed: int = 0, points: int = 50) -> dict[str, np.ndarray]:
    """Arrays of one frame as MeteorNet's preparation writes them."""
    generator = np.random.default_rng(seed)
    centre = generator.normal(0, 100, 3)
    return {
        "pc": (centre + generator.uniform(-25, 25, (points, 3))).astype(np.float32),
        "rgb": generator.integers(0, 256, (points, 3)).astype(np.float32) / np.float32(255),
        "semantic": generator.choice(RAW, points).astype(np.int32),
        "center": centre,
    }


def write_frame(folder, drive, number, **changes) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = frame_arrays(number) | changes
    np.savez_compressed(folder / f"{drive}-{number:06d}.npz", **{k: v for k, v in arrays.items() if v is not None})
    return arrays


def write_list(folder, name, frames) -> None:
    """A list in the official form, last frame first."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{drive}/point_clouds/{number:06d}" for drive, number in reversed(frames)]
    (folder / name).write_text("".join(f"{line}.ply {line}_label.ply\n" for line in lines))


def write_drive(folder, drive, numbers) -> list[dict]:
    return [write_frame(folder, drive, number) for number in numbers]


def fill(folder):
    """Three drives of 4, 2 and 3 frames, one a split; frames and lists in different folders."""
    for drive, count, name in ((SPRING, 4, "train_raw.txt"), (FOG, 2, "val_raw.txt"), (SUNSET, 3, "test_raw.txt")):
        write_drive(folder / "sequences", drive, range(count))
        write_list(folder / "lists", name, [(drive, number) for number in range(count)])
    return folder


def run(source, path) -> Store:
    return prepare("synthia4d", source, path=path, progress=False)


def names(store) -> list[tuple[str, int, str]]:
    return [(sequence.name, sequence.frames, sequence.split) for sequence in store.sequences]


def reasons(store) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in store.rejected}


def one_line_error(source, path, *parts) -> None:
    with pytest.raises(StoreError) as caught:
        run(source, path)
    message = str(caught.value)
    assert "\n" not in message and not path.exists()
    for part in parts:
        assert str(part) in message


# The protocol.


def test_class_weights_are_the_authors():
    expected = [1, 1.2445, 1.7582, 2.3243, 1.8949, 2.4525, 2.2884, 2.6075, 2.5951, 2.6293, 2.3702, 2.6238]
    np.testing.assert_allclose(class_weights(), expected, atol=5e-5)
    np.testing.assert_allclose(class_weights(np.full(12, 0.3)), 1)
    two = np.zeros(12)
    two[5] = 1
    np.testing.assert_allclose(class_weights(two)[[0, 5]], [math.log(2.2) / math.log(1.2), 1])
    for wrong, message in (
        (np.ones(13), r"shape \(13,\), expected \(12,\)"),
        (np.full(12, 2.0), "2.0 to 2.0, expected shares"),
        (np.full(12, np.nan), "expected shares 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            class_weights(wrong)


def test_class_frequencies_leave_void_out():
    semantic = np.array([[0, 0, 0, 12], [11, 12, 12, 12]], np.uint8)
    found = class_frequencies(semantic)
    assert found.tolist() == [0.75, *[0] * 10, 0.25] and len(FREQUENCIES) == len(CLASSES) == VOID == 12
    assert abs(sum(FREQUENCIES) - 1) < 1e-5, "the published ones are shares of the points with a class, too"
    for wrong, message in ((np.full(3, 12), "no point with a class"), (np.array([13]), "up to 13, expected 0 to 12")):
        with pytest.raises(ValueError, match=message):
            class_frequencies(wrong)


def test_halves_of_a_hand_made_scene():
    z = np.array([[-3, -1, -0.5, 0, 0.5, 1, 3], [9, 9, 9, 9, 9, 0.25, -9]])
    xyz = np.stack([np.zeros_like(z), np.zeros_like(z), z + 10], axis=2)
    above, below = halves(xyz, np.array([5.0, 5.0, 10.0]))
    assert [index.tolist() for index in above.index] == [[2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5]]
    assert [strict.tolist() for strict in above.strict] == [[False, False, True, True, True], [True] * 6]
    assert [index.tolist() for index in below.index] == [[0, 1, 2, 3, 4], [5, 6]]
    assert [strict.tolist() for strict in below.strict] == [[True, True, True, False, False], [False, True]]
    narrow, _ = halves(xyz, np.array([5.0, 5.0, 10.0]), context=0.25)
    assert narrow.index[0].tolist() == [3, 4, 5, 6]
    for context in (-1.0, math.nan):
        with pytest.raises(ValueError, match="context is .*, expected at least 0"):
            halves(xyz, np.zeros(3), context)


def test_every_point_is_strictly_in_one_half_and_context_is_in_both():
    xyz = np.random.default_rng(1).uniform(-25, 25, (3, 400, 3))
    above, below = halves(xyz, np.zeros(3), context=2.0)
    for frame in range(3):
        strict = [half.index[frame][half.strict[frame]] for half in (above, below)]
        assert sorted(np.concatenate(strict)) == list(range(400))
        both = np.intersect1d(above.index[frame], below.index[frame])
        assert both.tolist() == np.flatnonzero(np.abs(xyz[frame, :, 2]) < 2).tolist() and len(both)


def test_drawing_more_equal_and_fewer():
    few = draw(5, 8, np.random.default_rng(0))
    assert few[3:].tolist() == [0, 1, 2, 3, 4], "the whole set, in order, behind"
    drawn = np.array([draw(5, 8, np.random.default_rng(seed))[:3] for seed in range(200)])
    assert set(drawn.reshape(-1).tolist()) == set(range(5)), "any point may be the missing one"
    assert any(len(set(row)) < 3 for row in drawn.tolist()), "with replacement"
    assert draw(5, 5, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]
    many = draw(100, 30, np.random.default_rng(0))
    assert len(set(many.tolist())) == 30 and many.tolist() != sorted(many.tolist())
    for arguments, message in (((0, 3), "no points to draw from"), ((3, 0), "points is 0, expected at least 1")):
        with pytest.raises(ValueError, match=message):
            draw(*arguments, np.random.default_rng(0))


def test_a_half_at_a_number_of_points():
    xyz = np.random.default_rng(2).uniform(-25, 25, (3, 300, 3))
    for half, sign in zip(halves(xyz, np.zeros(3)), (1, -1), strict=True):
        for points in (60, 250):
            index, strict = draw_half(half, points, seed=7)
            assert index.shape == strict.shape == (3, points)
            z = np.take_along_axis(xyz[..., 2], index, axis=1)
            assert (z * sign > -1).all() and np.array_equal(strict, z * sign > 0)
            again, other = draw_half(half, points, seed=7)[0], draw_half(half, points, seed=8)[0]
            assert np.array_equal(index, again) and not np.array_equal(index, other)
        assert not np.array_equal(index[0, :90], index[1, :90]), "frames draw on their own"
    empty, _ = halves(xyz - 100, np.zeros(3))
    with pytest.raises(ValueError, match="frame 0 has no point in this half"):
        draw_half(empty, 10, 0)


# The files.


def test_a_frame_in_the_true_size(tmp_path, true_size):
    assert true_size == 16384
    arrays = write_frame(tmp_path, SPRING, 7, **frame_arrays(7, 16384))
    frame = read_frame(tmp_path / f"{SPRING}-000007.npz")
    assert {key: (array.shape, str(array.dtype)) for key, array in frame.items()} == {
        "xyz": ((16384, 3), "float32"), "rgb": ((16384, 3), "uint8"), "semantic": ((16384,), "uint8"),
        "centre": ((3,), "float32"),
    }  # fmt: skip
    np.testing.assert_array_equal(frame["xyz"], arrays["pc"])
    np.testing.assert_array_equal(frame["rgb"] / np.float32(255), arrays["rgb"])
    np.testing.assert_array_equal(frame["centre"], arrays["center"].astype(np.float32))
    by_name = {"Building": 2, "Car": 8, "Lanemarking": 12, "Traffic Light": 15, "Void": 0}
    for name, raw in by_name.items():
        assert set(frame["semantic"][arrays["semantic"] == raw]) == {synthia4d.LABELS.index(name)}


def test_raw_labels_and_classes():
    assert [RAW_TO_CLASS[raw] for raw in RAW] == [12, *range(12)] and len(RAW_TO_CLASS) == 16
    assert [raw for raw, label in enumerate(RAW_TO_CLASS) if label < 0] == [1, 13, 14]


def test_drives_become_sequences(tmp_path):
    store = run(fill(tmp_path / "source"), tmp_path / "store")
    assert summary(store) == f"synthia4d: 3 sequences, 9 frames, 0 rejected -> {tmp_path / 'store'}"
    assert names(store) == [("01-SPRING", 4, "train"), ("05-FOG", 2, "validation"), ("06-SUNSET", 3, "test")]
    assert store.classes == ("FOG", "SPRING", "SUNSET") and store.camera is None and store.unit == "metre"
    assert [(s.label, s.subject) for s in store.sequences] == [(1, 1), (0, 5), (2, 6)]
    assert store.names("semantic") == (*CLASSES, "Void")
    for number in range(4):
        arrays = frame_arrays(number)
        np.testing.assert_array_equal(store.points(0, number), arrays["pc"])
        np.testing.assert_array_equal(store.field("rgb", 0, number), np.rint(arrays["rgb"] * 255))
        np.testing.assert_array_equal(
            store.field("semantic", 0, number), [RAW_TO_CLASS[raw] for raw in arrays["semantic"]]
        )
        np.testing.assert_array_equal(store.frame_field("centre", 0)[number], arrays["center"].astype(np.float32))


def test_missing_frames_are_named_and_cut_a_drive_into_runs(tmp_path):
    source = fill(tmp_path / "source")
    (source / "sequences" / f"{SPRING}-000001.npz").unlink()
    for number in range(3):
        (source / "sequences" / f"{SUNSET}-{number:06d}.npz").unlink()
    store = run(source, tmp_path / "store")
    assert names(store) == [
        ("01-SPRING-000000", 1, "train"), ("01-SPRING-000002", 2, "train"), ("05-FOG", 2, "validation"),
    ]  # fmt: skip
    assert reasons(store) == {
        f"{SPRING}-000001.npz": "named by the list of split 'train', not found",
        f"{SUNSET}-*.npz": "none of the 3 frames that the lists name is there (test)",
    }
    assert " 3 sequences, 5 frames, 2 rejected -> " in summary(store) and store.classes == ("FOG", "SPRING")
    np.testing.assert_array_equal(store.points(1, 0), frame_arrays(2)["pc"])
    clips = enumerate_split(store, "train", 2)
    assert (clips.videos_total, clips.videos_scored, len(clips)) == (2, 1, 1), "a run too short for a clip is counted"
    write_frame(source / "sequences", SPRING, 1)
    whole = prepare("synthia4d", source, path=tmp_path / "store", replace=True, progress=False)
    assert names(whole)[0] == ("01-SPRING", 4, "train")


def test_a_gap_in_the_lists_cuts_too(tmp_path):
    write_drive(tmp_path / "source", SPRING, range(6))
    write_list(tmp_path / "source", "train_raw.txt", [(SPRING, number) for number in (0, 1, 4, 5)])
    store = run(tmp_path / "source", tmp_path / "store")
    assert names(store) == [("01-SPRING-000000", 2, "train"), ("01-SPRING-000004", 2, "train")]
    assert reasons(store) == {
        f"{SPRING}-000002.npz": "no list names it, nor 1 other frames of its drive; they are left out"
    }


def test_one_drive_in_two_splits_is_cut_between_them(tmp_path):
    write_drive(tmp_path / "source", SPRING, range(5))
    write_list(tmp_path / "source", "train_raw.txt", [(SPRING, number) for number in range(3)])
    write_list(tmp_path / "source", "val_raw.txt", [(SPRING, number) for number in (3, 4)])
    store = run(tmp_path / "source", tmp_path / "store")
    assert names(store) == [("01-SPRING-000000", 3, "train"), ("01-SPRING-000003", 2, "validation")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pc": None}, "no array 'pc', the file has rgb, semantic, center"),
        ({"center": None}, "no array 'center', the file has pc, rgb, semantic"),
        ({"pc": np.zeros((49, 3), "f4")}, "'pc' is float32 (49, 3), expected numbers of shape (50, 3)"),
        ({"rgb": np.zeros((50,), "f4")}, "'rgb' is float32 (50,), expected numbers of shape (50, 3)"),
        ({"semantic": np.zeros((50, 1), "i4")}, "'semantic' is int32 (50, 1), expected numbers of shape (50,)"),
        ({"center": np.zeros((1, 3))}, "'center' is float64 (1, 3), expected numbers of shape (3,)"),
        ({"semantic": np.full(50, "Car")}, "'semantic' is <U3 (50,), expected numbers of shape (50,)"),
        ({"pc": np.full((50, 3), np.nan)}, "pc has 150 of 150 values that are NaN or infinite, expected finite"),
        ({"center": np.array([0, np.inf, 0])}, "center has 1 of 3 values that are NaN or infinite, expected finite"),
        ({"rgb": np.full((50, 3), np.nan, "f4")}, "rgb has 150 of 150 values that are NaN or infinite"),
        ({"rgb": np.full((50, 3), 255, "f4")}, "rgb from 255 to 255 (150 of 150 values outside), expected 0 to 1"),
        ({"rgb": np.full((50, 3), -0.5, "f4")}, "rgb from -0.5 to -0.5 (150 of 150 values outside), expected 0 to 1"),
        ({"semantic": np.full(50, 16)}, "raw label 16 (50 of 50 points wrong), expected 0, 2 to 12 or 15"),
        ({"semantic": np.full(50, -1)}, "raw label -1 (50 of 50 points wrong), expected 0, 2 to 12 or 15"),
        ({"semantic": np.full(50, 13)}, "raw label 13 (50 of 50 points wrong), expected 0, 2 to 12 or 15"),
        ({"semantic": np.full(50, 2.5)}, "raw label 2.5 (50 of 50 points wrong), expected 0, 2 to 12 or 15"),
    ],
)
def test_a_bad_frame_is_named_and_cuts_its_drive(tmp_path, changes, message):
    source = fill(tmp_path / "source")
    write_frame(source / "sequences", SPRING, 1, **changes)
    store = run(source, tmp_path / "store")
    assert names(store)[:2] == [("01-SPRING-000000", 1, "train"), ("01-SPRING-000002", 2, "train")]
    (file,) = reasons(store)
    assert file == f"sequences/{SPRING}-000001.npz" and reasons(store)[file].startswith(message)
    assert " 4 sequences, 8 frames, 1 rejected -> " in summary(store)
    np.testing.assert_array_equal(store.points(1, 1), frame_arrays(3)["pc"])


def test_files_that_are_no_npz(tmp_path):
    source = fill(tmp_path / "source")
    first, second, third = (source / "sequences" / f"{SPRING}-{number:06d}.npz" for number in (0, 1, 3))
    first.write_bytes(first.read_bytes()[:-200])
    second.write_bytes(b"")
    with open(third, "wb") as stream:
        np.save(stream, np.zeros(3))
    store = run(source, tmp_path / "store")
    assert names(store)[0] == ("01-SPRING-000002", 1, "train"), "named after its first frame: the drive is not whole"
    found = list(reasons(store).values())
    assert "expected a whole npz file (" in found[0] and found[1].startswith("0 bytes, expected a whole npz file (")
    assert found[2] == "holds a single array, expected an npz file"
    assert all("\n" not in reason for reason in found) and len(found) == 3


def test_a_damaged_block_in_an_npz(tmp_path):
    write_frame(tmp_path, SPRING, 0)
    file = tmp_path / f"{SPRING}-000000.npz"
    content = bytearray(file.read_bytes())
    content[100:140] = bytes(40)
    file.write_bytes(content)
    with pytest.raises(StoreError, match="expected a whole npz file") as caught:
        read_frame(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


def test_a_drive_of_which_no_frame_can_be_used(tmp_path):
    source = fill(tmp_path / "source")
    for number in (0, 1):
        write_frame(source / "sequences", FOG, number, pc=None)
    store = run(source, tmp_path / "store")
    assert [name for name, *_ in names(store)] == ["01-SPRING", "06-SUNSET"] and len(store.rejected) == 2
    alone = tmp_path / "alone"
    write_frame(alone, SPRING, 0, pc=None)
    write_list(alone, "test_raw.txt", [(SPRING, 0)])
    one_line_error(alone, tmp_path / "s", "none of the 1 runs could be used, first", f"{SPRING}-000000.npz: no array")


def test_an_interrupted_run_continues_and_lists_bad_frames_again(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    write_frame(source / "sequences", SPRING, 2, rgb=np.full((50, 3), 2.0))
    (source / "sequences" / f"{SUNSET}-000001.npz").unlink()
    whole = run(source, tmp_path / "whole")
    read, calls = synthia4d_files.read_frame, []

    def stop_at_seventh(file):
        calls.append(file.name)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return read(file)

    monkeypatch.setattr(synthia4d_files, "read_frame", stop_at_seventh)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "store")
    store = run(source, tmp_path / "store")
    assert store.fingerprint == whole.fingerprint and store.rejected == whole.rejected and len(whole.rejected) == 2
    assert [name[:-4] for name in calls[7:]] == [
        *(f"{SPRING}-{number:06d}" for number in range(4)), f"{SUNSET}-000000", f"{SUNSET}-000002",
    ]  # fmt: skip


def test_lists_of_another_form(tmp_path):
    source, path = fill(tmp_path / "source"), tmp_path / "store"
    file = source / "lists" / "val_raw.txt"
    good = file.read_text()
    for content, message in (
        ("", "val_raw.txt: names no frame, expected a line a frame"),
        ("\n \n", "val_raw.txt: names no frame"),
        (good + "SYNTHIA-SEQS-05-FOG\n", "val_raw.txt: line 3 is 'SYNTHIA-SEQS-05-FOG', expected SYNTHIA-SEQS-<numb"),
        ("KITTI-01/000001.ply\n", "val_raw.txt: line 1 is 'KITTI-01/000001.ply', expected"),
        ("SYNTHIA-SEQS-05-FOG/x/first.ply\n", "val_raw.txt: line 1 is 'SYNTHIA-SEQS-05-FOG/x/first.ply', expected"),
        (f"{SPRING}/000001.ply\n", f"val_raw.txt: {SPRING}-000001 is also in train_raw.txt, expected it in one"),
    ):
        file.write_text(content)
        one_line_error(source, path, message)
    file.write_bytes(b"\xff\xfe\x00")
    one_line_error(source, path, "val_raw.txt: cannot be read as a list")
    file.write_text(good)
    write_list(source, "test_raw.txt", [(SUNSET, 0)])
    one_line_error(source, path, "test_raw.txt", "there is also", "expected one list of that name")


def test_no_lists_no_frames_no_folder(tmp_path):
    one_line_error(tmp_path / "no", tmp_path / "store", "no such folder, expected the folder with the frames (")
    write_drive(tmp_path / "source", SPRING, [0])
    one_line_error(tmp_path / "source", tmp_path / "store", "no list, expected one or more of train_raw.txt, val_raw")
    write_list(tmp_path / "lists", "train_raw.txt", [(SPRING, 0), (SPRING, 1)])
    one_line_error(tmp_path / "lists", tmp_path / "store", "none of the 2 frames that the lists name is there")


def test_trainval_stands_for_train_only_where_that_is_absent(tmp_path):
    source = fill(tmp_path / "source")
    frames = [*((SPRING, number) for number in range(4)), *((FOG, number) for number in range(2))]
    write_list(source / "lists", "trainval_raw.txt", frames)
    store = run(source, tmp_path / "store")
    assert len(store.indices("validation")) == 1 and not store.rejected
    write_list(source / "lists", "trainval_raw.txt", [*frames, ("SYNTHIA-SEQS-02-FALL", 3)])
    (reason,) = reasons(run(source, tmp_path / "store")).values()
    expected = "names 1 frames that train_raw.txt and val_raw.txt do not, first SYNTHIA-SEQS-02-FALL-000003"
    assert reason == f"{expected}; they are left out"
    for name in ("train_raw.txt", "val_raw.txt"):
        (source / "lists" / name).unlink()
    write_list(source / "lists", "trainval_raw.txt", frames)
    assert [split for _, _, split in names(run(source, tmp_path / "store"))] == ["train", "train", "test"]


def test_odd_files_and_repeated_lines_are_listed(tmp_path):
    source = fill(tmp_path / "source")
    write_frame(source / "copy", SPRING, 1)
    np.savez(source / "notes.npz", a=np.zeros(1))
    np.savez(source / "labelweights.npz", labelweights=np.array(FREQUENCIES))
    write_list(source / "lists", "val_raw.txt", [(FOG, 0), (FOG, 1), (FOG, 0)])
    store = run(source, tmp_path / "store")
    assert [count for _, count, _ in names(store)] == [4, 2, 3]
    found = reasons(store)
    assert set(found) == {"lists/val_raw.txt", "notes.npz", f"sequences/{SPRING}-000001.npz"}
    assert found["lists/val_raw.txt"] == "1 of 3 lines name a frame again; each frame is taken once"
    assert found[f"sequences/{SPRING}-000001.npz"].startswith("the same frame is already taken from ")
