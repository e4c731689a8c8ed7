"""MSR-Action3D in one packed file: the same store as from the loose files; damage is one line."""

import io
import lzma
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pointvideo.cli import main
from pointvideo.data import msr_packed
from pointvideo.data.layout import StoreError
from pointvideo.data.msr_action3d import list_sources, read_depth
from pointvideo.data.msr_packed import FILE, Packed
from pointvideo.data.prepare import prepare

from ..conftest import folder_from
from .conftest import make_depth, write_depth

NAMES = ("a01_s01_e01_sdepth.mat", "a02_s06_e01_sdepth.bin", "a20_s10_e03_sdepth.mat")


@pytest.fixture
def loose(tmp_path) -> Path:
    for position, name in enumerate(NAMES):
        write_depth(tmp_path / "loose", name, make_depth(3 + position, seed=position))
    return tmp_path / "loose"


@pytest.fixture
def packed(loose, tmp_path) -> Path:
    target = tmp_path / "packed" / FILE
    assert main(["data", "pack", "msr_action3d", "--from", str(loose), "--to", str(target), "--quiet"]) == 0
    return target


def store_of(folder: Path, path: Path):
    return prepare("msr_action3d", folder, path=path, progress=False)


def test_the_store_is_that_of_the_loose_files(loose, packed, tmp_path):
    first, second = store_of(loose, tmp_path / "one"), store_of(packed.parent, tmp_path / "two")
    assert first.fingerprint == second.fingerprint and not second.rejected
    assert [sequence.name for sequence in second.sequences] == [name[:11] for name in NAMES]
    second.verify()


def test_every_video_comes_back_whole(loose, packed):
    opened = Packed(packed)
    assert opened.names == sorted(NAMES)
    for place, name in enumerate(opened.names):
        box, depth = opened.box(place), read_depth(loose / name)
        whole = np.zeros((len(box.depth), *box.image), np.uint16)
        height, width = box.depth.shape[1:]
        whole[:, box.row : box.row + height, box.column : box.column + width] = box.depth
        np.testing.assert_array_equal(whole, depth)


def test_a_hand_made_stream():
    depth = np.zeros((2, 4, 5), np.uint16)
    depth[0, 1, 2], depth[1, 2, 3] = 700, 300
    shape, values, stream = msr_packed.packed(depth)
    assert shape == (2, 2, 2, 1, 2, 4, 5, 1) and values.tolist() == [0, 300, 700]
    assert lzma.decompress(stream) == bytes([2, 0, 0, 0, 0, 0, 0, 1]), "rows, columns, then time"


def test_many_depths_take_two_bytes():
    depth = np.arange(600, dtype=np.uint16).reshape(2, 20, 15)
    shape, values, _ = msr_packed.packed(depth)
    assert shape[-1] == 2 and len(values) == 600


def test_a_loose_file_comes_before_a_packed_one(loose, packed):
    (packed.parent / NAMES[0].upper()).write_bytes((loose / NAMES[0]).read_bytes())
    sources = list_sources(packed.parent).sources
    assert [source.files[0].name for source in sources] == [NAMES[0].upper(), FILE, FILE]
    assert [source.name() for source in sources] == [name[:11] for name in NAMES]


def changed(packed: Path, **arrays) -> None:
    with np.load(packed) as held:
        every = {name: held[name].copy() for name in held.files}
    for name, change in arrays.items():
        every[name] = change(every[name])
    np.savez(packed, **every)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_one_line(packed, tmp_path, share, capsys):
    content = packed.read_bytes()
    packed.write_bytes(content[: int(share * len(content))])
    command = ["data", "prepare", "msr_action3d", "--from", str(packed.parent), "--store", str(tmp_path / "store")]
    assert main([*command, "--partial", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert str(packed) in said and said.count("\n") == 1


def test_a_flipped_byte_is_one_line(packed, tmp_path):
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 0xFF
    packed.write_bytes(content)
    with pytest.raises(StoreError, match="expected a whole npz file") as caught:
        store_of(packed.parent, tmp_path / "store")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"blob": lambda values: values[:-1]}, "'blob_off' does not divide the [0-9]+ entries of 'blob'"),
        ({"pal_off": lambda values: values[::-1]}, "'pal_off' does not divide"),
        ({"shape": lambda values: values[:2]}, r"3 names and shapes \(2, 8\), expected \(names, 8\)"),
        ({"blob": lambda values: values.astype(float)}, "'blob' is float64, expected a packed"),
        ({"names": lambda values: values.astype("S")}, "'names' is"),
    ],
)
def test_what_does_not_fit_together_is_refused_as_a_whole(packed, arrays, message):
    changed(packed, **arrays)
    with pytest.raises(StoreError, match=message) as caught:
        list_sources(packed.parent)
    assert str(packed) in str(caught.value) and "\n" not in str(caught.value)


def altered(place: tuple[int, int], value: int):
    def change(values):
        values[place] = value
        return values

    return change


def broken_stream(values):
    values[20:28] ^= 0xFF
    return values


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"blob": broken_stream}, "a01_s01_e01_sdepth.mat: damaged, expected an xz stream"),
        ({"shape": altered((0, 0), 10**12)}, "a01_s01_e01_sdepth.mat: unpacks to [0-9]+ bytes, expected [0-9]+ of"),
        ({"shape": altered((0, 0), 0)}, r"shape \[0, .*\], expected a box inside an image"),
        ({"shape": altered((0, 4), 310)}, "expected a box inside an image"),
        ({"shape": altered((0, 6), 640)}, "frames of 640 x 240 pixels, expected 320 x 240"),
        ({"pal_off": lambda values: np.array([0, 1, *values[2:]])}, "index [0-9]+ into 1 depth values"),
        ({"names": lambda values: np.array(["a01.mat", *values[1:]])}, "a01.mat: file name is not of the form"),
    ],
)
def test_one_damaged_sequence_does_not_take_the_others_with_it(packed, tmp_path, arrays, message):
    changed(packed, **arrays)
    store = store_of(packed.parent, tmp_path / "store")
    assert len(store.sequences) == 2 and len(store.rejected) == 1
    (rejected,) = store.rejected
    assert rejected["file"] == FILE and re.search(message, rejected["reason"]) and "\n" not in rejected["reason"]


def test_what_cannot_be_packed_is_one_line(loose, tmp_path, capsys):
    target = str(tmp_path / "out.npz")

    def said(*arguments: str) -> str:
        assert main(["data", "pack", *arguments, "--to", target, "--quiet"]) == 2
        text = capsys.readouterr().err
        assert text.count("\n") == 1 and not Path(target).exists()
        return text

    assert "synthia4d: has no packed form" in said("synthia4d", "--from", str(loose))
    (tmp_path / "empty").mkdir()
    assert "no depth videos" in said("msr_action3d", "--from", str(tmp_path / "empty"))
    (loose / "b").mkdir()
    (loose / "b" / NAMES[0]).write_bytes((loose / NAMES[0]).read_bytes())
    assert "4 files of 3 depth videos" in said("msr_action3d", "--from", str(loose))
    (loose / "b" / NAMES[0]).unlink()
    (loose / NAMES[1]).write_bytes((loose / NAMES[1]).read_bytes()[:-8])
    assert f"{NAMES[1]}: truncated" in said("msr_action3d", "--from", str(loose))


def test_the_recorded_set_packed_has_the_fingerprint_of_the_loose_files(msr_store, tmp_path):
    carried = folder_from("POINTVIDEO_DATA", "../shared/data").parent / "data_packed"
    if not (carried / FILE).is_file():
        pytest.skip(f"needs the packed recorded set {FILE} in data_packed beside the folder of the recorded sets")
    assert (carried / FILE).stat().st_size <= 25e6
    store = store_of(carried, tmp_path / "store")
    assert (len(store.sequences), len(store.rejected)) == (556, 0)
    assert store.fingerprint == msr_store.fingerprint


def test_the_file_is_plain_npz(packed):
    """numpy alone reads it, and nothing in it is pickled."""
    with np.load(io.BytesIO(packed.read_bytes()), allow_pickle=False) as arrays:
        assert set(arrays.files) == set(msr_packed.ARRAYS)
    assert all(info.compress_type == zipfile.ZIP_STORED for info in zipfile.ZipFile(packed).infolist())
