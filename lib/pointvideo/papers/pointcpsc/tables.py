"""The tables on recorded MSR-Action3D as rows: which arm, which protocol, where the paper has its number."""

from __future__ import annotations

from collections.abc import Sequence

from ...stream import ClipData
from ...study.experiments import Printed, Row
from ...study.trivial_rows import baseline_rows
from ...tasks.recognition import Finetune
from .choice import GRIDS, HELD_OUT
from .methods import ARMS, METHODS, SUPERVISED
from .recognition import finetune, linear, solved, supervised
from .settings import ABLATED, clip_data, sizes

BACKBONE = "PSTNet"
HALF = 50  # per cent of the labels
_OURS = "a protocol of ours"
_MAIN = ("scratch", "random", "longer", "noise", "cpsc")
_TABLE1 = {"scratch": "PSTNet", "cpsc": "PointCPSC, fine-tuned"}


def _because(name: str) -> str:
    if name in ARMS:
        return ARMS[name].because or _OURS
    return "the paper has no row with the cost of pre-training and fine-tuning" if name == "longer" else _OURS


def row(
    profile: str,
    name: str,
    frames: int = ABLATED,
    *,
    seeds: Sequence[int] = (),
    percent: int = 100,
    whole: bool = False,
    printed: Printed | None = None,
    id: str = "",
) -> Row:
    """A fine-tuning: ``<arm>-<frames>``, with ``-whole`` for clips in one piece and ``-labels-<percent>``."""
    words = [f"{frames} frames"] + ["in one piece"] * whole + [f"{percent} % of the labels"] * (percent < 100)
    parts = [name, str(frames)] + ["whole"] * whole + [f"labels-{percent}"] * (percent < 100)
    return Row(
        id=id or "-".join(parts),
        title=f"{METHODS[name].short}, {', '.join(words)}",
        recipes=tuple(
            finetune(profile, name, frames, seed, percent=percent, whole=whole)
            for seed in seeds or _seeds(profile, name)
        ),
        method=METHODS[name],
        backbone=BACKBONE,
        frames=frames,
        label_percent=percent,
        printed=printed,
        because="" if printed else _because(name),
        control=name in ARMS and ARMS[name].control,
    )


def _probe(
    profile: str, name: str, kind: str, frames: int = ABLATED, printed: Printed | None = None, **options: str
) -> Row:
    """A probe: ``<arm>-<frames>-<linear or solved>``, with the value of what differs from its default."""
    make, title = {"linear": (linear, "linear probe"), "solved": (solved, "solved probe")}[kind]
    differing = {"moving": "batch norm moving", "kept": "statistics kept"}
    words = [f"{frames} frames", title] + [differing[value] for value in options.values()]
    return Row(
        id="-".join([name, str(frames), kind, *options.values()]),
        title=f"{METHODS[name].short}, {', '.join(words)}",
        recipes=tuple(make(profile, name, frames, seed, **options) for seed in _seeds(profile, name)),
        method=METHODS[name],
        backbone=BACKBONE,
        frames=frames,
        printed=printed,
        because="" if printed else _because(name) if kind == "linear" and name in ARMS else _OURS,
        control=name in ARMS and ARMS[name].control,
    )


def _seeds(profile: str, name: str) -> tuple[int, ...]:
    """All of them where a claim is decided, few for what is varied."""
    chosen = sizes(profile)
    return chosen.seeds if name in _MAIN else chosen.few_seeds


def _main_seeds(profile: str, frames: int) -> tuple[int, ...]:
    chosen = sizes(profile)
    return chosen.main_seeds if frames == ABLATED else chosen.seeds


def table1(profile: str) -> tuple[Row, ...]:
    """Table 1, fine-tuned: PSTNet from scratch and after PointCPSC at every length."""
    return tuple(
        row(
            profile, name, frames, seeds=_main_seeds(profile, frames),
            printed=Printed("Table 1", label, frames=frames),
        )
        for frames in sizes(profile).frames
        for name, label in _TABLE1.items()
    )  # fmt: skip


def choices(profile: str) -> tuple[Row, ...]:
    """How recipes were chosen, ``choice-<start>-<number>``: trained without the held-out subjects, scored on them."""
    return tuple(
        Row(
            id=f"choice-{start}-{number}",
            title=f"{METHODS[start].short}: {setting.title}",
            recipes=(finetune(profile, start, ABLATED, setting=setting, held_out=HELD_OUT),),
            method=METHODS[start],
            backbone=BACKBONE,
            frames=ABLATED,
            because="the paper does not say how its recipes were chosen",
        )
        for start, settings in GRIDS.items()
        for number, setting in enumerate(settings)
    )


def table1_probe(profile: str) -> tuple[Row, ...]:
    """Table 1, linear probe, at every length; the untrained encoder and the controls at one."""
    place = {frames: Printed("Table 1", "PointCPSC, linear probe", frames=frames) for frames in sizes(profile).frames}
    return (
        *(_probe(profile, "cpsc", "linear", frames, place[frames]) for frames in place),
        *(_probe(profile, name, "linear") for name in ("random", "noise", "position")),
        *(_probe(profile, name, "linear", batch_norm="moving") for name in ("random", "cpsc")),
    )


def fair(profile: str) -> tuple[Row, ...]:
    """The same encoders, and those of Table 10, by the solved probe on standardised features."""
    names = ("random", "noise", "position", "f1", "f2", "cpsc")
    return (
        *(_probe(profile, name, "solved") for name in names),
        *(_probe(profile, name, "solved", statistics="kept") for name in ("random", "cpsc")),
    )


def table1_supervised(profile: str) -> tuple[Row, ...]:
    """Table 1's other networks, from scratch with the same clips and schedule, at its shortest and longest clips.

    MeteorNet is no part of quick: every pair of neighbours stands in memory, and a step takes seconds.
    """
    frames = sizes(profile).frames
    networks = {name: method for name, method in SUPERVISED.items() if profile != "quick" or name != "meteornet"}
    return tuple(
        Row(
            id=f"{name}-{length}",
            title=f"{method.short}, {length} frames",
            recipes=tuple(supervised(profile, name, length, seed) for seed in sizes(profile).few_seeds),
            method=method,
            backbone=method.label,
            frames=length,
            printed=Printed("Table 1", method.label, frames=length),
        )
        for length in (frames[0], frames[-1])
        for name, method in networks.items()
    )


def controls(profile: str) -> tuple[Row, ...]:
    """What the gain is made of: without contrast, at equal cost, clips in one piece, one radius."""
    main = (found for found in table1(profile) if found.frames == ABLATED)
    return (
        *main,
        *(row(profile, name) for name in ("longer", "noise", "position", "one-radius")),
        *(row(profile, name, whole=True) for name in _TABLE1),
    )


def half_the_labels(profile: str) -> tuple[Row, ...]:
    """Table 3's protocol, half the labels, with the row from scratch that the paper leaves out."""
    return tuple(row(profile, name, percent=HALF) for name in ("scratch", "noise", "cpsc"))


def _varied(profile: str, number: int, column: str | None, lines: dict[str, str], prefix: str) -> tuple[Row, ...]:
    """A table of section 4.6: arm -> its line. The default is Table 1's run beside another printed number."""
    frames = None if column == "MSR-Action3D" else ABLATED
    return tuple(
        row(
            profile,
            name,
            printed=Printed(f"Table {number}", label, column, frames),
            id=f"{prefix}-default" if name == "cpsc" else "",
        )
        for name, label in lines.items()
    )


def table5(profile: str) -> tuple[Row, ...]:
    """Table 5: the share of the bank that are negatives."""
    lines = {"cpsc": "A2 (Ours), 70 %", "ratio-80": "A3, 80 %", "ratio-90": "A4, 90 %"}
    printed = {found.method: found for found in _varied(profile, 5, None, lines, "ratio")}
    names = ["cpsc", *(f"ratio-{percent}" for percent in sizes(profile).ratios)]
    return tuple(printed.get(METHODS[name]) or row(profile, name) for name in names)


def table6(profile: str) -> tuple[Row, ...]:
    """Table 6: how neighbours count."""
    lines = {
        "soft-labels": "B1, softmax weighting",
        "pairs": "B2, add K positive pairs",
        "cpsc": "B3 (Ours), feature weighted fusion",
    }
    return (*_varied(profile, 6, None, lines, "weighting"), row(profile, "fuse"))


def table7(profile: str) -> tuple[Row, ...]:
    """Table 7: how many neighbours."""
    lines = {"neighbours-1": "C1, 1", "cpsc": "C2 (Ours), 3", "neighbours-5": "C3, 5", "neighbours-10": "C4, 10"}
    wanted = {f"neighbours-{count}" for count in sizes(profile).neighbours} | {"cpsc"}
    lines = {name: label for name, label in lines.items() if name in wanted}
    return _varied(profile, 7, None, lines, "neighbours")


def table8(profile: str) -> tuple[Row, ...]:
    """Table 8: size of the bank, and one whose entries are clips."""
    lines = {256: "D1, 256", 512: "D2, 512"}
    smaller = [
        row(
            profile, f"bank-{entries}",
            printed=Printed("Table 8", lines[entries], "Accuracy", ABLATED) if entries in lines else None,
        )
        for entries in sizes(profile).banks
    ]  # fmt: skip
    return (*smaller, *_varied(profile, 8, "Accuracy", {"cpsc": "D3 (Ours), 1024"}, "bank"), row(profile, "bank-clips"))


def table9(profile: str) -> tuple[Row, ...]:
    """Table 9 on MSR-Action3D: how many prototypes."""
    lines = {20: "E2, 20", 30: "E3, 30"}
    default = _varied(profile, 9, "MSR-Action3D", {"cpsc": "E1 (Ours), 10"}, "prototypes")
    more = [
        row(
            profile, f"prototypes-{count}",
            printed=Printed("Table 9", lines[count], "MSR-Action3D") if count in lines else None,
        )
        for count in sizes(profile).prototypes
    ]  # fmt: skip
    return (*default, *more)


def table10(profile: str) -> tuple[Row, ...]:
    """Table 10 on MSR-Action3D: the parts, one after the other."""
    lines = {
        "f1": "F1 Local Contrastive Prediction",
        "f2": "F2 F1 + Sample Selection Strategy",
        "cpsc": "F3 F2 + Prototype Alignment",
    }
    return _varied(profile, 10, "MSR-Action3D", lines, "parts")


def parts(profile: str) -> tuple[Row, ...]:
    """What selection and prototypes are worth: each replaced by what has its cost and not its idea."""
    names = (
        "cpsc", "other-clips", "negatives-alone", "random-neighbours", "random-dropped", "own-video",
        "weaker-prototypes", "batch-prototypes", "plain-assignments",
    )  # fmt: skip
    return tuple(row(profile, name, id="parts-ours" if name == "cpsc" else "") for name in names)


def anchors(profile: str) -> tuple[Row, ...]:
    """Equation 4's four readings: which vector is the anchor, and whether gradients pass through the target."""
    names = ("cpsc", "stopped", "anchor-target", "anchor-stopped")
    return tuple(row(profile, name, id="anchor-ours" if name == "cpsc" else "") for name in names)


def _plain(profile: str, data: ClipData) -> Finetune:
    """A fine-tuning from scratch as the baselines want it, with no pieces and no second radius."""
    like = finetune(profile, "scratch", ABLATED)
    return Finetune(
        backbone=like.backbone,
        data=data,
        training=like.training,
        evaluate_every=like.evaluate_every,
        evaluate_clips=like.evaluate_clips,
    )


def _baselines(profile: str, prefix: str, data: ClipData) -> tuple[Row, ...]:
    """The untrained encoder is a row of the probes, with batch norm's statistics."""
    rows = baseline_rows(prefix, _plain(profile, data), sizes(profile).seeds, BACKBONE)
    return tuple(found for found in rows if found.id != f"{prefix}-untrained")


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above the tables: labels alone and hand-made statistics."""
    return _baselines(profile, "msr", clip_data(profile, ABLATED))


def solved_baselines(profile: str) -> tuple[Row, ...]:
    """The same on padded clips, as the solved probe has them."""
    return _baselines(profile, "padded", solved(profile, "random", ABLATED).data)
