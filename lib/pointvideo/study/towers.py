"""What a pre-training of several networks keeps: one state, in which names tell them apart.

Its backbone's entries have their own names, as where there is nothing else. Those of a further tower, which the job
names in ``towers``, stand behind that tower's name and a dot.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..recipe import Job

BACKBONE, EVERY = "backbone", "every tower"


def joined(job: Job) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights that a finished pre-training keeps, and what a file says of further towers."""
    towers = getattr(job, "towers", {})
    state = dict(job.module.backbone.state_dict())
    for tower, network in towers.items():
        state |= {f"{tower}.{name}": value for name, value in network.state_dict().items()}
    return state, {"towers": list(towers)} if towers else {}


def tower_of(state: dict[str, Tensor], note: dict[str, Any], tower: str = BACKBONE) -> dict[str, Tensor]:
    """The weights of one network, by the names that it has itself, or of all, as they are kept.

    Args:
        state: that a run kept.
        note: what its file says.
        tower: the backbone, the name of a further tower, or every one.

    Raises:
        ValueError: no such tower.
    """
    towers = note.get("towers", [])
    if tower == EVERY:
        return state
    if tower == BACKBONE:
        return {name: value for name, value in state.items() if name.partition(".")[0] not in towers}
    if tower not in towers:
        raise ValueError(f"weights: got those of {', '.join([BACKBONE, *towers])}, expected a tower {tower!r}")
    return {name.removeprefix(f"{tower}."): value for name, value in state.items() if name.startswith(f"{tower}.")}
