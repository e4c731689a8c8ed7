"""The run-time type checker behind the shape annotations: beartype, where an int will do for a float, and an array for
a sequence of integers.

A function whose annotation is a plain Protocol (a trainer's Job, say) cannot be checked at run time and stays as it is.
"""

from collections.abc import Sequence

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_overrides = FrozenDict({Sequence[int]: Sequence[int] | np.ndarray})
_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=_overrides))


def checked(function):
    try:
        return _beartype(function)
    except BeartypeDecorHintPep3119Exception:
        return function
