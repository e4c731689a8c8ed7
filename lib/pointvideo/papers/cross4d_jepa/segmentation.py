"""Tables 5, 12 and 6: an encoder that was distilled on one set and is probed on another, and the parts of bodies.

Body parts of simulated people stand in for the labels of HOI4D. Table 12 is Table 5 with three decimals.
"""

from __future__ import annotations

from dataclasses import replace

from ...study.experiments import Method, Printed, Row
from ...study.trivial_rows import LABELS, LINEAR, baseline_rows
from ...tasks.frame_statistics import PointStatisticsSize
from ...tasks.part_labels import PartsOnly
from ...tasks.point_probe import PlaceSize, PointProbe
from ...tasks.pooled_probe import PooledProbe
from .choice import PLAIN
from .distillation import PROBES, finetune, probe
from .methods import METHODS
from .sets import SETS, data_of, distilled
from .settings import sizes
from .tables import STUDENT

KINDS = ("printed", "solved")
PART_L2 = (0.1, 1e-2, 1e-3, 1e-4)
_ARMS = ("global", "dense", "position")
_STANDS_IN = {
    "people": "printed for NTU RGB+D, for which simulated people stand in",
    "animals": "printed for DeformingThings4D, for which simulated animals stand in",
}
STANDS_IN_FOR_HOI4D = "printed for HOI4D, for whose labels the body parts of simulated people stand in"


def transferred(profile: str, source: str, target: str, kind: str, seed: int = 0) -> PooledProbe:
    """Actions or motions of ``target`` told by an encoder with dense targets on ``source``, or "random"."""
    init = distilled(profile, "random" if source == "random" else "dense", source, seed)
    return replace(probe(profile, "random", kind, seed), data=data_of(profile, target), init=init)


def parts(profile: str, name: str, where: str, kind: str, seed: int = 0) -> PointProbe:
    """Body parts of simulated people told by an arm's encoder that was distilled on ``where``."""
    like = probe(profile, "random", kind, seed)
    return PointProbe(
        backbone=like.backbone,
        data=data_of(profile, "people"),
        training=replace(like.training, batch=16),
        init=distilled(profile, name, where, seed),
        fit=like.fit,
        l2=PART_L2,
        most=4_000 if profile == "quick" else 20_000,
        standardised=like.standardised,
        seed=seed,
    )


def _seeds(profile: str, name: str, where: str) -> tuple[int, ...]:
    """Of an encoder: those of the main arms, fewer for the control and the set that no verdict waits for."""
    chosen = sizes(profile)
    return chosen.few_seeds if where == "animals" or (name, where) == ("position", "people") else chosen.seeds


def _transfer(profile: str, target: str) -> tuple[Row, ...]:
    rows = []
    for kind in KINDS:
        for source in ("random", *SETS):
            words = METHODS["random"].short if source == "random" else f"dense targets on {SETS[source]}"
            line = {"random": "random", "msr": "MSR-Action3D"}.get(source)
            bound = kind == "printed" and target == "msr" and line is not None
            because = next((_STANDS_IN[one] for one in (target, source) if one in _STANDS_IN), "")
            rows.append(
                Row(
                    id=f"{source}-to-{target}-{kind}",
                    title=f"{words}, {PROBES[kind].title}",
                    recipes=tuple(
                        transferred(profile, source, target, kind, seed) for seed in _seeds(profile, "dense", source)
                    ),
                    method=METHODS["random" if source == "random" else "dense"],
                    backbone=STUDENT,
                    printed=Printed("Table 5", line, column="MSR") if bound else None,
                    because="" if bound else because if kind == "printed" else "a probe of ours",
                )
            )
    return tuple(rows)


def table5(profile: str) -> tuple[Row, ...]:
    """Table 5, scored on simulated people."""
    return _transfer(profile, "people")


def table5_animals(profile: str) -> tuple[Row, ...]:
    """Table 5, scored on animals."""
    return _transfer(profile, "animals")


def table5_msr(profile: str) -> tuple[Row, ...]:
    """Table 5, scored on MSR-Action3D."""
    return _transfer(profile, "msr")


def table6(profile: str) -> tuple[Row, ...]:
    """Table 6 on body parts: no pre-training, one on MSR-Action3D ("zero-shot") and one on the people themselves."""
    encoders = [("random", "", METHODS["random"].short)] + [
        (name, where, f"{METHODS[name].short}, {words}")
        for where, words in (("msr", "zero-shot from MSR-Action3D"), ("people", "in-domain"))
        for name in _ARMS
    ]
    return tuple(
        Row(
            id="-".join(filter(None, ("parts", name, where, kind))),
            title=f"{words}, {PROBES[kind].title}",
            recipes=tuple(parts(profile, name, where, kind, seed) for seed in _seeds(profile, name, where)),
            method=METHODS[name],
            backbone=STUDENT,
            because=STANDS_IN_FOR_HOI4D if kind == "printed" and name != "position" else "a control of ours",
        )
        for kind in KINDS
        for name, where, words in encoders
    )


def part_baselines(profile: str) -> tuple[Row, ...]:
    """Rows above Table 6: labels alone, a point's coordinates, and statistics of its neighbourhood."""
    seeds, like = sizes(profile).seeds, parts(profile, "random", "", "solved")
    known = {
        "coordinates": (METHODS["place"], PlaceSize()),
        "linear": (replace(LINEAR, short="statistics of the point's neighbourhood"), PointStatisticsSize()),
    }
    most = PartsOnly(like.data, replace(like.training, epochs=1))
    rows = [_baseline("majority", replace(LABELS["majority"], short="the most frequent part"), "labels", (most,))]
    for name, (method, size) in known.items():
        recipes = tuple(replace(like, backbone=size, seed=seed) for seed in seeds)
        rows.append(_baseline(name, method, "points", recipes))
    return tuple(rows)


def _baseline(name: str, method: Method, kind: str, recipes: tuple) -> Row:
    return Row(
        f"parts-{name}", method.short, recipes, method, "none", because="a baseline of ours", baseline=kind
    )  # fmt: skip


def _baselines(profile: str, where: str) -> tuple[Row, ...]:
    like = replace(finetune(profile, "scratch", setting=PLAIN), data=data_of(profile, where))
    rows = baseline_rows(where, like, sizes(profile).seeds, STUDENT)
    return tuple(row for row in rows if row.id != f"{where}-untrained")


def people_baselines(profile: str) -> tuple[Row, ...]:
    """Rows above Table 5 on simulated people."""
    return _baselines(profile, "people")


def animal_baselines(profile: str) -> tuple[Row, ...]:
    """Rows above Table 5 on animals."""
    return _baselines(profile, "animals")
