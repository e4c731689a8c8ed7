"""Sets of one's own: every form of the plain layout comes back value for value; what does not fit is named."""

import csv
import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from pointvideo import cli
from pointvideo.data import resolve
from pointvideo.data.layout import DepthCamera, StoreError
from pointvideo.data.plain import import_folder
from pointvideo.data.ply import read_ply
from pointvideo.data.store import Store

NAMES = {"semantic": ["floor", "hand", "cup"], "action": ["rest", "reach"]}
VIDEOS = {("train", "pour", "v1"): [5, 4], ("train", "wipe", "v2"): [3], ("test", "pour", "v10"): [6, 2, 4]}
LENS = {"width": 8, "height": 6, "focal": 5.0, "centre_u": 3.5, "centre_v": 2.5, "scale": 0.001}
PLY = {
    "xyz": "float x,float y,float z",
    "rgb": "uchar red,uchar green,uchar blue",
    "normals": "double nx,double ny,double nz",
    "label": "short label",
}


def draw(count: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "xyz": random.normal(0, 2, (count, 3)).astype(np.float32),
        "rgb": random.integers(0, 256, (count, 3)).astype(np.uint8),
        "normals": random.normal(0, 1, (count, 3)).astype(np.float32),
        "label": random.integers(0, 3, count),
    }


def ply_bytes(frame: dict[str, np.ndarray], form: str) -> bytes:
    columns = [(line.split(), key, axis) for key in frame for axis, line in enumerate(PLY[key].split(","))]
    lines = [f"property {kind} {name}" for (kind, name), _, _ in columns]
    count = len(frame["xyz"])
    head = ["ply", f"format {form} 1.0", "comment made by hand", f"element vertex {count}", *lines]
    head += ["element face 1", "property list uchar int vertex_indices", "end_header", ""]
    kinds = {"float": "f4", "uchar": "u1", "double": "f8", "short": "i2"}
    order = ">" if "big" in form else "<"
    rows = np.empty(count, np.dtype([(name, order + kinds[kind]) for (kind, name), _, _ in columns]))
    for (_, name), key, axis in columns:
        rows[name] = frame[key] if key == "label" else frame[key][:, axis]
    if form == "ascii":
        body = "\n".join(" ".join(repr(value.item()) for value in row) for row in rows).encode() + b"\n3 0 1 2\n"
    else:
        body = rows.tobytes() + b"\x03" + bytes(12)
    return "\n".join(head).encode() + body


def write_frame(file, frame, form) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if form == "npy":
        np.save(file.with_suffix(".npy"), frame["xyz"])
    elif form == "npz":
        np.savez(file.with_suffix(".npz"), **frame)
    else:
        file.with_suffix(".ply").write_bytes(ply_bytes(frame, form))


def fill(folder, form):
    """The videos in one of the forms; returns the frames by sequence."""
    written = {}
    for seed, (place, counts) in enumerate(VIDEOS.items()):
        frames = [draw(count, 10 * seed + position) for position, count in enumerate(counts)]
        for position, frame in enumerate(frames):
            write_frame(folder.joinpath(*place, f"{8 + position}"), frame, form)  # 10 comes behind 9
        written["_".join(place)] = frames
    (folder / "names.json").write_text(json.dumps(NAMES))
    return written


@pytest.mark.parametrize("form", ["npy", "npz", "ascii", "binary_little_endian", "binary_big_endian"])
def test_clouds_come_back_value_for_value(tmp_path, form):
    written = fill(tmp_path / "mine", form)
    store = import_folder(tmp_path / "mine", "kitchen", "millimetre", path=tmp_path / "store", progress=False)
    assert [s.name for s in store.sequences] == sorted(written) == ["test_pour_v10", "train_pour_v1", "train_wipe_v2"]
    assert store.classes == ("pour", "wipe") and [s.label for s in store.sequences] == [0, 0, 1]
    assert [s.split for s in store.sequences] == ["test", "train", "train"] and store.source == "recorded"
    assert store.unit == "millimetre" and store.divisor == 1000 and store.camera is None and not store.rejected
    for position, sequence in enumerate(store.sequences):
        for number, frame in enumerate(written[sequence.name]):
            np.testing.assert_array_equal(store.points(position, number), frame["xyz"])
            if form != "npy":
                for name, key in (("rgb", "rgb"), ("normals", "normals"), ("semantic", "label")):
                    np.testing.assert_array_equal(store.field(name, position, number), frame[key])
    assert set(store.fields) == ({"xyz"} if form == "npy" else {"xyz", "rgb", "normals", "semantic"})
    if form != "npy":
        assert store.names("semantic") == ("floor", "hand", "cup")


def write_images(folder, frames: int, seed: int) -> list[dict[str, np.ndarray]]:
    random, written = np.random.default_rng(seed), []
    folder.mkdir(parents=True)
    for number in range(frames):
        depth = random.integers(0, 3, (6, 8)).astype(np.uint16) * 700
        rgb = random.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        label = random.integers(0, 3, (6, 8)).astype(np.uint8)
        Image.fromarray(depth).save(folder / f"{number:06d}.png")
        Image.fromarray(rgb).save(folder / f"{number:06d}.rgb.png")
        Image.fromarray(label).save(folder / f"{number:06d}.label.png")
        v, u = np.nonzero(depth)
        written.append({"pixels": np.stack([u, v, depth[v, u]], 1), "rgb": rgb[v, u], "semantic": label[v, u]})
    return written


def test_depth_images_come_back_with_a_table_and_fields_of_frames(tmp_path):
    folder = tmp_path / "mine"
    written = {place: write_images(folder / place, 2 + seed, seed) for seed, place in enumerate(("a/one", "b"))}
    (folder / "camera.json").write_text(json.dumps(LENS))
    (folder / "names.json").write_text(json.dumps(NAMES))
    with open(folder / "sequences.csv", "w", newline="") as stream:
        rows = [["sequence", "class", "split", "subject"], ["a/one", "make tea", "train", "Ann"]]
        csv.writer(stream).writerows([*rows, ["b", "wash up", "test", "Bob"], ["c", "wash up", "test", "Bob"]])
    (folder / "a/one/frames.csv").write_text("frame,action\n000000,reach\n000001,rest\n")
    np.savez(folder / "b/frames.npz", action=np.array([1, 0, 1]))
    store = import_folder(folder, "kitchen", "metre", path=tmp_path / "store", progress=False)
    assert [(s.name, s.label, s.subject, s.split) for s in store.sequences] == [
        ("a_one", 0, 1, "train"),
        ("b", 1, 2, "test"),
    ]
    assert store.camera == DepthCamera(**LENS) and store.divisor == 1 and store.classes == ("make tea", "wash up")
    for position, frames in enumerate(written.values()):
        for number, frame in enumerate(frames):
            for name, rows in frame.items():
                np.testing.assert_array_equal(store.field(name, position, number), rows)
    assert store.frame_field("action", 0).tolist() == [1, 0] and store.frame_field("action", 1).tolist() == [1, 0, 1]
    assert store.names("action") == ("rest", "reach")
    assert store.points(0, 0)[:, 2].max() == pytest.approx(1.4)
    assert [(r["file"], r["reason"]) for r in store.rejected] == [("c", "named in sequences.csv, but has no frames")]


def test_folders_may_name_the_subject_and_its_numbers_are_kept(tmp_path):
    for subject in ("3", "07"):
        write_frame(tmp_path / "mine/train/wave" / subject / "v/0", draw(4, 0), "npy")
    store = import_folder(tmp_path / "mine", "mine", "metre", path=tmp_path / "store", progress=False)
    assert {s.name: s.subject for s in store.sequences} == {"train_wave_07_v": 7, "train_wave_3_v": 3}


def damage_ply(frame, old: bytes, new: bytes) -> bytes:
    return ply_bytes(frame, "binary_little_endian").replace(old, new, 1)


BROKEN = {
    "cut.ply": (lambda f: ply_bytes(f, "binary_little_endian")[:-40], "truncated"),
    "cut-text.ply": (lambda f: ply_bytes(f, "ascii")[:-60], "expected a whole line for each"),
    "huge.ply": (lambda f: damage_ply(f, b"vertex 4", b"vertex 4000000000000"), "truncated"),
    "no.ply": (lambda f: b"solid stl", "no PLY file"),
    "list.ply": (lambda f: damage_ply(f, b"property float z", b"property list uchar int z"), "expected single numbers"),
    "word.ply": (lambda f: damage_ply(f, b"comment", b"komment"), "no line of a PLY header"),
    "nan.ply": (lambda f: ply_bytes(f | {"xyz": f["xyz"] * np.nan}, "ascii"), "xyz has 12 of 12 values that are NaN"),
    "label.ply": (lambda f: ply_bytes(f | {"label": f["label"] * 0 + 9}, "ascii"), "semantic is .* from 9 to 9, expe"),
    "bare.ply": (lambda f: ply_bytes({"xyz": f["xyz"]}, "ascii"), "has xyz; expected normals, rgb, semantic, xyz"),
    "text.npz": (lambda f: b"not numpy", "not a whole numpy file"),
    "image.png": (lambda f: b"", "a depth image in a set of clouds"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_does_not_fit_is_named_and_the_rest_is_imported(tmp_path, name):
    content, message = BROKEN[name]
    fill(tmp_path / "mine", "ascii")
    broken = tmp_path / "mine/train/pour/v0"
    broken.mkdir()
    (broken / name).write_bytes(content(draw(4, 0)))
    # the fields are those of the first sequence that can be read, which is not this one
    (tmp_path / "mine/train/pour/v0").rename(tmp_path / "mine/train/wipe/v9")
    store = import_folder(tmp_path / "mine", "mine", "metre", path=tmp_path / "store", progress=False)
    assert len(store.sequences) == 3 and [r["file"] for r in store.rejected] == ["train/wipe/v9"]
    reason = store.rejected[0]["reason"]
    assert re.search(message, reason) and name in reason


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, {"name": "msr_action3d"}, "name is 'msr_action3d', which is a data set of the catalogue"),
        (None, {"name": "people"}, "a data set of the catalogue"),
        (None, {"name": "mine-small"}, "no '-small' at the end"),
        (None, {"name": "a/b"}, "expected letters, digits"),
        (None, {"unit": "inch"}, "unit is 'inch', expected one of metre, centimetre, millimetre, depth count"),
        (lambda f: (f / "names.json").unlink(), {}, "there are labels 'semantic', expected what they are called in n"),
        (lambda f: (f / "names.json").write_text("[1"), {}, "names.json: cannot be read as JSON"),
        (lambda f: (f / "names.json").write_text('{"semantic": 3}'), {}, "names.json: expected {"),
        (lambda f: (f / "train").rename(f / "practice"), {}, ""),
        (lambda f: [(f / s).rename(f / f"x{s}") for s in ("train", "test")], {}, "no sequence, expected train/<class>"),
        (lambda f: (f / "sequences.csv").write_text("sequence,class\n"), {}, "no column 'split', found sequence, cl"),
        (lambda f: (f / "sequences.csv").write_text("sequence,class,split\na\n"), {}, "line 2 does not have an entry"),
    ],
)
def test_what_cannot_be_imported_is_one_line(tmp_path, change, options, message):
    fill(tmp_path / "mine", "npz")
    if change:
        change(tmp_path / "mine")
    arguments = {"folder": tmp_path / "mine", "name": "mine", "unit": "metre"} | options
    if not message:  # the rest is there
        store = import_folder(**arguments, path=tmp_path / "store", progress=False)
        assert [r["reason"] for r in store.rejected] == [
            "split is 'practice', expected one of train, validation, test"
        ] * 2
        return
    with pytest.raises(StoreError, match=message) as caught:
        import_folder(**arguments, path=tmp_path / "store", progress=False)
    assert "\n" not in str(caught.value) and not (tmp_path / "store").exists()


def test_the_command_imports_and_the_set_is_there_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("POINTVIDEO_DATA", raising=False)
    fill(tmp_path / "mine", "npz")
    command = ["data", "import", str(tmp_path / "mine"), "--name", "kitchen", "--unit", "metre", "--quiet"]
    assert cli.main(command) == 0
    path = tmp_path / "cache" / "stores" / "recorded" / "kitchen"
    assert capsys.readouterr().out == f"kitchen: 3 sequences, 6 frames, 0 rejected -> {path}\n"
    made = os.stat(path).st_ino
    assert resolve("kitchen").fingerprint == Store.open(path).fingerprint
    assert cli.main(["data", "info", "kitchen", "--verify"]) == 0
    assert "verified:    every array is what was written" in capsys.readouterr().out
    assert cli.main(command) == 0 and os.stat(path).st_ino == made  # nothing changed
    write_frame(tmp_path / "mine/train/pour/v3/0", draw(7, 9), "npz")
    assert cli.main(command) == 0 and len(resolve("kitchen").sequences) == 4
    (tmp_path / "mine/train/pour/v3/0.npz").unlink()
    assert cli.main(command) == 2
    assert "1 of 4 sequences of the store there would be lost, first train_pour_v3" in capsys.readouterr().err
    assert cli.main([*command, "--replace"]) == 0 and len(resolve("kitchen").sequences) == 3


def test_a_ply_file_that_says_less_than_it_holds_is_refused(tmp_path):
    (tmp_path / "a.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty uchar x\nend_header\n300\n")
    with pytest.raises(StoreError, match="x has numbers that are no uint8, as the header says"):
        read_ply(tmp_path / "a.ply")
