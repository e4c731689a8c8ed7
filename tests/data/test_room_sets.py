"""S3DIS and ScanNet: files in the true formats, what is read, rejected and refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pointvideo.data import s3dis, scannet
from pointvideo.data.prepare import summary

from .room_sets import ALIGNED, rows_of_object, scan_arrays, write_mesh, write_s3dis, write_scan, write_scannet
from .test_cloud_sets import reasons, refused, run


@pytest.fixture
def files(tmp_path):
    (folder := tmp_path / "files").mkdir()
    return folder


def test_s3dis_rooms_by_area_with_boxes_for_furniture(files):
    store = run("s3dis", write_s3dis(files))
    assert " 3 sequences, 3 frames, " in summary(store) and store.unit == "metre" and store.camera is None
    assert [(s.name, s.split, s.subject) for s in store.sequences] == [
        ("Area_1_office_1", "train", 1), ("Area_5_hallway_2", "test", 5), ("Area_6_conferenceRoom_1", "train", 6),
    ]  # fmt: skip
    said = [entry["reason"] for entry in store.rejected]
    assert said == [f"Area_{area} has no room; it trains" for area in (2, 3, 4)]
    names = store.names("semantic")
    assert names == s3dis.CLASSES and len(names) == 13
    semantic, instance = store.field("semantic", 0, 0), store.field("instance", 0, 0)
    found = {names[label]: sorted(set(instance[semantic == label].tolist())) for label in np.unique(semantic)}
    assert found == {"floor": [0], "wall": [0], "chair": [1, 2], "table": [3], "clutter": [0]}
    second = store.field("semantic", 1, 0)
    assert (second == names.index("clutter")).sum() == 12  # the stairs
    rows = rows_of_object("chair_2")
    own = instance == 2
    np.testing.assert_allclose(store.points(0, 0)[own], rows[:, [0, 2, 1]] * (1, 1, -1), atol=1e-3)
    np.testing.assert_array_equal(store.field("rgb", 0, 0)[own], rows[:, 3:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty, expected a line a point with x, y, z, r, g, b"),
        ("1 2 3 4 5 6\n1 2 3 4 5\n", "line 2 of 2 has 5 numbers, expected 6: x, y, z, r, g, b"),
        ("1 2 3 185\x10187 182\n", "line 1 of 1 has 5 numbers"),
        ("1 2 3 4 5 x\n", "could not convert string 'x'"),
        ("1 2 nan 4 5 6\n", "x, y, z has 1 of 3 values that are NaN or infinite, first in line 0"),
        ("1 2 3 4 5 256\n", "colour 256.0 (1 of 3 wrong), expected whole numbers 0 to 255"),
        ("1 2 3 0.5 5 25\n", "colour 0.5 (1 of 3 wrong)"),
    ],
)
def test_a_damaged_object_rejects_its_room_in_a_line(files, content, message):
    home = write_s3dis(files) / "Stanford3dDataset_v1.2_Aligned_Version"
    file = home / "Area_5" / "hallway_2" / "Annotations" / "door_1.txt"
    file.write_text(content)
    store = run("s3dis", files)
    assert len(store.sequences) == 2
    said = [entry["reason"] for entry in store.rejected if "Area_5" in entry["file"]]
    assert len(said) == 1 and message in said[0] and "door_1.txt" in said[0] and "\n" not in said[0]


def test_rooms_without_objects_or_with_other_names(files):
    home = write_s3dis(files) / "Stanford3dDataset_v1.2_Aligned_Version"
    shutil.rmtree(home / "Area_6" / "conferenceRoom_1" / "Annotations")
    (home / "Area_5" / "hallway_2" / "Annotations" / "lamp_1.txt").write_text("1 2 3 4 5 6\n")
    store = run("s3dis", files)
    said = reasons(store)
    assert said["conferenceRoom_1"] == "no folder Annotations with objects"
    wrong = [each for each in said.values() if "lamp_1" in each]
    assert "named after no class, expected a class and a number, such as chair_1.txt" in wrong[0]
    assert [sequence.name for sequence in store.sequences] == ["Area_1_office_1"]
    shutil.rmtree(store.path)
    shutil.copytree(home / "Area_1", files / "copy" / "Area_1")
    refused("s3dis", files, "office_1: there is also", "expected one folder of that area and room")
    for area in files.rglob("Annotations"):
        shutil.rmtree(area)
    refused("s3dis", files, "no room with objects, expected files like Area_1/office_1/Annotations/chair_1.txt")


def test_scannet_scans_in_metres_along_the_axes(files):
    store = run("scannet", write_scannet(files))
    assert [(s.name, s.split, s.subject) for s in store.sequences] == [
        ("scene0000_00", "train", 0), ("scene0000_01", "train", 0), ("scene0042_00", "test", 42),
    ]  # fmt: skip
    assert reasons(store) == {"scene0707_00_vh_clean_2.ply": "not named by the lists"}
    assert store.names("semantic") == (*scannet.CLASSES, "unannotated") and len(scannet.CLASSES) == 20
    arrays = scan_arrays(1)
    aligned = arrays["xyz"] @ ALIGNED[:3, :3].T + ALIGNED[:3, 3]
    np.testing.assert_allclose(store.points(1, 0), aligned[:, [0, 2, 1]] * (1, 1, -1), atol=1e-6)
    np.testing.assert_array_equal(store.field("rgb", 1, 0), arrays["rgb"])
    names, semantic = store.names("semantic"), store.field("semantic", 1, 0)
    assert [names[label] for label in semantic] == ["chair"] * 20 + ["floor"] * 8 + ["unannotated"] * 2
    assert store.field("instance", 1, 0).tolist() == [1] * 20 + [0] * 10  # the floor is no thing


def rewritten(files, scan: str = "scene0042_00", **changes):
    """The set with one scan's arrays changed."""
    write_scannet(files)
    home = files / "scans" / scan
    arrays = scan_arrays(2)
    if "groups" in changes:
        write_scan(home, scan, arrays, changes["groups"])
    return home, arrays


def said_of(files, scan: str = "scene0042_00") -> str:
    """The one reason for which a scan is rejected, the others being prepared."""
    store = run("scannet", files)
    assert len(store.sequences) == 2
    (reason,) = [entry["reason"] for entry in store.rejected if scan in entry["file"]]
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize("label", [41, 65535])
def test_label_ids_outside_the_list(files, label):
    home, arrays = rewritten(files)
    arrays["label"][3] = label
    write_scan(home, "scene0042_00", arrays)
    assert f"label {label} (1 of 30 wrong), expected ids of NYU40, 0 to 40" in said_of(files)


def test_labels_of_another_number_of_vertices(files):
    home, arrays = rewritten(files)
    fewer = {name: values[:-1] for name, values in arrays.items()}
    place = dict(zip("xyz", fewer["xyz"].T, strict=True))
    write_mesh(home / "scene0042_00_vh_clean_2.labels.ply", **place, label=fewer["label"])
    assert "29 vertices, expected the 30 of the mesh" in said_of(files)


def test_meshes_with_other_fields_or_cut_short(files):
    home, arrays = rewritten(files)
    place = dict(zip("xyz", arrays["xyz"].T, strict=True))
    write_mesh(home / "scene0042_00_vh_clean_2.ply", **place)
    assert "no property 'red', vertices have x, y, z" in said_of(files)
    shutil.rmtree(files.parent / "store")
    write_scan(home, "scene0042_00", arrays)
    file = home / "scene0042_00_vh_clean_2.labels.ply"
    file.write_bytes(file.read_bytes()[:-60])
    assert "truncated, " in said_of(files)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (".aggregation.json", None, "scene0042_00.aggregation.json: not found, scene0042_00 is named by scannetv2_val"),
        (".aggregation.json", "[", "no JSON ("),
        (".aggregation.json", '{"segGroups": [{"segments": [5]}]}', "object 1 has segment 5, which "),
        (".aggregation.json", '{"objects": []}', "no list 'segGroups' of objects with 'segments'"),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": [7, 3]}', "2 vertices, expected the 30 of the mesh"),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": "many"}', "no list 'segIndices' of whole numbers"),
        (".txt", "sceneType = Office\n", "no line axisAlignment, expected it with 16 numbers"),
        (".txt", "axisAlignment = 1 0 0\n", "axisAlignment has 3 numbers, expected 16"),
        (".txt", "axisAlignment = 1 0 x\n", "could not convert string to float: 'x', expected 16 numbers"),
        (".txt", f"axisAlignment = {'2 ' * 16}\n", "axisAlignment is no turn and shift"),
    ],
)
def test_what_else_is_wrong_with_a_scan_is_said_in_a_line(files, name, content, message):
    home, _ = rewritten(files)
    file = home / f"scene0042_00{name}"
    file.unlink() if content is None else file.write_text(content)
    assert message in said_of(files)


def test_a_segment_of_two_objects_is_the_later_ones_and_most_vertices_decide(files):
    rewritten(files, groups=((7, 3), (3, 90)))
    store = run("scannet", files)
    # the second object has ten vertices of a chair, eight of a floor, two of nothing
    assert store.field("instance", 2, 0).tolist() == [1] * 10 + [2] * 20


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("scannetv2_train.txt", "scene0_00\n", "line 1 is 'scene0_00', expected a scan, scene0000_00"),
        ("scannetv2_val.txt", "scene0000_01\n", "line 1 names scene0000_01, which scannetv2_train.txt names already"),
        ("scannetv2_val.txt", "\n", "names no scan"),
        ("scannetv2_val.txt", None, "no file scannetv2_val.txt, expected it here or in a folder below"),
    ],
)
def test_lists_of_another_form_are_refused(files, name, lines, message):
    write_scannet(files)
    (files / name).unlink() if lines is None else (files / name).write_text(lines)
    refused("scannet", files, message)


def test_the_ids_of_the_benchmark():
    assert len(scannet.THINGS) == 18 and "wall" not in scannet.THINGS and "floor" not in scannet.THINGS
    label = np.array([0, 1, 13, 39, 40])
    assert scannet.classes_of("x", label).tolist() == [20, 0, 20, 19, 20]
    assert json.dumps(sorted(scannet.IDS.values())) == json.dumps(
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39]
    )
