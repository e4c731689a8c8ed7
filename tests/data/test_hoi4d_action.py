"""HOI4D action segmentation: small h5 files in the true format, what is read, rejected and refused."""

import h5py
import numpy as np
import pytest

from pointvideo.data import h5
from pointvideo.data.h5 import Row, list_rows
from pointvideo.data.hoi4d_action import ACTIONS, LAYOUT, list_sources
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare, summary

from .h5_files import make_arrays, write_h5

SPLITS = LAYOUT.splits


def read(folder, split):
    """Sequences and refused ones of a split, read row by row."""
    sequences, rejected = [], {}
    for row in list_rows(LAYOUT, folder, split):
        try:
            sequences.append(h5.read_row(LAYOUT, row))
        except StoreError as error:
            assert "\n" not in str(error)
            rejected[row.name] = str(error).removeprefix(f"{row.file}: ")
    return sequences, rejected


def write_test_split(folder, first: dict, second: dict | None = None):
    """``first`` as test1.h5 and ``second``, else one good sequence, as test2.h5."""
    write_h5(folder / "test1.h5", first)
    write_h5(folder / "test2.h5", make_arrays(LAYOUT, seed=9) if second is None else second)
    return folder


def one_line_error(caught, *parts) -> None:
    message = str(caught.value)
    assert "\n" not in message and isinstance(caught.value, ValueError)
    for part in parts:
        assert str(part) in message


def test_train_split_lists_four_files_in_order_and_reads_what_was_written(tmp_path):
    written = {name: make_arrays(LAYOUT, 1 + seed % 2, seed) for seed, name in enumerate(SPLITS["train"].files)}
    for name, arrays in written.items():
        write_h5(tmp_path / name, arrays)
    rows = list_rows(LAYOUT, tmp_path, "train")
    names = ["train1_0000", "train2_0000", "train2_0001", "train3_0000", "train4_0000", "train4_0001"]
    assert [row.name for row in rows] == names
    assert rows[2] == Row(tmp_path / "train2.h5", 1, "train")
    sequences, rejected = read(tmp_path, "train")
    assert [sequence.name for sequence in sequences] == names and rejected == {}
    for row, sequence in zip(rows, sequences, strict=True):
        arrays = {key: array[row.row] for key, array in written[row.file.name].items()}
        np.testing.assert_array_equal(sequence.xyz, arrays["pcd"])
        np.testing.assert_array_equal(sequence.centre, np.repeat(arrays["center"][:1], 150, axis=0))
        np.testing.assert_array_equal(sequence.labels, arrays["label"])
    assert (sequence.xyz.shape, sequence.centre.shape, sequence.labels.shape) == ((150, 2048, 3), (150, 3), (150,))
    assert (sequence.xyz.dtype, sequence.centre.dtype, sequence.labels.dtype) == (np.float32, np.float32, np.uint8)


def test_a_store_holds_what_the_files_hold(tmp_path):
    train, test = make_arrays(LAYOUT, 2, 1), make_arrays(LAYOUT, 1, 2)
    for name in SPLITS["train"].files:
        write_h5(tmp_path / "files" / name, train)
    write_test_split(tmp_path / "files", test)
    store = prepare("hoi4d_action", tmp_path / "files", path=tmp_path / "store", progress=False)
    assert summary(store) == f"hoi4d_action: 10 sequences, 1500 frames, 0 rejected -> {tmp_path / 'store'}"
    assert (store.source, store.unit, store.camera, store.classes) == ("recorded", "metre", None, ("unknown",))
    assert len(store.indices("train")) == 8 and len(store.indices("test")) == 2
    assert store.names("action") == ACTIONS and len(ACTIONS) == 19
    position = [sequence.name for sequence in store.sequences].index("train3_0001")
    for frame in (0, 149):
        np.testing.assert_array_equal(store.points(position, frame), train["pcd"][1, frame])
    np.testing.assert_array_equal(store.frame_field("action", position), train["label"][1])
    np.testing.assert_array_equal(store.frame_field("centre", position), np.repeat(train["center"][1, :1], 150, axis=0))


def test_a_part_of_the_release_is_prepared_and_the_summary_says_what_is_missing(tmp_path):
    arrays = make_arrays(LAYOUT)
    write_h5(tmp_path / "files" / "train2.h5", arrays)
    write_h5(tmp_path / "files" / "test_wolabel.h5", {key: arrays[key] for key in ("pcd", "center")})
    store = prepare("hoi4d_action", tmp_path / "files", path=tmp_path / "store", progress=False)
    missing = "not found: its sequences are missing from split "
    assert {entry["file"]: entry["reason"] for entry in store.rejected} == {
        **dict.fromkeys(("train1.h5", "train3.h5", "train4.h5"), missing + "'train'"),
        **dict.fromkeys(("test1.h5", "test2.h5"), missing + "'test'"),
        "test_wolabel.h5": "holds no labels: split 'test_without_labels' is not prepared",
    }
    assert " 1 sequences, 150 frames, 6 rejected -> " in summary(store)
    write_h5(tmp_path / "files" / "train1.h5", arrays)
    more = prepare("hoi4d_action", tmp_path / "files", path=tmp_path / "store", progress=False)
    assert [sequence.name for sequence in more.sequences] == ["train1_0000", "train2_0000"] and len(more.rejected) == 5


def test_other_number_types_give_the_same_store(tmp_path):
    arrays = make_arrays(LAYOUT)
    others = {
        "pcd": arrays["pcd"].astype(np.float64),
        "center": arrays["center"].astype(np.float64),
        "label": arrays["label"].astype(np.float32),
    }
    contents = (arrays, others, arrays | {"label": (arrays["label"] + 1) % 19})
    fingerprints = []
    for number, content in enumerate(contents):
        write_h5(tmp_path / f"files{number}" / "train1.h5", content)
        store = prepare("hoi4d_action", tmp_path / f"files{number}", path=tmp_path / f"s{number}", progress=False)
        fingerprints.append(store.fingerprint)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_a_file_without_labels(tmp_path):
    arrays = make_arrays(LAYOUT, 2)
    labels = arrays.pop("label")
    write_h5(tmp_path / "test_wolabel.h5", arrays)
    sequences, _ = read(tmp_path, "test_without_labels")
    assert [sequence.labels for sequence in sequences] == [None, None]
    write_h5(tmp_path / "test_wolabel.h5", arrays | {"label": labels})
    assert read(tmp_path, "test_without_labels")[0][0].labels is None, "never taken as labels"
    with pytest.raises(StoreError) as caught:
        list_sources(tmp_path)
    one_line_error(caught, tmp_path, "no labelled h5 file, expected train1.h5, ", "test_wolabel.h5 is there: split")


def test_a_file_without_labels_is_no_labelled_split(tmp_path):
    arrays = make_arrays(LAYOUT)
    del arrays["label"]
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", "no array 'label', the file has center, pcd", "test_without_labels")


def test_missing_files_and_folders_and_unknown_splits(tmp_path):
    write_h5(tmp_path / "train2.h5", make_arrays(LAYOUT))
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "train")
    one_line_error(caught, tmp_path, "train1.h5, train3.h5, train4.h5 not found, expected train1.h5, train2.h5")
    write_h5(tmp_path / "test_wolabel.h5", make_arrays(LAYOUT))
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "test")
    one_line_error(caught, "test1.h5, test2.h5 not found", "test_wolabel.h5 is there: split 'test_without_labels'")
    for folder, message in ((tmp_path / "nowhere", "no such folder"), (tmp_path / "train2.h5", "not a folder")):
        with pytest.raises(StoreError) as caught:
            list_rows(LAYOUT, folder, "train")
        one_line_error(caught, folder, message)
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "validation")
    one_line_error(caught, "split is 'validation', expected 'train', 'test', 'test_without_labels'")


@pytest.mark.parametrize("key", ["pcd", "center", "label"])
def test_missing_key(tmp_path, key):
    arrays = make_arrays(LAYOUT)
    del arrays[key]
    write_test_split(tmp_path, make_arrays(LAYOUT), arrays)
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "test")
    one_line_error(caught, tmp_path / "test2.h5", f"no array {key!r}, the file has {', '.join(sorted(arrays))}")


def test_a_group_is_no_array(tmp_path):
    write_test_split(tmp_path, make_arrays(LAYOUT))
    with h5py.File(tmp_path / "test1.h5", "a") as opened:
        del opened["pcd"]
        opened.create_group("pcd")
    with pytest.raises(StoreError, match="no array 'pcd'"):
        list_rows(LAYOUT, tmp_path, "test")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"pcd": np.zeros((1, 150, 2048), np.float32)},
            "'pcd' has shape (1, 150, 2048), expected (sequences, 150, 2048, 3)",
        ),
        (
            {"pcd": np.zeros((1, 300, 8, 3), np.float32)},
            "'pcd' has shape (1, 300, 8, 3), expected (sequences, 150, 2048, 3)",
        ),
        ({"center": np.zeros((1, 3), np.float32)}, "'center' has shape (1, 3), expected (sequences, 150, 3)"),
        ({"label": np.zeros((1, 150, 1), np.int64)}, "'label' has shape (1, 150, 1), expected (sequences, 150)"),
        ({"label": h5py.Empty("i8")}, "'label' has shape None, expected (sequences, 150)"),
        ({"pcd": np.zeros((1, 150, 2048, 3), np.int16)}, "'pcd' holds int16, expected floating point"),
        ({"center": np.zeros((1, 150, 3), np.int64)}, "'center' holds int64, expected floating point"),
        ({"label": np.full((1, 150), b"pick")}, "'label' holds |S4, expected numbers"),
        ({"label": np.zeros((2, 150), np.int64)}, "differ between arrays: 1 in 'pcd', 1 in 'center', 2 in 'label'"),
        ({"center": np.zeros((3, 150, 3))}, "differ between arrays: 1 in 'pcd', 3 in 'center', 1 in 'label'"),
    ],
)
def test_wrong_arrays(tmp_path, changed, message):
    write_test_split(tmp_path, make_arrays(LAYOUT) | changed)
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", message)


def test_files_without_sequences_and_files_that_are_no_h5(tmp_path):
    write_test_split(tmp_path, {key: array[:0] for key, array in make_arrays(LAYOUT).items()})
    with pytest.raises(StoreError) as caught:
        list_rows(LAYOUT, tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", "holds 0 sequences, expected at least 1")
    whole = (tmp_path / "test2.h5").read_bytes()
    for content in (b"", b"<html>quota exceeded</html>", whole[: len(whole) // 2], whole[:100]):
        (tmp_path / "test1.h5").write_bytes(content)
        with pytest.raises(StoreError) as caught:
            list_rows(LAYOUT, tmp_path, "test")
        one_line_error(caught, tmp_path / "test1.h5", f"{len(content)} bytes, expected a whole h5 file")


def test_damaged_headers_are_one_line_errors(tmp_path):
    write_h5(tmp_path / "test_wolabel.h5", make_arrays(LAYOUT))
    file = tmp_path / "test_wolabel.h5"
    header = file.read_bytes()[:2048]
    refused = 0
    for position in range(0, len(header), 8):
        with open(file, "r+b") as stream:
            stream.write(header[:position] + b"\xee" * 8 + header[position + 8 :])
        try:
            for row in list_rows(LAYOUT, tmp_path, "test_without_labels"):
                h5.read_row(LAYOUT, row)
        except StoreError as error:
            refused += 1
            assert str(file) in str(error) and "\n" not in str(error)
    assert refused > 10, "many of these bytes matter"


@pytest.fixture
def damaged(tmp_path):
    """test1.h5 with five bad sequences and a good one, test2.h5 with a good one; NaN centres after frame 0 are good."""
    arrays = make_arrays(LAYOUT, 6)
    arrays["label"] = arrays["label"].astype(np.float64)
    arrays["pcd"][0, 7, 3] = np.nan
    arrays["pcd"][1, 0, 0, 2] = np.inf
    arrays["center"][2, 0, 1] = np.nan
    arrays["label"][3, 20:22] = 19
    arrays["label"][4, 149] = 0.5
    arrays["center"][5, 1:] = np.nan
    return write_test_split(tmp_path, arrays)


def test_bad_sequences_are_rejected_by_name_with_reasons_and_the_rest_is_read(damaged, tmp_path, capsys):
    sequences, rejected = read(damaged, "test")
    assert [sequence.name for sequence in sequences] == ["test1_0005", "test2_0000"]
    expected = "expected whole numbers 0 to 18"
    assert rejected == {
        "test1_0000": "sequence 0: pcd has 3 of 921600 values that are NaN or infinite, first in frame 7, "
        "expected finite float32 numbers",
        "test1_0001": "sequence 1: pcd has 1 of 921600 values that are NaN or infinite, first in frame 0, "
        "expected finite float32 numbers",
        "test1_0002": "sequence 2: center of frame 0 has 1 of 3 values that are NaN or infinite, "
        "expected finite float32 numbers",
        "test1_0003": f"sequence 3: label 19.0 in frame 20 (2 of 150 frames wrong), {expected}",
        "test1_0004": f"sequence 4: label 0.5 in frame 149 (1 of 150 frames wrong), {expected}",
    }
    store = prepare("hoi4d_action", damaged, path=tmp_path / "store")
    assert [sequence.name for sequence in store.sequences] == ["test1_0005", "test2_0000"]
    refused = [entry["reason"] for entry in store.rejected if entry["file"] == "test1.h5"]
    assert refused == list(rejected.values()) and " 2 sequences, 300 frames, 9 rejected -> " in summary(store)
    stderr = capsys.readouterr().err
    assert stderr.count("rejected ") == 9 and "hoi4d_action: 100%" in stderr


@pytest.mark.parametrize("label", [-1, 19, 255])
def test_labels_that_are_no_class(tmp_path, label):
    arrays = make_arrays(LAYOUT)
    arrays["label"][0, 4] = label
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError, match=f"sequence 0: label {label} in frame 4 .*expected whole numbers 0 to 18"):
        h5.read_row(LAYOUT, Row(tmp_path / "test1.h5", 0, "test"))


def test_double_precision_that_does_not_fit_float32_is_rejected(tmp_path):
    arrays = make_arrays(LAYOUT, dtype=np.float64)
    arrays["pcd"][0, 3, 0, 0] = 1e39
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError, match="1 of 921600 values that are NaN or infinite, first in frame 3"):
        h5.read_row(LAYOUT, Row(tmp_path / "test1.h5", 0, "test"))


def test_files_without_a_usable_sequence_are_an_error(tmp_path):
    arrays = make_arrays(LAYOUT, 2)
    arrays["label"][:] = -1
    write_h5(tmp_path / "test1.h5", arrays)
    write_h5(tmp_path / "test2.h5", arrays)
    with pytest.raises(StoreError) as caught:
        prepare("hoi4d_action", tmp_path, path=tmp_path / "store", progress=False)
    reason = "first test1.h5: sequence 0: label -1 in frame 0"
    one_line_error(caught, tmp_path, "none of the 4 sequences could be used", reason)


def test_a_damaged_block_costs_its_sequence_only(tmp_path):
    arrays = make_arrays(LAYOUT, 2)
    write_test_split(tmp_path, arrays)
    file = tmp_path / "test1.h5"
    with h5py.File(file, "a") as opened:
        del opened["pcd"]
        shape = (1, *LAYOUT.shape("pcd"))
        array = opened.create_dataset("pcd", data=arrays["pcd"], chunks=shape, compression="gzip", compression_opts=1)
        block = array.id.get_chunk_info(0)
    with open(file, "r+b") as stream:
        stream.seek(block.byte_offset)
        stream.write(b"\0" * 64)
    sequences, rejected = read(tmp_path, "test")
    assert [sequence.name for sequence in sequences] == ["test1_0001", "test2_0000"]
    assert rejected["test1_0000"].startswith("sequence 0: cannot be read (")


def test_files_that_change_after_listing_are_named(tmp_path):
    write_test_split(tmp_path, make_arrays(LAYOUT, 2))
    rows = list_rows(LAYOUT, tmp_path, "test")
    write_test_split(tmp_path, make_arrays(LAYOUT, 1))
    with pytest.raises(StoreError) as caught:
        h5.read_row(LAYOUT, rows[1])
    one_line_error(caught, tmp_path / "test1.h5", "sequence 1: the file has 1 sequences, expected the one that was")
    (tmp_path / "test2.h5").unlink()
    with pytest.raises(StoreError) as caught:
        h5.read_row(LAYOUT, rows[2])
    one_line_error(caught, tmp_path / "test2.h5", "cannot be read (No such file or directory)")
