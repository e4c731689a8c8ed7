"""The weathers of the ``street`` world: season, light and what the air does to depth and colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from .street_shapes import GLASS, GRASS, LAMP, LEAF, MARKING, ROAD, SIDEWALK, Cloud


@dataclass(frozen=True)
class Weather:
    """One weather.

    ``sun`` is the direction to the light; colours are red, green, blue shares of white light; ``snow`` is the share of
    upward faces that are white; ``sight`` the metres in which haze takes all but 1/e of the points and of the colour;
    ``jitter`` the noise of a place in metres; ``drops`` the share of points that are rain or snow in the air.
    """

    sun: tuple[float, float, float] = (0.4, 0.8, 0.3)
    direct: tuple[float, float, float] = (0.95, 0.92, 0.85)
    ambient: tuple[float, float, float] = (0.74, 0.77, 0.82)
    leaf: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grass: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bare: float = 0.0  # share of leaves that have fallen
    snow: float = 0.0
    wet: float = 0.0
    sight: float = np.inf
    haze: tuple[float, float, float] = (178.0, 182.0, 188.0)
    jitter: float = 0.012
    drops: float = 0.0
    lamps: float = 0.0
    grain: float = 4.0


_DULL = {"direct": (0.18, 0.18, 0.18), "ambient": (0.72, 0.76, 0.82), "sun": (0.1, 1.0, 0.0)}
WEATHERS = {
    "SPRING": Weather(leaf=(1.35, 1.30, 1.05), grass=(1.0, 1.12, 0.9)),
    "SUMMER": Weather(direct=(1.0, 0.96, 0.86), sun=(0.2, 0.95, 0.2)),
    "FALL": Weather(leaf=(2.15, 1.05, 0.75), grass=(1.3, 1.0, 0.8), bare=0.25, sun=(0.6, 0.6, -0.3)),
    "WINTER": Weather(
        leaf=(1.1, 0.85, 0.9), bare=0.55, snow=0.72, direct=(0.5, 0.51, 0.54), ambient=(0.66, 0.70, 0.78),
        sun=(-0.5, 0.5, 0.4), drops=0.002,
    ),  # fmt: skip
    "DAWN": Weather(direct=(0.6, 0.44, 0.38), ambient=(0.5, 0.52, 0.64), sun=(-0.9, 0.25, 0.2), grain=6.0, sight=70.0),
    "SUNSET": Weather(direct=(1.1, 0.68, 0.36), ambient=(0.64, 0.55, 0.60), sun=(0.9, 0.2, -0.3), grain=5.0),
    "NIGHT": Weather(direct=(0.04, 0.04, 0.06), ambient=(0.20, 0.21, 0.29), lamps=0.7, grain=8.0, jitter=0.02),
    "FOG": Weather(**_DULL, sight=22.0, jitter=0.03, grain=5.0),
    "RAIN": Weather(**(_DULL | {"ambient": (0.60, 0.63, 0.68)}), wet=0.6, jitter=0.04, drops=0.006, grain=7.0),
    "SOFTRAIN": Weather(**_DULL, wet=0.35, jitter=0.025, drops=0.003, grain=6.0),
    "HEAVYRAIN": Weather(
        **(_DULL | {"ambient": (0.48, 0.51, 0.56)}), wet=0.9, jitter=0.06, drops=0.012, grain=9.0, sight=55.0
    ),
}  # fmt: skip
WEATHER_NAMES = tuple(WEATHERS)


def fallen(weather: Weather, cloud: Cloud, rng: np.random.Generator) -> np.ndarray:
    """Which points of a town are there in this season: leaves fall."""
    return ~((cloud.material == LEAF) & (rng.random(len(cloud)) < weather.bare))


def visibility(weather: Weather, distance: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Share of the points that the cameras get at ``distance`` metres."""
    return np.exp(-distance / weather.sight)


def colour(
    weather: Weather,
    cloud: Cloud,
    centre: Float[np.ndarray, "3"],
    ahead: Float[np.ndarray, "3"],
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "points 3"]:
    """What the cameras at ``centre``, headlights towards ``ahead``, see of the points."""
    base = cloud.colour.astype(np.float64)
    base = np.where((cloud.material == LEAF)[:, None], base * weather.leaf, base)
    base = np.where((cloud.material == GRASS)[:, None], base * weather.grass, base)
    upward = cloud.normal[:, 1] > 0.6
    ground = np.isin(cloud.semantic, (ROAD, SIDEWALK, MARKING))
    if weather.snow:
        # traffic clears lanes here and there: the cover is a smooth pattern fixed in the world
        cover = weather.snow * (0.75 + 0.35 * _mottle(cloud.xyz, 0.45)) * np.where(cloud.semantic == ROAD, 0.8, 1.0)
        white = upward & (rng.random(len(base)) < cover)
        base = np.where(white[:, None], 228 + rng.normal(0, 12, (len(base), 1)), base)
    if weather.wet:
        base = base * np.where(ground, 1 - 0.45 * weather.wet * (0.6 + 0.4 * _mottle(cloud.xyz, 0.8)), 1.0)[:, None]
    sun = np.asarray(weather.sun) / np.linalg.norm(weather.sun)
    shadow = np.where(_mottle(cloud.xyz, 0.22) > 0.25, 0.25, 1.0)
    lit = np.maximum(cloud.normal @ sun, 0) * shadow
    light = np.asarray(weather.ambient) * (0.92 + 0.08 * cloud.normal[:, 1:2]) + lit[:, None] * np.asarray(
        weather.direct
    )
    offset = cloud.xyz - centre
    distance = np.linalg.norm(offset, axis=1)
    if weather.lamps:
        beam = np.clip((offset @ ahead) / np.maximum(distance, 1e-6), 0, 1) ** 6 * np.exp(-distance / 14)
        street = np.maximum(_mottle(cloud.xyz, 0.30), 0)[:, None] * np.array([1.0, 0.85, 0.55])
        light = light + weather.lamps * (beam[:, None] * [1.0, 0.97, 0.85] + 0.8 * street)
        windows = (cloud.material == GLASS) & (_mottle(np.floor(cloud.xyz / 3.0) * 7.3, 1.0) > 0.5)
        light = np.where(windows[:, None], [2.6, 2.2, 1.4], light)
    light = np.where((cloud.material == LAMP)[:, None], np.maximum(light, 1.0), light)
    seen = base * light
    share = visibility(weather, distance)[:, None]
    seen = share * seen + (1 - share) * np.asarray(weather.haze)
    seen = seen * rng.normal(1, 0.03) + rng.normal(0, weather.grain, seen.shape)
    return np.clip(seen.round(), 0, 255).astype(np.uint8)


def _mottle(xyz: np.ndarray, rate: float) -> np.ndarray:
    """A smooth pattern in [-1, 1], fixed in the world, that varies over about 1 / ``rate`` metres."""
    x, y, z = (rate * xyz[:, axis].astype(np.float64) for axis in range(3))
    waves = np.sin(1.7 * x + 0.6 * z + 0.4 * y) + np.sin(-0.9 * x + 1.9 * z + 1.1) + np.sin(2.9 * x + 2.3 * z + 0.7 * y)
    return waves / 3
