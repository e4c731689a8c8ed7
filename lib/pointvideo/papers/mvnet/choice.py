"""Which rate each start has on objects, by its score on a held-out fold of the training objects.

Reviewers ask whether pre-training wins where training from scratch has a rate of its own; so either has three, and each
task chooses for itself. All are runs of the experiments "choice" and "choice-parts"; every other arm takes what was
chosen for both losses.
"""

from __future__ import annotations

from ...study.search import Setting

HELD_OUT = (5,)  # of the folds 1 to 5 of the training objects; any would do
RATES = (1e-3, 2e-3, 4e-3)
_GRID = tuple(Setting(rate) for rate in RATES)
GRIDS: dict[str, dict[str, tuple[Setting, ...]]] = {
    task: {"scratch": _GRID, "both": _GRID} for task in ("classified", "parts")
}
# the best of the experiment's records; the middle one before there are any
CHOSEN = {task: dict.fromkeys(starts, _GRID[1]) for task, starts in GRIDS.items()}


def setting_of(profile: str, task: str, name: str) -> Setting:
    """What a start uses; only the profile that was searched has one."""
    if profile != "laptop":
        return Setting()
    return CHOSEN[task]["scratch" if name in ("scratch", "longer") else "both"]


def chosen_rows() -> dict[tuple[str, str], str]:
    """Task and start -> id of its row in "choice" that was taken."""
    return {
        (task, start): f"choice-{task}-{start}-{GRIDS[task][start].index(setting)}"
        for task, starts in CHOSEN.items()
        for start, setting in starts.items()
    }
