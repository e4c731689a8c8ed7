"""Body parts: clips whose points know which part of the body they lie on, for probes of single points."""

from __future__ import annotations

import re

from jaxtyping import Float, UInt8
from torch import Tensor

from .clips import ClipSampler, Positions
from .layout import StoreError
from .sampling import gather_xyz, sample_indices
from .store import Store

FIELD = "part"
_NUMBERED = re.compile(r"\d+ ([^,]+)")


def part_names(store: Store) -> tuple[str, ...]:
    """What the values 0, 1, … of a store's field "part" are called.

    Raises:
        StoreError: the store does not say on which part of a body its points lie.
    """
    if FIELD not in store.fields:
        known = ", ".join(store.fields)
        raise StoreError(
            f"store {store.name}: no field {FIELD!r}, it has {known}; expected a world of bodies: people, animals"
        )
    about = store.fields[FIELD]
    return tuple(about.get("names") or _NUMBERED.findall(about["unit"]))  # people lists them in the unit


def sample_with_parts(
    sampler: ClipSampler, sequence: Positions, start: Positions, points: int, seed: int
) -> tuple[Float[Tensor, "batch frames points 3"], UInt8[Tensor, "batch frames points"]]:
    """The clips of :meth:`ClipSampler.sample`, bit for bit, and the body part of every point.

    Raises:
        StoreError: as :func:`part_names`.
    """
    part_names(sampler.store)
    batch = sampler.load(sequence, start)
    index = sample_indices(batch, points, seed)
    return gather_xyz(batch, index), sampler.take(FIELD, batch, index)
