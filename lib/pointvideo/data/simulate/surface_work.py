"""Work on a surface with a tool: a board on the table, tools that go over it, and what they leave behind.

Four actions share one motion, a tool in the hand that goes to and fro over the board. To ``rub`` leaves the board as
it is, to ``paint`` and to ``erase`` change its colour under the tool and nothing else: depth does not tell these three.
To ``hover`` is to rub some centimetres above the board: no colour tells these two.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from .interactions import Performance, ease
from .objects import LIFT, Grip, Thing
from .semantics import label_of
from .shapes import Shapes

SURFACE_ACTIONS = ("paint", "erase", "rub", "hover")
HALF, THICK = 0.15, 0.012  # metres: the board's half edge and its height
CELLS = 48  # of the record of paint, along each edge
_REACH = 0.12  # metres from the board's middle that a stroke goes
_SUBSTEPS = 8  # places between two frames at which a tool leaves its mark
_HOLD = {"fingers": (-0.55, -0.45, -0.70), "palm": (-0.45, -0.75, 0.5)}


def add_board(shapes: Shapes) -> None:
    """A board, lying on the table on the bone ``partner``; its upper side is what tools work on."""
    half = 0.5 * THICK
    shapes.box("partner", label_of("other furniture"), (0, half, 0), (HALF, half, HALF))


def brush(shapes: Shapes, rng: np.random.Generator) -> Thing:
    """A flat head under a slanting handle."""
    label, wide, long = label_of("other objects"), rng.uniform(0.018, 0.026), rng.uniform(0.10, 0.13)
    shapes.box("object", label, (0, 0.016, 0), (wide, 0.016, 0.6 * wide))
    shapes.capsule("object", label, (0, 0.03, 0), (0.4 * long, 0.6 * long, 0.75 * long), 0.008, 0.011)
    grip = Grip("object", (0.26 * long, 0.46 * long, 0.5 * long), **_HOLD, curl=0.8)
    return Thing(label, (*LIFT, "cut"), {"object": grip}, 0.032, 0.10, back=-0.28)


def sponge(shapes: Shapes, rng: np.random.Generator) -> Thing:
    """A soft block that the hand holds from above."""
    label = label_of("other objects")
    wide, tall, deep = rng.uniform(0.028, 0.038), rng.uniform(0.014, 0.02), rng.uniform(0.02, 0.028)
    shapes.box("object", label, (0, tall, 0), (wide, tall, deep))
    shapes.ellipsoid("object", label, (0, 2 * tall, 0), (0.9 * wide, 0.4 * tall, 0.9 * deep))
    grip = Grip("object", (0, 2.6 * tall, 0.01), (-0.3, -0.45, -0.84), (0.0, -0.88, 0.47), curl=0.55)
    return Thing(label, (*LIFT, "cut"), {"object": grip}, 2 * tall, 0.10, back=-0.28)


def roller(shapes: Shapes, rng: np.random.Generator) -> Thing:
    """A roll across, on an arm."""
    label, wide, radius = label_of("other objects"), rng.uniform(0.03, 0.04), rng.uniform(0.014, 0.018)
    shapes.capsule("object", label, (-wide, radius, 0), (wide, radius, 0), radius)
    shapes.capsule("object", label, (wide, radius, 0), (0.8 * wide, 3 * radius, 0.03), 0.005)
    shapes.capsule("object", label, (0.8 * wide, 3 * radius, 0.03), (0.03, 0.075, 0.11), 0.009, 0.012)
    grip = Grip("object", (0.035, 0.068, 0.085), **_HOLD, curl=0.8)
    return Thing(label, (*LIFT, "cut"), {"object": grip}, 2 * radius, 0.10, back=-0.28)


TOOLS = {"brush": brush, "sponge": sponge, "roller": roller}
_WIDTH = 0.03  # metres from the middle of a stroke that it changes


def first_cover(rng: np.random.Generator) -> UInt8[np.ndarray, "across along"]:
    """Blots of paint over about half of the board, so that no single frame says whether paint comes or goes."""
    waves = rng.normal(0, 1, (6, 2)) * rng.uniform(4, 9, (6, 1))
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, CELLS)] * 2, indexing="ij"), -1)
    height = np.sin(grid @ waves.T + rng.uniform(0, 2 * np.pi, 6)).sum(-1)
    return (height > np.quantile(height, rng.uniform(0.3, 0.7))).astype(np.uint8)


class SurfacePerformance(Performance):
    """A :class:`.Performance` that also works on the board, and keeps where its tool touched it to change it.

    ``marks`` holds (frame, 1 for paint or 0 for none, places (n, 2) x and z from the board's middle in metres).
    """

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.marks: list[tuple[int, int, np.ndarray]] = []

    def _paint(self, progress: np.ndarray) -> None:
        self._stroke(progress, leaves=1)

    def _erase(self, progress: np.ndarray) -> None:
        self._stroke(progress, leaves=0)

    def _rub(self, progress: np.ndarray) -> None:
        self._stroke(progress)

    def _hover(self, progress: np.ndarray) -> None:
        self._stroke(progress, touching=False)

    def _stroke(self, progress: np.ndarray, *, touching: bool = True, leaves: int | None = None) -> None:
        """To and fro over the board, or some centimetres above it; ``leaves`` is what is behind the tool: paint (1),
        none (0), or what was there."""
        begin, rng = self.scene, self.rng
        above = rng.uniform(0.045, 0.075) * (not touching)
        turns, phase, wide = rng.uniform(2.0, 4.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.0) * _REACH
        along = rng.permutation([-_REACH, _REACH]) * rng.uniform(0.6, 1.0, 2)
        lean = rng.uniform(0, np.pi)
        axes = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
        end = np.array([*rng.uniform(-0.03, 0.03, 1), rng.uniform(0.07, 0.1), 0.0]) + self.partner
        was = 0.0
        for t in progress:
            there, back = ease(t / 0.18), ease((t - 0.88) / 0.12)
            shares = np.clip((np.linspace(was, t, _SUBSTEPS + 1)[1:] - 0.18) / 0.7, 0, 1)
            places = np.stack(
                [wide * np.sin(2 * np.pi * turns * shares + phase), along[0] + (along[1] - along[0]) * shares], -1
            )
            places = np.clip(places @ axes, -_REACH, _REACH)
            spot = self.partner + [places[-1, 0], THICK + above, places[-1, 1]]
            place = (1 - there) * begin.place + there * spot + [0.0, 0.05 * np.sin(np.pi * there), 0.0]
            place = (1 - back) * place + back * end
            if leaves is not None and there == 1.0 and back == 0.0:
                self.marks.append((len(self.scenes), leaves, places))
            self._film(replace(begin, place=place), holding=True)
            was = t

    def cover(self, first: UInt8[np.ndarray, "across along"]) -> UInt8[np.ndarray, "frames across along"]:
        """Where there is paint in each frame, ``first`` before the first of them."""
        middles = (np.arange(CELLS) + 0.5) / CELLS * 2 * HALF - HALF
        cover = np.repeat(first[None], len(self.scenes), axis=0)
        for frame, leaves, places in self.marks:
            near = np.hypot(middles[None, :, None] - places[:, :1, None], middles[None, None] - places[:, 1:, None])
            cover[frame:, (near < _WIDTH).any(0)] = leaves
        return cover
