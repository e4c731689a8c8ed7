"""How the recipes on MSR-Action3D were chosen: six settings a start, scored on two held-out training subjects."""

from __future__ import annotations

from ...study.experiments import Row
from .methods import BACKBONES, METHODS
from .recognition import PRETRAIN_FRAMES, finetune
from .settings import GRIDS, HELD_OUT


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``choice-<start>-<number>``: trained without the held-out subjects, scored on them."""
    return tuple(
        Row(
            id=f"choice-{start}-{number}",
            title=f"{METHODS[start].short}: {setting.title}",
            recipes=(finetune(profile, "pptr", PRETRAIN_FRAMES, start, 0, setting=setting, held_out=HELD_OUT),),
            method=METHODS[start],
            backbone=BACKBONES["pptr"],
            frames=PRETRAIN_FRAMES,
            because="the paper does not say how its recipes were chosen",
        )
        for start, settings in GRIDS.items()
        for number, setting in enumerate(settings)
    )
