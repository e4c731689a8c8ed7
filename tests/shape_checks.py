"""The run-time type checker behind the shape annotations: beartype, where an int will do for a float.

A function whose annotation is a plain Protocol (a trainer's Job, say) cannot be checked at run time and stays as it is.
"""

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    try:
        return _beartype(function)
    except BeartypeDecorHintPep3119Exception:
        return function
