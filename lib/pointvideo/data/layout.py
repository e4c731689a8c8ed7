"""What a store is made of: its camera, its sequences, its version, and where stores and data lie."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

VERSION = 1
UNITS = {"metre": 1, "centimetre": 100, "millimetre": 1000, "depth count": 300}
"""Units of a store, and by how much networks want coordinates divided: to metres; 300 is MSR-Action3D's custom."""
SMALL = "-small"  # behind a set's name: where a world stands in, a small one
PRIMITIVES = "+primitives-"  # and a number: planes fitted to every frame


class StoreError(ValueError):
    """A store that cannot be read or written; the message is one line that names the file."""


@dataclass(frozen=True)
class DepthCamera:
    """A pinhole camera: image size and focal length in pixels, optical centre ``(centre_u, centre_v)``, and what one
    count of depth is in the store's unit (``scale``)."""

    width: int
    height: int
    focal: float
    centre_u: float
    centre_v: float
    scale: float = 1.0

    def back_project(self, pixels: np.ndarray) -> np.ndarray:
        """Coordinates of pixels ``(n, 3) = (u, v, depth count)`` in float64, in the store's unit.

        x = (u - centre_u) / focal * z, y = (v - centre_v) / focal * z, z = scale * depth count; u to the right,
        v downwards, no half-pixel shift (MeteorNet's preparation of MSR-Action3D).
        """
        pixels = np.asarray(pixels, dtype=np.float64)
        depth = pixels[:, 2] * self.scale
        x = (pixels[:, 0] - self.centre_u) / self.focal * depth
        y = (pixels[:, 1] - self.centre_v) / self.focal * depth
        return np.stack([x, y, depth], axis=1)


@dataclass(frozen=True)
class Sequence:
    """One recorded or simulated video: ``label`` and ``subject`` as numbers, ``split`` "train" or "test"."""

    name: str
    label: int
    subject: int
    split: str
    frames: int
    camera: int = 0


def describe(**entries) -> dict:
    """The content of store.json as a dict; dataclasses become dicts.

    What a plain depth store does not have (a depth scale, fields of frames) is left out, so that its description and
    fingerprint do not depend on it.
    """
    entries["camera"] = describe_camera(entries["camera"])
    entries["sequences"] = [asdict(sequence) for sequence in entries["sequences"]]
    if not entries.get("frame_fields"):
        entries.pop("frame_fields", None)
    return {"version": VERSION, **entries}


def describe_camera(camera: DepthCamera | None) -> dict | None:
    """A camera as store.json has it; None for a store of coordinates."""
    if camera is None:
        return None
    entries = asdict(camera)
    if camera.scale == 1.0:
        del entries["scale"]
    return entries


def digest_of_json(value: object) -> str:
    """SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def set_of(name: str) -> str:
    """The set that a data set's name means, without size and primitives; see :func:`pointvideo.data.resolve`."""
    return name.partition(PRIMITIVES)[0].removesuffix(SMALL)


def divisor_of(unit: str) -> int:
    """By how much coordinates in a store's unit are divided unless a recipe says otherwise; see :data:`UNITS`."""
    return next((divisor for name, divisor in UNITS.items() if unit.startswith(name)), 1)


def one_line(error: BaseException) -> str:
    """The message of an error on one line."""
    return " ".join(str(error).split())


def cache_dir() -> Path:
    """Folder for what the project makes itself: ``POINTVIDEO_CACHE``, else ``build`` in the repository or here."""
    named = os.environ.get("POINTVIDEO_CACHE")
    if named:
        return Path(named).expanduser()
    root = Path(__file__).resolve().parents[3]
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / "build"


def data_dir() -> Path | None:
    """Folder with the recorded sets, one folder a set: ``POINTVIDEO_DATA``; None when it is unset or empty."""
    named = os.environ.get("POINTVIDEO_DATA")
    return Path(named).expanduser() if named else None
