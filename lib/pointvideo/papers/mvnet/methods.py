"""What is pre-trained: the two losses, each without the other, the controls and the silences read otherwise, as changes
of one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...study import trivial_rows
from ...study.experiments import SCRATCH, Method
from ...study.trivial_rows import UNTRAINED

SILENT = "of the paper's text only the abstract could be read, which has no number"


@dataclass(frozen=True)
class Arm:
    """One pre-training.

    Args:
        method: how it is called and drawn.
        loss: fields of the two losses.
        changes: further fields of the recipe.
        projection: fields of the views.
        teacher: "imagenet", the same network "untrained", or a random vector a "point".
        levels: of the teacher's, from fine to coarse, which are taught; None for all.
        colour: whether the network is given the points' colours.
        because: why the paper has no such number.
        control: its targets have nothing of the idea, so the network may find nothing to learn in them.
    """

    method: Method
    loss: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    projection: Mapping[str, Any] = field(default_factory=dict)
    teacher: str = "imagenet"
    levels: slice | None = None
    colour: bool = False
    because: str = SILENT
    control: bool = False


_BOTH, _TRANSFER, _VIEWS, _CONTROL, _READ = "#0072B2", "#E69F00", "#009E73", "#888888", "#56B4E9"
_OURS, _VARIED = "a control of ours", "the paper is silent"
ARMS: dict[str, Arm] = {
    "both": Arm(Method("MVNet, both losses", _BOTH, "s", "both losses")),
    "transfer": Arm(
        Method("2D transfer alone", _TRANSFER, "^", "2D transfer loss alone"), loss={"consistency": 0.0}
    ),
    "consistency": Arm(
        Method("consistency alone", _VIEWS, "v", "consistency loss alone"), loss={"transfer": 0.0}
    ),
    "untrained-teacher": Arm(
        Method("untrained teacher", "#CC79A7", "X", "both losses, untrained image network"),
        teacher="untrained", because=_OURS, control=True,
    ),
    "noise": Arm(
        Method("random targets", _CONTROL, "x", "both losses, a random target a point"),
        teacher="point", because=_OURS, control=True,
    ),
    "trivial": Arm(
        Method("trivial views", _CONTROL, "P", "both losses, views that share their vectors"),
        changes={"apart": "nothing"}, because=_OURS,
    ),
    # silences, read otherwise
    "partial": Arm(
        Method("partial clouds", _READ, "D", "both losses, each view of its own partial cloud"),
        changes={"apart": "input"}, because=_VARIED,
    ),
    "contrast": Arm(
        Method("InfoNCE of pixels", _READ, "h", "both losses, consistency as InfoNCE"),
        loss={"form": "contrast"}, because=_VARIED,
    ),
    "transfer-contrast": Arm(
        Method("InfoNCE of patches", _READ, "H", "both losses, transfer as InfoNCE"),
        loss={"distance": "contrast"}, because=_VARIED,
    ),
    "last-level": Arm(
        Method("last level", _READ, "p", "both losses, the teacher's last level alone"),
        levels=slice(-1, None), because=_VARIED,
    ),
    **{
        f"lambda-{weight:g}": Arm(
            Method(f"lambda {weight:g}", _BOTH, marker, f"both losses, lambda {weight:g}"),
            loss={"consistency": weight}, because=_VARIED,
        )
        for weight, marker in ((0.3, "<"), (3.0, ">"))
    },
    **{
        f"masked-{percent}": Arm(
            Method(f"{percent} % masked", _READ, marker, f"both losses, {percent} % of the points masked"),
            changes={"masked": percent / 100}, because="the paper varies it, its numbers could not be read",
        )
        for percent, marker in ((30, "1"), (60, "2"))
    },
    "views-1": Arm(
        Method("1 view", _TRANSFER, "3", "2D transfer loss alone, 1 view"),
        loss={"consistency": 0.0}, projection={"views": 1}, because=_VARIED,
    ),
    "views-4": Arm(
        Method("4 views", _BOTH, "4", "both losses, 4 views"),
        projection={"views": 4, "within": 180.0}, because=_VARIED,
    ),
    "colour": Arm(
        Method("with colours", "#A6761D", "*", "both losses, colours given"), colour=True, because=_VARIED,
    ),
}  # fmt: skip
RANDOM = Method(UNTRAINED.label, UNTRAINED.colour, UNTRAINED.marker, "untrained")
LONGER = Method("from scratch, at MVNet's cost", "#444444", "v", "from scratch at MVNet's cost")
VIDEO = {  # methods of other papers, on the same network
    "dense": Method("Cross4D-JEPA, dense", "#7A5195", "o", "Cross4D-JEPA, dense targets"),
    "c2p": Method("C2P", "#D55E00", "h", "C2P"),
}
LIFTED = {
    f"lifted-{views}": Method(f"lifted, {words}", "#44AA99", marker, f"2D features lifted from {words}")
    for views, words, marker in ((1, "1 view", "1"), (4, "4 views", "2"), (12, "12 views", "3"))
}
ROOMS = {
    "scratch-bare": Method("from scratch, no colours", "#999999", "d", "from scratch, without colours"),
    "both-bare": Method("MVNet, no colours", "#56B4E9", "d", "both losses, without colours"),
    "clusters-extent": Method("clusters", "#7a7a7a", "<", "clusters of points, their extent"),
    "clusters-mean": Method("clusters, mean size", "#4d4d4d", ">", "clusters of points, a class's mean size"),
}
PLACE = Method("own coordinates", "#222222", "+", "the point's own coordinates")
METHODS: dict[str, Method] = (
    trivial_rows.METHODS
    | {"random": RANDOM, "scratch": SCRATCH, "longer": LONGER, "place": PLACE}
    | {name: arm.method for name, arm in ARMS.items()}
    | VIDEO
    | LIFTED
    | ROOMS
)


def arm(name: str) -> Arm:
    """An arm by name; ``ValueError`` lists what exists."""
    if name not in ARMS:
        raise ValueError(f"arm: got {name!r}, expected one of {', '.join(ARMS)}")
    return ARMS[name]
