"""Preparing a recorded set: both layouts, rejects, resuming, changes, errors in one line, the command line."""

import builtins
import errno
import fcntl
import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

from pointvideo import cli
from pointvideo.data import catalogue, hoi4d_action, msr_action3d
from pointvideo.data.places import recorded_store
from pointvideo.data.prepare import prepare, summary
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.people import People
from pointvideo.data.store import Store, StoreError

from . import h5_files
from .conftest import bin_bytes, make_depth, write_depth

KNOWN = ", ".join(sorted({*(entry.name for entry in catalogue.SETS), *catalogue.WORLDS}))
NAMES = ("a01_s01_e01", "a05_s06_e02", "a20_s10_e03")


def fill(folder, suffix=".bin", names=NAMES):
    for seed, name in enumerate(names):
        write_depth(folder, f"{name}_sdepth{suffix}", make_depth(2 + seed, seed))
    return folder


def run(source, path, **options) -> Store:
    return prepare("msr_action3d", source, path=path, progress=False, **options)


def test_both_layouts_give_identical_stores(tmp_path):
    stores = [run(fill(tmp_path / suffix, "." + suffix), tmp_path / f"{suffix}_store") for suffix in ("bin", "mat")]
    assert stores[0].fingerprint == stores[1].fingerprint
    for file in ("pixels.npy", "frame_offsets.npy", "sequence_offsets.npy"):
        assert (stores[0].path / file).read_bytes() == (stores[1].path / file).read_bytes()
    assert stores[0].sequences == stores[1].sequences and stores[0].source == "recorded"
    assert summary(stores[0]) == f"msr_action3d: 3 sequences, 9 frames, 0 rejected -> {tmp_path / 'bin_store'}"


def test_rejects_are_listed_and_the_rest_is_prepared(tmp_path, capsys):
    source = fill(tmp_path / "source" / "Depth")
    depth = make_depth()
    for name, content in {
        "a02_s01_e01_sdepth.bin": bin_bytes(depth)[:-2],
        "a02_s01_e02_sdepth.bin": bin_bytes(depth, (9, 320, 240)),
        "a02_s01_e03_sdepth.bin": bin_bytes(depth * np.uint16(0)),
        "a02_s02_e01_sdepth.mat": b"MATLAB 5.0",
        "a02_s02_sdepth.bin": bin_bytes(depth),
        "rgb.mat": b"",
        "a03_s03_e01_sdepth.bin.zip": b"",
        "PROVENANCE.md": b"text",
        "skeletons.npz": b"",
        ".a04_s03_e01_sdepth.bin": b"",
    }.items():
        (source / name).write_bytes(content)
    write_depth(source, "a01_s01_e01_sdepth.mat", depth)
    store = prepare("msr_action3d", tmp_path / "source", path=tmp_path / "store")
    reasons = {entry["file"]: entry["reason"] for entry in store.rejected}
    assert set(reasons) == {
        f"Depth/{name}"
        for name in (
            "a02_s01_e01_sdepth.bin", "a02_s01_e02_sdepth.bin", "a02_s01_e03_sdepth.bin", "a02_s02_e01_sdepth.mat",
            "a02_s02_sdepth.bin", "rgb.mat", "a03_s03_e01_sdepth.bin.zip", "a01_s01_e01_sdepth.mat",
        )
    }  # fmt: skip
    assert reasons["Depth/a02_s01_e01_sdepth.bin"].startswith("truncated, header says 3 frames of 320 x 240 pixels")
    assert reasons["Depth/a02_s01_e03_sdepth.bin"].startswith("frame 0 of 3 is all zero")
    assert reasons["Depth/a01_s01_e01_sdepth.mat"].endswith("already read from a01_s01_e01_sdepth.bin")
    assert [s.name for s in store.sequences] == list(NAMES)
    assert " 3 sequences, 9 frames, 8 rejected -> " in summary(store)
    stderr = capsys.readouterr().err
    assert stderr.count("rejected ") == 8 and "msr_action3d: 100%" in stderr
    assert Store.open(tmp_path / "store").rejected == store.rejected


def test_a_mat_takes_the_place_of_a_damaged_bin(tmp_path):
    source = fill(tmp_path / "source", ".mat")
    (source / "a01_s01_e01_sdepth.bin").write_bytes(b"")
    store = run(source, tmp_path / "store")
    assert len(store.sequences) == 3 and [r["file"] for r in store.rejected] == ["a01_s01_e01_sdepth.bin"]


def test_changed_sources_are_prepared_again_and_unchanged_ones_are_not(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    first = run(source, tmp_path / "store")
    made = os.stat(tmp_path / "store" / "pixels.npy").st_ino
    run(source, tmp_path / "store")
    assert os.stat(tmp_path / "store" / "pixels.npy").st_ino == made
    write_depth(source, "a19_s07_e01_sdepth.bin", make_depth(5, 9))
    more = run(source, tmp_path / "store")
    assert len(more.sequences) == 4 and more.fingerprint != first.fingerprint
    write_depth(source, "a19_s07_e01_sdepth.bin", make_depth(5, 10))
    changed = run(source, tmp_path / "store")
    assert len(changed.sequences) == 4 and changed.fingerprint != more.fingerprint
    (source / "a19_s07_e01_sdepth.bin").unlink()
    with pytest.raises(StoreError, match="store: 1 of 4 sequences of the store there would be lost, first a19_s07_e01"):
        run(source, tmp_path / "store")
    assert Store.open(tmp_path / "store").fingerprint == changed.fingerprint
    assert run(source, tmp_path / "store", replace=True).fingerprint == first.fingerprint
    assert sorted(os.listdir(tmp_path)) == ["source", "store"]


def test_an_interrupted_run_continues(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    whole = run(source, tmp_path / "whole")
    read, calls = msr_action3d.read_sequence, []

    def stop_at_second(file):
        calls.append(file.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(file)

    monkeypatch.setattr(msr_action3d, "read_sequence", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    store = run(source, tmp_path / "store")
    assert calls == [f"{NAMES[i]}_sdepth.bin" for i in (0, 1, 1, 2)]
    assert store.fingerprint == whole.fingerprint


def test_a_killed_run_continues(tmp_path):
    source, path = fill(tmp_path / "source"), tmp_path / "store"
    program = (
        "import os, signal; from pointvideo.data import msr_action3d as m, prepare as p; read = m.read_sequence\n"
        "m.read_sequence = lambda f: os.kill(os.getpid(), signal.SIGKILL) if 's06' in f.name else read(f)\n"
        f"p.prepare('msr_action3d', {str(source)!r}, path={str(path)!r}, progress=False)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    assert not path.exists() and (tmp_path / "store.partial" / f"{NAMES[0]}.part").is_file()
    assert run(source, path).fingerprint == run(source, tmp_path / "whole").fingerprint


def _prepare_in_process(source, path, queue):
    queue.put(run(source, path).fingerprint)


def test_two_processes_at_once_make_one_store(tmp_path):
    source = fill(tmp_path / "source")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_prepare_in_process, args=(source, tmp_path / "s", queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert len({queue.get(timeout=60) for _ in workers}) == 1
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sorted(os.listdir(tmp_path)) == ["s", "source"]


def test_full_disk_in_mid_write(tmp_path, monkeypatch, capsys):
    source, fsync, written = fill(tmp_path / "source"), os.fsync, []

    def full_after_two(descriptor):
        written.append(descriptor)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fsync(descriptor)

    command = ["data", "prepare", "msr_action3d", "--from", str(source), "--store", str(tmp_path / "store")]
    command += ["--quiet", "--partial"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_after_two)
        assert cli.main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert "No space left on device" in captured.err and "sequences kept: 1" in captured.err
    assert not (tmp_path / "store").exists()
    assert cli.main(command) == 0
    assert capsys.readouterr().out == f"msr_action3d: 3 sequences, 9 frames, 0 rejected -> {tmp_path / 'store'}\n"


def test_preparing_again_does_not_keep_a_damaged_store(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    source, path = fill(tmp_path / "source"), recorded_store("msr_action3d")
    whole = run(source, None)
    content = (path / "pixels.npy").read_bytes()
    (path / "pixels.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    command = ["data", "prepare", "msr_action3d", "--from", str(source), "--partial", "--quiet"]
    assert cli.main(command) == 0
    assert (path / "pixels.npy").read_bytes() == content
    for change in ({"fingerprint": "x"}, {"fields": {}}, {"camera": None}, {"name": "another"}, {"version": 2}):
        description = json.loads((path / "store.json").read_text())
        (path / "store.json").write_text(json.dumps(description | change))
        assert cli.main(command) == 0
        assert Store.open(path).fingerprint == whole.fingerprint
    assert sorted(os.listdir(path.parent)) == ["msr_action3d", *(f"msr_action3d.damaged-{n}" for n in range(1, 6))]
    assert capsys.readouterr().err.count("; moved to ") == 5


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch, number):
    def no_locks(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert len(run(fill(tmp_path / "source"), tmp_path / "store").sequences) == 3
    assert sorted(os.listdir(tmp_path)) == ["source", "store"]


def test_a_finished_store_opens_in_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    """Nothing is locked, made or deleted to look: also where a killed run left something."""
    world = People(subjects=1, repeats=1, actions=("bend",), fields=("pixels",))
    built = build(world, tmp_path / "world", progress=False)
    store = run(fill(tmp_path / "source"), tmp_path / "store")
    (tmp_path / "store.lock").touch()

    def read_only(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "rename", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, read_only)
    opened = builtins.open
    monkeypatch.setattr(
        builtins, "open", lambda file, mode="r", *a, **k: read_only() if "w" in mode else opened(file, mode, *a, **k)
    )
    assert build(world, tmp_path / "world", progress=False).fingerprint == built.fingerprint
    assert run(tmp_path / "source", tmp_path / "store").fingerprint == store.fingerprint


def test_folders_that_are_links_are_followed_and_pipes_are_refused(tmp_path):
    fill(tmp_path / "disk")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "depth").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "source")
    os.mkfifo(tmp_path / "source" / "a03_s01_e01_sdepth.bin")
    store = run(tmp_path / "source", tmp_path / "store")
    assert [s.name for s in store.sequences] == list(NAMES)
    assert [r["reason"] for r in store.rejected] == ["is no regular file, expected one of the release"]


def test_nothing_to_prepare_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "good").mkdir()
    monkeypatch.chdir(tmp_path / "good")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    only_bad = tmp_path / "bad"
    only_bad.mkdir()
    (only_bad / "a01_s01_e01_sdepth.bin").write_bytes(b"")
    for name, source, path, message in [
        ("msr_action3d", "", tmp_path / "s", "the folder of msr_action3d is '', expected the folder with its"),
        ("MSR-Action3D", only_bad, tmp_path / "s", "no recorded set 'MSR-Action3D' .* did you mean msr_action3d"),
        ("msr_action3d", tmp_path / "none", tmp_path / "s", "none: no such folder"),
        ("msr_action3d", tmp_path / "file", tmp_path / "s", "file: not a folder"),
        ("msr_action3d", tmp_path / "empty", tmp_path / "s", "empty: no depth files, expected aAA_sSS_eEE_sdepth"),
        (
            "msr_action3d",
            only_bad,
            tmp_path / "s",
            "none of the 1 files could be used, first a01_s01_e01_sdepth.bin: 0",
        ),
        ("msr_action4d", only_bad, tmp_path / "s", "no recorded set 'msr_action4d' .* known: msr_action3d"),
        ("msr_action3d", fill(tmp_path / "good"), tmp_path / "file" / "s", "file/s: cannot write it"),
        ("msr_action3d", tmp_path / "good", tmp_path / "good", "good: exists and is not a store"),
        ("msr_action3d", tmp_path / "good", "", "the folder of the store is '', expected a folder"),
        ("msr_action3d", tmp_path / "good", ".", "good: exists and is not a store"),
    ]:
        with pytest.raises(StoreError, match=message) as caught:
            prepare(name, source, path=path, progress=False)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "s").exists()


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POINTVIDEO_DATA", str(tmp_path / "sets"))
    fill(tmp_path / "sets" / "msr_action3d")
    command = ["data", "prepare", "msr_action3d", "--from", str(tmp_path / "sets" / "msr_action3d")]
    assert cli.main(["data", "info", "msr_action3d"]) == 0
    assert "msr_action3d (recorded, not prepared)" in capsys.readouterr().out
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert "3 files of msr_action3d, less than half of the 567 of the release; is it the right folder? --par" in error
    assert not (tmp_path / "cache").exists()
    assert cli.main([*command, "--partial"]) == 0
    expected = tmp_path / "cache" / "stores" / "recorded" / "msr_action3d"
    assert capsys.readouterr().out.splitlines()[-1].endswith(f" -> {expected}")
    for name in ("msr_action3d", str(expected)):
        assert cli.main(["data", "info", name]) == 0
        out = capsys.readouterr().out
        assert "sequences:   3 (test 2, train 1)" in out and "frames:      9 (2 to 4 a sequence)" in out
    assert cli.main(["data", "info", "kitti"]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"pointvideo: error: no data set 'kitti', known: {KNOWN}\n" and not captured.out
    with pytest.raises(SystemExit) as caught:
        cli.main(["data", "prepare", "msr_action3d"])
    assert caught.value.code == 2


def test_the_command_is_a_module_too(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pointvideo.cli",
        "data",
        "prepare",
        "msr_action3d",
        "--from",
        str(tmp_path / "no"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr
        == f"pointvideo: error: {tmp_path / 'no'}: no such folder, expected the folder with the depth files\n"
    )


def test_the_world_that_stands_in_has_the_same_classes():
    from pointvideo.data.simulate.motions import ACTION_NAMES

    assert tuple(ACTION_NAMES) == msr_action3d.CLASSES


def test_store_json_lists_fields_and_inputs(tmp_path):
    run(fill(tmp_path / "source"), tmp_path / "store")
    description = json.loads((tmp_path / "store" / "store.json").read_text())
    assert description["fields"]["pixels"]["dtype"] == "uint16" and description["fields"]["pixels"]["shape"] == [3]
    assert [entry[0] for entry in description["inputs"]["files"]] == [f"{name}_sdepth.bin" for name in NAMES]
    assert description["camera"] == {"width": 320, "height": 240, "focal": 280.0, "centre_u": 160.0, "centre_v": 120.0}


def test_every_recorded_format_says_what_the_preparation_needs(tmp_path):
    (tmp_path / "empty").mkdir()
    assert [entry.name for entry in catalogue.SETS] == [
        "msr_action3d", "hoi4d_action", "hoi4d_semantic", "hoi4d_rgbd", "synthia4d", "deformingthings4d", "ntu60",
        "nvgesture", "modelnet40", "modelnet40_normals", "scanobjectnn", "scanobjectnn_bg", "shapenet_part",
        "shapenet_part_h5", "s3dis", "scannet",
    ]  # fmt: skip
    for entry in catalogue.SETS:
        name, reader = entry.name, entry.reader()
        assert reader.UNIT.startswith(entry.unit)
        camera = reader.camera()
        assert ("pixels" in reader.FIELDS) == (camera is not None) and ("xyz" in reader.FIELDS) == (camera is None)
        assert not set(reader.FIELDS) & set(reader.FRAME_FIELDS) and reader.UNIT
        for folder in ("empty", "none"):
            with pytest.raises(StoreError, match=f"{folder}: no .*, expected ") as caught:
                prepare(name, tmp_path / folder, path=tmp_path / "store", progress=False)
            assert "\n" not in str(caught.value)


def test_the_command_line_prepares_every_format(tmp_path, capsys):
    """Through the same command: what is missing of a partial release is counted in the last line and on stderr."""
    h5_files.write_h5(tmp_path / "as" / "train1.h5", h5_files.make_arrays(hoi4d_action.LAYOUT))
    frame = {
        "pc": np.zeros((16384, 3)),
        "rgb": np.ones((16384, 3)),
        "semantic": np.full(16384, 8),
        "center": np.ones(3),
    }
    (tmp_path / "syn").mkdir()
    np.savez_compressed(tmp_path / "syn" / "SYNTHIA-SEQS-06-SPRING-000004.npz", **frame)
    lines = ["SYNTHIA-SEQS-06-SPRING/point_clouds/000004.ply", "SYNTHIA-SEQS-06-SPRING/point_clouds/000005.ply"]
    (tmp_path / "syn" / "test_raw.txt").write_text("\n".join(lines))
    for name, folder, counts in (
        ("hoi4d_action", "as", "1 sequences, 150 frames, 5 rejected"),
        ("synthia4d", "syn", "1 sequences, 1 frames, 1 rejected"),
    ):
        store = tmp_path / f"{folder}_store"
        assert (
            cli.main(["data", "prepare", name, "--from", str(tmp_path / folder), "--store", str(store), "--partial"])
            == 0
        )
        captured = capsys.readouterr()
        assert captured.out == f"{name}: {counts} -> {store}\n"
        assert captured.err.count("rejected ") == int(counts.split()[4])
