"""HOI4D action segmentation: small h5 files in the true format, what is read, rejected and refused."""

import pickle

import h5py
import numpy as np
import pytest

from pointvideo.data import hoi4d_action
from pointvideo.data.hoi4d_action import SPLITS, ActionSequences, SequenceReference, list_sequences
from pointvideo.data.layout import StoreError

SHARED = np.random.default_rng(0).normal(size=(150, 2048, 3)).astype(np.float32)


def make_arrays(sequences: int = 1, seed: int = 0, dtype=np.float32) -> dict[str, np.ndarray]:
    """Arrays of one file: coordinates that differ between sequences, a centre in each frame, runs of labels."""
    generator = np.random.default_rng(seed)
    shift = generator.normal(size=(sequences, 1, 1, 3)).astype(np.float32)
    return {
        "pcd": (SHARED + shift).astype(dtype),
        "center": generator.normal(size=(sequences, 150, 3)).astype(dtype),
        "label": np.sort(generator.integers(0, 19, (sequences, 150)), axis=1),
    }


def write_h5(file, arrays: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as opened:
        for key, array in arrays.items():
            opened.create_dataset(key, data=array)


def write_test_split(folder, first: dict, second: dict | None = None):
    """``first`` as test1.h5 and ``second``, else one good sequence, as test2.h5."""
    write_h5(folder / "test1.h5", first)
    write_h5(folder / "test2.h5", make_arrays(seed=9) if second is None else second)
    return folder


def one_line_error(caught, *parts) -> None:
    message = str(caught.value)
    assert "\n" not in message and isinstance(caught.value, ValueError)
    for part in parts:
        assert str(part) in message


def test_train_split_lists_four_files_in_order_and_reads_what_was_written(tmp_path):
    written = {name: make_arrays(1 + seed % 2, seed) for seed, name in enumerate(SPLITS["train"].files)}
    for name, arrays in written.items():
        write_h5(tmp_path / name, arrays)
    references = list_sequences(tmp_path, "train")
    names = ["train1_0000", "train2_0000", "train2_0001", "train3_0000", "train4_0000", "train4_0001"]
    assert [reference.name for reference in references] == names
    assert references[2] == SequenceReference(tmp_path / "train2.h5", 1)
    sequences = ActionSequences(tmp_path, "train")
    assert len(sequences) == 6 and [sequence.name for sequence in sequences] == names
    for reference, sequence in zip(references, sequences, strict=True):
        arrays = {key: array[reference.row] for key, array in written[reference.file.name].items()}
        np.testing.assert_array_equal(sequence.xyz, arrays["pcd"])
        np.testing.assert_array_equal(sequence.centre, arrays["center"][0])
        np.testing.assert_array_equal(sequence.labels, arrays["label"])
    assert (sequence.xyz.shape, sequence.centre.shape, sequence.labels.shape) == ((150, 2048, 3), (3,), (150,))
    assert (sequence.xyz.dtype, sequence.centre.dtype, sequence.labels.dtype) == (np.float32, np.float32, np.int64)
    assert sequences.rejected == {}


def test_the_official_release_is_described():
    assert [SPLITS[name].official for name in ("train", "test", "test_without_labels")] == [2971, 892, 892]
    assert SPLITS["test"].files == ("test1.h5", "test2.h5")
    assert SPLITS["test_without_labels"].files == ("test_wolabel.h5",)


def test_single_sequences_by_position_from_a_copy_in_another_process(tmp_path):
    write_test_split(tmp_path, make_arrays(2))
    sequences = pickle.loads(pickle.dumps(ActionSequences(tmp_path, "test")))
    for position, sequence in enumerate(sequences):
        alone = sequences.read(position)
        assert alone.name == sequence.name and np.array_equal(alone.xyz, sequence.xyz)
    for position in (-1, 3):
        with pytest.raises(StoreError) as caught:
            sequences.read(position)
        one_line_error(caught, f"position is {position}, expected 0 to 2")


def test_other_number_types_give_the_same_sequences_and_fingerprint(tmp_path):
    arrays = make_arrays()
    others = {
        "pcd": arrays["pcd"].astype(np.float64),
        "center": arrays["center"].astype(np.float64),
        "label": arrays["label"].astype(np.float32),
    }
    write_test_split(tmp_path / "first", arrays)
    write_test_split(tmp_path / "second", others)
    write_test_split(tmp_path / "third", arrays | {"label": (arrays["label"] + 1) % 19})
    first, second, third = (ActionSequences(tmp_path / name, "test") for name in ("first", "second", "third"))
    found = second.read(0)
    np.testing.assert_array_equal(found.xyz, arrays["pcd"][0])
    assert (found.xyz.dtype, found.labels.dtype) == (np.float32, np.int64)
    summaries = [sequences.check(progress=False) for sequences in (first, second, third)]
    assert summaries[0].fingerprint == summaries[1].fingerprint != summaries[2].fingerprint
    assert str(summaries[0]).startswith("hoi4d_action test: 2 sequences of 892 official ones, 0 rejected (fingerprint ")


def test_a_file_without_labels(tmp_path):
    arrays = make_arrays(2)
    labels = arrays.pop("label")
    write_h5(tmp_path / "test_wolabel.h5", arrays)
    sequences = ActionSequences(tmp_path, "test_without_labels")
    assert [sequence.labels for sequence in sequences] == [None, None] and not sequences.labelled
    assert sequences.check(progress=False).usable == (0, 1)
    write_h5(tmp_path / "test_wolabel.h5", arrays | {"label": labels})
    assert ActionSequences(tmp_path, "test_without_labels").read(0).labels is None, "never taken as labels"


def test_a_file_without_labels_is_no_labelled_split(tmp_path):
    arrays = make_arrays()
    del arrays["label"]
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError) as caught:
        list_sequences(tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", "no array 'label', the file has center, pcd", "test_without_labels")


def test_missing_files_and_folders_and_unknown_splits(tmp_path):
    write_h5(tmp_path / "train2.h5", make_arrays())
    with pytest.raises(StoreError) as caught:
        list_sequences(tmp_path, "train")
    one_line_error(caught, tmp_path, "train1.h5, train3.h5, train4.h5 not found, expected train1.h5, train2.h5")
    write_h5(tmp_path / "test_wolabel.h5", make_arrays())
    with pytest.raises(StoreError) as caught:
        ActionSequences(tmp_path, "test")
    one_line_error(caught, "test1.h5, test2.h5 not found", "test_wolabel.h5 is there: split 'test_without_labels'")
    for folder, message in ((tmp_path / "nowhere", "no such folder"), (tmp_path / "train2.h5", "not a folder")):
        with pytest.raises(StoreError) as caught:
            list_sequences(folder, "train")
        one_line_error(caught, folder, message)
    with pytest.raises(StoreError) as caught:
        ActionSequences(tmp_path, "validation")
    one_line_error(caught, "split is 'validation', expected 'train', 'test', 'test_without_labels'")


@pytest.mark.parametrize("key", ["pcd", "center", "label"])
def test_missing_key(tmp_path, key):
    arrays = make_arrays()
    del arrays[key]
    write_test_split(tmp_path, make_arrays(), arrays)
    with pytest.raises(StoreError) as caught:
        list_sequences(tmp_path, "test")
    one_line_error(caught, tmp_path / "test2.h5", f"no array {key!r}, the file has {', '.join(sorted(arrays))}")


def test_a_group_is_no_array(tmp_path):
    write_test_split(tmp_path, make_arrays())
    with h5py.File(tmp_path / "test1.h5", "a") as opened:
        del opened["pcd"]
        opened.create_group("pcd")
    with pytest.raises(StoreError, match="no array 'pcd'"):
        list_sequences(tmp_path, "test")


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
    write_test_split(tmp_path, make_arrays() | changed)
    with pytest.raises(StoreError) as caught:
        ActionSequences(tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", message)


def test_files_without_sequences_and_files_that_are_no_h5(tmp_path):
    write_test_split(tmp_path, {key: array[:0] for key, array in make_arrays().items()})
    with pytest.raises(StoreError) as caught:
        list_sequences(tmp_path, "test")
    one_line_error(caught, tmp_path / "test1.h5", "holds 0 sequences, expected at least 1")
    whole = (tmp_path / "test2.h5").read_bytes()
    for content in (b"", b"<html>quota exceeded</html>", whole[: len(whole) // 2], whole[:100]):
        (tmp_path / "test1.h5").write_bytes(content)
        with pytest.raises(StoreError) as caught:
            list_sequences(tmp_path, "test")
        one_line_error(caught, tmp_path / "test1.h5", f"{len(content)} bytes, expected a whole h5 file")


def test_damaged_headers_are_one_line_errors(tmp_path):
    write_h5(tmp_path / "test_wolabel.h5", make_arrays())
    file = tmp_path / "test_wolabel.h5"
    header = file.read_bytes()[:2048]
    refused = 0
    for position in range(0, len(header), 8):
        with open(file, "r+b") as stream:
            stream.write(header[:position] + b"\xee" * 8 + header[position + 8 :])
        try:
            list(ActionSequences(tmp_path, "test_without_labels"))
        except StoreError as error:
            refused += 1
            assert str(file) in str(error) and "\n" not in str(error)
    assert refused > 10, "many of these bytes matter"


@pytest.fixture
def damaged(tmp_path):
    """test1.h5 with five bad sequences and a good one, test2.h5 with a good one; NaN centres after frame 0 are good."""
    arrays = make_arrays(6)
    arrays["label"] = arrays["label"].astype(np.float64)
    arrays["pcd"][0, 7, 3] = np.nan
    arrays["pcd"][1, 0, 0, 2] = np.inf
    arrays["center"][2, 0, 1] = np.nan
    arrays["label"][3, 20:22] = 19
    arrays["label"][4, 149] = 0.5
    arrays["center"][5, 1:] = np.nan
    return write_test_split(tmp_path, arrays)


def test_bad_sequences_are_rejected_by_name_with_reasons_and_the_rest_is_read(damaged, capsys):
    sequences = ActionSequences(damaged, "test")
    for _ in range(2):
        assert [sequence.name for sequence in sequences] == ["test1_0005", "test2_0000"]
    expected = "expected whole numbers 0 to 18"
    assert sequences.rejected == {
        "test1_0000": "sequence 0: pcd has 3 of 921600 coordinates that are NaN or infinite, first in frame 7, "
        "expected finite float32 numbers",
        "test1_0001": "sequence 1: pcd has 1 of 921600 coordinates that are NaN or infinite, first in frame 0, "
        "expected finite float32 numbers",
        "test1_0002": "sequence 2: center of frame 0 has 1 of 3 coordinates that are NaN or infinite, "
        "expected finite float32 numbers",
        "test1_0003": f"sequence 3: label 19.0 in frame 20 (2 of 150 frames wrong), {expected}",
        "test1_0004": f"sequence 4: label 0.5 in frame 149 (1 of 150 frames wrong), {expected}",
    }
    summary = sequences.check()
    assert summary.usable == (5, 6) and summary.rejected == sequences.rejected and summary.listed == 7
    assert "7 sequences of 892 official ones, 5 rejected" in str(summary)
    stderr = capsys.readouterr().err
    assert stderr.count("rejected ") == 5 and "hoi4d_action test: 100%" in stderr
    with pytest.raises(StoreError) as caught:
        sequences.read(3)
    one_line_error(caught, damaged / "test1.h5", "sequence 3: label 19.0 in frame 20")


@pytest.mark.parametrize("label", [-1, 19, 255])
def test_labels_that_are_no_class(tmp_path, label):
    arrays = make_arrays()
    arrays["label"][0, 4] = label
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError, match=f"sequence 0: label {label} in frame 4 .*expected whole numbers 0 to 18"):
        ActionSequences(tmp_path, "test").read(0)


def test_double_precision_that_does_not_fit_float32_is_rejected(tmp_path):
    arrays = make_arrays(dtype=np.float64)
    arrays["pcd"][0, 3, 0, 0] = 1e39
    write_test_split(tmp_path, arrays)
    with pytest.raises(StoreError, match="1 of 921600 coordinates that are NaN or infinite, first in frame 3"):
        ActionSequences(tmp_path, "test").read(0)


def test_a_split_without_a_usable_sequence_is_an_error(tmp_path):
    arrays = make_arrays(2)
    arrays["label"][:] = -1
    write_h5(tmp_path / "test1.h5", arrays)
    write_h5(tmp_path / "test2.h5", arrays)
    with pytest.raises(StoreError) as caught:
        ActionSequences(tmp_path, "test").check(progress=False)
    reason = "first test1_0000: sequence 0: label -1 in frame 0"
    one_line_error(caught, tmp_path, "none of the 4 sequences of split 'test' could be used", reason)


def test_a_damaged_block_costs_its_sequence_only(tmp_path):
    arrays = make_arrays(2)
    write_test_split(tmp_path, arrays)
    file = tmp_path / "test1.h5"
    with h5py.File(file, "a") as opened:
        del opened["pcd"]
        shape = (1, *hoi4d_action.SHAPES["pcd"])
        array = opened.create_dataset("pcd", data=arrays["pcd"], chunks=shape, compression="gzip", compression_opts=1)
        block = array.id.get_chunk_info(0)
    with open(file, "r+b") as stream:
        stream.seek(block.byte_offset)
        stream.write(b"\0" * 64)
    sequences = ActionSequences(tmp_path, "test")
    assert [sequence.name for sequence in sequences] == ["test1_0001", "test2_0000"]
    assert sequences.rejected["test1_0000"].startswith("sequence 0: cannot be read (")


def test_files_that_change_after_listing_are_named(tmp_path):
    write_test_split(tmp_path, make_arrays(2))
    sequences = ActionSequences(tmp_path, "test")
    write_test_split(tmp_path, make_arrays(1))
    with pytest.raises(StoreError) as caught:
        sequences.read(1)
    one_line_error(caught, tmp_path / "test1.h5", "sequence 1: the file has 1 sequences, expected the one that was")
    (tmp_path / "test2.h5").unlink()
    with pytest.raises(StoreError) as caught:
        list(sequences)
    one_line_error(caught, tmp_path / "test2.h5", "expected a whole h5 file")
