"""Which rate each start has on objects and on videos, by its score on held-out training data.

Reviewers ask whether pre-training wins where training from scratch has a rate of its own; so either has its own search,
and each task chooses for itself: five rates on objects, scored on a held-out fold of the training objects, and on
videos the six settings of Cross4D-JEPA's search and two higher rates, scored on held-out training subjects. All are
runs of the experiments "choice", "choice-parts" and "bridge-choice"; every other arm takes what was chosen for both
losses.
"""

from __future__ import annotations

from ...study.search import Setting
from ..cross4d_jepa.choice import GRID

HELD_OUT = (5,)  # of the folds 1 to 5 of the training objects; any would do
RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
VIDEO_GRID = (*GRID, Setting(4e-3, batch=4), Setting(8e-3, batch=4))  # until either start has its best inside
_GRID = tuple(Setting(rate) for rate in RATES)
GRIDS: dict[str, dict[str, tuple[Setting, ...]]] = {
    "classified": {"scratch": _GRID, "both": _GRID},
    "parts": {"scratch": _GRID, "both": _GRID},
    "videos": {"scratch": VIDEO_GRID, "both": VIDEO_GRID},
}
# the best of the experiments' records; tests/papers/test_mvnet.py compares
CHOSEN = {
    "classified": {"scratch": _GRID[2], "both": _GRID[1]},
    "parts": {"scratch": _GRID[3], "both": _GRID[4]},
    "videos": {"scratch": VIDEO_GRID[6], "both": VIDEO_GRID[5]},
}


def setting_of(profile: str, task: str, name: str) -> Setting:
    """What a start uses; only the profile that was searched has one."""
    if profile != "laptop":
        return Setting()
    return CHOSEN[task]["scratch" if name in ("scratch", "longer") else "both"]


def chosen_rows() -> dict[tuple[str, str], str]:
    """Task and start -> id of its row in its search that was taken."""
    return {
        (task, start): f"choice-{task}-{start}-{GRIDS[task][start].index(setting)}"
        for task, starts in CHOSEN.items()
        for start, setting in starts.items()
    }
