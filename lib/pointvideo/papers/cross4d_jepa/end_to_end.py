"""Table 17: student and head trained together on the labels of all points, from scratch or after a distillation.

As in Table 6, body parts of simulated people stand in for the labels of HOI4D. Two controls stand beside the paper's
two rows: one target a clip, and targets that know only where a patch lies.
"""

from __future__ import annotations

from ...study.experiments import Row
from ...tasks.part_segmentation import SegmentParts
from .distillation import finetune
from .methods import METHODS
from .segmentation import STANDS_IN_FOR_HOI4D
from .sets import data_of, distilled
from .settings import sizes
from .tables import STUDENT

STARTS = ("scratch", "global", "dense", "position")


def segment(profile: str, name: str, seed: int = 0) -> SegmentParts:
    """Parts of simulated people learnt end to end, from scratch for "scratch", else after an arm on the same people.

    Updates and augmentation are those of the fine-tuning on MSR-Action3D.
    """
    like = finetune(profile, "scratch", seed)
    return SegmentParts(
        backbone=like.backbone,
        data=data_of(profile, "people"),
        training=like.training,
        init=None if name == "scratch" else distilled(profile, name, "people", seed),
        augment=like.augment,
        evaluate_every=like.evaluate_every,
        seed=seed,
    )


def table17(profile: str) -> tuple[Row, ...]:
    """Table 17 on body parts."""
    return tuple(
        Row(
            id=f"end-to-end-{name}",
            title=METHODS[name].short,
            recipes=tuple(segment(profile, name, seed) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone=STUDENT,
            because=STANDS_IN_FOR_HOI4D if name in ("scratch", "dense") else "a control of ours",
        )
        for name in STARTS
    )
