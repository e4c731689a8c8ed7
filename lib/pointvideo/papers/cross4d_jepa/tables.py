"""The tables on recorded MSR-Action3D as rows: which arm, which probe, where the paper has its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...study.experiments import Printed, Row
from ...study.trivial_rows import baseline_rows
from . import rivals
from .choice import CHOSEN, GRID, PLAIN
from .distillation import CORRUPTIONS, PROBES, finetune, probe
from .methods import ARMS, METHODS
from .settings import at_hand, sizes

STUDENT = "Point4D"
_TABLE1 = ("Table 1", "MSR-Action3D")
_OURS = {"printed": "", "printed-std": "", "solved-raw": "a probe of ours", "solved": "a probe of ours"}


def row(
    profile: str,
    name: str,
    kind: str,
    seeds: Sequence[int],
    split: str = "stated",
    printed: Printed | None = None,
) -> Row:
    """A row ``<arm>-<probe>``, with ``-odd`` for the split by odd and even subjects."""
    because = _OURS[kind] or (ARMS[name].because if name in ARMS else "printed without balanced terms")
    return Row(
        id=f"{name}-{kind}" + ("" if split == "stated" else f"-{split}"),
        title=f"{METHODS[name].short}, {PROBES[kind].title}",
        recipes=tuple(probe(profile, name, kind, seed, split) for seed in seeds),
        method=METHODS[name],
        backbone=STUDENT,
        printed=printed,
        because="" if printed else because,
        control=name in ARMS and ARMS[name].control,
    )


def _main(profile: str, kind: str, split: str, *, more: Sequence[str] = ()) -> tuple[Row, ...]:
    """Random, global, dense; with the printed numbers where the probe is the printed one."""
    seeds = sizes(profile).seeds
    columns = {"random": "random", **{name: arm.printed for name, arm in ARMS.items() if arm.printed}}
    return tuple(
        row(
            profile, name, kind, seeds, split,
            Printed(*_TABLE1, column=columns[name]) if kind == "printed" and name in columns else None,
        )
        for name in ("random", "global", "dense", *more)
    )  # fmt: skip


def choice(profile: str) -> tuple[Row, ...]:
    """How the rate of the pre-training was chosen: dense targets, scored on two training subjects."""
    chosen = sizes(profile)
    return tuple(
        Row(
            id=f"choice-dense-{rate:g}",
            title=f"{METHODS['dense'].short}, rate {rate:g}",
            recipes=tuple(probe(profile, "dense", "solved", seed, "choice", rate) for seed in chosen.seeds),
            method=METHODS["dense"],
            backbone=STUDENT,
            because="the paper does not say how its rate was chosen",
        )
        for rate in chosen.rates
    )


def table1(profile: str) -> tuple[Row, ...]:
    """Table 1 on MSR-Action3D, the printed kind of probe, subjects as stated."""
    return _main(profile, "printed", "stated", more=("global-centred", "dense-centred"))


def table1_odd(profile: str) -> tuple[Row, ...]:
    """The same with odd subjects for training and even ones for the test."""
    return _main(profile, "printed", "odd")


def fair(profile: str) -> tuple[Row, ...]:
    """The same encoders by the solved probe on standardised features."""
    return _main(profile, "solved", "stated", more=("global-centred", "dense-centred"))


def fair_odd(profile: str) -> tuple[Row, ...]:
    """The same with odd subjects for training and even ones for the test, and the two controls that say whether the
    image network's knowledge carries the effect."""
    return _main(profile, "solved", "odd", more=("position", "untrained-teacher"))


def table11(profile: str) -> tuple[Row, ...]:
    """Table 11: raw and standardised features, both probes."""
    places = {
        ("random", "printed"): Printed("Table 11", "random init", column="std off (default)"),
        ("random", "printed-std"): Printed("Table 11", "random init", column="std on"),
        ("dense", "printed"): Printed("Table 11", "dense (ours)", column="std off (default)"),
        ("dense", "printed-std"): Printed("Table 11", "dense (ours)", column="std on"),
    }
    seeds = sizes(profile).seeds
    rows = []
    for kind in PROBES:
        for name in ("random", "global", "dense"):
            found = row(profile, name, kind, seeds, printed=places.get((name, kind)))
            # Table 1 has these rows as well, beside other printed numbers
            rows.append(replace(found, id=f"{found.id}-11") if kind == "printed" else found)
    return tuple(rows)


def _controls(profile: str, kind: str) -> tuple[Row, ...]:
    chosen = sizes(profile)
    main = [row for row in _main(profile, kind, "stated") if row.id != f"global-{kind}"]
    shifts = [f"shift-{patches}" for patches in chosen.shifts]
    noises = [f"noise-{pixels}" for pixels in chosen.noises]
    names = (
        "position", "untrained-teacher", "geometry", "shuffled", "fewer-updates", "same-action", "other-action",
        *shifts, *noises,
    )  # fmt: skip
    return (*main, *(row(profile, name, kind, chosen.seeds) for name in names))


def controls(profile: str) -> tuple[Row, ...]:
    """What carries the effect: controls by the solved probe on standardised features."""
    return _controls(profile, "solved")


def controls_printed(profile: str) -> tuple[Row, ...]:
    """The same by the printed kind of probe."""
    return _controls(profile, "printed")


def granularity(profile: str) -> tuple[Row, ...]:
    """From one target a clip to one a patch, as printed and centred, by the solved probe."""
    chosen = sizes(profile)
    names = [
        name + centred
        for name in ("global", *(f"cells-{cells}" for cells in chosen.cells), "dense")
        for centred in ("", "-centred")
    ]
    return tuple(row(profile, name, "solved", chosen.seeds) for name in names)


def table7(profile: str) -> tuple[Row, ...]:
    """Table 7: other pre-trainings on the same student, by the probe as printed and by the solved one."""
    seeds = sizes(profile).seeds
    rows = []
    for kind in ("printed", "solved"):
        for name in ("random", "dense", *rivals.METHODS):
            label = {"random": "random init", "dense": "Cross4D-JEPA (dense)", **rivals.PRINTED}.get(name)
            place = Printed("Table 7", label, column="LP acc.") if label and kind == "printed" else None
            found = row(profile, name, kind, seeds, printed=place)
            rows.append(replace(found, id=f"{found.id}-7") if name in ("random", "dense") and place else found)
    return tuple(rows)


def table2(profile: str) -> tuple[Row, ...]:
    """Table 2: teachers, those of the paper as far as their weights have been fetched."""
    few, seeds = sizes(profile).few_seeds, sizes(profile).seeds
    labels = {"dinov2": "DINOv2", "dinov3": "DINOv3", "vjepa2": "V-JEPA 2", "videomae": "VideoMAEv2"}
    columns = {"global": "global", "dense": "dense (ours)"}
    stand_in = (
        row(profile, name, "printed", seeds, printed=Printed(*_TABLE1, column=columns[name])) for name in columns
    )
    return (
        *stand_in,
        row(profile, "untrained-teacher", "printed", seeds),
        *(
            row(profile, f"{grain}-{name}", "printed", few, printed=Printed("Table 2", labels[name], column=column))
            for name in at_hand()
            for grain, column in columns.items()
        ),
    )


def table10(profile: str) -> tuple[Row, ...]:
    """Table 10: how targets are projected, and finer or coarser patches, as images of another size have them."""
    chosen = sizes(profile)
    labels = {"principal": "PCA projection (d_p=384)", "grid-7": "render img 98", "grid-12": "render img 168"}
    default = Printed("Table 10", "default (d_p=384, img 126)", column="LP acc.")
    return (
        replace(row(profile, "dense", "printed", chosen.seeds, printed=default), id="dense-printed-10"),
        row(profile, "own-channels", "printed", chosen.seeds),
        *(
            row(
                profile, name, "printed", chosen.seeds,
                printed=Printed("Table 10", label, column="LP acc."),
            )
            for name, label in labels.items()
        ),
    )  # fmt: skip


def table13(profile: str) -> tuple[Row, ...]:
    """Table 13: test clips with fewer frames, fewer points, noise; global, which the paper leaves out, as well."""
    seeds = sizes(profile).seeds
    groups = {
        "frames": "temporal subsample (24/18/12/6 frames)",
        "points": "point dropout (keep 100/75/50/25%)",
        "jitter": "coordinate jitter (σ=0/.01/.02/.05)",
    }
    return tuple(
        Row(
            id=f"{name}-{kind}-{strength}",
            title=f"{METHODS[name].short}, {_damage(corruption)}",
            recipes=tuple(probe(profile, name, "printed", seed, corruption=corruption) for seed in seeds),
            method=METHODS[name],
            backbone=STUDENT,
            printed=Printed("Table 13", f"{name}, {groups[kind]}", column=column) if name != "global" else None,
            because="" if name != "global" else "the paper leaves global out",
        )
        for kind, several in CORRUPTIONS.items()
        for strength, (corruption, column) in enumerate(zip(several, ("mild", "mod.", "severe"), strict=True), 1)
        for name in ("random", "global", "dense")
    )


def _damage(corruption: Corruption) -> str:
    """What is left of a test clip, in words; noise is in radii of the clip."""
    return corruption.title.replace("%", " %") + (" radii" if corruption.noise else "")


def table14(profile: str) -> tuple[Row, ...]:
    """Table 14: with and without the variance term; the default is Table 1's run beside another printed number."""
    chosen, labels = sizes(profile), {"dense": "default (λ=1)", "no-variance": "λ=0 (off)"}
    places = {name: Printed("Table 14", label, column="LP acc.") for name, label in labels.items()}
    default = row(profile, "dense", "printed", chosen.seeds, printed=places["dense"])
    off = row(profile, "no-variance", "printed", chosen.seeds, printed=places["no-variance"])
    return replace(default, id="dense-printed-14"), off


def table15(profile: str) -> tuple[Row, ...]:
    """Table 15: cameras."""
    chosen = sizes(profile)
    labels = {1: "1 (default)", 2: "2", 4: "4"}
    return tuple(
        row(
            profile, f"cameras-{cameras}", "printed", chosen.seeds,
            printed=Printed("Table 15", labels[cameras], column="LP acc."),
        )
        for cameras in chosen.cameras
    )  # fmt: skip


def table4(profile: str) -> tuple[Row, ...]:
    """Table 4 and Figure 6: fine-tuning with shares of the labels, every share with the updates of all labels."""
    chosen = sizes(profile)
    labels = {"scratch": "From scratch", "dense": "Dense (ours)"}
    rows = []
    for percent in chosen.label_percents:
        longer = ("longer",) * (percent in (chosen.label_percents[0], chosen.label_percents[-1]))
        for name in ("scratch", *longer, "global", "dense", "position"):
            place = Printed("Table 4", labels[name], column=f"{percent}%") if name in labels else None
            rows.append(
                Row(
                    id=f"{name}-labels-{percent}",
                    title=f"{METHODS[name].short}, {percent} % of the labels",
                    recipes=tuple(finetune(profile, name, seed, percent) for seed in chosen.seeds),
                    method=METHODS[name],
                    backbone=STUDENT,
                    label_percent=percent,
                    printed=place,
                    because="" if place else "the paper gives no table of it",
                )
            )
    return tuple(rows)


def finetuning_choice(profile: str) -> tuple[Row, ...]:
    """How rate and batch of the fine-tuning were chosen from scratch and after dense targets: by training subjects."""
    return tuple(
        Row(
            id=f"choice-{name}-{number}",
            title=f"{METHODS[name].short}: {setting.title}",
            recipes=(finetune(profile, name, split="choice", setting=setting),),
            method=METHODS[name],
            backbone=STUDENT,
            because="the paper does not say how its recipes were chosen",
        )
        for name in CHOSEN
        for number, setting in enumerate(GRID)
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above the tables: labels alone and hand-made statistics; the untrained student is a row of the paper's."""
    rows = baseline_rows("msr", finetune(profile, "scratch", setting=PLAIN), sizes(profile).seeds, STUDENT)
    return tuple(row for row in rows if row.id != "msr-untrained")


def baselines_odd(profile: str) -> tuple[Row, ...]:
    """The same where even subjects are scored."""
    like = finetune(profile, "scratch", setting=PLAIN)
    like = replace(like, data=probe(profile, "random", "solved", split="odd").data)
    rows = baseline_rows("odd", like, sizes(profile).seeds, STUDENT)
    return tuple(row for row in rows if row.id != "odd-untrained")
