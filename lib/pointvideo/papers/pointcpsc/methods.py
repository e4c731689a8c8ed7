"""What is pre-trained: the paper's arms and the controls, as changes of one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...losses.pointcpsc import PointCPSCLoss
from ...study import trivial_rows
from ...study.experiments import SCRATCH, Method
from ...study.trivial_rows import UNTRAINED


@dataclass(frozen=True)
class Arm:
    """One pre-training.

    Args:
        method: how it is called and drawn.
        local: fields of the local loss.
        clusters: fields of the semantic clustering.
        loss: fields of the whole objective.
        changes: further fields of the recipe.
        radius: printed radius of the pre-training's first balls, where not the paper's.
        because: why the paper has no such number.
        control: its targets have nothing of the idea, so the encoder may find nothing to learn in them.
    """

    method: Method
    local: Mapping[str, Any] = field(default_factory=dict)
    clusters: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    radius: float | None = None
    because: str = "a control of ours"
    control: bool = False

    def objective(self) -> PointCPSCLoss:
        """The objective with this arm's changes."""
        plain = PointCPSCLoss(**self.loss)
        return replace(
            plain, local=replace(plain.local, **self.local), clusters=replace(plain.clusters, **self.clusters)
        )


_OURS, _LOCAL, _PART, _CONTROL = "#0072B2", "#56B4E9", "#E69F00", "#888888"
_NO_PROTOTYPES = {"prototypes": 0.0}
_SILENT = "the paper is silent"
_VARIED = "the paper varies it with other numbers"
ARMS: dict[str, Arm] = {
    "cpsc": Arm(Method("PointCPSC", _OURS, "s", "PointCPSC"), because=""),
    # Table 10
    "f1": Arm(
        Method("local prediction alone", _LOCAL, "^", "local contrastive prediction"),
        local={"kept": 1.0, "neighbours": 0}, loss=_NO_PROTOTYPES, because="",
    ),
    "f2": Arm(
        Method("with selection", _LOCAL, "D", "with sample selection"), loss=_NO_PROTOTYPES, because="",
    ),
    "other-clips": Arm(
        Method("negatives of the batch", _CONTROL, "h", "negatives of the batch's other clips, no bank"),
        local={"kept": 1.0, "neighbours": 0, "negatives": "other_clips"}, loss=_NO_PROTOTYPES,
    ),
    "negatives-alone": Arm(
        Method("no neighbours", _PART, "v", "negatives selected, no neighbours"),
        local={"neighbours": 0}, loss=_NO_PROTOTYPES,
    ),
    "random-neighbours": Arm(
        Method("random neighbours", _CONTROL, "X", "neighbours drawn at random"), local={"chosen": "random"}
    ),
    "random-dropped": Arm(
        Method("30 % dropped at random", _CONTROL, "P", "30 % of the bank dropped at random"),
        local={"dropped": "random"},
    ),
    "own-video": Arm(
        Method("own video allowed", _PART, "*", "neighbours of the own video allowed"),
        local={"own_video": True}, because=_SILENT,
    ),
    "weaker-prototypes": Arm(
        Method("prototypes at 0.1", _PART, "<", "prototypes at a tenth of the weight"),
        loss={"prototypes": 0.1}, because=_SILENT,
    ),
    "batch-prototypes": Arm(
        Method("prototypes of the batch", _PART, ">", "prototypes of the whole batch as negatives"),
        clusters={"scope": "batch"}, because=_SILENT,
    ),
    "plain-assignments": Arm(
        Method("plain assignments", _PART, "p", "assignments of plain products"),
        clusters={"form": "printed"}, because=_SILENT,
    ),
    # without the idea, at its cost
    "noise": Arm(
        Method("random targets", _CONTROL, "x", "random targets, nothing to contrast"),
        changes={"targets": "noise"}, control=True,
    ),
    "position": Arm(
        Method("positions alone", "#D55E00", "d", "positions of superpoints as targets"),
        changes={"targets": "position"}, control=True,
    ),
    "one-radius": Arm(
        Method("one radius", _PART, "H", "pre-trained at the fine-tuning's radius"), radius=0.3, because=_SILENT,
    ),
    # Equation 4 read otherwise
    "anchor-target": Arm(
        Method("target as anchor", _PART, "1", "the target as anchor, as printed"),
        local={"anchor": "target"}, because=_SILENT,
    ),
    "stopped": Arm(
        Method("gradient stopped", _PART, "2", "no gradient through targets"),
        loss={"stop_gradient": True}, because=_SILENT,
    ),
    "anchor-stopped": Arm(
        Method("target as anchor, stopped", _PART, "3", "the target as anchor, no gradient through it"),
        local={"anchor": "target"}, loss={"stop_gradient": True}, because=_SILENT, control=True,
    ),
    # Tables 5 to 9
    **{
        f"ratio-{percent}": Arm(
            Method(f"{percent} % negatives", _PART, "o", f"{percent} % of the bank as negatives"),
            local={"kept": percent / 100}, because="its share is lost in the paper's text",
        )
        for percent in (60, 80, 90, 100)
    },
    "soft-labels": Arm(
        Method("softmax weighting", _PART, "4", "neighbours as soft labels"),
        local={"weighting": "soft_labels"}, because="",
    ),
    "pairs": Arm(
        Method("more pairs", _PART, "8", "neighbours as further pairs"), local={"weighting": "pairs"}, because=""
    ),
    "fuse": Arm(
        Method("fused positive", _PART, "+", "target and neighbours fused"),
        local={"weighting": "fuse"}, because="the paper has no equation of it",
    ),
    **{
        f"neighbours-{count}": Arm(
            Method(words, _PART, "o", words), local={"neighbours": count}, because=""
        )
        for count, words in ((1, "1 neighbour"), (5, "5 neighbours"), (10, "10 neighbours"))
    },
    **{
        f"bank-{entries}": Arm(
            Method(f"bank of {entries}", _PART, "o", f"a bank of {entries} superpoints"),
            changes={"bank": entries}, because="" if entries > 128 else _VARIED,
        )
        for entries in (128, 256, 512)
    },
    "bank-clips": Arm(
        Method("bank of clips", _PART, "s", "a bank of clips"), changes={"entry": "clip"}, because=_SILENT
    ),
    **{
        f"prototypes-{count}": Arm(
            Method(f"{count} prototypes", _PART, "o", f"{count} prototypes"),
            clusters={"prototypes": count}, because="" if count > 16 else _VARIED,
        )
        for count in (16, 20, 30)
    },
    # segmentation
    "f4": Arm(
        Method("with assignments", _LOCAL, "p", "with soft category alignment"),
        loss={"prototypes": 0.0, "assignments": 1.0}, because="",
    ),
    "f5": Arm(
        Method("PointCPSC, both alignments", _OURS, "D", "PointCPSC with both alignments"),
        loss={"assignments": 1.0}, because="",
    ),
}  # fmt: skip
RANDOM = Method(UNTRAINED.label, UNTRAINED.colour, UNTRAINED.marker, "untrained")
LONGER = Method("from scratch, at PointCPSC's cost", "#444444", "v", "from scratch at PointCPSC's cost")
SUPERVISED = {
    "meteornet": Method("MeteorNet", "#44AA99", "P", "MeteorNet from scratch"),
    "pstnet2": Method("PSTNet++", "#7A5195", "^", "PSTNet++ from scratch"),
    "p4transformer": Method("P4Transformer", "#A6761D", "D", "P4Transformer from scratch"),
    "pst-transformer": Method("PST-Transformer", "#009E73", "h", "PST-Transformer from scratch"),
}
PLAIN = {  # Figure 3: without an encoder
    "geometry": Method("raw geometry", "#44AA99", "h", "statistics of the raw points around"),
    "place": Method("place in the body", "#222222", "x", "coordinates alone"),
    "any": Method("any entry", "#c8c8c8", "1", "any entry of the bank, each as likely"),
}
METHODS: dict[str, Method] = (
    trivial_rows.METHODS
    | {"random": RANDOM, "scratch": SCRATCH, "longer": LONGER}
    | {name: arm.method for name, arm in ARMS.items()}
    | SUPERVISED
    | PLAIN
)


def arm(name: str) -> Arm:
    """An arm by name; ``ValueError`` lists what exists."""
    if name not in ARMS:
        raise ValueError(f"arm: got {name!r}, expected one of {', '.join(ARMS)}")
    return ARMS[name]
