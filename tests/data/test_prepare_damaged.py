"""`data prepare` from the command line on folders with files of each damaged kind: named, and the rest is prepared."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from pointvideo import cli
from pointvideo.data import hoi4d_action, msr_action3d, synthia4d_files
from pointvideo.data.store import Store

from .conftest import bin_bytes, make_depth, write_depth
from .h5_files import make_arrays, write_h5

LAYOUT = replace(hoi4d_action.LAYOUT, frames=4, points=12)
SPRING = "SYNTHIA-SEQS-01-SPRING"


@pytest.fixture
def small(monkeypatch):
    """The same formats with few frames and points."""
    monkeypatch.setattr(hoi4d_action, "LAYOUT", LAYOUT)
    monkeypatch.setattr(synthia4d_files, "POINTS", 50)


def prepare(name, source, capsys) -> tuple[Store, dict[str, str]]:
    """The store that the command makes, and the reasons by file; each is one line on stderr as well."""
    store = source.with_name("store")
    command = ["data", "prepare", name, "--from", str(source), "--store", str(store), "--partial"]
    code, err = cli.main(command), capsys.readouterr().err
    assert code == 0, err
    made = Store.open(store)
    assert err.count("rejected ") == len(made.rejected) and all("\n" not in each["reason"] for each in made.rejected)
    return made, {each["file"]: each["reason"] for each in made.rejected}


def refused(name, source, capsys) -> str:
    """The one line that the command ends with."""
    code = cli.main(["data", "prepare", name, "--from", str(source), "--store", f"{source}.store", "--partial"])
    captured = capsys.readouterr()
    last = captured.err.splitlines()[-1]
    assert code == 2 and not captured.out and last.startswith("pointvideo: error: ") and "Traceback" not in captured.err
    return last


def names(store) -> list[str]:
    return [sequence.name for sequence in store.sequences]


def as_clouds(depth: np.ndarray, divisor: float = 1) -> np.ndarray:
    made = np.empty(len(depth), object)
    for position, frame in enumerate(msr_action3d.frames_of(Path(), depth)):
        made[position] = msr_action3d.camera().back_project(frame["pixels"]) / divisor
    return made


def as_points(depth: np.ndarray, points: int = 64) -> np.ndarray:
    """As PointLSTM draws them: row, column, depth, time and four more numbers."""
    frames = []
    for time, image in enumerate(depth):
        row, column = np.nonzero(image)
        drawn = np.random.default_rng(time).choice(len(row), points)
        frames.append(np.stack([row, column, image[row, column], np.full(len(row), time)], axis=1)[drawn])
    return np.concatenate([frames, frames], axis=2)


def test_depth_files_that_are_damaged_or_named_otherwise(tmp_path, capsys):
    from scipy.io import savemat

    source, depth = tmp_path / "source", make_depth(2)
    good = write_depth(source / "Depth", "a01_s01_e01_sdepth.bin", depth)
    for name in ("A02_S02_E01_SDEPTH.BIN", "a03_s03_e01_sdepth", "a٠٣_s03_e02_sdepth.bin"):
        (source / name).write_bytes(good.read_bytes())
    (source / "a04_s03_e01_sdepth.bin").write_bytes(bin_bytes(make_depth(1), (2**31, 2**31, 2**31)))
    os.mkfifo(source / "a05_s03_e01_sdepth.bin")
    (source / "a06_s03_e01_sdepth.bin").symlink_to(source / "nowhere")
    savemat(source / "a07_s03_e01_sdepth.mat", {"depth": depth.transpose(1, 2, 0)})
    damaged = bytearray((source / "a07_s03_e01_sdepth.mat").read_bytes())
    damaged[132:136] = b"\xff\xff\xff\x7f"
    (source / "a07_s03_e01_sdepth.mat").write_bytes(damaged)
    savemat(source / "a08_s03_e01_sdepth.mat", {"depth": depth[0]}, format="4")
    (source / "a09_s03_e01_sdepth.mat").write_bytes(damaged[:124] + b"\x00\x02IM" + damaged[128:])
    store, reasons = prepare("msr_action3d", source, capsys)
    assert names(store) == ["a01_s01_e01", "a02_s02_e01"]
    assert set(reasons) == {str(e.relative_to(source)) for e in source.iterdir() if e.name[:3].lower() != "a02"} - {
        "Depth"
    }
    claim = "damaged: an element claims 2147483647 bytes, the file has "
    for file, reason in (
        ("a03_s03_e01_sdepth", "file name is not of the form aAA_sSS_eEE_sdepth.bin, .mat, .npz or _pts.npy"),
        ("a٠٣_s03_e02_sdepth.bin", "file name is not of the form"),
        ("a04_s03_e01_sdepth.bin", "truncated, header says 2147483648 frames of 2147483648 x 2147483648 pixels"),
        ("a05_s03_e01_sdepth.bin", "is no regular file, expected one of the release"),
        ("a06_s03_e01_sdepth.bin", "cannot be read (No such file or directory)"),
        ("a07_s03_e01_sdepth.mat", claim),
        ("a08_s03_e01_sdepth.mat", "without the header of a MATLAB file of level 5, as -v6 or -v7 saves it"),
        ("a09_s03_e01_sdepth.mat", "without the header of a MATLAB file of level 5"),
    ):
        assert reason in reasons[file], file


def test_clouds_of_meteornet_give_the_store_that_the_depth_files_give(tmp_path, capsys):
    depths = {f"a0{n}_s0{n}_e01": make_depth(2 + n, n) for n in (1, 6)}
    for name, depth in depths.items():
        write_depth(tmp_path / "bin" / "files", f"{name}_sdepth.bin", depth)
        (tmp_path / "npz" / "files").mkdir(parents=True, exist_ok=True)
        np.savez(tmp_path / "npz" / "files" / f"{name}_sdepth.npz", point_clouds=as_clouds(depth))
    stores = [prepare("msr_action3d", tmp_path / kind / "files", capsys)[0] for kind in ("bin", "npz")]
    assert stores[0].fingerprint == stores[1].fingerprint and not stores[1].rejected
    assert [(s.split, s.label, s.frames) for s in stores[1].sequences] == [("train", 0, 3), ("test", 5, 8)]


def test_frames_alike_in_length_and_single_precision(tmp_path):
    depth = np.zeros((3, 240, 320), np.uint16)
    depth[:, 100:103, 200:204] = np.arange(400, 412).reshape(3, 4)
    expected = msr_action3d.frames_of(Path(), depth)
    stacked = np.stack(list(as_clouds(depth)))
    for clouds in (stacked, stacked.astype("f4"), stacked.astype(object), np.asfortranarray(stacked)):
        file = tmp_path / "a01_s01_e01_sdepth.npz"
        np.savez_compressed(file, point_clouds=clouds)
        for frame, other in zip(msr_action3d.read_sequence(file)[1], expected, strict=True):
            np.testing.assert_array_equal(frame["pixels"], other["pixels"])


def test_clouds_that_are_no_pixels_are_named(tmp_path, capsys):
    source, depth = tmp_path / "source", make_depth(2, 3)
    source.mkdir()
    points = as_points(depth)
    np.save(source / "a01_s01_e01_sdepth_pts.npy", points)
    np.save(source / "a01_s01_e02_sdepth_pts.npy", points[:, :, :3])
    np.save(source / "a01_s02_e01_sdepth_pts.npy", points // [1, 1, 4, 1, 1, 1, 4, 1])
    np.save(source / "a01_s02_e02_sdepth_pts.npy", points[:, :, [1, 0, 2, 3]] * [2, 2, 1, 1])
    np.save(source / "a01_s03_e01_sdepth_pts.npy", np.where(np.arange(2)[:, None, None] == 1, 0, points))
    np.save(source / "a01_s03_e02_sdepth_pts.npy", np.zeros((0, 64, 8)))
    np.savez(source / "a01_s04_e01_sdepth.npz", point_clouds=as_clouds(depth, 300))
    np.savez(source / "a01_s04_e02_sdepth.npz", data=as_clouds(depth))
    np.savez(source / "a01_s05_e01_sdepth.npz", point_clouds=np.float64(3))
    np.savez(source / "skeletons.npz", a=np.zeros(1))
    store, reasons = prepare("msr_action3d", source, capsys)
    assert names(store) == ["a01_s01_e01"] and len(reasons) == 8
    pixels = store.field("pixels", 0, 1)
    np.testing.assert_array_equal(pixels, points[1][:, [1, 0, 2]])
    for file, reason in (
        ("a01_s01_e02_sdepth_pts.npy", "frame 0 is int64 (64, 3), expected (points, 4 or more numbers)"),
        ("a01_s02_e01_sdepth_pts.npy", "cut to 8 bits; expected depth counts"),
        ("a01_s02_e02_sdepth_pts.npy", "points wrong), expected pixels of 320 x 240 and their depth counts"),
        ("a01_s03_e01_sdepth_pts.npy", "frame 1 is empty or all zero, expected a depth return in every frame"),
        ("a01_s03_e02_sdepth_pts.npy", "holds no frame, expected (frames, points, coordinates)"),
        ("a01_s04_e01_sdepth.npz", "points wrong), expected pixels of 320 x 240 and their depth counts"),
        ("a01_s04_e02_sdepth.npz", "no array 'point_clouds', the file has data"),
        ("a01_s05_e01_sdepth.npz", "frame 0 is float64 (), expected (points, 3 numbers)"),
    ):
        assert reason in reasons[file], (file, reasons[file])


def unwritten(file, sequences: int, **options) -> None:
    """A file whose arrays were never written."""
    with h5py.File(file, "w") as opened:
        for key in ("pcd", "center", "label"):
            opened.create_dataset(key, (sequences, *LAYOUT.shape(key)), dtype="f4", **options)


def test_h5_files_that_claim_lack_or_lead_elsewhere(tmp_path, capsys, small):
    source = tmp_path / "source"
    write_h5(source / "train1.h5", make_arrays(LAYOUT, 2))
    whole = (source / "train1.h5").read_bytes()
    (source / "train2.h5").write_bytes(whole[: len(whole) // 2])
    unwritten(source / "train3.h5", 10**6)
    unwritten(source / "train4.h5", 10**12, chunks=True)
    elsewhere = tmp_path / "elsewhere.h5"
    write_h5(elsewhere, make_arrays(LAYOUT))
    with h5py.File(source / "test1.h5", "w") as opened:
        for key in ("pcd", "center", "label"):
            opened[key] = h5py.ExternalLink(str(elsewhere), key)
    with h5py.File(source / "test2.h5", "w") as opened:
        for key, array in make_arrays(LAYOUT).items():
            raw = tmp_path / f"{key}.raw"
            raw.write_bytes(array.tobytes())
            opened.create_dataset(key, array.shape, array.dtype, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
    store, reasons = prepare("hoi4d_action", source, capsys)
    assert names(store) == ["train1_0000", "train1_0001"]
    for file, reason in (
        ("train2.h5", "bytes, expected a whole h5 file ("),
        ("train3.h5", "'pcd' was never written, expected (1000000, 4, 12, 3) values"),
        ("train4.h5", "'pcd' was never written, expected (1000000000000, 4, 12, 3) values"),
        ("test1.h5", "'pcd' is a link to pcd, expected an array"),
        ("test2.h5", "'pcd' lies in another file, expected it in this one"),
    ):
        assert reason in reasons[file], (file, reasons[file])


def test_h5_files_in_folders_below_and_with_other_names(tmp_path, capsys, small):
    source, release = tmp_path / "source", tmp_path / "release"
    write_h5(release / "TRAIN1.H5", make_arrays(LAYOUT, seed=1))
    write_h5(source / "part" / "train2.h5", make_arrays(LAYOUT, seed=2))
    for copy in ("train2 (1).h5", "train3", "test1.h5.part"):
        (source / copy).write_bytes(b"")
    (source / "linked").symlink_to(release)
    (source / "part" / "round").symlink_to(source)
    write_h5(source / "zz" / "train2.h5", make_arrays(LAYOUT, seed=3))
    os.mkfifo(source / "test2.h5")
    store, reasons = prepare("hoi4d_action", source, capsys)
    assert names(store) == ["train1_0000", "train2_0000"]
    assert store.points(1, 0).tolist() == make_arrays(LAYOUT, seed=2)["pcd"][0, 0].tolist()
    listed = "file name is none of train1.h5, train2.h5, "
    assert all(reasons[name].startswith(listed) for name in ("train2 (1).h5", "train3", "test1.h5.part"))
    assert reasons["zz/train2.h5"] == f"train2.h5 is already taken from {source / 'part' / 'train2.h5'}"
    assert reasons["test2.h5"] == "is no regular file, expected one of the release"


def test_a_locked_h5_file_is_called_locked(tmp_path, capsys, small):
    source = tmp_path / "source"
    for name in ("train1.h5", "train2.h5"):
        write_h5(source / name, make_arrays(LAYOUT))
    program = f"import h5py; f = h5py.File({str(source / 'train2.h5')!r}, 'a'); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline()
        store, reasons = prepare("hoi4d_action", source, capsys)
        writer.stdin.close()
    assert names(store) == ["train1_0000"]
    assert reasons["train2.h5"] == "another program has it open for writing, expected a finished file"


def test_sequences_that_were_never_written(tmp_path, capsys, small):
    source, arrays = tmp_path / "source", make_arrays(LAYOUT, 4)
    source.mkdir()
    with h5py.File(source / "train1.h5", "w") as opened:
        for key, array in arrays.items():
            made = opened.create_dataset(key, array.shape, array.dtype, chunks=(1, 2, *array.shape[2:]))
            made[0] = array[0]
            made[1, :2] = array[1, :2]
            if key != "label":
                made[2] = array[2]
            made[3] = array[3] * (key != "pcd")
    store, reasons = prepare("hoi4d_action", source, capsys)
    assert names(store) == ["train1_0000"]
    found = [each["reason"] for each in store.rejected if each["file"] == "train1.h5"]
    assert found == [
        "sequence 1: 'pcd' was never written, expected its values",
        "sequence 2: 'label' was never written, expected its values",
        "sequence 3: pcd is all zero, expected coordinates",
    ]
    unwritten(source / "train1.h5", 3)
    assert "none of the 1 labelled h5 files can be used, first " in refused("hoi4d_action", source, capsys)


def frame(seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "pc": generator.normal(size=(50, 3)).astype("f4"),
        "rgb": generator.random((50, 3)).astype("f4"),
        "semantic": np.full(50, 8),
        "center": np.ones(3),
    }


def test_frames_of_synthia_damaged_in_every_way(tmp_path, capsys, small):
    source = tmp_path / "source"
    source.mkdir()
    files = [source / f"{SPRING}-{number:06d}.npz" for number in range(9)]
    for number, file in enumerate(files):
        np.savez(file, **frame(number))
    whole = files[1].read_bytes()
    files[1].write_text("<html>quota exceeded</html>")
    files[2].unlink()
    os.mkfifo(files[2])
    with zipfile.ZipFile(files[3], "w", zipfile.ZIP_LZMA) as archive:
        for key in frame():
            archive.writestr(f"{key}.npy", b"x" * 100)
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3), }"
    with zipfile.ZipFile(files[4], "w") as archive:
        for key in frame():
            archive.writestr(f"{key}.npy", header.ljust(127) + b"\n")
    with zipfile.ZipFile(files[5], "w") as archive:
        for key in frame():
            archive.writestr(f"{key}.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 117 + b"\n")
    files[6].write_bytes(whole.replace(b"\x93NUMPY\x01", b"\x93NUMPY\x07"))
    np.savez(files[7], **(frame(7) | {"rgb": np.full((50, 3), 1.0000002, "f4")}))
    files[8].rename(source / f"{SPRING.lower()}-000008.NPZ")
    (source / f"{SPRING}-000009").write_bytes(whole)
    lines = [f"./data/set 1/{SPRING}/clouds/{number:06d}.ply x.ply" for number in range(9)]
    lines[7] = f"/data/set 1/{SPRING}/clouds/000007.ply"
    lines[8] = f"C:\\data\\{SPRING}\\000008.ply"
    (source / "Train_raw.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    (source / "val_raw (1).txt").write_text("")
    store, reasons = prepare("synthia4d", source, capsys)
    assert [(s.name, s.frames) for s in store.sequences] == [("01-SPRING-000000", 1), ("01-SPRING-000007", 2)]
    assert store.field("rgb", 1, 0).tolist() == [[255] * 3] * 50
    for number, reason in (
        (1, "27 bytes, expected a whole npz file (File is not a zip file)"),
        (2, "is no regular file, expected one of the release"),
        (3, "packed by method 14, expected 0 or 8 (deflate)"),
        (4, "float32 (1000000000000, 3) announced, 0 bytes there"),
        (5, "bytes, expected a whole npz file ("),
        (6, "bytes, expected a whole npz file ("),
    ):
        assert reason in reasons[files[number].name], (number, reasons)
    assert reasons[f"{SPRING}-000009"].startswith("file name is not of the form SYNTHIA-SEQS-")
    assert reasons["val_raw (1).txt"].startswith("file name is none of train_raw.txt, ")


def test_what_cannot_be_a_set_is_one_line(tmp_path, capsys, small):
    empty = tmp_path / "pipes"
    empty.mkdir()
    os.mkfifo(empty / "train_raw.txt")
    assert refused("synthia4d", empty, capsys).endswith(
        "train_raw.txt: is no regular file, expected one of the release"
    )
    os.mkfifo(empty / "train1.h5")
    assert "none of the 1 labelled h5 files can be used, first " in refused("hoi4d_action", empty, capsys)
    os.mkfifo(empty / "a01_s01_e01_sdepth.bin")
    assert "none of the 1 files could be used, first a01_s01_e01_sdepth.bin: is no" in refused(
        "msr_action3d", empty, capsys
    )
    assert cli.main(["data", "prepare", "msr_action3d", "--from", "", "--store", str(tmp_path / "s")]) == 2
    assert "the folder of msr_action3d is '', expected" in capsys.readouterr().err
