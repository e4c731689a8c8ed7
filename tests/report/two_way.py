"""Made-up rows of a table: effects of videos and of seeds, those that all rows share and those of a row alone."""

import numpy as np

from pointvideo.report.statistics import Contrast, paired_contrast


def world(
    generator: np.random.Generator,
    *,
    rows: int,
    seeds: int,
    videos: int,
    gain: float = 0.0,
    video: float = 0.3,
    video_arm: float = 0.1,
    shared: float = 0.05,
    arm: float = 0.02,
    noise: float = 0.3,
) -> np.ndarray:
    """Scores (rows, seeds, videos); ``gain`` is that of the first row.

    video: how unlike videos are, for all rows; video_arm: for one row more than for another. shared: what a seed does
    to all rows (initial weights, order, draws); arm: what it does to one. noise: of a row's seed on a video.
    """
    found = generator.normal(0, video, videos) + generator.normal(0, shared, (seeds, 1))
    found = found + generator.normal(0, video_arm, (rows, 1, videos)) + generator.normal(0, arm, (rows, seeds, 1))
    found = found + generator.normal(0, noise, (rows, seeds, videos))
    found[0] += gain
    return found


def difference(first: np.ndarray, second: np.ndarray) -> Contrast:
    """The first row less the second, with its own variance."""
    return paired_contrast([first, second], [1, -1])
