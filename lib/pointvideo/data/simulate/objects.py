"""The things that a hand works on: ten categories of boxes, capsules, ellipsoids and vessels, with joints and grips.

A thing stands on the table at the origin of its own frame: y up, z towards the viewer, x to the right; metres. It has
up to three bones: ``object``, ``joint`` (lid, drawer, door: what opens) and ``dial`` (cap, arm: what turns). Sizes are
drawn for every recording. Boards keep small gaps and nothing collides: only what a camera sees has to be right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .semantics import label_of
from .shapes import Point, Shapes, turned


@dataclass(frozen=True)
class Joint:
    """A hinge (``axis`` a coordinate axis, ``closed`` and ``opened`` degrees) or a slide along z (metres)."""

    origin: Point
    axis: str
    closed: float = 0.0
    opened: float = 0.0


@dataclass(frozen=True)
class Grip:
    """How a right hand holds ``part`` at ``point``: fingers along ``fingers``, palm facing ``palm``."""

    part: str
    point: Point
    fingers: Point
    palm: Point
    curl: float = 0.6  # of the closed hand
    pointing: bool = False


@dataclass
class Thing:
    """One object: what it is, how it moves, where a hand takes it and what one does with it."""

    label: int
    uses: tuple[str, ...]  # actions beyond reaching, grasping and the like
    grips: dict[str, Grip]  # of "object", "joint", "dial", "button"
    height: float
    room: float  # how far it reaches to the side
    back: float = -0.30  # where it usually stands: z of the table
    joint: Joint | None = None
    dial: Joint | None = None
    inside: tuple[str, Point] | None = None  # the part and place where an item lies inside
    mouth: Point = field(default=(0.0, 0.2, 0.0))  # through which the item gets there, from the same part


LIFT = ("pick up", "carry", "put down")
SLIDE = ("push", "pull")
STORE = ("put in", "take out")
_DOWN, _AHEAD, _LEFT = (0.0, -1.0, 0.0), (0.0, -0.35, -0.94), (-1.0, 0.0, 0.0)
_FROM_RIGHT = {"fingers": (-0.2, -0.1, -0.97), "palm": (-0.97, -0.1, 0.2)}
_FROM_ABOVE = {"fingers": (-0.15, -0.75, -0.64), "palm": (0.0, -0.64, 0.75)}
_PRESS = {"fingers": (0.0, -0.85, -0.53), "palm": (0.0, -0.53, 0.85), "pointing": True, "curl": 0.85}
_POKE = {"fingers": (0.0, -0.15, -0.99), "palm": (0.0, -0.99, 0.15), "pointing": True, "curl": 0.85}
_FINGERTIP = 0.115  # metres from the hand's origin to the tip of the stretched index finger


def _button(part: str, spot: Point, manner: dict) -> Grip:
    """The grip whose index finger touches ``spot``."""
    direction = np.asarray(manner["fingers"], float)
    point = np.asarray(spot, float) - _FINGERTIP * direction / np.linalg.norm(direction)
    return Grip(part, tuple(float(value) for value in point), **manner)


def mug(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, radius, height = label_of("mug"), rng.uniform(0.036, 0.048), rng.uniform(0.08, 0.12)
    shapes.vessel("object", label, (0, 0, 0), radius * rng.uniform(0.8, 1.0), radius, height)
    ear, top, low = radius + rng.uniform(0.022, 0.03), 0.78 * height, 0.3 * height
    ends = ((radius, top), (ear, top), (ear, low), (radius, low))
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        shapes.capsule("object", label, (*start, 0.0), (*end, 0.0), 0.0055)
    grip = Grip("object", (radius * 0.75, 0.55 * height, 0.01), **_FROM_RIGHT, curl=0.5)
    return Thing(label, (*LIFT, *SLIDE, "turn", "pour"), {"object": grip}, height, ear)


def bowl(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, radius, height = label_of("bowl"), rng.uniform(0.065, 0.085), rng.uniform(0.05, 0.075)
    shapes.vessel("object", label, (0, 0, 0), 0.5 * radius, radius, height)
    grip = Grip("object", (0.93 * radius, 0.95 * height, 0.0), (-0.35, -0.6, -0.7), (-0.75, -0.3, 0.6), 0.4)
    return Thing(
        label, (*LIFT, *SLIDE, *STORE, "turn"), {"object": grip}, height, radius,
        inside=("object", (0.0, 0.03, 0.0)), mouth=(0.0, 0.16, 0.0),
    )  # fmt: skip


def bottle(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, radius, height = label_of("bottled drinks"), rng.uniform(0.028, 0.037), rng.uniform(0.17, 0.24)
    shoulder = 0.68 * height
    shapes.capsule("object", label, (0, radius, 0), (0, shoulder, 0), radius)
    shapes.capsule("object", label, (0, shoulder, 0), (0, 0.93 * height, 0), 0.9 * radius, 0.012)
    shapes.box("dial", label, (0, 0, 0), (0.013, 0.011, 0.013))
    shapes.box("dial", label, (0, 0, 0), (0.013, 0.011, 0.013), turned("y", 45.0))
    grips = {
        "object": Grip("object", (0.6 * radius, 0.45 * height, 0.0), **_FROM_RIGHT, curl=0.5),
        "dial": Grip("dial", (0.0, 0.0, 0.0), **_FROM_ABOVE, curl=0.62),
    }
    cap = Joint((0.0, 0.97 * height, 0.0), "y")
    return Thing(label, (*LIFT, *SLIDE, "turn", "pour"), grips, height, radius, dial=cap)


def kettle(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, radius, height = label_of("kettle"), rng.uniform(0.065, 0.08), rng.uniform(0.15, 0.19)
    shapes.vessel("object", label, (0, 0, 0), radius, 0.72 * radius, height)
    shapes.capsule("object", label, (-0.7 * radius, 0.5 * height, 0), (-1.5 * radius, height, 0), 0.02, 0.01)
    grasp = radius + rng.uniform(0.035, 0.045)
    top, low = 0.92 * height, 0.3 * height
    ends = ((radius, low), (grasp, low), (grasp, top), (0.6 * radius, top))
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        shapes.capsule("object", label, (*start, 0.0), (*end, 0.0), 0.010)
    shapes.box("object", label, (grasp + 0.012, top + 0.01, 0), (0.012, 0.006, 0.01))
    shapes.ellipsoid("joint", label, (-0.72 * radius, 0.003, 0), (0.74 * radius, 0.013, 0.74 * radius))
    shapes.ellipsoid("joint", label, (-0.72 * radius, 0.022, 0), (0.012, 0.014, 0.012))
    grips = {
        "object": Grip("object", (grasp, 0.62 * height, 0.0), **_FROM_RIGHT, curl=0.75),
        "joint": Grip("joint", (-0.72 * radius, 0.035, 0.0), **_FROM_ABOVE, curl=0.65),
        "button": _button("object", (grasp + 0.012, top + 0.016, 0.0), _PRESS),
    }
    lid = Joint((0.72 * radius, height, 0.0), "z", 0.0, -rng.uniform(65, 95))
    uses = (*LIFT, "turn", "pour", "open", "close", "press button")
    return Thing(label, uses, grips, height, grasp, joint=lid)


def knife(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, blade, handle = label_of("knife"), rng.uniform(0.12, 0.18), rng.uniform(0.10, 0.12)
    deep = rng.uniform(0.014, 0.024)
    shapes.box("object", label, (0, deep, -0.5 * blade), (0.0022, deep, 0.5 * blade))
    shapes.capsule("object", label, (0, 1.2 * deep, 0), (0, 1.3 * deep, handle), 0.012, 0.014)
    grip = Grip("object", (0.0, 1.2 * deep, 0.5 * handle), (-0.85, -0.3, -0.42), (-0.3, -0.9, 0.3), 0.85)
    return Thing(label, (*LIFT, "cut", "turn"), {"object": grip}, 2 * deep, 0.05)


def toy_car(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, long, wide, tall = label_of("toy car"), rng.uniform(0.07, 0.10), rng.uniform(0.03, 0.042), 0.022
    shapes.box("object", label, (0, 0.012 + tall, 0), (wide, tall, long))
    shapes.box("object", label, (0, 0.012 + 2.8 * tall, 0.1 * long), (0.85 * wide, 0.8 * tall, 0.5 * long))
    for x in (-wide, wide):
        for z in (-0.6 * long, 0.6 * long):
            shapes.ellipsoid("object", label, (x, 0.016, z), (0.008, 0.017, 0.017))
    grip = Grip("object", (0.0, 0.012 + 3.2 * tall, 0.15 * long), **_FROM_ABOVE, curl=0.45)
    return Thing(label, (*LIFT, *SLIDE, "turn"), {"object": grip}, 4.5 * tall, wide)


def laptop(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, wide, deep = label_of("laptop"), rng.uniform(0.15, 0.18), rng.uniform(0.105, 0.125)
    shapes.box("object", label, (0, 0.009, 0), (wide, 0.009, deep))
    shapes.box("joint", label, (0, 0.004, deep), (wide, 0.004, deep))
    lid = Joint((0.0, 0.019, -deep), "x", 0.0, -rng.uniform(95, 125))
    grips = {
        "object": Grip("object", (0.98 * wide, 0.03, 0.3 * deep), (-0.6, -0.45, -0.66), (-0.6, -0.5, 0.6), 0.35),
        "joint": Grip("joint", (0.25 * wide, 0.012, 1.95 * deep), (0.0, 0.1, -0.99), (0.0, -0.99, -0.1), 0.4),
        "button": _button("object", (rng.uniform(-0.4, 0.6) * wide, 0.018, rng.uniform(-0.3, 0.3) * deep), _PRESS),
    }
    return Thing(label, (*SLIDE, "open", "close", "press button"), grips, 0.04, wide, back=-0.32, joint=lid)


def _shell(shapes: Shapes, label: int, wide: float, tall: float, deep: float) -> None:
    """A box open to the front, of outer half width, height and half depth."""
    thick = 0.008
    for x in (-wide, wide):
        shapes.box("object", label, (x, 0.5 * tall, 0), (thick, 0.5 * tall, deep))
    for y in (0.0, tall):
        shapes.box("object", label, (0, y + (thick if y == 0 else -thick), 0), (wide, thick, deep))
    shapes.box("object", label, (0, 0.5 * tall, -deep), (wide, 0.5 * tall, thick))


def locker(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label = label_of("locker")
    wide, tall, deep = rng.uniform(0.11, 0.15), rng.uniform(0.17, 0.23), rng.uniform(0.10, 0.13)
    _shell(shapes, label, wide, tall, deep)
    shapes.box("object", label, (0, 0.52 * tall, 0), (wide, 0.006, deep))
    shapes.box("object", label, (0, 0.27 * tall, deep), (0.95 * wide, 0.2 * tall, 0.006))
    low, high = 0.56 * tall, 0.95 * tall
    front = 0.5 * (high - low)
    shapes.box("joint", label, (0, front, 0), (0.95 * wide, front, 0.006))
    shapes.box("joint", label, (0, 0.006, -deep), (0.92 * wide, 0.004, 0.9 * deep))
    for x in (-0.9 * wide, 0.9 * wide):
        shapes.box("joint", label, (x, 0.6 * front, -deep), (0.004, 0.6 * front, 0.9 * deep))
    shapes.capsule("joint", label, (-0.03, front, 0.022), (0.03, front, 0.022), 0.006)
    drawer = Joint((0.0, low, deep + 0.006), "slide", 0.0, rng.uniform(0.11, 0.16))
    grip = Grip("joint", (0.0, front, 0.03), (0.0, -0.1, -0.99), (0.0, -0.99, 0.1), 0.6)
    return Thing(
        label, ("open", "close", *STORE), {"joint": grip}, tall, wide, back=-0.46, joint=drawer,
        inside=("joint", (0.0, 0.025, -0.05)), mouth=(0.0, 0.14, -0.04),
    )  # fmt: skip


def safe(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label = label_of("safe")
    wide, tall, deep = rng.uniform(0.11, 0.14), rng.uniform(0.18, 0.23), rng.uniform(0.09, 0.12)
    _shell(shapes, label, wide, tall, deep)
    middle = 0.5 * tall
    shapes.box("joint", label, (wide, middle, 0), (0.95 * wide, 0.94 * middle, 0.007))
    shapes.capsule("joint", label, (1.75 * wide, 0.75 * middle, 0.025), (1.75 * wide, 1.2 * middle, 0.025), 0.007)
    shapes.box("joint", label, (0.8 * wide, 1.35 * middle, 0.009), (0.03, 0.02, 0.005))
    door = Joint((-wide, 0.0, deep + 0.008), "y", 0.0, -rng.uniform(75, 110))
    grips = {
        "joint": Grip("joint", (1.75 * wide, middle, 0.035), (-0.35, -0.1, -0.93), (-0.93, 0.0, 0.35), 0.65),
        "button": _button("joint", (0.8 * wide, 1.35 * middle, 0.014), _POKE),
    }
    return Thing(
        label, ("open", "close", "press button", *STORE), grips, tall, wide, back=-0.46, joint=door,
        inside=("object", (0.02, 0.035, 0.0)), mouth=(0.03, 0.08, deep + 0.13),
    )  # fmt: skip


def desk_lamp(shapes: Shapes, rng: np.random.Generator) -> Thing:
    label, foot, tall = label_of("desk lamp"), rng.uniform(0.06, 0.08), rng.uniform(0.20, 0.27)
    shapes.ellipsoid("object", label, (0, 0.008, 0), (foot, 0.014, foot))
    shapes.capsule("object", label, (0, 0.01, -0.3 * foot), (0, 0.6 * tall, -0.4 * foot), 0.009)
    shapes.box("object", label, (0.5 * foot, 0.022, 0.5 * foot), (0.011, 0.006, 0.011))
    shapes.capsule("dial", label, (0, 0, 0), (0.02, 0.4 * tall, 0.05), 0.008)
    shapes.capsule("dial", label, (0.02, 0.4 * tall, 0.05), (0.02, 0.36 * tall, 0.14), 0.022, 0.042)
    neck = Joint((0.0, 0.6 * tall, -0.4 * foot), "y")
    grips = {
        "object": Grip("object", (0.0, 0.35 * tall, -0.35 * foot), **_FROM_RIGHT, curl=0.7),
        "dial": Grip("dial", (0.05, 0.38 * tall, 0.11), (-0.25, -0.2, -0.95), (-0.95, -0.15, 0.25), 0.5),
        "button": _button("object", (0.5 * foot, 0.028, 0.5 * foot), _PRESS),
    }
    return Thing(label, (*SLIDE, "turn", "press button"), grips, tall, foot, back=-0.33, dial=neck)


CATEGORIES: dict[str, Callable[[Shapes, np.random.Generator], Thing]] = {
    "mug": mug, "bowl": bowl, "bottled drinks": bottle, "kettle": kettle, "knife": knife, "toy car": toy_car,
    "laptop": laptop, "locker": locker, "safe": safe, "desk lamp": desk_lamp,
}  # fmt: skip
ITEM_GRIP = Grip("item", (0.0, 0.012, 0.0), **_FROM_ABOVE, curl=0.55)


def add_item(shapes: Shapes, rng: np.random.Generator) -> None:
    """The small thing that is put in and taken out, on the bone ``item``, its middle at the origin."""
    label, size = label_of("other objects"), rng.uniform(0.018, 0.026)
    if rng.random() < 0.5:
        shapes.ellipsoid("item", label, (0, 0, 0), (size, size, size))
    else:
        shapes.box("item", label, (0, 0, 0), (size, 0.8 * size, 1.2 * size))


def add_partner(shapes: Shapes, thing: Thing, rng: np.random.Generator) -> None:
    """What the thing is used on, on the bone ``partner``: a vessel to pour into, a fruit to cut, else nothing."""
    if "pour" in thing.uses:
        label, radius = label_of("bowl"), rng.uniform(0.06, 0.075)
        shapes.vessel("partner", label, (0, 0, 0), 0.55 * radius, radius, rng.uniform(0.05, 0.07))
    elif "cut" in thing.uses:
        other = label_of("other objects")
        shapes.box("partner", other, (0, 0.006, 0), (0.09, 0.006, 0.12))
        shapes.ellipsoid("partner", other, (0, 0.036, 0), (0.055, 0.026, 0.026))
