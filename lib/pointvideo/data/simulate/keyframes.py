"""From key poses to a motion: a smooth curve through what a list of keys says of one channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

Key = tuple[float, dict[str, Any]]


def linger(progress: Float[np.ndarray, " frames"], strength: float) -> Float[np.ndarray, " frames"]:
    """Progress from 0 to 1 as people make it: slower here, faster there; ``strength`` below 0.15 either way."""
    return progress + strength * np.sin(2 * np.pi * progress)


def track(
    keys: Sequence[Key], channel: str, rest: Any, progress: Float[np.ndarray, " frames"], scale: float = 1.0
) -> Float[np.ndarray, "frames width"]:
    """A channel's values at ``progress``, from 0 to 1.

    Args:
        keys: (time, channels), times from 0 to 1. A key at 0 or 1 takes the place of ``rest`` there.
        channel: whose values are wanted; a key that does not name it says nothing of it.
        rest: its value before and after.
        progress: how far the motion has come in each frame.
        scale: of all that differs from ``rest``.
    """
    rest = np.atleast_1d(np.asarray(rest, float))
    stops = {0.0: rest, 1.0: rest} | {float(time): key[channel] for time, key in keys if channel in key}
    times = sorted(stops)
    values = np.stack([np.broadcast_to(np.asarray(stops[time], float), rest.shape) for time in times])
    return PchipInterpolator(times, rest + scale * (values - rest))(progress)
