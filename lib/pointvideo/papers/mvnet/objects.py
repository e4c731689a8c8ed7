"""Single objects: pre-trained without labels, then classified and segmented into parts.

The paper's sets are ScanObjectNN and ShapeNetPart, pre-trained on Objaverse; the simulated objects stand in for all of
them until a user's sets are there. Objects are turned about the vertical by any angle, as in the fine-tuning of
MaskFeat3D, so the network that is given a turned object must say what cameras saw of the unturned one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...pretexts.mvnet import MVNetPretrain
from ...recipe import Training
from ...study.experiments import Row, same_updates, stretched
from ...study.search import Setting, tuned
from ...study.trivial_rows import baseline_rows
from ...tasks.object_part_segmentation import SegmentObjectParts
from ...tasks.object_recognition import OBJECT_AUGMENT, ObjectFinetune, ObjectProbe
from .choice import GRIDS, HELD_OUT, setting_of
from .methods import ARMS, METHODS, arm
from .place import place
from .settings import CLASSIFIED, PARTED, SEEN, around_objects, levels, object_data, sizes

NETWORK = "point U-Net"
LOSSES = ("transfer", "consistency", "both")
CONTROLS = ("untrained-teacher", "noise", "trivial")
STARTLESS = ("scratch", "longer", "random")
VARIED = (
    "transfer", "lambda-0.3", "both", "lambda-3", "consistency", "masked-30", "masked-60", "views-1", "views-4",
    "last-level", "contrast", "transfer-contrast", "partial", "colour",
)  # fmt: skip
_PRINTED = {
    ("classified", "scratch"): ("Table 3", "from scratch"),
    ("classified", "both"): ("Table 3", "MVNet"),
    ("parts", "scratch"): ("ShapeNetPart", "from scratch"),
    ("parts", "both"): ("ShapeNetPart", "MVNet"),
}


def pretrain(profile: str, name: str, seed: int = 0, held_out: tuple[int, ...] = ()) -> MVNetPretrain:
    """An arm of :data:`.methods.ARMS` on training objects without their labels."""
    chosen, known = sizes(profile), arm(name)
    teachers, data, size = levels(profile, known.teacher), object_data(profile, SEEN, held_out), chosen.network
    if known.colour:
        data, size = replace(data, features=("rgb",)), replace(size, inputs=3)
    plain = MVNetPretrain(
        backbone=size,
        data=data,
        training=chosen.pretrain,
        teachers=teachers if known.levels is None else teachers[known.levels],
        projection=replace(around_objects(profile), **known.projection),
        loss=replace(MVNetPretrain.loss, **known.loss),
        hidden=chosen.hidden,
        transferred="both",
        augment=OBJECT_AUGMENT,
        seed=seed,
    )
    return replace(plain, **known.changes)


def _start(profile: str, name: str, seed: int, held_out: tuple[int, ...] = ()) -> MVNetPretrain | None:
    return None if name in STARTLESS else pretrain(profile, name, seed, held_out)


def _training(training: Training, name: str, percent: int, setting: Setting, longer: float) -> Training:
    training = tuned(training, setting.rate)
    return same_updates(stretched(training, longer) if name == "longer" else training, percent)


def classify(
    profile: str,
    name: str = "scratch",
    seed: int = 0,
    percent: int = 100,
    setting: Setting | None = None,
    held_out: tuple[int, ...] = (),
) -> ObjectFinetune:
    """Classes of objects from the encoder's coarsest tokens, from scratch for "scratch" and, at the cost of both
    trainings, for "longer"; else after an arm.

    Args:
        profile, name, seed: which.
        percent: of the training objects that keep their labels.
        setting: what a search may choose; the profile's choice when left out.
        held_out: folds of the training objects that are scored instead of the test objects.
    """
    setting = setting or setting_of(profile, "classified", name)
    start = _start(profile, name, seed, held_out)
    training = _training(sizes(profile).finetune, name, percent, setting, sizes(profile).longer)
    return ObjectFinetune(
        backbone=sizes(profile).network if start is None else start.backbone,
        data=_data(profile, CLASSIFIED, name, held_out),
        training=training,
        init=start,
        transfer="all" if start is None else "encoder",
        label_percent=percent,
        evaluate_every=training.epochs,
        evaluate_clips=1,
        seed=seed,
    )


def segment(
    profile: str,
    name: str = "scratch",
    seed: int = 0,
    percent: int = 100,
    setting: Setting | None = None,
    held_out: tuple[int, ...] = (),
    *,
    transfer: str = "encoder",
) -> SegmentObjectParts:
    """Parts of objects from the decoder's tokens, a token a point; arguments as :func:`classify`.

    transfer: which of the pre-trained weights are taken over, "encoder", "decoder" or "all".
    """
    setting = setting or setting_of(profile, "parts", name)
    start = _start(profile, name, seed, held_out)
    training = _training(sizes(profile).segment, name, percent, setting, sizes(profile).longer_parts)
    return SegmentObjectParts(
        backbone=sizes(profile).network if start is None else start.backbone,
        data=_data(profile, PARTED, name, held_out),
        training=training,
        init=start,
        output="points",
        transfer="all" if start is None else transfer,
        label_percent=percent,
        evaluate_every=training.epochs,
        seed=seed,
    )


def probe(profile: str, name: str, seed: int = 0) -> ObjectProbe:
    """A logistic regression, solved, on the standardised mean of the encoder's tokens; "random": of the untrained."""
    start = _start(profile, name, seed)
    return ObjectProbe(
        backbone=sizes(profile).network if start is None else start.backbone,
        data=_data(profile, CLASSIFIED, name),
        training=Training(epochs=1, batch=32, clips_per_video=1),
        init=start,
        standardised=True,
        seed=seed,
    )


def _data(profile: str, dataset: str, name: str, held_out: tuple[int, ...] = ()):
    data = object_data(profile, dataset, held_out)
    return replace(data, features=("rgb",)) if name in ARMS and ARMS[name].colour else data


def _row(id: str, title: str, recipes: tuple, name: str, percent: int = 100, printed: tuple = ()) -> Row:
    return Row(
        id=id,
        title=title,
        recipes=recipes,
        method=METHODS[name],
        backbone=NETWORK,
        label_percent=percent,
        control=name in ARMS and ARMS[name].control,
        **(place(*printed) if printed else {"because": ARMS[name].because if name in ARMS else "a protocol of ours"}),
    )


def classified(profile: str) -> tuple[Row, ...]:
    """Experiment 1, classification: from scratch, each loss and both, the controls."""
    return _losses(profile, "objects", "classified", classify)


def parted(profile: str) -> tuple[Row, ...]:
    """Experiment 1, parts."""
    return _losses(profile, "parts", "parts", segment)


def _losses(profile: str, prefix: str, task: str, make: Callable[..., Any]) -> tuple[Row, ...]:
    return tuple(
        _row(
            f"{prefix}-{name}",
            METHODS[name].short,
            tuple(make(profile, name, seed) for seed in sizes(profile).seeds),
            name,
            printed=_PRINTED.get((task, name), ()),
        )
        for name in ("scratch", "longer", *LOSSES, *CONTROLS)
    )


def few_labels(profile: str) -> tuple[Row, ...]:
    """Classes with a tenth of the labels; the pre-training has seen all objects."""
    return tuple(
        _row(
            f"objects-{name}-labels-10", f"{METHODS[name].short}, 10 % of the labels",
            tuple(classify(profile, name, seed, 10) for seed in sizes(profile).seeds), name, 10,
        )
        for name in ("scratch", "transfer", "both", "noise")
    )  # fmt: skip


def probes(profile: str) -> tuple[Row, ...]:
    """Classes by a solved probe of the encoder, of every arm of experiment 1."""
    return tuple(_probed(profile, name, sizes(profile).seeds) for name in ("random", *LOSSES, *CONTROLS))


def varied(profile: str) -> tuple[Row, ...]:
    """The silences read otherwise, by the solved probe: weight of the second loss, masking, views, levels, forms."""
    seeds, main = sizes(profile).few_seeds, {"transfer", "both", "consistency"}
    return tuple(
        replace(found, id=f"{found.id}-varied") if name in main else found
        for name in VARIED
        for found in (_probed(profile, name, seeds),)
    )


def _probed(profile: str, name: str, seeds: tuple[int, ...]) -> Row:
    recipes = tuple(probe(profile, name, seed) for seed in seeds)
    return _row(f"objects-{name}-solved", f"{METHODS[name].short}, solved probe", recipes, name)


def weights(profile: str) -> tuple[Row, ...]:
    """Experiment 4: which weights are taken over for parts, each after both losses and after the transfer alone."""
    words = {"encoder": "encoder alone", "all": "encoder and decoder", "decoder": "decoder alone"}
    rows = [
        _row(
            f"weights-{name}-{transfer}", f"{METHODS[name].short}, {said}",
            tuple(segment(profile, name, seed, transfer=transfer) for seed in sizes(profile).seeds), name,
        )
        for name in ("transfer", "both")
        for transfer, said in words.items()
    ]  # fmt: skip
    scratch = next(found for found in parted(profile) if found.id == "parts-scratch")
    return (replace(scratch, id="weights-scratch", printed=None, because="a protocol of ours"), *rows)


def choices(profile: str) -> tuple[Row, ...]:
    """How rates were chosen for classes, ``choice-classified-<start>-<number>``: without the held-out fold, scored on
    it."""
    return _choices(profile, "classified", classify)


def part_choices(profile: str) -> tuple[Row, ...]:
    """The same for parts."""
    return _choices(profile, "parts", segment)


def _choices(profile: str, task: str, make: Callable[..., Any]) -> tuple[Row, ...]:
    return tuple(
        _row(
            f"choice-{task}-{start}-{number}",
            f"{METHODS[start].short}: {setting.title}",
            (make(profile, start, setting=setting, held_out=HELD_OUT),),
            start,
        )
        for start, settings in GRIDS[task].items()
        for number, setting in enumerate(settings)
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above classification: labels alone, hand-made statistics, the untrained network."""
    return baseline_rows("objects", classify(profile), sizes(profile).seeds, NETWORK)
