"""DeformingThings4D (Li et al., ICCV 2021): the animals, meshes that move, as points on their surface.

    animals/<identity>_<action>/<identity>_<action>.anime     1772 animations, 88,137 frames; screenshots beside them
    humanoids/…                                               200 animations, passed over

A file holds little-endian int32 frames, vertices and triangles, float32 vertices of frame 0, int32 triangles, and
float32 offsets of the later frames from frame 0. An identity such as ``bear3EP`` is a kind of animal and a code; the
kinds of the 59 identities of the release are the 38 classes of Cross4D-JEPA.

Files hold no points: 4096 places are drawn on the surface of frame 0, once an animation, and followed, so that point n
is the same place in every frame. Coordinates are turned to the released renderer's camera (x right, y down, z ahead),
as the depth sets have them; their scale, called metres here, is that of the files.

Whole identities are held out: of the identities of a kind a third, those whose names have the smallest digests. 31 of
the 38 kinds have one identity, which trains, so the test split of the release has 7 kinds.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32

from .layout import Sequence, StoreError
from .recorded import Listing, Reading, Recording, Source, finite_float32, open_regular, walk
from .surface import draw_places, points_at

NAME = "deformingthings4d"
UNIT = "metre"
POINTS = 4096
FIELDS = {"xyz": {"dtype": "float32", "shape": [3], "unit": "metre, from the renderer's camera: x right, y down"}}
FRAME_FIELDS: dict[str, dict] = {}
LEFT_OUT = "humanoids"
HELD_OUT = 1 / 3  # of the identities of a kind

_NAME = re.compile(r"(([a-z]+)[0-9A-Z]*)_([^/\\]+)\.anime")
_AHEAD = np.array([-2.0, 2.0, -1.0]) / 3  # of the camera at (2, -2, 2), which looks at (0, 0, 1); z is up
_RIGHT = np.cross(_AHEAD, [0.0, 0.0, 1.0]) / np.linalg.norm(np.cross(_AHEAD, [0.0, 0.0, 1.0]))
VIEW = np.stack([_RIGHT, np.cross(_AHEAD, _RIGHT), _AHEAD])
"""Rows: what is right, down and ahead of the released renderer's camera."""


@dataclass(frozen=True)
class Anime:
    """An animation: vertices of every frame, and the triangles that all frames share."""

    vertices: Float[np.ndarray, "frames vertices 3"]
    triangles: Int32[np.ndarray, "triangles 3"]


def camera() -> None:
    """The store holds coordinates: it has no camera."""


def read_anime(file: Path) -> Anime:
    """An animation as the file has it; :class:`StoreError`, one line, for one that is damaged."""
    with open_regular(file) as stream:
        header, size = stream.read(12), stream.seek(0, 2)
        if len(header) < 12:
            raise StoreError(
                f"{file}: {size} bytes, expected at least the 12 of the header (frames, vertices, triangles)"
            )
        frames, vertices, triangles = (int(value) for value in np.frombuffer(header, "<i4"))
        claim = f"header says {frames} frames of {vertices} vertices and {triangles} triangles"
        if min(frames, vertices, triangles) < 1:
            raise StoreError(f"{file}: {claim}, expected positive numbers")
        expected = 12 + 12 * (frames * vertices + triangles)
        if size != expected:
            what = "truncated" if size < expected else "too long"
            raise StoreError(f"{file}: {what}, {claim} = {expected} bytes, the file has {size}")
        stream.seek(12)
        content = stream.read()
    corners = np.frombuffer(content, "<i4", 3 * triangles, 12 * vertices).reshape(triangles, 3)
    if corners.min() < 0 or corners.max() >= vertices:
        found = f"corners from {corners.min()} to {corners.max()}"
        raise StoreError(f"{file}: triangles have {found}, expected 0 to {vertices - 1}")
    first = np.frombuffer(content, "<f4", 3 * vertices).reshape(1, vertices, 3)
    offsets = np.frombuffer(content, "<f4", -1, 12 * (vertices + triangles)).reshape(frames - 1, vertices, 3)
    with np.errstate(all="ignore"):  # what is not finite is refused
        moved = first + offsets
    values = finite_float32(str(file), "its vertices", np.concatenate([first, moved]), "frame")
    return Anime(values, corners.astype(np.int32))


def list_sources(folder: Path) -> Listing:
    """Every ``.anime`` file under ``folder`` that is not among the humanoids, sorted by name."""
    files = [
        file
        for file in walk(folder, "the animations (animals/<identity>_<action>/<identity>_<action>.anime)")
        if file.suffix.lower() == ".anime" and LEFT_OUT not in file.relative_to(folder).parts
    ]
    if not files:
        raise StoreError(
            f"{folder}: no animations, expected files like animals/bear3EP_Agression/bear3EP_Agression.anime"
        )
    names = {file: match for file in files if (match := _NAME.fullmatch(file.name))}
    kinds: dict[str, set[str]] = {}
    for match in names.values():
        kinds.setdefault(match[2], set()).add(match[1])
    classes, tested = tuple(sorted(kinds)), held_out(kinds)
    subjects = {identity: number for number, identity in enumerate(sorted(set().union(*kinds.values())), start=1)}

    def entry(file: Path) -> Sequence:
        if (match := names.get(file)) is None:
            raise StoreError(
                f"{file}: file name is not of the form <identity>_<action>.anime, such as bear3EP_walk.anime"
            )
        split = "test" if match[1] in tested else "train"
        return Sequence(file.stem, classes.index(match[2]), subjects[match[1]], split, 0)

    return Listing([_source(file, entry) for file in files], files, classes)


def held_out(kinds: dict[str, set[str]]) -> set[str]:
    """The identities that are tested: of each kind with several, a third (at least one) by the digests of names."""
    tested = set()
    for identities in kinds.values():
        if len(identities) > 1:
            order = sorted(identities, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
            tested |= set(order[: max(1, round(len(order) * HELD_OUT))])
    return tested


def _source(file: Path, entry) -> Source:
    def read() -> Reading:
        sequence = entry(file)
        xyz = points_of(file, read_anime(file))
        whole = Sequence(sequence.name, sequence.label, sequence.subject, sequence.split, len(xyz))
        return Reading([Recording(whole, [{"xyz": frame} for frame in xyz])])

    return Source((file,), lambda: entry(file).name, read)


def points_of(file: Path, anime: Anime, points: int = POINTS) -> Float[np.ndarray, "frames points 3"]:
    """Places on the surface in every frame, as the renderer's camera has them; drawn by the file's name."""
    seed = int.from_bytes(hashlib.sha256(file.stem.encode()).digest()[:8], "big")
    try:
        places = draw_places(anime.vertices[0], anime.triangles, points, np.random.default_rng(seed))
    except ValueError as error:
        raise StoreError(f"{file}: {error}") from error
    return points_at(places, anime.vertices, anime.triangles) @ VIEW.T.astype(np.float32)
