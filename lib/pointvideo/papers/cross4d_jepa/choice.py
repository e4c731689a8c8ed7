"""What is chosen on MSR-Action3D for the fine-tuning from scratch and after a distillation, by training subjects.

Either start has the same six settings, the profile's own among them: three rates, at its batch and at a quarter of it,
which takes four times the updates over the same clips. All are runs of the experiment "4-choice", on the split that the
rate of the distillation was chosen on, and the best one is :data:`CHOSEN`. Every arm takes what was chosen for dense
targets. None of these runs was scored on a test subject.
"""

from __future__ import annotations

from ...study.search import Setting

PLAIN = Setting()  # as the profile has it: for baselines, which take clips and scoring from a fine-tuning alone
GRID = tuple(Setting(rate, batch=batch) for batch in (16, 4) for rate in (5e-4, 1e-3, 2e-3))
# the best of the experiment's records; tests/papers/test_cross4d_jepa_choice.py compares
CHOSEN = {"scratch": GRID[4], "dense": GRID[4]}


def setting_of(profile: str, name: str) -> Setting:
    """What an arm uses, or "scratch" and "longer"; only the profile that was searched has one."""
    if profile != "laptop":
        return PLAIN
    return CHOSEN["scratch" if name in ("scratch", "longer") else "dense"]


def chosen_rows() -> dict[str, str]:
    """Start -> id of its row in "4-choice" that was taken."""
    return {start: f"choice-{start}-{GRID.index(setting)}" for start, setting in CHOSEN.items()}
