r"""Average precision of detected boxes: which found boxes are right, and the area under precision over recall.

In a room, boxes of a class are taken from the highest score down. Each looks at the true box of its class that it
shares most with: it is right if it shares more than the threshold and no better one has had that true box. Over all
rooms, with :math:`r(s)` and :math:`w(s)` right and wrong ones of a score of at least s,

.. math:: P(s) = \frac{r(s)}{r(s) + w(s)}, \qquad AP = \int \max_{s' \le s} P(s') \, d\frac{r(s)}{\text{true boxes}}

as PASCAL VOC has it since 2010, and VoteNet (Qi et al., ICCV 2019). Ours: scores are rounded down to hundredths and
boxes of one hundredth count together, so that AP is a function of sums over rooms and has an interval over them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

from .boxes import Boxes, shared

LEVELS = 100


def level_of(score: Float[np.ndarray, " boxes"]) -> Int64[np.ndarray, " boxes"]:
    """Scores from 0 to 1 as hundredths, 0 to 99."""
    return np.minimum((np.asarray(score, dtype=np.float64) * LEVELS).astype(np.int64), LEVELS - 1)


def right(
    found: Boxes, score: Float[np.ndarray, " boxes"], truth: Boxes, threshold: float
) -> Bool[np.ndarray, " boxes"]:
    """Which found boxes of one room are right."""
    share = shared(found, truth)
    had, answer = np.zeros(len(truth.label), bool), np.zeros(len(found.label), bool)
    for place in np.argsort(-np.asarray(score), kind="stable").tolist():
        own = np.flatnonzero(truth.label == found.label[place])
        if not len(own):
            continue
        best = own[share[place, own].argmax()]
        if share[place, best] > threshold and not had[best]:
            had[best] = answer[place] = True
    return answer


def average_precision(
    hits: Float[np.ndarray, "*draws levels"],
    misses: Float[np.ndarray, "*draws levels"],
    true: Float[np.ndarray, "*draws"],
) -> Float[np.ndarray, "*draws"]:
    """The area, from numbers of right and wrong boxes at each level; 0 where there is no true box.

    Args:
        hits, misses: level by level, the lowest first.
        true: true boxes.
    """
    rightly, wrongly = (np.cumsum(values[..., ::-1], axis=-1) for values in (hits, misses))
    precision = rightly / np.maximum(rightly + wrongly, 1e-300)
    best = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    gained = np.diff(rightly, axis=-1, prepend=0.0)
    area = (best * gained).sum(axis=-1) / np.maximum(true, 1e-300)
    return np.asarray(np.where(np.asarray(true) > 0, area, 0.0))
