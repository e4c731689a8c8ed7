"""Which rate each pre-training has on the one network, by the solved probe of held-out training subjects.

Cross4D-JEPA has searched its own; each of the others has three here, the middle one that of Cross4D-JEPA, or for
MVNet that of its bridge to video. All are runs of the experiment "choice", and the best one is :data:`CHOSEN`.
"""

from __future__ import annotations

FACTORS = (0.25, 1.0, 4.0)
# the best of the experiment's records; tests/papers/test_one_protocol.py compares
CHOSEN = {"c2p": 0.25, "pointcpsc": 1.0, "crossvideo": 1.0, "mvnet": 1.0}


def factor_of(profile: str, name: str) -> float:
    """By what a pre-training's rate is multiplied; only the profile that was searched has a choice."""
    return CHOSEN.get(name, 1.0) if profile == "laptop" else 1.0


def chosen_rows() -> tuple[str, ...]:
    """Ids of the rows of the experiment that were taken."""
    return tuple(f"choice-{name}-{FACTORS.index(factor)}" for name, factor in CHOSEN.items())
