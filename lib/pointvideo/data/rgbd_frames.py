"""Frames of colour and of 16-bit depth, out of a video file or of numbered image files, and when each was taken.

Videos are decoded with PyAV, image files with Pillow; both are loaded where they are used.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from .depth_video import check_library
from .layout import StoreError, one_line
from .recorded import open_regular

VIDEOS = (".mp4", ".avi")
_NUMBERED = re.compile(r"([0-9]+)\.(jpg|png)")
_KINDS = {"L": "8-bit grey", "RGBA": "colour with an alpha channel", "I;16": "16-bit grey", "P": "a palette"}


def read_colour(
    files: list[Path], width: int, height: int, rate: float, small: tuple[int, int]
) -> tuple[list[UInt8[np.ndarray, "rows columns 3"]], np.ndarray]:
    """All colour frames, each resized to ``small`` (rows, columns), and their times in seconds.

    Args:
        files: one video, or numbered .jpg files.
        width, height: that every frame must have before it is resized.
        rate: frames a second of numbered files; a video says itself when its frames are shown.
        small: rows and columns of what is returned.

    Raises:
        StoreError: one line: no PyAV, a damaged or truncated file, one of another size or kind of pixels, a gap in the
            numbers.
    """
    rows, columns = small

    def shrink(image: Any) -> np.ndarray:
        from PIL.Image import Resampling

        return np.asarray(image.resize((columns, rows), Resampling.BILINEAR, reducing_gap=3.0))

    if files[0].suffix in VIDEOS:
        return _from_video(
            files, width, height, lambda frame, _: frame.reformat(columns, rows, "rgb24").to_ndarray(), ("yuv", "rgb")
        )
    found = [shrink(image) for image in _images(files, ".jpg", width, height, "RGB")]
    return found, np.arange(len(found)) / rate


def read_depth(
    files: list[Path], width: int, height: int, rate: float, take: Callable[[int, np.ndarray], Any]
) -> tuple[list[Any], np.ndarray]:
    """What ``take(number, depth)`` makes of every depth frame, (height, width) uint16, and their times in seconds.

    Arguments and errors as for :func:`read_colour`; image files are 16-bit .png files.
    """
    if files[0].suffix in VIDEOS:
        return _from_video(
            files, width, height, lambda frame, number: take(number, frame.to_ndarray(format="gray16le")), ("gray1",)
        )
    made = [
        take(number, np.asarray(image).astype(np.uint16))
        for number, image in enumerate(_images(files, ".png", width, height, "I;16"))
    ]
    return made, np.arange(len(made)) / rate


def _from_video(
    files: list[Path], width: int, height: int, make: Callable[[Any, int], Any], kinds: tuple[str, ...]
) -> tuple[list[Any], np.ndarray]:
    check_library()
    file, expected = files[0], f"{width} x {height} of kind {' or '.join(f'{kind}…' for kind in kinds)}"
    made, times = [], []
    try:
        for frame in _decoded(file):
            kind = frame.format.name
            if (frame.width, frame.height) != (width, height) or not kind.startswith(kinds):
                size = f"{frame.width} x {frame.height}"
                raise StoreError(f"{file}: frames of {size} pixels of kind {kind}, expected {expected}")
            made.append(make(frame, len(made)))
            times.append(frame.time)
    except StoreError:
        raise
    except Exception as error:  # FFmpeg's errors are many kinds, its library's and Python's
        raise StoreError(f"{file}: not a whole video ({one_line(error)})") from error
    if not made or None in times:
        raise StoreError(f"{file}: {'no frame' if not made else 'a frame without a time'}, expected a video of frames")
    return made, np.array(times, float)


def _decoded(file: Path) -> Iterator[Any]:
    import av

    with open_regular(file) as stream, av.open(stream) as container:
        if not container.streams.video:
            raise ValueError("no picture in it")
        yield from container.decode(video=0)


def _images(files: list[Path], ending: str, width: int, height: int, mode: str) -> Iterator[Any]:
    from PIL import Image

    numbers = [int(match[1]) if (match := _NUMBERED.fullmatch(file.name)) else -1 for file in files]
    gap = next((place for place, number in enumerate(numbers) if number != place), None)
    if gap is not None:
        raise StoreError(f"{files[gap]}: {gap:05d}{ending} is missing before it, expected numbers without a gap")
    for file in files:
        with open_regular(file) as stream:
            content = stream.read()
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()  # a truncated file is found here
        except Exception as error:  # Pillow raises many kinds on damaged files
            raise StoreError(f"{file}: not a whole image ({one_line(error)})") from error
        if image.mode != mode or image.size != (width, height):
            found = f"{image.size[0]} x {image.size[1]} pixels, {_KINDS.get(image.mode, image.mode)}"
            raise StoreError(f"{file}: {found}, expected {width} x {height}, {_KINDS.get(mode, mode)}")
        yield image
