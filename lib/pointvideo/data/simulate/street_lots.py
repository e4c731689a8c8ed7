"""What stands on the lots beside the road: houses, fences, hedges, trees."""

from __future__ import annotations

import numpy as np

from .street_layout import BLOCK, Course, Town, is_crossing
from .street_shapes import BUILDING, FENCE, GLASS, LEAF, PLAIN, VEGETATION, VOID, Sculptor

PLASTER = (
    (186, 176, 158), (158, 96, 78), (142, 140, 138), (196, 182, 140), (120, 108, 98), (104, 118, 104), (172, 140, 118),
    (96, 100, 108), (206, 202, 196),
)  # fmt: skip
WOOD = ((112, 84, 60), (92, 92, 94), (178, 172, 164), (70, 84, 70), (148, 100, 78))


def draw_lots(rng: np.random.Generator, town: Town, block: int) -> dict[int, str]:
    """What lies on either side of a block: side 1 (left) or -1 -> ``house``, ``garden``, ``park`` or ``square``."""
    if is_crossing(town, block):
        return {1: "house", -1: "house"}
    rest = 1 - town.built_up
    kinds, chances = ("house", "garden", "park", "square"), (town.built_up, 0.62 * rest, 0.26 * rest, 0.12 * rest)
    return {hand: str(rng.choice(kinds, p=chances)) for hand in (1, -1)}


def build_lots(sculptor: Sculptor, course: Course, town: Town, block: int, lots: dict[int, str]) -> None:
    """Everything above the ground on the lots of one block."""
    if is_crossing(town, block):
        return
    for hand, lot in lots.items():
        front = town.half_road + town.sidewalk
        if lot == "house":
            _row(sculptor, course, town, block, hand, front)
        elif lot == "garden":
            _row(sculptor, course, town, block, hand, front + 6.0, garden=True)
            _fence(sculptor, course, block, hand, front + 0.15)
            _green(sculptor, course, town, block, hand, front + 1.2, front + 5.0, count=2)
        elif lot == "park":
            _fence(sculptor, course, block, hand, front + 0.15)
            _green(sculptor, course, town, block, hand, front + 1.5, front + 8.0, count=4)
            _row(sculptor, course, town, block, hand, front + 9.0)
        else:  # a paved square: a kiosk, and houses at its back
            if sculptor.rng.random() < 0.5:
                _fence(sculptor, course, block, hand, front + 0.15)
            _row(sculptor, course, town, block, hand, front + 9.0)
            along = block * BLOCK + sculptor.rng.uniform(4, 12)
            _house(sculptor, course, along, along + sculptor.rng.uniform(2.5, 4), hand, front + 4.0, 3.0, 2.7, 2.7)
    for hand in (-1, 1):  # trees at the kerb
        for along in np.arange(sculptor.rng.uniform(1, 8), BLOCK, 9.0):
            if sculptor.rng.random() < 0.35 * town.green:
                tree(sculptor, course.place(block * BLOCK + along, hand * (town.half_road + 0.9), town.kerb))


def _row(sculptor, course, town, block, hand, front, garden=False) -> None:
    rng = sculptor.rng
    edges = [0.0, BLOCK] if rng.random() < 0.35 else [0.0, rng.uniform(7, 13), BLOCK]
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        most = 2 if garden else town.storeys[1]
        storeys = int(rng.integers(town.storeys[0], most + 1))
        gap = rng.uniform(1.0, 3.0) if garden or rng.random() < 0.15 else 0.0
        _house(
            sculptor, course, block * BLOCK + low + gap, block * BLOCK + high, hand, front + rng.uniform(0.0, 0.5),
            rng.uniform(8, 12), storeys * town.storey + 0.6, town.storey,
        )  # fmt: skip


def _house(sculptor, course, start, stop, hand, front, depth, height, storey) -> None:
    """One house: facade, side walls, roof; the back is out of everybody's sight."""
    rng = sculptor.rng
    plaster = np.array(PLASTER[rng.integers(len(PLASTER))]) + rng.normal(0, 9, 3)
    base, shops = plaster * rng.uniform(0.6, 1.0), rng.random() < 0.3
    corners = course.place([start, stop, stop, start], hand * np.array([front, front, front + depth, front + depth]))
    corners[:, 1] = corners[:2, 1].mean() - 0.1
    up = np.array([0.0, height, 0.0])
    outward = corners[0] - corners[3]
    centre = corners.mean(0)
    for first, second, blind in ((0, 1, False), (1, 2, True), (3, 0, True)):
        away = outward if not blind else (corners[first] + corners[second]) / 2 - centre
        _facade(sculptor, corners[first], corners[second], height, storey, plaster, base, shops, blind, away)
    roof = np.array([118, 74, 60] if rng.random() < 0.5 else [96, 94, 96]) + rng.normal(0, 8, 3)
    across, along = corners[3] - corners[0], corners[1] - corners[0]
    if height < 8 and rng.random() < 0.7:  # pitched
        ridge = across / 2 + np.array([0.0, rng.uniform(1.8, 3.0), 0.0])
        sculptor.quad(corners[0] + up, along, ridge, roof, BUILDING, outward=(0, 1, 0))
        sculptor.quad(corners[3] + up, along, ridge - across, roof, BUILDING, outward=(0, 1, 0))
    elif height < 8:  # flat roofs of higher houses are out of sight
        sculptor.quad(corners[0] + up, along, across, roof, BUILDING, outward=(0, 1, 0))
    if not shops and rng.random() < 0.5:  # balconies
        for floor in range(1, int(height / storey)):
            corner = corners[0] + rng.uniform(0.2, 0.6) * along + [0, floor * storey, 0]
            reach = outward / np.linalg.norm(outward) * 0.9
            wide = along * min(2.5 / np.linalg.norm(along), 0.3)
            sculptor.quad(corner, wide, reach, plaster, BUILDING, outward=(0, -1, 0))
            sculptor.quad(corner + reach, wide, (0, 1.0, 0), base, BUILDING, outward=outward)


def _facade(sculptor, start, stop, height, storey, plaster, base, shops, blind, outward) -> None:
    rng = sculptor.rng
    length = float(np.linalg.norm(stop - start))
    n = sculptor.count(length * height)
    along, up = rng.random(n) * length, rng.random(n) * height
    pitch, ratio = rng.uniform(2.2, 3.4), rng.uniform(0.4, 0.6)
    window = (np.abs(along % pitch / pitch - 0.5) < ratio / 2) & (np.abs(up % storey / storey - 0.55) < 0.26)
    window &= not blind
    ground = up < storey
    if shops and not blind:
        window = np.where(ground, (along % 5.0 > 0.7) & (up > 0.5) & (up < 0.85 * storey), window)
    window &= up < height - 0.6
    colour = np.where(ground[:, None], base, plaster) * (1 - 0.08 * ((up % storey) < 0.25))[:, None]
    glass = np.array([58, 66, 76]) + rng.normal(0, 12, 3) + rng.normal(0, 22, (n, 1))
    colour = np.where(window[:, None], glass, colour)
    direction = (stop - start) / length
    normal = np.array([direction[2], 0.0, -direction[0]])
    normal *= np.sign(normal @ outward) or 1.0
    xyz = start + along[:, None] * direction - np.where(window, 0.14, 0.0)[:, None] * normal
    xyz[:, 1] += up
    sculptor.add(xyz, normal, colour, BUILDING, np.where(window, GLASS, PLAIN))


def _fence(sculptor, course, block, hand, side) -> None:
    """Pickets, mesh, a garden wall, or a hedge (which is vegetation); with a gate, and an open end or two."""
    rng = sculptor.rng
    kind = rng.choice(["pickets", "mesh", "wall", "hedge"], p=[0.35, 0.2, 0.33, 0.12])
    height, gate = rng.uniform(1.2, 2.6), rng.uniform(3, 15)
    colour = np.array(PLASTER[rng.integers(len(PLASTER))] if kind == "wall" else WOOD[rng.integers(len(WOOD))])
    n = sculptor.count(2 * BLOCK * height, 1.7)
    along, up = rng.uniform(0, BLOCK, n), rng.random(n) * height
    kept = np.abs(along - gate) > 0.8
    if kind == "pickets":
        kept &= (along % 0.24 < 0.13) | (np.abs(up / height - 0.25) < 0.05) | (np.abs(up / height - 0.85) < 0.05)
    elif kind == "mesh":
        kept &= (along % 2.5 < 0.1) | (up > height - 0.08) | (rng.random(n) < 0.55)
    along, up = along[kept], up[kept]
    face = np.where(rng.random(len(up)) < 0.5, -1, 1)
    thickness = {"pickets": 0.02, "mesh": 0.01, "wall": 0.12, "hedge": 0.35}[kind]
    offset = face * thickness + (rng.normal(0, 0.10, len(up)) if kind == "hedge" else 0)
    hedge = kind == "hedge"
    xyz = course.place(block * BLOCK + along, hand * side + (hand * 0.35 if hedge else 0) + offset, up)
    across = course.place(block * BLOCK + along, hand * side + 1.0) - course.place(block * BLOCK + along, hand * side)
    colour = np.array([62, 92, 44]) if hedge else colour + rng.normal(0, 6, 3)
    sculptor.add(xyz, face[:, None] * across, colour, VEGETATION if hedge else FENCE, LEAF if hedge else PLAIN)


def _green(sculptor, course, town, block, hand, near, far, count) -> None:
    rng = sculptor.rng
    for _ in range(rng.poisson(count * town.green)):
        place = course.place(block * BLOCK + rng.uniform(1, BLOCK - 1), hand * rng.uniform(near, far), town.kerb)
        draw = rng.random()
        if draw < 0.45:
            tree(sculptor, place)
        elif draw < 0.9:
            size = rng.uniform(0.4, 0.9, 3)
            green = np.array([70, 104, 50]) + rng.normal(0, 10, 3)
            sculptor.ellipsoid(place + [0, 0.7 * size[1], 0], size, green, VEGETATION, material=LEAF, fill=0.4)
        else:  # garden shed, sculpture, bench: nobody's class
            size = rng.uniform([0.3, 0.4, 0.3], [0.8, 1.5, 0.6])
            sculptor.box(place - size * [0.5, 0, 0.5], place + size * [0.5, 1, 0.5], rng.uniform(60, 170, 3), VOID)


def tree(sculptor: Sculptor, foot: np.ndarray) -> None:
    """A trunk and two to four clumps of leaves on top of it."""
    rng = sculptor.rng
    height, radius = rng.uniform(1.9, 3.2), rng.uniform(0.09, 0.2)
    lean = np.array([rng.normal(0, 0.15), height, rng.normal(0, 0.15)])
    bark = np.array([92, 76, 62]) + rng.normal(0, 10, 3)
    sculptor.tube(foot, foot + lean, bark, VEGETATION, radius, 0.8 * radius, finer=2)
    green = np.array([72, 108, 48]) + rng.normal(0, 12, 3)
    for _ in range(rng.integers(2, 5)):
        size = rng.uniform(0.8, 1.5, 3)
        centre = foot + lean + rng.normal(0, [0.7, 0.4, 0.7]) + [0, 0.7 * size[1], 0]
        sculptor.ellipsoid(centre, size, green + rng.normal(0, 7, 3), VEGETATION, material=LEAF, fill=0.6, finer=0.7)
