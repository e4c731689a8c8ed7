"""What moves in the ``street`` world: the car with the cameras, other cars, cyclists, people on foot.

Every actor is one or more rigid pieces, sampled once; for every frame it has a place, a heading and, if it walks, the
phase of its step. Frames are 0.2 s apart, as in Synthia.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .street_furniture import bicycle, car
from .street_layout import BLOCK, REACH, Course, Town, is_crossing
from .street_shapes import PEDESTRIAN, Cloud, Sculptor, heading_rotation, join

SECONDS = 0.2  # between frames
_FINE = 0.05  # step of the driver's simulation
_TAIL = 30.0  # seconds of traffic before and after the drive
_CLOTH = ((40, 44, 60), (120, 40, 44), (170, 166, 158), (70, 84, 64), (96, 92, 90), (160, 130, 90), (30, 30, 32))
_SKIN = ((238, 204, 178), (196, 144, 106), (150, 102, 72), (104, 70, 50))


@dataclass(frozen=True)
class Piece:
    """A rigid part of an actor: it swings about the x axis of its ``joint`` by ``swing`` radians of the step's sine."""

    cloud: Cloud
    joint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    swing: float = 0.0


@dataclass(frozen=True)
class Actor:
    """One mover: its pieces, and where it is (metres) and heads (radians) in every frame; ``phase`` of its step."""

    kind: str  # "car", "walker" or "cyclist"
    pieces: tuple[Piece, ...]
    position: Float[np.ndarray, "frames 3"]
    heading: Float[np.ndarray, " frames"]
    phase: Float[np.ndarray, " frames"]

    def cloud(self, frame: int) -> Cloud:
        """Its points in one frame, in world coordinates."""
        turn = heading_rotation(float(self.heading[frame]))
        placed = []
        for piece in self.pieces:
            angle, joint = piece.swing * np.sin(self.phase[frame]), np.asarray(piece.joint)
            tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
            placed.append(piece.cloud.placed(turn @ tilt, turn @ (joint - tilt @ joint) + self.position[frame]))
        return join(placed)


def drive(rng: np.random.Generator, town: Town, start: float, seconds: float, red: float) -> np.ndarray:
    """Metres along the road of a car that sets out at ``start``, every 0.05 s of ``seconds``; each traffic light is red
    with probability ``red`` and then holds it for a while.
    """
    cruise, waited, released = rng.uniform(6.5, 9.0), 0.0, set()
    stops = {block for block in range(int(start // BLOCK), int(start // BLOCK) + 60) if is_crossing(town, block)}
    stops = {block for block in sorted(stops) if rng.random() < red}
    hold, beat = rng.uniform(1.5, 3.0), rng.uniform(0, 2 * np.pi)
    along, speed, track = start, cruise, []
    for step in range(int(round(seconds / _FINE))):
        track.append(along)
        wanted = cruise * (1 + 0.15 * np.sin(0.5 * step * _FINE + beat))
        ahead = [b for b in sorted(stops - released) if b * BLOCK - 1.5 > along - 0.5]
        gap = ahead[0] * BLOCK - 1.5 - along if ahead else np.inf
        if gap < 25:
            wanted = min(wanted, np.sqrt(max(2 * 2.2 * (gap - 0.3), 0.0)))
            waited = waited + _FINE if speed < 0.3 else 0.0
            if waited > hold:
                released.add(ahead[0])
                waited = 0.0
        speed = max(0.0, speed + np.clip(wanted - speed, -4.0 * _FINE, 1.8 * _FINE))
        along += speed * _FINE
    return np.array(track)


@dataclass(frozen=True)
class Traffic:
    """The camera's way and everybody else's, frame by frame."""

    centre: Float[np.ndarray, "frames 3"]
    heading: Float[np.ndarray, " frames"]
    actors: tuple[Actor, ...]


def set_out(rng: np.random.Generator, course: Course, town: Town, start: float, frames: int, density: float) -> Traffic:
    """Draw the traffic of one drive that starts ``start`` metres along the road."""
    lane = -town.lane / 2  # on the right
    time = SECONDS * np.arange(frames)
    seconds = frames * SECONDS + 2 * _TAIL
    clock = np.arange(int(round(seconds / _FINE))) * _FINE
    own = drive(rng, town, start, seconds, red=0.6)
    along = np.interp(time, clock, own)
    centre = course.place(along, lane, 0.0)
    heading = course.heading(along)
    actors: list[Actor] = []

    def add(kind, build, along, side, backwards=False, phase=None):
        own_rng = np.random.default_rng(rng.integers(2**62))  # the rest does not depend on who is near enough
        turned = course.heading(along) + (np.pi if backwards else 0.0)
        phase = np.zeros(frames) if phase is None else phase
        place = course.place(along, side, 0.0 if kind == "car" else np.where(_on_road(town, side), 0.0, town.kerb))
        if np.abs(place - centre)[:, [0, 2]].max(1).min() < REACH + 6:
            actors.append(Actor(kind, build(own_rng, density), place, turned, phase))

    # those ahead had their green, those behind wait behind us, those who come against us come at any time
    lead, gap = drive(rng, town, start, seconds, red=0.0), rng.uniform(9, 16)
    for number in range(2):
        ahead = np.interp(time, clock, lead) + gap + number * rng.uniform(10, 14)
        ahead = np.maximum(ahead, along + 8.0 + 9.0 * number)
        add("car", _car, ahead, lane + rng.normal(0, 0.15))
    for number in range(1, 3):
        delay = rng.uniform(1.2, 1.8) * number
        behind = np.interp(time - delay, clock, own, left=start) - 7.5 * number - rng.uniform(0, 3)
        behind = np.where(time < delay, behind - (delay - time) * (own[1] - own[0]) / _FINE, behind)
        add("car", _car, behind, lane + rng.normal(0, 0.15))
    pace = rng.uniform(6.5, 9.5)
    meet = -40.0 + rng.uniform(0, 12)
    while meet < (frames * SECONDS) * (pace + 10.0) + 60:
        against = start + meet - pace * time
        add("car", _car, against, -lane + rng.normal(0, 0.15), backwards=True)
        meet += rng.uniform(14, 60)

    low, high = along.min() - REACH - 20, along.max() + REACH + 20
    for hand in (-1, 1):
        for _ in range(rng.poisson(town.people * (high - low))):
            pace, back = rng.uniform(0.9, 1.7), bool(rng.random() < 0.5)
            path = rng.uniform(low, high) + (-pace if back else pace) * time
            side = hand * (town.half_road + rng.uniform(1.0, town.sidewalk - 0.3))
            step = 2 * np.pi * pace / 1.5 * time + rng.uniform(0, 2 * np.pi)
            add("walker", walker, path, side, back, step)
    # bicycles are rare, but every drive meets one
    for number in range(1 + rng.poisson(0.001 * (high - low))):
        pace, hand = rng.uniform(3.0, 5.0), int(rng.choice([-1, 1]))
        first = start + rng.uniform(5, 30) if number == 0 else rng.uniform(low, high)
        path = first - hand * pace * time
        add("cyclist", _cyclist, path, hand * (town.lane + 0.35), hand == 1, 2 * np.pi * 1.1 * time)
    for block in range(int(low // BLOCK), int(high // BLOCK) + 1):
        if is_crossing(town, block):
            for _ in range(rng.poisson(2.0)):
                actors.append(_crosser(rng, course, town, block, time, density))
    return Traffic(centre, heading, tuple(actors))


def _car(rng: np.random.Generator, density: float) -> tuple[Piece, ...]:
    return (Piece(car(rng, density)),)


def _cyclist(rng: np.random.Generator, density: float) -> tuple[Piece, ...]:
    return Piece(bicycle(rng, density)), *walker(rng, density, riding=True)


def _on_road(town: Town, side):
    return np.abs(side) < town.half_road


def _crosser(rng, course, town, block, time, density) -> Actor:
    """Somebody who walks over the zebra and on along the side street's sidewalk."""
    pace, hand = rng.uniform(1.0, 1.6), int(rng.choice([-1, 1]))
    side = hand * (-town.half_road - 2 - rng.uniform(-14, 8) + pace * time)
    along = np.full(len(time), block * BLOCK + 3.0 + rng.uniform(-1.2, 1.2))
    place = course.place(along, side, np.where(_on_road(town, side), 0.0, town.kerb))
    turned = course.heading(along) + hand * np.pi / 2
    return Actor("walker", walker(rng, density), place, turned, 2 * np.pi * pace / 1.5 * time)


def walker(rng: np.random.Generator, density: float, riding: bool = False) -> tuple[Piece, ...]:
    """A person: trunk with head, and limbs that swing; on a bicycle sitting at its saddle, feet at its pedals."""
    size = rng.uniform(0.90, 1.08) * (1.0 if riding or rng.random() < 0.85 else 0.72)
    shirt, trousers = (np.array(_CLOTH[rng.integers(len(_CLOTH))]) + rng.normal(0, 14, 3) for _ in range(2))
    skin, hair = np.array(_SKIN[rng.integers(len(_SKIN))]), rng.uniform(20, 120) * np.array([1.0, 0.8, 0.65])
    seat = 0.17 if riding else 0.0
    hip, shoulder = (0.86 + seat) * size, (1.40 + seat) * size
    lean = 0.30 * size if riding else 0.03

    def part(build) -> Cloud:
        sculptor = Sculptor(rng, 2.0 * density)
        build(sculptor)
        return sculptor.cloud()

    def trunk(s):
        s.ellipsoid((0, (hip + shoulder) / 2, lean / 2), (0.20 * size, 0.37 * size, 0.13 * size), shirt, PEDESTRIAN)
        s.ellipsoid((0, hip, 0), (0.17 * size, 0.13 * size, 0.12 * size), trousers, PEDESTRIAN)
        s.ellipsoid((0, shoulder + 0.20 * size, lean), (0.08, 0.12, 0.10), skin, PEDESTRIAN)
        s.ellipsoid((0, shoulder + 0.23 * size, lean - 0.02), (0.085, 0.105, 0.10), hair, PEDESTRIAN)

    pieces = [Piece(part(trunk))]
    for side in (-1, 1):
        x = side * 0.10 * size
        knee, ankle = (x, 0.46 * size + seat, 0.25 if riding else 0.02), (x, 0.08, 0.02)
        if riding:
            ankle = (x, 0.30 + 0.12 * side, 0.05)
        reach = 0.45 if riding else 0.06

        def leg(s, x=x, knee=knee, ankle=ankle):
            s.tube((x, hip, 0), knee, trousers, PEDESTRIAN, 0.085 * size, 0.06 * size)
            s.tube(knee, ankle, trousers, PEDESTRIAN, 0.06 * size, 0.045 * size)
            s.ellipsoid(np.add(ankle, (0, -0.04, 0.06)), (0.045, 0.045, 0.13), (44, 38, 36), PEDESTRIAN)

        def arm(s, side=side, reach=reach):
            start = np.array([side * 0.23 * size, shoulder - 0.04, lean])
            hand = start + (0, -0.30 if riding else -0.58 * size, reach)
            s.tube(start, hand, shirt, PEDESTRIAN, 0.05 * size, 0.035 * size)
            s.ellipsoid(hand, (0.04, 0.06, 0.05), skin, PEDESTRIAN)

        pieces.append(Piece(part(leg), (x, hip, 0.0), side * (0.12 if riding else 0.48)))
        pieces.append(Piece(part(arm), (0.0, shoulder, lean), 0.0 if riding else -side * 0.40))
    return tuple(pieces)
