"""Tables 3, 18 and 20: the same targets for P4Transformer, whose tokens gather wide balls over three frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...backbones import BackboneSize, P4TransformerSize, TransformerSize, TubeSize
from ...backbones.p4transformer_tokens import P4TransformerTokensSize
from ...data.catalogue import recorded
from ...data.clips import NORMALISE
from ...pretexts.cross4d import Cross4DPretrain
from ...study.experiments import Printed, Row
from ...tasks.pooled_probe import PooledProbe
from .distillation import PROBES, pretrain, probe
from .methods import METHODS
from .settings import sizes
from .tables import STUDENT, row

P4 = "P4Transformer"
# the released ball of 0.7, in 300 depth counts, is wider than a clip's radius of 85
RADIUS = round(TubeSize().radius * NORMALISE / recorded("msr_action3d").radius, 2)
_SMALL = {  # transformer, neighbours, points an anchor
    "quick": (TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64), 8, 16),
    "laptop": (TransformerSize(width=128, depth=2, heads=2, head_width=64, hidden=256), 32, 16),
}


def backbone(profile: str, variant: str = "") -> BackboneSize:
    """P4Transformer at a profile's size, in units of a clip's radius.

    variant: "" as released; "norm" with a layer norm at the end; "frames" with that, and as many anchors in every frame
    as the released one has in every second.
    """
    transformer, neighbours, stride = _SMALL.get(
        profile, (P4TransformerSize().transformer, TubeSize().neighbours, TubeSize().spatial_stride)
    )
    tube = TubeSize(radius=RADIUS, neighbours=neighbours, spatial_stride=stride)
    if variant == "frames":
        tube = replace(tube, temporal_stride=1, temporal_padding=(1, 1))
    return P4TransformerTokensSize(tube, transformer, norm=True) if variant else P4TransformerSize(tube, transformer)


def pretrain_p4(profile: str, name: str, seed: int = 0, variant: str = "") -> Cross4DPretrain:
    """An arm's distillation into P4Transformer; ``name`` of :data:`.methods.ARMS`."""
    return replace(pretrain(profile, name, seed), backbone=backbone(profile, variant))


def probe_p4(profile: str, name: str, kind: str, seed: int = 0, variant: str = "") -> PooledProbe:
    """A probe of it, of the untrained one for "random"; ``kind`` of :data:`.distillation.PROBES`."""
    init = None if name == "random" else pretrain_p4(profile, name, seed, variant)
    return replace(probe(profile, "random", kind, seed), backbone=backbone(profile, variant), init=init)


def _p4(
    profile: str,
    name: str,
    kind: str,
    seeds: Sequence[int],
    place: Printed | None,
    variant: str = "",
    because: str = "",
) -> Row:
    method = METHODS[f"p4-{variant}"] if variant else METHODS[name]
    return Row(
        id=f"p4-{name}-" + (f"{variant}-" if variant else "") + kind,
        title=f"{P4}, {method.short}, {PROBES[kind].title}",
        recipes=tuple(probe_p4(profile, name, kind, seed, variant) for seed in seeds),
        method=method,
        backbone=P4,
        printed=place,
        because=because,
    )


def _point4d(profile: str, name: str, place: Printed, number: str) -> Row:
    """Table 1's run beside another printed number."""
    found = row(profile, name, "printed", sizes(profile).seeds, printed=place)
    return replace(found, id=f"{found.id}-{number}", title=f"{STUDENT}, {found.title}")


def table3(profile: str) -> tuple[Row, ...]:
    """Table 3: two backbones, by the probe as printed, and by the solved one beside it."""
    seeds, columns = sizes(profile).seeds, {"global": "global", "dense": "dense (ours)"}
    rows = [
        _point4d(profile, name, Printed("Table 3", "POINT4D (3.3M)", column=columns[name]), "3") for name in columns
    ]
    for kind in ("printed", "solved"):
        for name in ("random", *columns):
            printed = kind == "printed" and name in columns
            place = Printed("Table 3", "P4TRANSFORMER (42M)", column=columns[name]) if printed else None
            because = "" if printed else "a probe of ours" if kind == "solved" else "the table has no untrained row"
            rows.append(_p4(profile, name, kind, seeds, place, because=because))
    return tuple(rows)


def table18(profile: str) -> tuple[Row, ...]:
    """Table 18: one target a clip, two backbones; the stand-in for DINOv2 in its place."""
    place = Printed("Table 18", "DINOv2 (image)", column="P4TRANSFORMER")
    found = _p4(profile, "global", "printed", sizes(profile).seeds, place)
    return (
        _point4d(profile, "global", Printed("Table 18", "DINOv2 (image)", column="POINT4D"), "18"),
        replace(found, id=f"{found.id}-18"),
    )


def table20(profile: str) -> tuple[Row, ...]:
    """Table 20: dense targets for P4Transformer as released, with a last layer norm, with more tokens."""
    chosen = sizes(profile)
    labels = {"norm": "+ final LayerNorm", "frames": "+ finer tokens (less pooling)"}
    official = Printed("Table 20", "P4Transformer, official pooling", column="LP acc.")
    found = _p4(profile, "dense", "printed", chosen.seeds, official)
    return (
        _point4d(profile, "dense", Printed("Table 20", "Point4D (main)", column="LP acc."), "20"),
        replace(found, id=f"{found.id}-20"),
        *(
            _p4(
                profile, "dense", "printed", chosen.few_seeds, Printed("Table 20", label, column="LP acc."),
                variant=variant,
            )
            for variant, label in labels.items()
        ),
    )  # fmt: skip
