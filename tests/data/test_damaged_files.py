"""Small valid files with bytes changed or cut off: each reader says what is wrong in one line, and needs no memory."""

import pickle
import random
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from pointvideo.data import h5, hoi4d_semantic, msr_action3d, synthia4d_files
from pointvideo.data.h5 import Row
from pointvideo.data.layout import StoreError

from .conftest import bin_bytes, make_depth
from .h5_files import make_arrays, write_h5

LAYOUT = replace(hoi4d_semantic.LAYOUT, frames=4, points=12, centre_frames=4)
BYTES = (0, 1, 0x7F, 0x80, 0xFF)


def clouds(frames: int = 3) -> np.ndarray:
    """Coordinates of a depth video as MeteorNet keeps them: an object array of frames of different lengths."""
    made = np.empty(frames, object)
    for position, frame in enumerate(msr_action3d.frames_of(Path(), make_depth(frames)[:, ::8, ::8])):
        made[position] = msr_action3d.camera().back_project(frame["pixels"])
    return made


def write_mat(file, compressed: bool) -> None:
    from scipy.io import savemat

    savemat(file, {"other": np.ones((2, 2)), "depth": make_depth(2, height=12, width=16).transpose(1, 2, 0)},
            do_compression=compressed)  # fmt: skip


def write_chunked(file) -> None:
    with h5py.File(file, "w") as opened:
        for key, array in make_arrays(LAYOUT, 2).items():
            chunks = (1, 2, *array.shape[2:])
            opened.create_dataset(key, data=array, chunks=chunks, compression="gzip", fletcher32=True)


def read_frame(file) -> None:
    synthia4d_files.POINTS = 20
    synthia4d_files.read_frame(file)


def write_frame(file, save=np.savez_compressed) -> None:
    generator = np.random.default_rng(0)
    save(file, pc=generator.normal(size=(20, 3)).astype("f4"), rgb=generator.random((20, 3)).astype("f4"),
         semantic=np.full(20, 8), center=np.ones(3))  # fmt: skip


def read_h5(file) -> None:
    with h5.opened(LAYOUT, file, True) as arrays:
        rows = len(arrays["pcd"])
    for row in range(rows):
        h5.read_row(LAYOUT, Row(file, row, "train"))


def write_points(file) -> None:
    points = np.random.default_rng(0).integers(1, [240, 320, 600, 2], (3, 9, 4))
    np.save(file, np.concatenate([points, points], axis=2))


def write_list(file) -> None:
    lines = [f"SYNTHIA-SEQS-01-SPRING/clouds/{i:06d}.ply SYNTHIA-SEQS-01-SPRING/clouds/{i:06d}.txt" for i in range(9)]
    file.write_text("\n".join(lines))


KINDS = {
    "bin": (
        "a01_s01_e01_sdepth.bin",
        lambda f: f.write_bytes(bin_bytes(make_depth(2, height=12, width=16))),
        msr_action3d.read_depth,
    ),
    "mat": ("a01_s01_e01_sdepth.mat", lambda f: write_mat(f, False), msr_action3d.read_depth),
    "mat, compressed": ("a01_s01_e01_sdepth.mat", lambda f: write_mat(f, True), msr_action3d.read_depth),
    "npz of MSR": (
        "a01_s01_e01_sdepth.npz",
        lambda f: np.savez_compressed(f, point_clouds=clouds()),
        msr_action3d.read_sequence,
    ),
    "npz of MSR, stored": (
        "a01_s01_e01_sdepth.npz",
        lambda f: np.savez(f, point_clouds=clouds()),
        msr_action3d.read_sequence,
    ),
    "npy of MSR": ("a01_s01_e01_sdepth_pts.npy", write_points, msr_action3d.read_sequence),
    "npz of Synthia": ("SYNTHIA-SEQS-01-SPRING-000000.npz", write_frame, read_frame),
    "npz of Synthia, stored": ("SYNTHIA-SEQS-01-SPRING-000000.npz", lambda f: write_frame(f, np.savez), read_frame),
    "list of Synthia": ("train_raw.txt", write_list, synthia4d_files.read_list),
    "h5": ("train1.h5", lambda f: write_h5(f, make_arrays(LAYOUT, 2)), read_h5),
    "h5 in blocks": ("train1.h5", write_chunked, read_h5),
}


def damage(whole: bytes, seed: int) -> bytes:
    """One to four bytes changed, two files in three in the first 1,000, or the end cut off."""
    chance = random.Random(seed)
    if seed % 10 == 0:
        return whole[: chance.randrange(len(whole))]
    changed = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4))):
        within = len(whole) if seed % 3 else min(1000, len(whole))
        changed[chance.randrange(within)] = chance.choice((*BYTES, chance.randrange(256)))
    return bytes(changed)


def fuzz(kind: str, folder, seeds: range) -> int:
    """How many of the damaged files are refused; whatever is no StoreError of one line that names the file passes."""
    name, write, read = KINDS[kind]
    file = folder / name
    write(file)
    whole, refused = file.read_bytes(), 0
    read(file)
    for seed in seeds:
        file.write_bytes(damage(whole, seed))
        try:
            read(file)
        except StoreError as error:
            assert "\n" not in str(error) and str(file) in str(error) and "allow_pickle" not in str(error), (
                seed,
                error,
            )
            refused += 1
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes(tmp_path, kind):
    """In a process of its own: one that is killed, or takes half a GB, fails here."""
    program = (
        "import sys; from pathlib import Path; from tests.data.test_damaged_files import fuzz, limit_memory; "
        "limit_memory(); print(fuzz(sys.argv[1], Path(sys.argv[2]), range(300)))"
    )
    done = subprocess.run([sys.executable, "-c", program, kind, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 10, "many of these bytes matter"
    assert not done.stderr, "nothing is printed in passing"


def limit_memory(above: int = 512 << 20) -> None:
    with open("/proc/self/statm") as stream:
        size = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + above, size + above))


def test_every_byte_of_a_matlab_header(tmp_path):
    """The bytes that ended the process inside scipy's reader: sizes and types of an array that is not compressed."""
    from scipy.io import savemat

    file = tmp_path / "a01_s01_e01_sdepth.mat"
    depth = make_depth(2, height=12, width=16)
    savemat(file, {"depth": depth.transpose(1, 2, 0)})
    whole = file.read_bytes()
    for position in range(124, 200):
        for value in BYTES:
            file.write_bytes(whole[:position] + bytes([value]) + whole[position + 1 :])
            try:
                assert msr_action3d.read_depth(file).size == depth.size
            except StoreError as error:
                assert "\n" not in str(error) and str(file) in str(error)


def test_no_pickle_is_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    for name, content in (
        ("a01_s01_e01_sdepth.npz", np.array([Harmful(), None])),
        ("SYNTHIA-SEQS-01-SPRING-000000.npz", np.array([Harmful()])),
    ):
        file = tmp_path / name
        np.savez(file, **dict.fromkeys(("point_clouds", "pc", "rgb", "semantic", "center"), content))
        read = msr_action3d.read_clouds if name.startswith("a01") else synthia4d_files.read_frame
        with pytest.raises(StoreError, match="a pickled .*open, expected arrays of numbers"):
            read(file)
    (tmp_path / "SYNTHIA-SEQS-01-SPRING-000001.npz").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(StoreError, match="expected a whole npz file") as caught:
        synthia4d_files.read_frame(tmp_path / "SYNTHIA-SEQS-01-SPRING-000001.npz")
    assert "allow_pickle" not in str(caught.value) and not (tmp_path / "made").exists()
