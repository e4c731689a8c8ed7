"""NTU RGB+D: PNG folders and the released preparation's files, lists, what is rejected and refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pointvideo.data import ntu60
from pointvideo.data.layout import StoreError
from pointvideo.data.ntu60 import CLASSES, DIVISOR, HEIGHT, WIDTH, list_sources, parse_name, read_frames
from pointvideo.data.prepare import prepare
from pointvideo.data.store import Store

NAMES = ("S001C001P001R001A005", "S003C002P003R002A011", "S017C003P038R002A060")


def depth_of(frames: int = 3, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A person-sized blob that moves to the right, in millimetres, (frames, height, width) uint16."""
    generator, depth = np.random.default_rng(seed), np.zeros((frames, height, width), np.uint16)
    for frame in depth:
        place = int(generator.integers(20, 60))
        frame[40:60, place : place + 10] = generator.integers(1500, 4500, (20, 10))
    return depth


def write_pngs(folder: Path, name: str, depth: np.ndarray) -> Path:
    """A video as the official folder of PNG files."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(depth, start=1):
        Image.fromarray(image).save(place / f"MDepth-{number:08d}.png")
    return place


def write_npz(folder: Path, name: str, depth: np.ndarray) -> Path:
    """The same as the released preparation writes it: depth as a share of 65535, focal length 280."""
    folder.mkdir(parents=True, exist_ok=True)
    clouds = np.empty(len(depth), object)
    for number, image in enumerate(depth):
        v, u = np.nonzero(image)
        z = image[v, u].astype(np.float32) / np.float32(65535)
        clouds[number] = np.stack([(u - WIDTH / 2) / 280 * z, (v - HEIGHT / 2) / 280 * z, z], axis=-1)
    np.savez_compressed(folder / f"{name}.npz", data=clouds)
    return folder / f"{name}.npz"


def fill(folder: Path, names=NAMES, write=write_pngs) -> Path:
    for seed, name in enumerate(names):
        write(folder / "nturgb+d_depth_masked", name, depth_of(3 + seed, seed))
    return folder


def run(source: Path, path: Path) -> Store:
    return prepare("ntu60", source, path=path, progress=False)


def test_a_store_of_it(tmp_path):
    store = run(fill(tmp_path / "ntu"), tmp_path / "store")
    assert [(s.name, s.label, s.subject, s.split, s.camera, s.frames) for s in store.sequences] == [
        (NAMES[0], 4, 1, "train", 0, 3), (NAMES[1], 10, 3, "test", 1, 4), (NAMES[2], 59, 38, "train", 2, 5),
    ]  # fmt: skip
    assert store.classes == CLASSES and len(set(CLASSES)) == 60 and store.unit == "millimetre"
    assert [CLASSES[n - 1] for n in (1, 7, 43, 60)] == ["drink water", "throw", "falling down", "walk apart"]
    depth = depth_of(4, 1)
    for frame, image in enumerate(depth):
        v, u = np.nonzero(image)
        np.testing.assert_array_equal(store.field("pixels", 1, frame), np.stack([u, v, image[v, u]], 1))


def test_points_are_those_of_the_released_preparation(tmp_path):
    file = write_npz(tmp_path / "npz", NAMES[0], depth_of())
    write_pngs(tmp_path / "png", NAMES[0], depth_of())
    store = run(tmp_path / "png", tmp_path / "store")
    theirs = np.load(file, allow_pickle=True)["data"]
    for frame in range(3):
        np.testing.assert_allclose(store.points(0, frame) / DIVISOR, theirs[frame] * 100, rtol=3e-7)


def test_the_released_preparation_is_read_to_the_same_store(tmp_path):
    png = run(fill(tmp_path / "png"), tmp_path / "png_store")
    npz = run(fill(tmp_path / "npz", write=write_npz), tmp_path / "npz_store")
    assert png.fingerprint == npz.fingerprint
    same = depth_of(2)
    same[1] = same[0]  # frames of as many points become one array, not an array of arrays
    v, u = np.nonzero(same[0])
    cloud = np.stack([(u - 256) / 280 * same[0][v, u], (v - 212) / 280 * same[0][v, u], same[0][v, u]], -1) / 65535
    np.savez(tmp_path / f"{NAMES[0]}.npz", data=np.stack([cloud, cloud]))
    assert len(ntu60.read_clouds(tmp_path / f"{NAMES[0]}.npz")) == 2


def test_both_official_protocols_are_in_the_names():
    train = {p for p in range(1, 41) if parse_name(f"S001C001P{p:03d}R001A001", "").split == "train"}
    assert len(train) == 20 and train == set(ntu60.TRAIN_SUBJECTS)
    assert [parse_name(f"S001C00{c}P001R001A001", "").camera for c in (1, 2, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("S018C001P001R001A001", "setup 18 in the name, expected 1 to 17"),
        ("S001C004P001R001A001", "camera 4 in the name, expected 1 to 3"),
        ("S001C001P041R001A001", "performer 41 in the name, expected 1 to 40"),
        ("S001C001P001R003A001", "replication 3 in the name, expected 1 to 2"),
        ("S001C001P001R001A061", "action 61 in the name, expected 1 to 60"),
        ("S001C001P001R001A000", "action 0 in the name"),
        ("S001C001P001R001", "'S001C001P001R001' is not of the form SsssCcccPpppRrrrAaaa"),
    ],
)
def test_names_that_are_refused(tmp_path, name, message):
    fill(tmp_path / "ntu", NAMES[:1])
    write_pngs(tmp_path / "ntu", name, depth_of(1))
    store = run(tmp_path / "ntu", tmp_path / "store")
    assert any(entry["file"] == name and message in entry["reason"] for entry in store.rejected)
    assert [sequence.name for sequence in store.sequences] == [NAMES[0]]


def rejected(source: Path, path: Path) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in run(source, path).rejected}


def test_a_list_names_what_is_prepared_and_every_difference_is_said(tmp_path):
    source = fill(tmp_path / "ntu")
    lines = [f"{NAMES[0]} 3", "", f"{NAMES[1]} 99", "S002C001P003R001A002 40"]
    (source / "ntu60.list").write_text("\n".join(lines) + "\n")
    reasons = rejected(source, tmp_path / "store")
    folder = "nturgb+d_depth_masked/"
    assert reasons[folder + NAMES[1]] == "4 frames, ntu60.list has 99"
    assert reasons["S002C001P003R001A002"] == "named by ntu60.list, not found"
    assert reasons[folder + NAMES[2]] == "not named by ntu60.list"
    assert [sequence.name for sequence in Store.open(tmp_path / "store").sequences] == [NAMES[0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{NAMES[0]}\n", "line 1 is 'S001C001P001R001A005', expected a name SsssCcccPpppRrrrAaaa and a number of"),
        (f"{NAMES[0]} 3\n{NAMES[0]} 3\n", "line 2 names S001C001P001R001A005 again"),
        ("a01 3\n", "line 1 is 'a01 3'"),
        ("\n", "names no video"),
        ("S002C001P003R001A002 40\n", "none of the 1 videos that it names is below"),
    ],
)
def test_lists_that_are_refused(tmp_path, text, message):
    (fill(tmp_path / "ntu", NAMES[:1]) / "ntu60.list").write_text(text)
    with pytest.raises(StoreError, match=f"ntu60.list: {message}") as caught:
        list_sources(tmp_path / "ntu")
    assert "\n" not in str(caught.value)


def test_classes_without_a_video_are_said(tmp_path):
    reasons = rejected(fill(tmp_path / "ntu"), tmp_path / "store")
    assert reasons == {
        ".": "58 of 60 classes have no train video, first 1 (drink water); expected at least one of each"
    }
    for action in range(1, 61):
        for performer in (1, 3) if action != 7 else (1,):
            (tmp_path / "whole" / f"S001C001P{performer:03d}R001A{action:03d}").mkdir(parents=True)
    listing = list_sources(tmp_path / "whole")
    assert [reason for _, reason in listing.rejected] == [
        "1 of 60 classes have no test video, first 7 (throw); expected at least one of each"
    ]


def test_skeletons_in_the_place_of_depth(tmp_path):
    skeletons = tmp_path / "skeletons"
    skeletons.mkdir()
    for name in NAMES:
        (skeletons / f"{name}.skeleton").write_text("3\n1\n")
    message = "skeletons: S001C001P001R001A005.skeleton and other skeletons, and no depth, expected folders S"
    with pytest.raises(StoreError, match=message):
        list_sources(skeletons)
    source = fill(tmp_path / "ntu", NAMES[:1])
    inside = source / NAMES[1]
    inside.mkdir()
    (inside / f"{NAMES[1]}.skeleton").write_text("3\n")
    (source / NAMES[2]).write_text("5\n1\n72057594037931101 0 1 1 1 1 0 0.02 -0.2 2\n")
    (source / f"{NAMES[0]}.skeleton").write_text("3\n")  # beside its depth: passed over
    reasons = rejected(source, tmp_path / "store")
    assert reasons[NAMES[1]] == (
        f"{NAMES[1]}.skeleton is no depth, expected MDepth-00000001.png and so on, and nothing else"
    )
    assert "expected a whole npz file" in reasons[NAMES[2]] and len(reasons) == 3
    (source / "ntu60.list").write_text(f"{NAMES[0]} 3\nS002C001P003R001A002 7\n")
    (source / "S002C001P003R001A002.skeleton").write_text("3\n")
    reasons = [reason for file, reason in list_sources(source).rejected if file.name.endswith("A002.skeleton")]
    assert reasons == ["a skeleton, and there is no depth of this video"]


def test_a_video_that_lies_there_twice(tmp_path):
    source = fill(tmp_path / "ntu", NAMES[:1])
    write_npz(source / "video", NAMES[0], depth_of())
    reasons = rejected(source, tmp_path / "store")
    assert "the same video is already taken from" in reasons[f"video/{NAMES[0]}.npz"]


def save(image: Image.Image):
    return lambda file: image.save(file, "PNG")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (save(Image.fromarray(depth_of(1)[0][:, :500])), "500 x 424 pixels, 16-bit grey, expected 512 x 424 pixels"),
        (save(Image.fromarray(depth_of(1)[0].T.copy())), "424 x 512 pixels, 16-bit grey, expected"),
        (save(Image.new("L", (WIDTH, HEIGHT), 9)), "512 x 424 pixels, 8-bit grey, expected 512 x 424 pixels, 16-bit"),
        (save(Image.new("RGB", (WIDTH, HEIGHT), "red")), "512 x 424 pixels, colour, expected"),
        (save(Image.fromarray(0 * depth_of(1)[0])), "all zero, expected a depth return in every frame"),
        (lambda file: file.write_bytes(b""), "not a whole PNG image"),
        (lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n"), "not a whole PNG image"),
        (lambda file: Image.new("L", (WIDTH, HEIGHT), 9).save(file, "JPEG"), "not a whole PNG image"),
    ],
)
def test_a_frame_that_is_refused(tmp_path, write, message):
    file = write_pngs(tmp_path, NAMES[0], depth_of()) / "MDepth-00000002.png"
    write(file)
    with pytest.raises(StoreError, match=f"MDepth-00000002.png: {message}") as caught:
        read_frames(file.parent)
    assert "\n" not in str(caught.value)


def test_a_frame_cut_anywhere(tmp_path):
    file = write_pngs(tmp_path, NAMES[0], depth_of()) / "MDepth-00000003.png"
    whole = file.read_bytes()
    for length in (1, 20, len(whole) // 2, len(whole) - 20):
        file.write_bytes(whole[:length])
        with pytest.raises(StoreError, match="MDepth-00000003.png: not a whole PNG image"):
            read_frames(file.parent)


def test_gaps_and_strangers_among_the_frames(tmp_path):
    place = write_pngs(tmp_path, NAMES[0], depth_of())
    (place / "MDepth-00000002.png").unlink()
    with pytest.raises(StoreError, match="A005: MDepth-00000002.png is missing"):
        read_frames(place)
    (place / "MDepth-00000002.png").symlink_to(place / "MDepth-00000001.png")
    assert len(read_frames(place)) == 3
    (place / "Thumbs.db").write_bytes(b"")
    with pytest.raises(StoreError, match="A005: Thumbs.db is no depth"):
        read_frames(place)
    (tmp_path / NAMES[1]).mkdir()
    with pytest.raises(StoreError, match="A011: holds no file"):
        read_frames(tmp_path / NAMES[1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.ones((2, 4, 3))}, "no array 'data', the file has points"),
        ({"data": np.ones((2, 4, 4))}, "frame 0 is float64 .4, 4., expected coordinates"),
        ({"data": np.ones((2, 4, 3), int)}, "frame 0 is int64"),
        ({"data": np.ones((0, 4, 3))}, "holds no frame"),
        ({"data": np.full((1, 4, 3), 0.04)}, "frame 0 has coordinates of no pixel of 512 x 424 16-bit depth"),
        ({"data": np.zeros((1, 4, 3))}, "coordinates of no pixel"),
        ({"data": np.full((1, 4, 3), np.nan)}, "coordinates of no pixel"),
    ],
)
def test_npz_files_that_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / f"{NAMES[0]}.npz", **arrays)
    with pytest.raises(StoreError, match=message) as caught:
        ntu60.read_clouds(tmp_path / f"{NAMES[0]}.npz")
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_link_back_is_followed_once(tmp_path):
    source = fill(tmp_path / "ntu", NAMES[:1])
    os.symlink(source, source / "again")
    assert len(list_sources(source).sources) == 1 and len(list_sources(source).rejected) == 1


def test_a_changed_folder_is_prepared_anew_and_an_unchanged_one_is_not(tmp_path, monkeypatch):
    source = fill(tmp_path / "ntu", NAMES[:1])
    first = run(source, tmp_path / "store")
    monkeypatch.setattr(ntu60, "read_frames", lambda place: pytest.fail("read again"))
    assert run(source, tmp_path / "store").fingerprint == first.fingerprint
    monkeypatch.undo()
    write_pngs(source / "nturgb+d_depth_masked", NAMES[0], depth_of(4))
    assert run(source, tmp_path / "store").frame_counts.tolist() == [4]
