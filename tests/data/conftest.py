"""Depth files in the true formats, small stores, the recorded set as a store."""

from pathlib import Path

import numpy as np
import pytest

from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

CAMERA = DepthCamera(width=320, height=240, focal=280.0, centre_u=160.0, centre_v=120.0)
PIXELS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u, v, depth count"}}


def make_depth(frames: int = 3, seed: int = 0, height: int = 240, width: int = 320) -> np.ndarray:
    """A blob of depth on an empty background, (frames, height, width) uint16."""
    generator = np.random.default_rng(seed)
    depth = np.zeros((frames, height, width), np.uint16)
    middle = (slice(None), slice(height // 3, height // 2), slice(width // 3, width // 2))
    depth[middle] = generator.integers(0, 600, depth[middle].shape)
    depth[:, height // 2, width // 2] = 500
    return depth


def bin_bytes(depth: np.ndarray, header: tuple[int, int, int] | None = None) -> bytes:
    """A depth video in the official layout; ``header`` (frames, width, height) replaces the true one."""
    frames, height, width = depth.shape
    return np.array(header or (frames, width, height), "<u4").tobytes() + depth.astype("<u4").tobytes()


def write_depth(folder: Path, name: str, depth: np.ndarray) -> Path:
    """A depth video as ``name``, which ends in .bin or .mat."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    if file.suffix == ".bin":
        file.write_bytes(bin_bytes(depth))
    else:
        from scipy.io import savemat

        savemat(file, {"depth": depth.transpose(1, 2, 0)}, do_compression=True)
    return file


def draw_frames(counts: list[int], seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Frames of random pixels with the given numbers of points."""
    generator = np.random.default_rng(seed)
    return [{"pixels": generator.integers(0, [320, 240, 600], (n, 3)).astype(np.uint16)} for n in counts]


def build_store(path: Path, videos: dict[str, list[int]], **changes) -> Store:
    """A store of random pixels: sequence name -> points in each frame; subjects and labels alternate."""
    options = {"name": "tiny", "source": "simulated", "unit": "count", "camera": CAMERA, "classes": ("wave", "bend")}
    with StoreWriter(path, **(options | {"fields": PIXELS} | changes)) as writer:
        for position, (name, counts) in enumerate(videos.items()):
            split = "train" if position % 2 == 0 else "test"
            sequence = Sequence(name, position % 2, position + 1, split, len(counts))
            writer.add(sequence, draw_frames(counts, position))
        return writer.finish()


@pytest.fixture
def tiny_store(tmp_path) -> Store:
    return build_store(tmp_path / "tiny", {"a": [40, 10, 25, 7], "b": [5, 60], "c": [30, 31, 32, 33, 34, 35]})


@pytest.fixture(scope="session")
def msr_store(recorded_data) -> Store:
    """MSR-Action3D as recorded; prepared into the project's cache on first use (about half a minute)."""
    from pointvideo.data.prepare import prepare

    return prepare("msr_action3d", recorded_data("msr_action3d"), progress=False)
