"""CrossVideo's mechanism on recorded MSR-Action3D, where a second modality is drawn from the points: depth, not RGB.

The paper has no such experiment, and the set has no colour. A drawing says nothing that the points do not say, so the
rows ask what a second network on another form of the same videos is worth, and the controls what is left of it when the
drawing is another video's or another time's. Everything but the pre-training is C2P's on this set, and so are the rows
of training from scratch, of STRL, VideoMAE and C2P: their runs are done once for both papers,
but at quick, which has fewer videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...pretexts.crossvideo import CrossVideoPretrain
from ...pretexts.geometric_transform import GeometricTransform
from ...stream import ClipData
from ...study.experiments import Row, stretched
from ...study.search import Setting, tuned
from ...study.trivial_rows import baseline_rows
from ...tasks.recognition import Finetune
from ...teachers.depth_images import NOTE
from ..c2p import recognition as theirs
from ..c2p.methods import STARTS, Pretrain
from .methods import ARMS, METHODS
from .methods import arm as arm_of
from .settings import CHOSEN, GRID, HELD_OUT, images, setting_of

FRAMES = theirs.PRETRAIN_FRAMES
BACKBONE = "pptr"
VIDEOS = 64  # of a split at quick, which has seconds for a row; elsewhere all, and runs are shared with C2P's
_COMPARED = ("scratch", "longer", "strl", "videomae", "c2p", "no-cross", "crossvideo")
_CONTROLS = ("other-images", "shifted", "points", "frame-number")
_WITH_FEW = ("scratch", "c2p", "no-cross", "crossvideo")
# epochs from scratch that cost what CrossVideo's pre-training and fine-tuning cost: at laptop by time (an update of the
# pre-training takes 0.38 s of one core, one of the fine-tuning 0.063), else by clips that a point network sees
LONGER = {"quick": 10, "laptop": 60, "gpu": 90, "paper": 250}


def pretrain(
    profile: str, name: str = "crossvideo", seed: int = 0, setting: Setting | None = None, held_out: Sequence[int] = ()
) -> CrossVideoPretrain | Pretrain:
    """A pre-training on the unlabelled training videos: an arm, or "c2p", "strl" or "videomae" as C2P has it.

    Args:
        profile, name, seed: which.
        setting: what a search may choose; what is chosen when left out.
        held_out: training subjects that it must not see either.
    """
    if name in STARTS:
        return _few(profile, theirs.pretrain(profile, BACKBONE, seed, name, setting, held_out=held_out))
    arm, setting, about = arm_of(name), setting or setting_of(profile), images(profile)
    seen, tower = about.seen("depth")
    return CrossVideoPretrain(
        backbone=theirs.backbone_size(profile, BACKBONE),
        image_tower=tower,
        data=_few_videos(profile, theirs.clip_data(profile, FRAMES, held_out)),
        training=tuned(theirs.sizes(profile).pretrain, setting.pretrain_rate),
        loss=arm.objective(),
        images=seen,
        hidden=about.hidden,
        projection=about.projection,
        seed=seed,
        **{"transform": GeometricTransform(), **arm.changes},  # people may be seen from anywhere
    )


def finetune(
    profile: str,
    name: str = "scratch",
    seed: int = 0,
    percent: int = 100,
    setting: Setting | None = None,
    held_out: Sequence[int] = (),
) -> Finetune:
    """Recognition from scratch, after an arm or after another method, else the same; arguments as :func:`pretrain`.

    ``name`` may be "scratch", or "longer" for scratch at the cost of CrossVideo's pre-training and fine-tuning;
    ``percent`` of the training videos keep their labels, and any share has the updates of all.
    """
    held: dict[str, Any] = {"held_out": held_out}
    if name == "longer":
        plain = finetune(profile, "scratch", seed, percent, setting, held_out)
        times = LONGER[profile] / plain.training.epochs
        return replace(
            plain, training=stretched(plain.training, times), evaluate_every=round(plain.evaluate_every * times)
        )
    if name in STARTS:
        return _few(profile, theirs.finetune(profile, BACKBONE, FRAMES, name, seed, percent, setting, **held))
    plain = theirs.finetune(profile, BACKBONE, FRAMES, "scratch", seed, percent, setting or setting_of(profile), **held)
    return replace(_few(profile, plain), init=pretrain(profile, name, seed, setting, held_out))


def _few_videos(profile: str, data: ClipData) -> ClipData:
    return replace(data, videos=VIDEOS) if profile == "quick" else data


def _few(profile: str, recipe: Any) -> Any:
    """A recipe of C2P's tables on so few videos as quick has time for; at other profiles as it is."""
    if profile != "quick":
        return recipe
    init = None if recipe.init is None else _few(profile, recipe.init)
    return replace(recipe, data=_few_videos(profile, recipe.data), init=init)


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above the tables: C2P's on this set, but for quick, which has fewer videos."""
    if profile != "quick":
        return theirs.baselines(profile)
    return baseline_rows("msr", finetune(profile), theirs.sizes(profile).seeds, "PPTr")


def row(profile: str, name: str, percent: int = 100) -> Row:
    """A fine-tuning: ``msr-<start or arm>``, with ``-labels-<percent>``."""
    shown = name in ARMS and ARMS[name].shown
    words = [METHODS[name].short, f"{percent} % of the labels" if percent < 100 else f"{FRAMES} frames"] + [
        NOTE
    ] * shown
    return Row(
        id=f"msr-{name}" + (f"-labels-{percent}" if percent < 100 else ""),
        title=", ".join(["PPTr", *words]),
        recipes=tuple(finetune(profile, name, seed, percent) for seed in theirs.sizes(profile).seeds),
        method=METHODS[name],
        backbone="PPTr",
        frames=FRAMES,
        label_percent=percent,
        because="the paper has nothing on this set",
        control=name in ARMS and ARMS[name].control,
    )


def table(profile: str) -> tuple[Row, ...]:
    """What a second modality adds, and what is left of it without the right one."""
    return tuple(row(profile, name) for name in (*_COMPARED, *_CONTROLS))


def costs(profile: str) -> tuple[Row, ...]:
    """Pre-trainings with as many updates each, and training from scratch for as long as CrossVideo takes."""
    return tuple(row(profile, name) for name in _COMPARED)


def labels(profile: str) -> tuple[Row, ...]:
    """Table V's protocol: pre-trained on all training videos, fine-tuned on a share of the labels."""
    percents = (10, 40) if profile == "quick" else theirs.sizes(profile).label_percents
    return tuple(row(profile, name, percent) for percent in (*percents, 100) for name in _WITH_FEW)


def choices(profile: str) -> tuple[Row, ...]:
    """Rows ``msr-choice-<number>``: trained without the held-out subjects, scored on them."""
    return tuple(
        Row(
            id=f"msr-choice-{number}",
            title=f"{METHODS['crossvideo'].short}: {setting.title}, {NOTE}",
            recipes=(finetune(profile, "crossvideo", setting=setting, held_out=HELD_OUT),),
            method=METHODS["crossvideo"],
            backbone="PPTr",
            frames=FRAMES,
            because="the paper does not say how its recipes were chosen",
        )
        for number, setting in enumerate(GRID)
    )


def chosen_row() -> str:
    """Id of the row of :func:`choices` that was taken."""
    return f"msr-choice-{GRID.index(CHOSEN)}"
