"""Which frame of a clip a frame is taken for: the test that C2P's loss sets, as numbers and as matrices. matplotlib
loads only inside the function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int64

from .style import PAGE, SIMILARITY_MAP, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Features = Float[np.ndarray, "clips times width"]


def match_offsets(
    student: Features, teacher: Float[np.ndarray, "_clips _times _width"], *, other: int = 0
) -> Int64[np.ndarray, "clips times"]:
    """How many times the teacher's most similar frame (cosine) is off, for every frame of the student.

    other: 0 looks in the clip itself; else in the clip so many further on, round and round. A student that finds the
    "right" frame there, too, does not recognise the frame but only its place in the clip. ``ValueError`` for
    different shapes.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student, teacher: got shapes {student.shape} and {teacher.shape}, expected the same")
    best = similarity(student, np.roll(teacher, -other, axis=0)).argmax(axis=-1)
    return np.abs(best - np.arange(student.shape[1]))


def match_shares(
    student: Features, teacher: Features, *, other: int, reaches: Sequence[int] = (0, 1)
) -> dict[str, list[float]]:
    """Share of the frames whose match is at most so many times off: "own" in the clip itself, "another" in the clip
    ``other`` further on."""
    found = {"own": match_offsets(student, teacher), "another": match_offsets(student, teacher, other=other)}
    return {name: [float((off <= reach).mean()) for reach in reaches] for name, off in found.items()}


def chance_shares(times: int, reaches: Sequence[int] = (0, 1)) -> list[float]:
    """What guessing one of ``times`` frames would give."""
    i = np.arange(times)
    return [float((np.abs(i[:, None] - i) <= reach).mean()) for reach in reaches]


def similarity(student: Features, teacher: Features) -> Float[np.ndarray, "clips times times"]:
    """Cosines of every frame of the student with every frame of the teacher, clip by clip."""
    sides = [side / np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-12) for side in (student, teacher)]
    return sides[0] @ sides[1].swapaxes(1, 2)


def choices(cosines: Float[np.ndarray, "clips times times"], temperature: float) -> Float[np.ndarray, "times times"]:
    """Which frame the student chooses in its row, softmax of the cosines over the temperature, mean over clips."""
    logits = cosines / temperature
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).mean(axis=0)


def draw_matrices(
    rows: Mapping[str, Mapping[str, Float[np.ndarray, "_times _times"]]],
    *,
    cosines: bool = True,
    boundaries: Sequence[int] = (),
    across: str = "teacher's frame",
    down: str = "student's frame",
    centred: bool = False,
    most: float | int | None = None,
) -> Figure:
    """Matrices frame by frame, a row of panels an entry: its name, then title -> matrix.

    cosines: on the full scale of -1 to 1, white at 0; else shares from 0 up, one scale for all. centred: each row of a
    matrix less its mean, since the loss compares within a row only; the scale is then that of the largest value. most:
    the end of a scale that is not the full one of cosines, where a few large values would hide the rest.
    boundaries: frames at which something else begins (a new action): thin lines.
    """
    if not rows or not all(rows.values()):
        raise ValueError("matrices need at least one row with at least one panel, found none")
    shown = {name: {title: np.asarray(value, float) for title, value in row.items()} for name, row in rows.items()}
    if centred:
        shown = {
            name: {title: value - value.mean(axis=1, keepdims=True) for title, value in row.items()}
            for name, row in shown.items()
        }
    if most is None:
        most = max(float(np.abs(value).max()) for row in shown.values() for value in row.values())
    scale = {"cmap": SIMILARITY_MAP, "vmin": -1, "vmax": 1} if cosines else {"cmap": "magma", "vmin": 0, "vmax": most}
    if centred:
        scale = {"cmap": SIMILARITY_MAP, "vmin": -most, "vmax": most}
    columns = max(map(len, shown.values()))
    figure, axes = panels(columns, len(shown), width=min(PAGE, 2.9 * columns), ratio=0.88, squeeze=False)
    for line, (name, row) in enumerate(shown.items()):
        for axis in axes[line, len(row) :]:
            axis.set_axis_off()
        for axis, (title, matrix) in zip(axes[line], row.items(), strict=False):
            times = len(matrix)
            image = axis.imshow(matrix, extent=(0.5, times + 0.5, times + 0.5, 0.5), **scale)
            for boundary in boundaries:
                axis.axhline(boundary + 0.5, color="#555555", linewidth=0.4)
                axis.axvline(boundary + 0.5, color="#555555", linewidth=0.4)
            axis.set(title=title, xlabel=across if line == len(shown) - 1 else "")
        axes[line, 0].set_ylabel(f"{name}\n{down}")
    label = "cosine" if cosines else "share"
    figure.colorbar(image, ax=axes, shrink=0.6, label="cosine less its row's mean" if centred else label)
    return figure
