"""S3DIS and ScanNet in their true formats, a few boxes of points each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pointvideo.data.scannet import IDS

S3DIS_ROOMS = {
    ("Area_1", "office_1"): ("floor_1", "wall_1", "chair_1", "chair_2", "table_1", "clutter_1"),
    ("Area_5", "hallway_2"): ("ceiling_1", "stairs_1", "bookcase_1", "door_1"),
    ("Area_6", "conferenceRoom_1"): ("board_1", "beam_1"),
}
ALIGNED = np.array([[0.0, 1.0, 0.0, 0.5], [-1.0, 0.0, 0.0, -2.0], [0.0, 0.0, 1.0, 0.25], [0.0, 0.0, 0.0, 1.0]])


def rows_of_object(name: str, points: int = 12) -> np.ndarray:
    """x, y, z (up), r, g, b of an object that depends on its name alone."""
    random = np.random.default_rng(sum(map(ord, name)))
    return np.concatenate([random.uniform(0, 1, (points, 3)) + 5, random.integers(0, 256, (points, 3))], axis=1)


def write_s3dis(folder: Path) -> Path:
    """Three rooms in three areas."""
    for (area, room), objects in S3DIS_ROOMS.items():
        home = folder / "Stanford3dDataset_v1.2_Aligned_Version" / area / room
        (home / "Annotations").mkdir(parents=True)
        rows = {name: rows_of_object(name) for name in objects}
        for name, values in rows.items():
            np.savetxt(home / "Annotations" / f"{name}.txt", values, fmt="%.3f %.3f %.3f %d %d %d")
        np.savetxt(home / f"{room}.txt", np.concatenate(list(rows.values())), fmt="%.3f %.3f %.3f %d %d %d")
        (home / ".DS_Store").write_bytes(b"\0")
    return folder


def write_mesh(file: Path, **columns: np.ndarray) -> Path:
    """A binary PLY of vertices and one face, as ScanNet's are."""
    kinds = {"f4": "float", "u1": "uchar", "u2": "ushort", "i4": "int"}
    count = len(next(iter(columns.values())))
    row = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in columns.items()])
    rows = np.empty(count, row)
    for name, values in columns.items():
        rows[name] = values
    properties = "".join(f"property {kinds[values.dtype.str[1:]]} {name}\n" for name, values in columns.items())
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{properties}"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    face = b"\x03" + np.array([0, 1, 2], "<i4").tobytes()
    file.write_bytes(head.encode() + rows.tobytes() + face)
    return file


def scan_arrays(seed: int, points: int = 30) -> dict[str, np.ndarray]:
    """Vertices of three segments of ten: a chair in two of them, a floor; of the last, two have no label."""
    random = np.random.default_rng(seed)
    label = np.repeat([IDS["chair"], IDS["chair"], IDS["floor"]], points // 3)
    label[-2:] = 0, 40
    return {
        "xyz": random.uniform(-1, 1, (points, 3)).astype(np.float32),
        "rgb": random.integers(0, 256, (points, 3)).astype(np.uint8),
        "label": label.astype(np.uint16),
        "segment": np.repeat([7, 3, 90], points // 3),
    }


def write_scan(home: Path, scan: str, arrays: dict[str, np.ndarray], groups=((7, 3), (90,))) -> None:
    """The five files of a scan."""
    home.mkdir(parents=True, exist_ok=True)
    place = dict(zip("xyz", arrays["xyz"].T, strict=True))
    colour = dict(zip(("red", "green", "blue"), arrays["rgb"].T, strict=True))
    alpha = {"alpha": np.full(len(arrays["xyz"]), 255, np.uint8)}
    write_mesh(home / f"{scan}_vh_clean_2.ply", **place, **colour, **alpha)
    write_mesh(home / f"{scan}_vh_clean_2.labels.ply", **place, **colour, **alpha, label=arrays["label"])
    segments = {"params": {}, "sceneId": scan, "segIndices": arrays["segment"].tolist()}
    (home / f"{scan}_vh_clean_2.0.010000.segs.json").write_text(json.dumps(segments))
    objects = [
        {"id": number, "objectId": number, "segments": list(group), "label": "thing"}
        for number, group in enumerate(groups)
    ]
    (home / f"{scan}.aggregation.json").write_text(json.dumps({"sceneId": f"scannet.{scan}", "segGroups": objects}))
    numbers = " ".join(f"{value:.6f}" for value in ALIGNED.ravel())
    (home / f"{scan}.txt").write_text(f"appVersionId = 1\naxisAlignment = {numbers} \nsceneType = Office\n")


def write_scannet(folder: Path) -> Path:
    """Two scans of one scene that train and one that is tested, and one that no list names."""
    for number, scan in enumerate(("scene0000_00", "scene0000_01", "scene0042_00", "scene0707_00")):
        write_scan(folder / "scans" / scan, scan, scan_arrays(number))
    (folder / "scannetv2_train.txt").write_text("scene0000_00\nscene0000_01\n")
    (folder / "scannetv2_val.txt").write_text("scene0042_00\n")
    return folder
