"""HOI4D semantic segmentation: h5 files in the true format and shape, what is read, rejected and refused."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from pointvideo.data import h5, hoi4d_semantic
from pointvideo.data.h5 import list_rows, read_row
from pointvideo.data.hoi4d_semantic import LABELS, LAYOUT
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare, summary

from .h5_files import make_arrays, write_h5

SMALL = replace(LAYOUT, frames=6, points=20, centre_frames=6)


@pytest.fixture
def small(monkeypatch):
    """The same format with short sequences of few points."""
    monkeypatch.setattr(hoi4d_semantic, "LAYOUT", SMALL)


def run(folder, path):
    return prepare("hoi4d_semantic", folder, path=path, progress=False)


def one_line_error(caught, *parts) -> None:
    message = str(caught.value)
    assert "\n" not in message and isinstance(caught.value, ValueError)
    for part in parts:
        assert str(part) in message


def test_the_labels_are_the_official_list():
    assert len(LABELS) == 49
    official = {0: "no label", 1: "noise", 5: "ground", 19: "locker", 20: "express box", 31: "knife", 47: "hand"}
    assert {i: LABELS[i] for i in official} == official and LABELS[48] == "scissors"
    assert [i for i, name in enumerate(LABELS) if name == "unused"] == [6, 7, 8, 14, 18]


def test_the_world_that_stands_in_has_the_same_labels():
    from pointvideo.data.simulate.semantics import SEMANTIC_NAMES

    assert SEMANTIC_NAMES == LABELS


def test_a_sequence_in_the_true_shape_becomes_a_store(tmp_path):
    arrays = make_arrays(LAYOUT)
    assert {key: array.shape for key, array in arrays.items()} == {
        "pcd": (1, 300, 8192, 3), "center": (1, 300, 3), "semantic": (1, 300, 8192),
    }  # fmt: skip
    write_h5(tmp_path / "files" / "test1_right.h5", arrays)
    store = run(tmp_path / "files", tmp_path / "store")
    assert " 1 sequences, 300 frames, 5 rejected -> " in summary(store)
    assert store.sequences[0].name == "test1_right_0000" and store.sequences[0].split == "test"
    for frame in (0, 299):
        np.testing.assert_array_equal(store.points(0, frame), arrays["pcd"][0, frame])
        np.testing.assert_array_equal(store.field("semantic", 0, frame), arrays["semantic"][0, frame])
    np.testing.assert_array_equal(store.frame_field("centre", 0), arrays["center"][0])


def test_the_whole_release_in_small(tmp_path, small):
    files = [name for split in LAYOUT.splits.values() for name in split.files]
    assert files == ["train1.h5", "train2.h5", "train3.h5", "train4.h5", "test1_right.h5", "test2_right.h5"]
    written = {name: make_arrays(SMALL, 1 + seed % 2, seed) for seed, name in enumerate(files)}
    for name, arrays in written.items():
        write_h5(tmp_path / "files" / name, arrays)
    store = run(tmp_path / "files", tmp_path / "store")
    assert summary(store) == f"hoi4d_semantic: 9 sequences, 54 frames, 0 rejected -> {tmp_path / 'store'}"
    assert (store.source, store.unit, store.camera, store.classes) == ("recorded", "metre", None, ("unknown",))
    assert store.names("semantic") == LABELS
    assert len(store.indices("train")) == 6 and len(store.indices("test")) == 3
    for position, sequence in enumerate(store.sequences):
        stem, row = sequence.name.rsplit("_", 1)
        arrays = written[f"{stem}.h5"]
        for frame in range(6):
            np.testing.assert_array_equal(store.points(position, frame), arrays["pcd"][int(row), frame])
            np.testing.assert_array_equal(store.field("semantic", position, frame), arrays["semantic"][int(row), frame])
        np.testing.assert_array_equal(store.frame_field("centre", position), arrays["center"][int(row)])


def test_an_interrupted_preparation_reads_only_what_is_missing(tmp_path, small, monkeypatch):
    write_h5(tmp_path / "files" / "train1.h5", make_arrays(SMALL, 3))
    whole = run(tmp_path / "files", tmp_path / "whole")
    read, calls = h5.read_row, []

    def stop_at_third(layout, row):
        calls.append(row.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(layout, row)

    monkeypatch.setattr(h5, "read_row", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "files", tmp_path / "store")
    assert not (tmp_path / "store").exists()
    store = run(tmp_path / "files", tmp_path / "store")
    assert calls == ["train1_0000", "train1_0001", "train1_0002", "train1_0002"]
    assert store.fingerprint == whole.fingerprint


def test_bad_sequences_are_named_and_counted_and_the_rest_is_prepared(tmp_path, small):
    arrays = make_arrays(SMALL, 5)
    arrays["semantic"] = arrays["semantic"].astype(np.int64)
    arrays["pcd"][0, 4, 7] = np.nan
    arrays["center"][1, 5, 2] = np.inf
    arrays["semantic"][2, 3, 8:10] = 49
    arrays["semantic"][3, 5, 19] = -1
    write_h5(tmp_path / "files" / "train1.h5", arrays)
    store = run(tmp_path / "files", tmp_path / "store")
    assert [sequence.name for sequence in store.sequences] == ["train1_0004"]
    finite, labels = "expected finite float32 numbers", "expected whole numbers 0 to 48"
    assert [entry["reason"] for entry in store.rejected if entry["file"] == "train1.h5"] == [
        f"sequence 0: pcd has 3 of 360 values that are NaN or infinite, first in frame 4, {finite}",
        f"sequence 1: center has 1 of 18 values that are NaN or infinite, first in frame 5, {finite}",
        f"sequence 2: label 49 in frame 3 (2 of 120 points wrong), {labels}",
        f"sequence 3: label -1 in frame 5 (1 of 120 points wrong), {labels}",
    ]
    assert " 1 sequences, 6 frames, 9 rejected -> " in summary(store), "4 sequences and 5 files that are not there"


@pytest.mark.parametrize("key", ["pcd", "center", "semantic"])
def test_missing_key(tmp_path, small, key):
    arrays = make_arrays(SMALL)
    del arrays[key]
    write_h5(tmp_path / "train1.h5", arrays)
    with pytest.raises(StoreError) as caught:
        run(tmp_path, tmp_path / "store")
    one_line_error(caught, tmp_path / "train1.h5", f"no array {key!r}, the file has {', '.join(sorted(arrays))}")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("pcd", np.zeros((1, 150, 2048, 3), "f4"), "(1, 150, 2048, 3), expected (sequences, 300, 8192, 3)"),
        ("center", np.zeros((1, 3), "f4"), "(1, 3), expected (sequences, 300, 3)"),
        ("semantic", np.zeros((1, 300), "u1"), "(1, 300), expected (sequences, 300, 8192)"),
    ],
)
def test_wrong_shapes(tmp_path, key, array, message):
    with h5py.File(tmp_path / "test2_right.h5", "w") as opened:
        for name in ("pcd", "center", "semantic"):
            opened.create_dataset(name, (1, *LAYOUT.shape(name)), dtype="f4")  # nothing is written: no space is taken
        del opened[key]
        opened.create_dataset(key, data=array)
    with pytest.raises(StoreError) as caught:
        run(tmp_path, tmp_path / "store")
    one_line_error(caught, tmp_path / "test2_right.h5", f"{key!r} has shape {message}")


def test_no_file_a_truncated_file_and_another_set(tmp_path, small):
    with pytest.raises(StoreError) as caught:
        run(tmp_path / "nowhere", tmp_path / "store")
    one_line_error(caught, tmp_path / "nowhere", "no such folder, expected the folder with the official h5 files")
    (tmp_path / "files").mkdir()
    with pytest.raises(StoreError) as caught:
        run(tmp_path / "files", tmp_path / "store")
    one_line_error(caught, tmp_path / "files", "no labelled h5 file, expected train1.h5, ", ", test2_right.h5")
    file = tmp_path / "files" / "train1.h5"
    write_h5(file, make_arrays(SMALL))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StoreError) as caught:
        run(tmp_path / "files", tmp_path / "store")
    one_line_error(caught, file, "bytes, expected a whole h5 file (", "truncated file")


def test_a_split_of_which_a_file_is_missing_is_no_split(tmp_path):
    write_h5(tmp_path / "test1_right.h5", make_arrays(SMALL))
    with pytest.raises(StoreError) as caught:
        list_rows(SMALL, tmp_path, "test")
    one_line_error(caught, tmp_path, "test2_right.h5 not found, expected test1_right.h5, test2_right.h5 for split")
    write_h5(tmp_path / "test2_right.h5", make_arrays(SMALL, 2))
    rows = list_rows(SMALL, tmp_path, "test")
    assert [row.name for row in rows] == ["test1_right_0000", "test2_right_0000", "test2_right_0001"]
    assert read_row(SMALL, rows[2]).labels.shape == (6, 20)
