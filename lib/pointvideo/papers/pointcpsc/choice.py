"""What is chosen on MSR-Action3D for training from scratch and after PointCPSC, by two held-out training subjects.

Either start has six settings, the profile's own first: four, and two lower rates once the lowest had won from scratch.
All are runs of the experiment "1-choice", and the best one is :data:`CHOSEN`. Every other arm takes what was chosen for
PointCPSC. None of these runs was scored on a test subject.
"""

from __future__ import annotations

from ...study.search import Setting

HELD_OUT = (3, 5)  # of the training subjects 1 to 5; any two would do, but 4 and 5 leave one clip of a last batch
_BEFORE = [(before, rate) for before in (1e-3, 2e-3) for rate in (1e-3, 2e-3)] + [(1e-3, 5e-4), (1e-3, 2.5e-4)]
GRIDS: dict[str, tuple[Setting, ...]] = {
    "scratch": tuple(Setting(rate) for rate in (1e-3, 2e-3, 4e-3, 5e-4, 2.5e-4, 1.25e-4)),
    "cpsc": tuple(Setting(rate, pretrain_rate=before) for before, rate in _BEFORE),
}
# the best of the experiment's records; tests/papers/test_pointcpsc_choice.py compares
CHOSEN = {"scratch": GRIDS["scratch"][3], "cpsc": GRIDS["cpsc"][4]}


def setting_of(profile: str, name: str) -> Setting:
    """What an arm uses, or "scratch" and "longer"; only the profile that was searched has one."""
    if profile != "laptop":
        return Setting()
    return CHOSEN["scratch" if name in ("scratch", "longer") else "cpsc"]


def chosen_rows() -> dict[str, str]:
    """Start -> id of its row in "1-choice" that was taken."""
    return {start: f"choice-{start}-{GRIDS[start].index(setting)}" for start, setting in CHOSEN.items()}
