"""MSR-Action3D: the recorded depth of Li, Zhang, Liu, "Action recognition based on a bag of 3D points", 2010.

20 actions, 10 subjects, up to 3 repeats, 320 x 240 depth at 15 frames a second, the person already cut out.
Two layouts of the same depth are read: the official ``aAA_sSS_eEE_sdepth.bin`` and the MATLAB
``aAA_sSS_eEE_sdepth.mat`` with one key ``depth``. Depth is kept as stored ("counts", about 5.12 mm each).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from pointvideo.data.layout import DepthCamera, Sequence, StoreError, one_line
from pointvideo.data.recorded import Listing, Reading, Recording, Source, walk

NAME = "msr_action3d"
UNIT = "depth count (about 5.12 mm)"
FIELDS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u pixel, v pixel, depth count"}}
FRAME_FIELDS: dict[str, dict] = {}
WIDTH, HEIGHT, FOCAL = 320, 240, 280.0
TRAIN_SUBJECTS = range(1, 6)
CLASSES = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side-boxing", "bend", "forward kick", "side kick",
    "jogging", "tennis swing", "tennis serve", "golf swing", "pick up & throw",
)  # fmt: skip

_FILE_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_sdepth\.(bin|mat)")


def camera(width: int = WIDTH, height: int = HEIGHT) -> DepthCamera:
    """MeteorNet's camera: focal length 280 pixels, centre in the middle of the image."""
    return DepthCamera(width=width, height=height, focal=FOCAL, centre_u=width / 2, centre_v=height / 2)


def parse_name(file: Path) -> Sequence:
    """Label (action - 1), subject and split of a depth file, from its name; ``frames`` is 0 until it is read."""
    match = _FILE_NAME.fullmatch(file.name)
    if not match:
        raise StoreError(f"{file}: file name is not of the form aAA_sSS_eEE_sdepth.bin or .mat")
    action, subject, episode = (int(match.group(i)) for i in (1, 2, 3))
    if not 1 <= action <= len(CLASSES):
        raise StoreError(f"{file}: action {action} in the file name, expected 1 to {len(CLASSES)}")
    if not 1 <= subject <= 10:
        raise StoreError(f"{file}: subject {subject} in the file name, expected 1 to 10")
    if episode < 1:
        raise StoreError(f"{file}: episode {episode} in the file name, expected 1 or more")
    split = "train" if subject in TRAIN_SUBJECTS else "test"
    return Sequence(name=file.stem.removesuffix("_sdepth"), label=action - 1, subject=subject, split=split, frames=0)


def list_sources(folder: Path) -> Listing:
    """Every ``.bin`` and ``.mat`` file under ``folder`` and everything named ``*_sdepth*``, sorted by name."""
    files = [e for e in walk(folder, "the depth files") if e.suffix in (".bin", ".mat") or "_sdepth." in e.name]
    if not files:
        raise StoreError(f"{folder}: no depth files, expected aAA_sSS_eEE_sdepth.bin or .mat here or in a folder below")
    return Listing([_source(file) for file in files], files, CLASSES)


def _source(file: Path) -> Source:
    def read() -> Reading:
        return Reading([Recording(*read_sequence(file))])

    return Source((file,), lambda: parse_name(file).name, read)


def read_depth(file: Path) -> np.ndarray:
    """Depth (frames, height, width) uint16 of a ``.bin`` or ``.mat`` file; 0 means no return.

    Raises :class:`StoreError`, one line naming the file, for one that is damaged or holds something else.
    """
    try:
        return read_bin(file) if file.suffix == ".bin" else read_mat(file)
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror or one_line(error)})") from error


def read_bin(file: Path) -> np.ndarray:
    """Depth of the official layout: little-endian uint32 frames, width, height, then all depths, row-major."""
    data = Path(file).read_bytes()
    if len(data) < 12:
        raise StoreError(f"{file}: {len(data)} bytes, expected at least the 12 of the header (frames, width, height)")
    frames, width, height = (int(value) for value in np.frombuffer(data, dtype="<u4", count=3))
    expected = 12 + 4 * frames * width * height
    if not frames or not width or not height:
        raise StoreError(f"{file}: header says {frames} frames of {width} x {height} pixels, expected positive sizes")
    if len(data) != expected:
        what = "truncated" if len(data) < expected else "too long"
        raise StoreError(
            f"{file}: {what}, header says {frames} frames of {width} x {height} pixels = {expected} bytes, "
            f"the file has {len(data)}"
        )
    return _as_uint16(file, np.frombuffer(data, dtype="<u4", offset=12).reshape(frames, height, width))


def read_mat(file: Path) -> np.ndarray:
    """Depth of the MATLAB layout: key ``depth``, (height, width, frames), whole numbers of any MATLAB class."""
    from scipy.io import loadmat, whosmat

    try:
        keys = [entry[0] for entry in whosmat(str(file))]
        if "depth" not in keys:
            raise StoreError(f"{file}: no array 'depth', the file has {', '.join(keys) or 'none'}")
        depth = loadmat(str(file), variable_names=["depth"])["depth"]
    except (OSError, StoreError):
        raise
    except Exception as error:  # scipy raises many kinds on a damaged file, zlib's among them
        raise StoreError(f"{file}: not a whole MATLAB file ({one_line(error) or type(error).__name__})") from error
    if not isinstance(depth, np.ndarray) or depth.ndim not in (2, 3) or not depth.size or depth.dtype.kind not in "uif":
        found = f"{getattr(depth, 'dtype', type(depth).__name__)} {getattr(depth, 'shape', '')}"
        raise StoreError(f"{file}: 'depth' is {found}, expected whole numbers (height, width, frames)")
    depth = depth[:, :, None] if depth.ndim == 2 else depth  # MATLAB drops the axis of a single frame
    return _as_uint16(file, depth.transpose(2, 0, 1))


def _as_uint16(file: Path, depth: np.ndarray) -> np.ndarray:
    if depth.dtype.kind == "f" and not np.array_equal(depth, np.trunc(depth)):
        raise StoreError(f"{file}: depth holds fractions or non-numbers, expected whole numbers")
    low, high = depth.min(), depth.max()
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise StoreError(f"{file}: depth from {low} to {high}, expected 0 to 65535")
    return depth.astype(np.uint16)


def frames_of(file: Path, depth: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Pixels with a return, ``(n, 3) = (u, v, depth)`` uint16 in row-major order, frame by frame.

    A frame of zeros only is refused: the authors' preparation loses such a file without a word (its
    worker raises and the result is never written), and a frame without points cannot be sampled.
    """
    frames = []
    for position, image in enumerate(depth):
        v, u = np.nonzero(image)
        if not len(v):
            raise StoreError(
                f"{file}: frame {position} of {len(depth)} is all zero, expected a depth return in every frame"
            )
        frames.append({"pixels": np.stack([u, v, image[v, u]], axis=1).astype(np.uint16)})
    return frames


def read_sequence(file: Path) -> tuple[Sequence, list[dict[str, np.ndarray]]]:
    """One depth file as a sequence and its frames, ready for a store."""
    sequence = parse_name(file)
    depth = read_depth(file)
    if depth.shape[1:] != (HEIGHT, WIDTH):
        raise StoreError(f"{file}: frames of {depth.shape[2]} x {depth.shape[1]} pixels, expected {WIDTH} x {HEIGHT}")
    return replace(sequence, frames=len(depth)), frames_of(file, depth)
