"""MSR-Action3D: the recorded depth of Li, Zhang, Liu, "Action recognition based on a bag of 3D points", 2010.

20 actions, 10 subjects, up to 3 repeats, 320 x 240 depth at 15 frames a second, the person already cut out.
Depth is kept as stored ("counts", about 5.12 mm each). Five layouts are read; letters in names may be upper-case:

    aAA_sSS_eEE_sdepth.bin        the official depth video
    aAA_sSS_eEE_sdepth.mat        the same as MATLAB's array ``depth``
    aAA_sSS_eEE_sdepth.npz        MeteorNet's ``point_clouds``: of each frame (points, 3) coordinates in depth counts,
                                  out of which the pixels are found again
    aAA_sSS_eEE_sdepth_pts.npy    PointLSTM's (frames, points, 4 or more): row, column, depth count, time; as a rule 32
                                  frames of 512 points drawn, so that a store of these is not one of the whole videos
    msr_action3d.npz              all depth videos in one file, see :mod:`pointvideo.data.msr_packed`

Of several files of one sequence the first in this order is taken.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .layout import DepthCamera, Sequence, StoreError
from .mat5 import read_numbers
from .msr_packed import FILE as PACKED
from .msr_packed import Packed, pack
from .npz import read_npy, read_npz
from .recorded import Listing, Reading, Recording, Source, open_regular, walk

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

_FILE_NAME = re.compile(r"(a([0-9]{2})_s([0-9]{2})_e([0-9]{2}))_sdepth(?:\.bin|\.mat|\.npz|(?:_pts)?\.npy)")
_TAKE = re.compile(r"(a[0-9]{2}_(s[0-9]{2}))_e[0-9]{2}")
_EXPECTED = "aAA_sSS_eEE_sdepth.bin, .mat, .npz or _pts.npy"
_MARK = "sdepth"
_NEAR = 0.01  # how far a coordinate may be from that of its pixel, in pixels and counts
_COUNTS = 256  # a video that stays below was cut to 8 bits: people stand at 300 counts and more


def camera(width: int = WIDTH, height: int = HEIGHT) -> DepthCamera:
    """MeteorNet's camera: focal length 280 pixels, centre in the middle of the image."""
    return DepthCamera(width=width, height=height, focal=FOCAL, centre_u=width / 2, centre_v=height / 2)


def take_of(video: str) -> str:
    """What a video is a take of: one action by one person, whose videos differ in the number at the end of the name;
    the name itself where it is none of this set's."""
    match = _TAKE.fullmatch(video)
    return match[1] if match else video


def person_of(video: str) -> str:
    """Who a video shows; the video's name itself where it is none of this set's."""
    match = _TAKE.fullmatch(video)
    return match[2] if match else video


def parse_name(file: Path) -> Sequence:
    """Label (action - 1), subject and split of a depth file, from its name; ``frames`` is 0 until it is read."""
    match = _FILE_NAME.fullmatch(file.name.lower())
    if not match:
        raise StoreError(f"{file}: file name is not of the form {_EXPECTED}")
    action, subject, episode = (int(match.group(i)) for i in (2, 3, 4))
    if not 1 <= action <= len(CLASSES):
        raise StoreError(f"{file}: action {action} in the file name, expected 1 to {len(CLASSES)}")
    if not 1 <= subject <= 10:
        raise StoreError(f"{file}: subject {subject} in the file name, expected 1 to 10")
    if episode < 1:
        raise StoreError(f"{file}: episode {episode} in the file name, expected 1 or more")
    split = "train" if subject in TRAIN_SUBJECTS else "test"
    return Sequence(name=match[1], label=action - 1, subject=subject, split=split, frames=0)


def list_sources(folder: Path) -> Listing:
    """Every ``.bin`` and ``.mat`` file under ``folder`` and all that is named like a depth file, sorted by name; then
    what packed files have beyond these."""
    entries = walk(folder, "the depth files")
    files = [entry for entry in entries if _is_depth(entry.name.lower())]
    packed = [entry for entry in entries if entry.name.lower() == PACKED]
    if not files and not packed:
        raise StoreError(f"{folder}: no depth files, expected {_EXPECTED} here or in a folder below, or {PACKED}")
    sources = [_source(file) for file in files]
    loose = {match[1] for file in files if (match := _FILE_NAME.fullmatch(file.name.lower()))}
    for file in packed:
        opened = Packed(file)
        places = [
            place for place, name in enumerate(opened.names) if name.lower().partition("_" + _MARK)[0] not in loose
        ]
        sources += [_packed_source(opened, place) for place in places]
    return Listing(sources, files + packed, CLASSES)


def _is_depth(name: str) -> bool:
    return name.endswith((".bin", ".mat")) or _MARK in name


def _source(file: Path) -> Source:
    def read() -> Reading:
        return Reading([Recording(*read_sequence(file))])

    return Source((file,), lambda: parse_name(file).name, read)


def _packed_source(opened: Packed, place: int) -> Source:
    def sequence() -> Sequence:
        try:
            return parse_name(Path(opened.names[place]))
        except StoreError as error:
            raise StoreError(f"{opened.file}: {error}") from error

    def read() -> Reading:
        box = opened.box(place)
        where = f"{opened.file}: {opened.names[place]}"
        _check_image(where, *box.image)
        frames = frames_of(where, box.depth)
        for frame in frames:
            frame["pixels"] += np.array([box.column, box.row, 0], np.uint16)
        return Reading([Recording(replace(sequence(), frames=len(frames)), frames)])

    return Source((opened.file,), lambda: sequence().name, read)


def pack_folder(folder: Path, target: Path, progress: bool = True) -> tuple[int, int]:
    """Pack the official depth videos under ``folder`` into the file ``target``: how many, and its bytes.

    Raises:
        StoreError: one line: no videos, one that is damaged, or of which there are two.
    """
    files = [entry for entry in walk(folder, "the depth videos") if entry.name.lower().endswith((".bin", ".mat"))]
    names = [parse_name(file).name for file in files]
    if not files or len(set(names)) < len(names):
        found = "no depth videos" if not files else f"{len(files)} files of {len(set(names))} depth videos"
        raise StoreError(f"{folder}: {found}, expected one aAA_sSS_eEE_sdepth.bin or .mat a sequence")
    shown = tqdm(sorted(files, key=lambda file: file.name), f"packing {NAME}", disable=not progress, unit="file")
    return len(files), pack(((file.name, _whole_depth(file)) for file in shown), target)


def read_depth(file: Path) -> np.ndarray:
    """Depth (frames, height, width) uint16 of a ``.bin`` or ``.mat`` file; 0 means no return.

    Raises :class:`StoreError`, one line naming the file, for one that is damaged or holds something else.
    """
    return read_bin(file) if file.suffix.lower() == ".bin" else read_mat(file)


def read_bin(file: Path) -> np.ndarray:
    """Depth of the official layout: little-endian uint32 frames, width, height, then all depths, row-major."""
    with open_regular(file) as stream:
        header, size = stream.read(12), stream.seek(0, 2)
        if len(header) < 12:
            raise StoreError(f"{file}: {size} bytes, expected at least the 12 of the header (frames, width, height)")
        frames, width, height = (int(value) for value in np.frombuffer(header, dtype="<u4"))
        expected = 12 + 4 * frames * width * height
        claim = f"header says {frames} frames of {width} x {height} pixels"
        if not frames or not width or not height:
            raise StoreError(f"{file}: {claim}, expected positive sizes")
        if size != expected:
            what = "truncated" if size < expected else "too long"
            raise StoreError(f"{file}: {what}, {claim} = {expected} bytes, the file has {size}")
        stream.seek(12)
        return _as_uint16(file, np.frombuffer(stream.read(), dtype="<u4").reshape(frames, height, width))


def read_mat(file: Path) -> np.ndarray:
    """Depth of the MATLAB layout: key ``depth``, (height, width, frames), whole numbers of any MATLAB class."""
    with open_regular(file) as stream:
        content = stream.read()
    try:
        depth = read_numbers(content, "depth")
    except ValueError as error:
        raise StoreError(f"{file}: {error}") from error
    if depth.ndim not in (2, 3) or not depth.size:
        raise StoreError(f"{file}: 'depth' is {depth.dtype} {depth.shape}, expected (height, width, frames)")
    depth = depth[:, :, None] if depth.ndim == 2 else depth  # MATLAB drops the axis of a single frame
    return _as_uint16(file, depth.transpose(2, 0, 1))


def _as_uint16(file: Path, depth: np.ndarray) -> np.ndarray:
    if depth.dtype.kind == "f" and not np.array_equal(depth, np.trunc(depth)):
        raise StoreError(f"{file}: depth holds fractions or non-numbers, expected whole numbers")
    low, high = depth.min(), depth.max()
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise StoreError(f"{file}: depth from {low} to {high}, expected 0 to 65535")
    return depth.astype(np.uint16)


def frames_of(file: Path | str, depth: np.ndarray) -> list[dict[str, np.ndarray]]:
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


def read_clouds(file: Path) -> list[dict[str, np.ndarray]]:
    """Pixels frame by frame, as :func:`frames_of`, of MeteorNet's ``.npz`` or PointLSTM's ``.npy``, points in order.

    Raises :class:`StoreError`, one line: damaged, other arrays, coordinates that are of no pixel, depth cut to 8 bits.
    """
    plain = file.suffix.lower() == ".npy"
    value = read_npy(file) if plain else read_npz(file, ["point_clouds"])["point_clouds"]
    value = np.atleast_1d(value) if isinstance(value, np.ndarray) else value
    frames = [_pixels(f"{file}: frame {position}", np.asarray(each), plain) for position, each in enumerate(value)]
    if not frames:
        raise StoreError(f"{file}: holds no frame, expected (frames, points, coordinates)")
    if (highest := max(int(pixels[:, 2].max()) for pixels in frames)) < _COUNTS:
        raise StoreError(f"{file}: depth up to {highest}, cut to 8 bits; expected depth counts")
    return [{"pixels": pixels} for pixels in frames]


def _pixels(where: str, cloud: np.ndarray, rows: bool) -> np.ndarray:
    """(points, 3) u, v, depth count uint16 out of rows, columns and depth, or out of coordinates."""
    columns = "4 or more numbers" if rows else "3 numbers"
    if cloud.ndim != 2 or cloud.dtype.kind not in "iuf" or not (cloud.shape[1] >= 4 if rows else cloud.shape[1] == 3):
        raise StoreError(f"{where} is {cloud.dtype} {cloud.shape}, expected (points, {columns})")
    if not cloud.any():
        raise StoreError(f"{where} is empty or all zero, expected a depth return in every frame")
    points = cloud[:, :3].astype(np.float64)
    if rows:
        points = points[:, [1, 0, 2]]
    else:
        with np.errstate(all="ignore"):
            points[:, :2] = points[:, :2] / points[:, 2:] * FOCAL + (WIDTH / 2, HEIGHT / 2)
    pixels = np.rint(points)
    bounds = (WIDTH, HEIGHT, np.iinfo(np.uint16).max + 1)
    wrong = ~((np.abs(points - pixels) <= _NEAR) & (pixels >= (0, 0, 1)) & (pixels < bounds)).all(axis=1)
    if wrong.any():
        first = ", ".join(f"{value:g}" for value in cloud[wrong][0, :3])
        found = f"{first} ({np.count_nonzero(wrong)} of {len(cloud)} points wrong)"
        raise StoreError(f"{where} has {found}, expected pixels of {WIDTH} x {HEIGHT} and their depth counts")
    return pixels.astype(np.uint16)


def read_sequence(file: Path) -> tuple[Sequence, list[dict[str, np.ndarray]]]:
    """One file as a sequence and its frames, ready for a store."""
    sequence = parse_name(file)
    if file.suffix.lower() in (".npz", ".npy"):
        frames = read_clouds(file)
        return replace(sequence, frames=len(frames)), frames
    depth = _whole_depth(file)
    return replace(sequence, frames=len(depth)), frames_of(file, depth)


def _whole_depth(file: Path) -> np.ndarray:
    depth = read_depth(file)
    _check_image(str(file), *depth.shape[1:])
    return depth


def _check_image(where: str, height: int, width: int) -> None:
    if (height, width) != (HEIGHT, WIDTH):
        raise StoreError(f"{where}: frames of {width} x {height} pixels, expected {WIDTH} x {HEIGHT}")
