"""Frames of a video file whose pixels are depth in 8 bits, by PyAV, which is loaded where it is used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from .layout import StoreError, one_line
from .recorded import open_regular

INSTALL = 'pip install "pointvideo[video]"'


def check_library() -> None:
    """Refuse, in one line that says what to install, where there is nothing to decode videos with."""
    if find_spec("av") is None:
        raise StoreError(f"videos are decoded with PyAV, which is not installed; {INSTALL}")


def read_grey(
    file: Path, first: int, last: int, width: int, height: int
) -> UInt8[np.ndarray, "frames {height} {width}"]:
    """Frames ``first`` to ``last`` - 1 (counted from 0, in the order in which they are shown) as shades of grey.

    Raises:
        StoreError: one line: no PyAV, damaged or no video, frames of another size, a video that is shorter.
    """
    check_library()
    import av

    frames: list[np.ndarray] = []
    count = 0
    with open_regular(file) as stream:
        try:
            with av.open(stream) as container:
                if not container.streams.video:
                    raise ValueError("no picture in it")
                for frame in container.decode(video=0):
                    if (frame.width, frame.height) != (width, height):
                        found = f"frames of {frame.width} x {frame.height} pixels"
                        raise StoreError(f"{file}: {found}, expected {width} x {height}")
                    if first <= count < last:
                        frames.append(frame.to_ndarray(format="gray"))
                    if (count := count + 1) == last:
                        break
        except StoreError:
            raise
        except Exception as error:  # FFmpeg's errors are many kinds, its library's and Python's
            raise StoreError(f"{file}: not a whole video ({one_line(error)})") from error
    if count < last:
        raise StoreError(f"{file}: {count} frames can be read, expected {last}: frames {first} to {last - 1} are asked")
    return np.stack(frames)
