"""One frame of a set of one's own: a cloud in a numpy or PLY file, or a depth image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .layout import DepthCamera, StoreError, one_line
from .ply import read_ply
from .recorded import finite_float32

FRAMES = (".npy", ".npz", ".ply", ".png")
BESIDE = {"rgb": ".rgb.png", "label": ".label.png"}
"""Endings of the images that stand beside a depth image."""


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        with open(file, "rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            return {"xyz": loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except Exception as error:  # numpy and zipfile raise many kinds on damaged files
        raise StoreError(f"{file}: not a whole numpy file ({one_line(error) or type(error).__name__})") from error


def read_frame(file: Path, lens: DepthCamera | None) -> dict[str, np.ndarray]:
    """One frame, checked: ``xyz`` or ``pixels``, and what else there is of rgb, normals, label."""
    if (file.suffix == ".png") != (lens is not None):
        kind = "a cloud" if file.suffix != ".png" else "a depth image"
        raise StoreError(f"{file}: {kind} in a set of {'clouds' if lens is None else 'depth images'}")
    if lens is not None:
        return _depth(file, lens)
    found = _from_ply(read_ply(file)) if file.suffix == ".ply" else read_arrays(file)
    if "xyz" not in found:
        raise StoreError(f"{file}: no xyz, found {', '.join(found) or 'nothing'}")
    if odd := sorted(set(found) - {"xyz", "rgb", "normals", "label"}):
        raise StoreError(f"{file}: {odd[0]} is no field of points, expected xyz, rgb, normals, label")
    count = len(found["xyz"])
    for key, rows in found.items():
        if rows.shape != ((count,) if key == "label" else (count, 3)) or rows.dtype.kind not in "iuf" or not count:
            wanted = "(points,)" if key == "label" else "(points, 3)"
            raise StoreError(f"{file}: {key} is {rows.dtype} {rows.shape}, expected numbers {wanted}")
    for key in {"xyz", "normals"} & set(found):
        found[key] = finite_float32(str(file), key, found[key])
    if "rgb" in found:
        found["rgb"] = _colours(file, found["rgb"])
    return found


def _from_ply(properties: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for key, columns in {"xyz": "x y z", "rgb": "red green blue", "normals": "nx ny nz"}.items():
        if all(column in properties for column in columns.split()):
            found[key] = np.stack([properties[column] for column in columns.split()], axis=1)
    return found | ({"label": properties["label"]} if "label" in properties else {})


def _colours(file: Path, rgb: np.ndarray) -> np.ndarray:
    """Colours as 0 to 255: whole numbers are that already, fractions are shares of 1."""
    top = 1.0 if rgb.dtype.kind == "f" else 255
    if not (rgb >= 0).all() or not (rgb <= top).all():
        raise StoreError(f"{file}: rgb from {rgb.min()} to {rgb.max()}, expected 0 to {top:g} in {rgb.dtype}")
    return np.round(rgb * 255).astype(np.uint8) if rgb.dtype.kind == "f" else rgb.astype(np.uint8)


def _depth(file: Path, lens: DepthCamera) -> dict[str, np.ndarray]:
    """The pixels with a return of a depth image, row by row, and their colours and labels."""
    depth = _image(file, lens, ("I;16", "I;16B", "I"))
    if depth.min() < 0 or depth.max() > np.iinfo(np.uint16).max or not depth.any():
        raise StoreError(f"{file}: depth from {depth.min()} to {depth.max()}, expected 1 to 65535 somewhere")
    v, u = np.nonzero(depth)
    found = {"pixels": np.stack([u, v, depth[v, u]], axis=1).astype(np.uint16)}
    for key, ending in BESIDE.items():
        beside = file.with_name(file.stem + ending)
        if beside.is_file():
            found[key] = _image(beside, lens, ("RGB",) if key == "rgb" else ("L", "I;16", "I"))[v, u]
    return found


def _image(file: Path, lens: DepthCamera, modes: tuple[str, ...]) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode in modes and image.size == (lens.width, lens.height):
                return np.asarray(image)
            found = f"{image.size[0]} x {image.size[1]} pixels of kind {image.mode}"
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise StoreError(f"{file}: not a whole PNG image ({one_line(error)})") from error
    raise StoreError(f"{file}: {found}, expected {lens.width} x {lens.height} of {' or '.join(modes)}")
