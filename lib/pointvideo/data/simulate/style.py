"""How one person moves: habits that last (style) and the accidents of one performance (take)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """Lasting habits of one subject."""

    tempo: float  # speed, 1 = the actions' usual lengths
    amplitude: float  # size of gestures
    height: float  # where gestures are held, in arm lengths above the usual place
    outward: float  # the same, towards the side of the hand
    stance: float  # how far each foot stands out, in leg lengths beyond the rest
    elbow: float  # how far the elbows are lifted, 0-1
    trunk: float  # how much the trunk follows the hands
    restless: float  # sway when standing still
    rest_hand: tuple[float, float, float]  # where idle hands hang, in arm lengths from the shoulder
    stoop: float  # lean when standing still, degrees
    left_handed: bool


def draw_style(rng: np.random.Generator, *, left_handed: bool = False) -> Style:
    """Draw one subject's habits."""
    return Style(
        tempo=float(np.exp(rng.normal(0.16, 0.13))),
        amplitude=float(rng.uniform(0.82, 1.12)),
        height=float(rng.normal(0.0, 0.05)),
        outward=float(rng.normal(0.0, 0.05)),
        stance=float(rng.uniform(-0.02, 0.07)),
        elbow=float(rng.uniform(0.0, 1.0)),
        trunk=float(rng.uniform(0.5, 1.4)),
        restless=float(rng.uniform(0.6, 1.4)),
        rest_hand=(float(rng.uniform(0.06, 0.24)), -0.96, float(rng.uniform(-0.02, 0.16))),
        stoop=float(rng.uniform(-1.0, 6.0)),
        left_handed=left_handed,
    )


class Take:
    """The accidents of one performance: random choices that the action programs ask for by name."""

    def __init__(self, style: Style, habit: np.random.Generator, accident: np.random.Generator):
        self.style, self.habit, self.accident = style, habit, accident
        self.place = habit.normal(0.0, 0.09, 3)

    def hand(self, outward: float, up: float, forward: float) -> tuple[float, float, float]:
        """A hand position (arm lengths from the shoulder) as this subject would place it, around the gesture space's
        middle.
        """
        style = self.style
        middle = np.array([0.2, 0.1, 0.5])
        spot = middle + (np.array([outward, up, forward]) - middle) * style.amplitude
        spot = spot + self.place + [style.outward, style.height, 0.0] + self.accident.normal(0.0, 0.05, 3)
        return tuple(float(value) for value in spot)

    def repeats(self, low: int, high: int) -> int:
        """A number of repetitions: mostly the subject's own, now and then one more or fewer."""
        own = int(self.habit.integers(low, high + 1))
        return int(np.clip(own + self.accident.choice([-1, 0, 0, 0, 1]), low, high))

    def size(self, low: float, high: float) -> float:
        """A size in [low, high]: the subject's own for this action, ± a tenth of the range in this take."""
        own = self.habit.uniform(low, high)
        return float(np.clip(own + 0.1 * (high - low) * self.accident.normal(), low, high))
