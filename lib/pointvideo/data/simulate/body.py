"""One person's body: proportions, clothing, and the solids (tapered capsules, ellipsoids, boxes) that hang on the
bones.

Lengths are metres. The actor's frame is x towards the actor's right hand, y up, z forward (towards the sensor). A
Kinect shows a mirror image, as in MSR-Action3D, so the right hand lies on the image's right and no flip is needed.
Segment lengths as fractions of stature: Winter, "Biomechanics and Motor Control of Human Movement", 4th ed. 2009,
figure 4.1.
"""

from dataclasses import dataclass

import numpy as np

PARTS = (
    "head", "torso",
    "left upper arm", "left forearm", "left hand", "right upper arm", "right forearm", "right hand",
    "left thigh", "left shin", "left foot", "right thigh", "right shin", "right foot",
)  # fmt: skip
ELLIPSOID, CAPSULE, BOX = 0, 1, 2

SKIN = ((238, 204, 178), (224, 178, 142), (196, 144, 106), (150, 102, 72), (104, 70, 50))
HAIR = ((28, 22, 20), (72, 48, 32), (120, 84, 48), (190, 154, 96), (128, 126, 124))


@dataclass(frozen=True)
class Proportions:
    """Lengths (metres) of one person's bones and the girth (1 = average) of what hangs on them."""

    stature: float
    foot: float
    ankle: float
    shin: float
    thigh: float
    hip_half: float
    pelvis: float
    abdomen: float
    chest: float
    neck: float
    shoulder_half: float
    upper_arm: float
    forearm: float
    hand: float
    girth: float
    belly: float

    @property
    def arm(self) -> float:
        """Reach of the wrist from the shoulder."""
        return self.upper_arm + self.forearm

    @property
    def leg(self) -> float:
        """Reach of the ankle from the hip."""
        return self.thigh + self.shin


@dataclass(frozen=True)
class Clothing:
    """Colours (red, green, blue, 0-255) and how far the sleeves reach."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    shirt: tuple[int, int, int]
    trousers: tuple[int, int, int]
    shoes: tuple[int, int, int]
    long_sleeves: bool


@dataclass(frozen=True)
class Solids:
    """The solids of one body, each given in the frame of its bone.

    A solid is a unit shape in its own space (ellipsoid: unit sphere; box: |x|, |y|, |z| <= 1; tapered capsule: from
    the origin with radius ``start`` to (0, length, 0) with radius ``end``), placed on the bone by ``linear`` (3, 3),
    which may stretch it, and ``offset`` (3,).
    """

    bone: tuple[str, ...]
    kind: np.ndarray
    part: np.ndarray
    colour: np.ndarray
    linear: np.ndarray
    offset: np.ndarray
    start: np.ndarray
    end: np.ndarray
    length: np.ndarray


def draw_proportions(rng: np.random.Generator) -> Proportions:
    """Draw one person: stature 1.55-1.90 m, each segment within a few per cent of Winter's fraction, own girth."""
    stature = rng.uniform(1.55, 1.90)

    def segment(fraction: float, spread: float = 0.035) -> float:
        return float(stature * fraction * np.clip(rng.normal(1.0, spread), 1 - 2 * spread, 1 + 2 * spread))

    return Proportions(
        stature=float(stature),
        foot=segment(0.152),
        ankle=segment(0.045),
        shin=segment(0.243),
        thigh=segment(0.245),
        hip_half=segment(0.055),
        pelvis=segment(0.060),
        abdomen=segment(0.100),
        chest=segment(0.165),
        neck=segment(0.050),
        shoulder_half=segment(0.112),
        upper_arm=segment(0.180),
        forearm=segment(0.150),
        hand=segment(0.100),
        girth=float(rng.uniform(0.90, 1.10)),
        belly=float(rng.uniform(0.95, 1.15)),
    )


def draw_clothing(rng: np.random.Generator) -> Clothing:
    """Draw one person's colours."""

    def cloth() -> tuple[int, int, int]:
        grey = rng.uniform(40, 210)
        return tuple(int(c) for c in np.clip(grey + rng.normal(0, 45, 3), 12, 245))

    return Clothing(
        skin=SKIN[rng.integers(len(SKIN))], hair=HAIR[rng.integers(len(HAIR))], shirt=cloth(), trousers=cloth(),
        shoes=cloth(), long_sleeves=bool(rng.random() < 0.6),
    )  # fmt: skip


def build_solids(body: Proportions, clothing: Clothing) -> Solids:
    """Hang solids on the bones of `pointvideo.data.simulate.skeleton`; limb bones run along +y of their frame."""
    rows: list[tuple] = []
    size = body.stature / 1.75 * body.girth

    def add(bone, kind, part, colour, offset, scale, start=1.0, end=1.0, length=1.0):
        rows.append(
            (bone, kind, PARTS.index(part), colour, np.diag(np.asarray(scale, float)), offset, start, end, length)
        )

    def limb(bone, part, colour, length, start, end, flat=1.0):
        add(bone, CAPSULE, part, colour, (0, 0, 0), (1, 1, flat), start * size, end * size, length)

    def trunk(bone, colour, low, high, start, end, wide, deep):
        """An upright capsule of elliptic section from height ``low`` to ``high`` of its bone."""
        add(bone, CAPSULE, "torso", colour, (0, low, 0), (wide, 1, deep), start * size, end * size, high - low)

    wide, deep = body.shoulder_half / 0.196, 0.86 * body.belly
    add(
        "pelvis",
        ELLIPSOID,
        "torso",
        clothing.trousers,
        (0, -0.2 * body.pelvis, 0),
        (0.170 * size, 0.130 * size, 0.112 * size),
    )
    trunk("abdomen", clothing.shirt, -0.02, body.abdomen, 0.114, 0.112, 1.46, deep)
    trunk("chest", clothing.shirt, 0.0, 0.62 * body.chest, 0.114, 0.112, 1.52 * wide, 0.95 * deep)
    yoke, across = (
        0.80 * body.shoulder_half,
        np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
    )  # capsule's y -> bone's x
    slope = (-yoke, 0.86 * body.chest, -0.005)
    rows.append(
        ("chest", CAPSULE, PARTS.index("torso"), clothing.shirt, across, slope, 0.068 * size, 0.068 * size, 2 * yoke)
    )
    add(
        "chest",
        CAPSULE,
        "torso",
        clothing.skin,
        (0, body.chest * 0.95, 0.0),
        (1, 1, 1),
        0.058 * size,
        0.052 * size,
        body.neck * 1.5,
    )
    head = body.stature / 1.75
    add("head", ELLIPSOID, "head", clothing.skin, (0, 0.112 * head, 0.012), (0.082 * head, 0.124 * head, 0.100 * head))
    add("head", ELLIPSOID, "head", clothing.hair, (0, 0.140 * head, -0.016), (0.087 * head, 0.106 * head, 0.100 * head))
    add("head", ELLIPSOID, "head", clothing.skin, (0, 0.098 * head, 0.110 * head), (0.014, 0.022, 0.022))
    sleeve = clothing.shirt if clothing.long_sleeves else clothing.skin
    for side in ("left", "right"):
        limb(f"{side} upper arm", f"{side} upper arm", clothing.shirt, body.upper_arm, 0.068, 0.055)
        limb(f"{side} forearm", f"{side} forearm", sleeve, body.forearm, 0.054, 0.042)
        palm = 0.46 * body.hand
        add(f"{side} hand", BOX, f"{side} hand", clothing.skin, (0, palm, 0), (0.040 * size, palm, 0.018 * size))
        limb(f"{side} hand", f"{side} hand", clothing.skin, 0.72 * body.hand, 0.040, 0.030, flat=0.75)
        limb(f"{side} thigh", f"{side} thigh", clothing.trousers, body.thigh, 0.098, 0.068)
        limb(f"{side} shin", f"{side} shin", clothing.trousers, body.shin, 0.066, 0.056)
        length = body.foot - 0.085 * size
        sole = (0.040 * size, 0.5 * length, 0.016)  # of the foot's frame: y along the foot, z away from the sole
        add(f"{side} foot", BOX, f"{side} foot", clothing.shoes, (0, 0.5 * length, -0.7 * body.ankle + 0.016), sole)
        limb(f"{side} foot", f"{side} foot", clothing.shoes, length, 0.050, 0.042, flat=0.9)
    bone, kind, part, colour, linear, offset, start, end, length = zip(*rows, strict=True)
    return Solids(
        tuple(bone), np.array(kind, np.int64), np.array(part, np.uint8), np.array(colour, np.uint8), np.array(linear),
        np.array(offset, float), np.array(start, float), np.array(end, float), np.array(length, float),
    )  # fmt: skip
