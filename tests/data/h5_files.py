"""HOI4D's h5 files in the true format: arrays of a few sequences, by the layout of the set."""

from functools import cache

import h5py
import numpy as np


@cache
def shared(frames: int, points: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(frames, points, 3)).astype(np.float32)


def make_arrays(layout, sequences: int = 1, seed: int = 0, dtype=np.float32) -> dict[str, np.ndarray]:
    """Arrays of one file: coordinates that differ between sequences, a centre in each frame, runs of labels."""
    generator = np.random.default_rng(seed)
    shift = generator.normal(size=(sequences, 1, 1, 3)).astype(np.float32)
    labels = generator.integers(0, len(layout.label_names), (sequences, *layout.shape(layout.label)))
    return {
        "pcd": (shared(layout.frames, layout.points) + shift).astype(dtype),
        "center": generator.normal(size=(sequences, layout.frames, 3)).astype(dtype),
        layout.label: np.sort(labels, axis=1),
    }


def write_h5(file, arrays: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as opened:
        for key, array in arrays.items():
            opened.create_dataset(key, data=array)
