"""Past the run-time type checks, which refuse a wrong type before our own message can."""

from copy import copy
from typing import Any


def check_again(instance: Any, **changes: Any) -> None:
    """What ``__post_init__`` of a frozen dataclass says to a copy of ``instance`` with other fields."""
    changed = copy(instance)
    for name, value in changes.items():
        object.__setattr__(changed, name, value)
    changed.__post_init__()
