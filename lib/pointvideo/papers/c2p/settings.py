"""What is chosen for each start on MSR-Action3D, by its score on two training subjects that are held out.

Every start has six settings, the default first; all of them are runs of the experiment "4-choice", and the best one is
:data:`CHOSEN`. None of them was ever scored on the test subjects.
"""

from __future__ import annotations

from ...study.search import Setting

HELD_OUT = (4, 5)  # of the training subjects 1 to 5; any two would do
DEFAULT = Setting()
_RATES = (1e-3, 5e-4)
GRIDS: dict[str, tuple[Setting, ...]] = {
    "scratch": tuple(Setting(rate, decay) for rate in (1e-3, 5e-4, 2e-3) for decay in (0.05, 0.5)),
    "c2p": tuple(Setting(rate, pretrain_rate=before) for before in (1e-3, 5e-4, 2e-3) for rate in _RATES),
    "strl": tuple(
        Setting(rate, pretrain_rate=before, changes=changes)
        for before, changes in ((1e-3, {}), (1e-3, {"momentum": 0.99}), (5e-4, {"norm": "frames"}))
        for rate in _RATES
    ),
    # its rate is a third of the others', see pointvideo.study.baselines; the masks are varied
    "videomae": tuple(
        Setting(rate, changes=changes)
        for changes in ({}, {"hidden": 0.6}, {"masking": "tube", "hidden": 0.6})
        for rate in _RATES
    ),
}
# the best of the experiment's records; tests/papers/test_c2p_choice.py compares
CHOSEN = {
    "scratch": GRIDS["scratch"][3],
    "c2p": GRIDS["c2p"][1],
    "strl": GRIDS["strl"][5],
    "videomae": GRIDS["videomae"][4],
}


def chosen_rows() -> dict[str, str]:
    """Start -> id of its row in "4-choice" that was taken."""
    return {start: f"choice-{start}-{GRIDS[start].index(setting)}" for start, setting in CHOSEN.items()}
