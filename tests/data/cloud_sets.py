"""Sets of single clouds in their true formats, a few shapes each."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from pointvideo.data.shapenet_part import CATEGORIES, PARTS


def sphere(points: int, seed: int) -> np.ndarray:
    """Points on a ball, which are their own normals."""
    drawn = np.random.default_rng(seed).normal(size=(points, 3))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def clouds(count: int, points: int, seed: int = 0) -> np.ndarray:
    return np.stack([sphere(points, seed + number) for number in range(count)])


def write_arrays(file: Path, **arrays: np.ndarray) -> Path:
    """An h5 file, packed in blocks as the releases are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as opened:
        for name, values in arrays.items():
            blocks = (1, *values.shape[1:]) if values.ndim > 1 and len(values) else None
            opened.create_dataset(name, data=values, chunks=blocks, compression="gzip" if blocks else None)
    return file


def write_modelnet40(folder: Path, points: int = 2048) -> dict[str, np.ndarray]:
    """Two files that train and one that is tested; the arrays of the first."""
    first = {
        "data": clouds(3, points),
        "label": np.array([[8], [0], [39]], np.uint8),
        "normal": clouds(3, points),
    }
    home = folder / "modelnet40_ply_hdf5_2048"
    write_arrays(home / "ply_data_train0.h5", **first)
    write_arrays(home / "ply_data_train1.h5", data=clouds(1, points, 10), label=np.array([[5]], np.uint8))
    write_arrays(home / "ply_data_test0.h5", data=clouds(2, points, 20), label=np.array([[1], [2]], np.uint8))
    for split, count in (("train", 2), ("test", 1)):
        lines = [f"data/modelnet40_ply_hdf5_2048/ply_data_{split}{number}.h5" for number in range(count)]
        (home / f"{split}_files.txt").write_text("\n".join(lines) + "\n")
    return first


def write_modelnet40_normals(folder: Path, names: tuple[str, ...], points: int = 10_000) -> Path:
    """A file a class in ``airplane_0001`` …; of two classes the second shape is tested."""
    from pointvideo.data.modelnet40 import CLASSES

    (folder / "modelnet40_shape_names.txt").write_text("\n".join(CLASSES) + "\n")
    for number, name in enumerate(names):
        values = np.concatenate([sphere(points, number)] * 2, axis=1)
        file = folder / name.rpartition("_")[0] / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(file, values, fmt="%.6f", delimiter=",")
    (folder / "modelnet40_train.txt").write_text("\n".join(names[::2]) + "\n")
    (folder / "modelnet40_test.txt").write_text("\n".join(names[1::2]) + "\n")
    return folder


def write_scanobjectnn(folder: Path, points: int = 2048) -> dict[str, np.ndarray]:
    """Both variants of the main split, and another split beside it; the arrays of PB_T50_RS that train."""
    home = folder / "h5_files"
    mask = np.where(sphere(points, 5)[:, 1] < 0, -1, 4)
    first = {"data": clouds(2, points), "label": np.array([4, 14]), "mask": np.stack([mask, mask + 1])}
    for where in ("main_split", "split1"):
        for variant in ("objectdataset_augmentedrot_scale75", "objectdataset"):
            write_arrays(home / where / f"training_{variant}.h5", **first)
            write_arrays(home / where / f"test_{variant}.h5", **{name: each[:1] for name, each in first.items()})
    return first


def write_categories(file: Path) -> None:
    file.write_text("".join(f"{name}\t{synset}\n" for name, (synset, _) in CATEGORIES.items()))


SHAPES = {"train": ("Airplane", "Mug"), "val": ("Airplane",), "test": ("Mug", "Airplane")}


def parts_of_category(category: str) -> list[int]:
    return [number for number, name in enumerate(PARTS) if name.startswith(f"{category}: ")]


def write_shapenet_part(folder: Path, points: int = 40) -> Path:
    """Two categories, with normals, as text; a shape of every split, with all parts of its category."""
    write_categories(folder / "synsetoffset2category.txt")
    (folder / "train_test_split").mkdir()
    for number, (split, categories) in enumerate(SHAPES.items()):
        entries = []
        for place, category in enumerate(categories):
            synset, code = CATEGORIES[category][0], f"{split}{place}ab-7"
            place_on = sphere(points, 10 * number + place)
            part = np.resize(parts_of_category(category), points)[:, None]
            (folder / synset).mkdir(exist_ok=True)
            np.savetxt(folder / synset / f"{code}.txt", np.concatenate([place_on, place_on, part], 1), fmt="%.6f")
            entries.append(f"shape_data/{synset}/{code}")
        (folder / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(entries))
    return folder


def write_shapenet_part_h5(folder: Path, points: int = 2048) -> Path:
    """The same shapes as h5 files."""
    write_categories(folder / "all_object_categories.txt")
    for number, (split, categories) in enumerate(SHAPES.items()):
        label = np.array([[list(CATEGORIES).index(category)] for category in categories], np.uint8)
        pid = np.stack([np.resize(parts_of_category(category), points) for category in categories]).astype(np.uint8)
        data = clouds(len(categories), points, 10 * number)
        write_arrays(folder / f"ply_data_{split}0.h5", data=data, label=label, pid=pid)
        (folder / f"{split}_hdf5_file_list.txt").write_text(f"ply_data_{split}0.h5\n")
    return folder
