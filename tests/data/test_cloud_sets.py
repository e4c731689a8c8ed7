"""ModelNet40, ScanObjectNN, ShapeNetPart: files in the true formats, what is read, rejected and refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pointvideo.data import modelnet40_normals, scanobjectnn, shapenet_part
from pointvideo.data.h5_clouds import CloudLayout
from pointvideo.data.layout import StoreError
from pointvideo.data.modelnet40 import CLASSES
from pointvideo.data.prepare import prepare, summary
from pointvideo.data.shapenet_part import CATEGORIES, PARTS

from .cloud_sets import (
    clouds,
    parts_of_category,
    sphere,
    write_arrays,
    write_modelnet40,
    write_modelnet40_normals,
    write_scanobjectnn,
    write_shapenet_part,
    write_shapenet_part_h5,
)

LISTED = ("bed_0001", "bed_0002", "xbox_0100", "xbox_0099")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def short(monkeypatch):
    """The same text format with few lines a shape."""
    monkeypatch.setattr(modelnet40_normals, "POINTS", 30)
    return 30


def run(name: str, folder):
    return prepare(name, folder, path=folder.parent / "store", progress=False)


def reasons(store) -> dict[str, str]:
    return {entry["file"].rpartition("/")[2]: entry["reason"] for entry in store.rejected}


def refused(name: str, folder, *parts: str) -> None:
    with pytest.raises(StoreError) as caught:
        run(name, folder)
    assert "\n" not in str(caught.value) and not (folder.parent / "store").exists()
    for part in parts:
        assert part in str(caught.value)


def test_modelnet40_in_the_true_shape_becomes_a_store_of_single_frames(files):
    first = write_modelnet40(files)
    store = run("modelnet40", files)
    assert " 6 sequences, 6 frames, 0 rejected -> " in summary(store)
    assert store.classes == CLASSES and len(CLASSES) == 40 and list(CLASSES) == sorted(CLASSES)
    found = {sequence.name: (store.classes[sequence.label], sequence.split) for sequence in store.sequences}
    assert found["ply_data_train0_0000"] == ("chair", "train") and found["ply_data_test0_0001"] == ("bed", "test")
    assert found["ply_data_train0_0002"] == ("xbox", "train") and found["ply_data_train1_0000"] == ("bottle", "train")
    place = [sequence.name for sequence in store.sequences].index("ply_data_train0_0001")
    np.testing.assert_array_equal(store.points(place, 0), first["data"][1])
    assert list(store.fields) == ["xyz"] and store.unit == "metre" and store.camera is None
    again = run("modelnet40", files)
    assert again.fingerprint == store.fingerprint and len(again.description["inputs"]["files"]) == 5


def test_what_is_wrong_with_a_file_or_a_cloud_is_said_in_a_line_and_the_rest_is_prepared(files):
    first = write_modelnet40(files)
    home = files / "modelnet40_ply_hdf5_2048"
    bad = {**first, "data": first["data"].copy(), "label": np.array([[40], [0], [2]], np.uint8)}
    bad["data"][1, 7] = np.nan
    write_arrays(home / "ply_data_train0.h5", **bad)
    write_arrays(home / "ply_data_train1.h5", points=first["data"], label=first["label"])
    (home / "ply_data_test0.h5").unlink()
    write_arrays(home / "ply_data_train9.h5", **first)
    (home / "train_files.txt").write_text("ply_data_train0.h5\nply_data_train1.h5\nply_data_train7.h5\n")
    store = run("modelnet40", files)
    assert [sequence.name for sequence in store.sequences] == ["ply_data_train0_0002"]
    assert len(store.rejected) == 6 and " 1 sequences, 1 frames, 6 rejected" in summary(store)
    several = [entry["reason"] for entry in store.rejected if entry["file"].endswith("train0.h5")]
    assert several == [
        "cloud 0: label 40 (1 of 1 wrong), expected whole numbers 0 to 39",
        "cloud 1: data has 3 of 6144 values that are NaN or infinite, first in point 7, "
        "expected finite float32 numbers",
    ]
    said = reasons(store)
    assert said["ply_data_train1.h5"] == "no array 'data', the file has label, points; expected 'data', 'label'"
    assert (
        "named by train_files.txt, not found: its clouds are missing from split 'train'" in said["ply_data_train7.h5"]
    )
    assert "missing from split 'test'" in said["ply_data_test0.h5"]
    assert said["ply_data_train9.h5"] == "not named by the lists"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": clouds(2, 1024)}, "'data' has shape (2, 1024, 3), expected (clouds, 2048, 3)"),
        ({"label": np.zeros((2, 3))}, "'label' has shape (2, 3), expected (clouds,) or (clouds, 1)"),
        ({"label": np.zeros(3, np.uint8)}, "clouds are 2 in 'data', 3 in 'label'; expected as many in each"),
        ({"data": np.zeros((2, 2048, 3), np.int32)}, "'data' holds int32, expected numbers"),
        ({"data": np.zeros((0, 2048, 3), np.float32), "label": np.zeros(0)}, "clouds are 0 in 'data'"),
    ],
)
def test_other_arrays_refuse_the_file(files, arrays, message):
    write_modelnet40(files)
    home = files / "modelnet40_ply_hdf5_2048"
    for file in home.glob("*.h5"):
        write_arrays(file, **{"data": clouds(2, 2048), "label": np.zeros(2, np.uint8)} | arrays)
    refused("modelnet40", files, "no h5 file can be used, first ply_data_train0.h5: ", message)


def test_truncated_h5_files_and_lists_that_are_none(files):
    write_modelnet40(files)
    home = files / "modelnet40_ply_hdf5_2048"
    file = home / "ply_data_train0.h5"
    file.write_bytes(file.read_bytes()[:-200])
    store = run("modelnet40", files)
    assert len(store.sequences) == 3 and "bytes that are no whole h5 file" in reasons(store)["ply_data_train0.h5"]
    shutil.rmtree(store.path)
    (home / "shape_names.txt").write_text("airplane\nbath\n")
    refused("modelnet40", files, "shape_names.txt: name 2 is 'bath', expected 'bathtub' as in the release")
    (home / "shape_names.txt").write_text("\n".join(CLASSES[:39]))
    refused("modelnet40", files, "shape_names.txt: holds 39 names, expected the 40")
    (home / "shape_names.txt").write_text("\n".join(CLASSES))
    (home / "test_files.txt").write_text("ply_data_train0.h5")
    refused("modelnet40", files, "line 1 names ply_data_train0.h5, which train_files.txt has named already")
    (home / "test_files.txt").write_text("\n")
    refused("modelnet40", files, "test_files.txt: names no file, expected a line a file")
    (home / "test_files.txt").unlink()
    refused("modelnet40", files, "files: no file test_files.txt, expected it here or in a folder below")


def test_modelnet40_with_normals(files, short):
    write_modelnet40_normals(files, LISTED, short)
    store = run("modelnet40_normals", files)
    assert [(s.name, s.split, store.classes[s.label]) for s in store.sequences] == [
        ("bed_0001", "train", "bed"), ("bed_0002", "test", "bed"), ("xbox_0099", "test", "xbox"),
        ("xbox_0100", "train", "xbox"),
    ]  # fmt: skip
    np.testing.assert_allclose(store.field("normals", 0, 0), sphere(30, 0), atol=1e-6)
    centred = sphere(30, 0) - sphere(30, 0).mean(0)
    np.testing.assert_allclose(store.points(0, 0), centred / np.linalg.norm(centred, axis=1).max(), atol=1e-5)
    assert list(reasons(store).values()) == ["38 of 40 classes have no train video, first 1 (airplane); "
                                             "expected at least one of each"]  # fmt: skip


def test_a_true_file_of_ten_thousand_lines(files):
    write_modelnet40_normals(files, ("bed_0001", "bed_0002"))
    store = run("modelnet40_normals", files)
    assert len(store.points(1, 0)) == 10_000 and len(store.sequences) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty, expected a line a point with x, y, z, nx, ny, nz"),
        ("1,2,3\n" * 30, "line 1 of 30 has 3 numbers, expected 6: x, y, z, nx, ny, nz"),
        ("1,2,3,0,0,1\n" * 29, "truncated, 29 lines, expected 30"),
        ("1,2,3,0,0,1\n" * 29 + "1,2", "line 30 of 30 has 2 numbers, expected 6"),
        ("1,2,3,0,0,1\n" * 31, "too long, 31 lines, expected 30"),
        ("1,2,3,0,0,x\n" * 30, "could not convert string 'x'"),
        ("1,2,3,0,0,0\n" * 30, "its normals are all zero, expected those of a surface"),
        ("1,2,inf,0,0,1\n" * 30, "x, y, z has 30 of 90 values that are NaN or infinite, first in line 0"),
    ],
)
def test_a_damaged_text_file_is_rejected_in_a_line(files, short, content, message):
    write_modelnet40_normals(files, LISTED, short)
    (files / "bed" / "bed_0001.txt").write_text(content)
    (files / "xbox" / "xbox_0099.txt").unlink()
    (files / "bed" / "bed_0009.txt").write_text("1,2,3,0,0,1\n" * 30)
    said = reasons(run("modelnet40_normals", files))
    assert message in said["bed_0001.txt"] and "\n" not in said["bed_0001.txt"]
    assert said["xbox_0099.txt"] == "named by the list of split 'test', not found"
    assert said["bed_0009.txt"] == "not named by the lists" and len(said) == 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("bed_0001\nsofabed_0002\n", "line 2 is 'sofabed_0002', expected a class and a number, bed_0001"),
        ("bed_0001\nbed\n", "line 2 is 'bed'"),
        ("bed_0002\n", "line 1 names bed_0002, which split 'train' has already"),
        ("", "names no shape"),
    ],
)
def test_lists_of_another_form_are_refused(files, short, lines, message):
    write_modelnet40_normals(files, LISTED, short)
    (files / "modelnet40_train.txt").write_text("bed_0002\n")
    (files / "modelnet40_test.txt").write_text(lines)
    refused("modelnet40_normals", files, "modelnet40_test.txt: ", message)


def test_both_variants_of_scanobjectnn_come_from_the_main_split(files):
    first = write_scanobjectnn(files)
    store = run("scanobjectnn", files)
    assert [(s.name, s.split, store.classes[s.label]) for s in store.sequences] == [
        ("test_objectdataset_augmentedrot_scale75_0000", "test", "chair"),
        ("training_objectdataset_augmentedrot_scale75_0000", "train", "chair"),
        ("training_objectdataset_augmentedrot_scale75_0001", "train", "toilet"),
    ]
    np.testing.assert_array_equal(store.points(2, 0), first["data"][1])
    np.testing.assert_array_equal(store.field("foreground", 1, 0), first["mask"][0] != -1)
    assert 0 < store.field("foreground", 1, 0).mean() < 1 == store.field("foreground", 2, 0).mean()
    assert not store.rejected and len(store.classes) == 15
    plain = prepare("scanobjectnn_bg", files, path=files.parent / "plain", progress=False)
    assert [s.name for s in plain.sequences][1] == "training_objectdataset_0000" and len(plain.sequences) == 3


def test_what_scanobjectnn_lacks_is_said(files):
    first = write_scanobjectnn(files)
    home = files / "h5_files" / "main_split"
    (home / f"test_{scanobjectnn.HARDEST}").unlink()
    write_arrays(home / f"training_{scanobjectnn.HARDEST}", **{**first, "mask": first["mask"] - 2})
    refused("scanobjectnn", files, "none of the 2 clouds could be used, first h5_files/main_split/training_", "mask -3")
    write_arrays(home / f"training_{scanobjectnn.HARDEST}", **{**first, "label": np.array([15, 3])})
    store = run("scanobjectnn", files)
    assert len(store.sequences) == 1
    assert set(reasons(store).values()) == {
        "not found, expected it for split 'test'",
        "cloud 0: label 15 (1 of 1 wrong), expected whole numbers 0 to 14",
    }
    write_arrays(home / f"training_{scanobjectnn.HARDEST}", data=first["data"], label=first["label"])
    shutil.rmtree(store.path)
    refused("scanobjectnn", files, "no array 'mask', the file has data, label; expected 'data', 'label', 'mask'")


@pytest.mark.parametrize(
    ("name", "write"), [("shapenet_part", write_shapenet_part), ("shapenet_part_h5", write_shapenet_part_h5)]
)
def test_shapenet_part_in_both_forms(files, name, write):
    store = run(name, write(files))
    assert len(store.sequences) == 5 and store.classes == tuple(CATEGORIES) and len(PARTS) == 50
    assert store.names("part") == PARTS and PARTS[36:38] == ("Mug: 1", "Mug: 2")
    found = sorted((s.split, s.subject, store.classes[s.label]) for s in store.sequences)
    assert found == [
        ("test", 3, "Airplane"), ("test", 3, "Mug"), ("train", 1, "Airplane"), ("train", 2, "Airplane"),
        ("train", 2, "Mug"),
    ]  # fmt: skip
    for number, sequence in enumerate(store.sequences):
        category = store.classes[sequence.label]
        assert sorted(set(store.field("part", number, 0))) == parts_of_category(category)
        xyz = store.points(number, 0)
        assert np.linalg.norm(xyz, axis=1).max() == pytest.approx(1, abs=1e-5) and np.abs(xyz.mean(0)).max() < 1e-5
    assert ("normals" in store.fields) == (name == "shapenet_part")
    assert [reason[:9] for reason in reasons(store).values()] == (["14 of 16 "] if "normals" in store.fields else [])


def test_a_part_of_another_category_and_files_that_are_missing_are_rejected(files):
    write_shapenet_part(files)
    plane, mug = (files / CATEGORIES[name][0] for name in ("Airplane", "Mug"))
    rows = np.loadtxt(plane / "train0ab-7.txt")
    np.savetxt(plane / "train0ab-7.txt", np.where(np.arange(7) == 6, 4.0, rows))
    (mug / "train1ab-7.txt").unlink()
    np.savetxt(mug / "extra.txt", rows)
    np.savetxt(plane / "val0ab-7.txt", rows[:, :4])
    said = reasons(run("shapenet_part", files))
    assert said["train0ab-7.txt"] == ("part in a shape of Airplane 4.0 (40 of 40 wrong), expected whole numbers 0 to 3")
    assert said["train1ab-7.txt"] == "named by shuffled_train_file_list.json, not found"
    assert said["extra.txt"] == "not named by the lists"
    assert "line 1 of 40 has 4 numbers, expected 7: x, y, z, nx, ny, nz, part" in said["val0ab-7.txt"]


def test_a_pid_of_another_category_is_rejected(files):
    write_shapenet_part_h5(files)
    label = np.array([[0], [11]], np.uint8)
    pid = np.full((2, 2048), 36, np.uint8)
    write_arrays(files / "ply_data_train0.h5", data=clouds(2, 2048), label=label, pid=pid)
    store = run("shapenet_part_h5", files)
    assert reasons(store)["ply_data_train0.h5"] == (
        "cloud 0: pid: part in a shape of Airplane 36 (2048 of 2048 wrong), expected whole numbers 0 to 3"
    )
    assert len(store.sequences) == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("synsetoffset2category.txt", "Plane\t02691156\n", "line 1 is 'Plane\\t02691156', expected one of the 16"),
        ("synsetoffset2category.txt", "Airplane\t03797390\n", "line 1 is 'Airplane\\t03797390'"),
        ("train_test_split/shuffled_val_file_list.json", "[", "no JSON ("),
        ("train_test_split/shuffled_val_file_list.json", "{}", "holds no list of shapes"),
        ("train_test_split/shuffled_val_file_list.json", '["02691156/x"]', "entry '02691156/x', expected the form"),
        ("train_test_split/shuffled_val_file_list.json", '["shape_data/1/x"]', "shape_data/1/x is of no category"),
        (
            "train_test_split/shuffled_val_file_list.json", json.dumps(["shape_data/02691156/train0ab-7"]),
            "which shuffled_train_file_list.json names already",
        ),
    ],
)  # fmt: skip
def test_lists_of_shapenet_part_of_another_form_are_refused(files, name, content, message):
    write_shapenet_part(files)
    (files / name).write_text(content)
    refused("shapenet_part", files, name.rpartition("/")[2], message)


def test_the_official_numbers_of_parts():
    counts = [count for _, count in CATEGORIES.values()]
    assert (sum(counts), len(counts)) == (50, 16) and list(CATEGORIES) == sorted(CATEGORIES)
    assert shapenet_part.parts_of("", np.array([49.0]), 15).tolist() == [49]
    assert CloudLayout(4, ("a",), "pid").shapes() == {"data": ((4, 3),), "label": ((), (1,)), "pid": ((4,),)}
