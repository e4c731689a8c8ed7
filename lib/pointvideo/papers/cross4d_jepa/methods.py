"""What is distilled into the student: the paper's arms and the controls, as changes of one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...pretexts.cross4d import Cross4DPretrain, Cross4DPrincipalPretrain
from ...study import trivial_rows
from ...study.experiments import SCRATCH, Method
from ...study.trivial_rows import UNTRAINED
from . import rivals


@dataclass(frozen=True)
class Arm:
    """One kind of target.

    Args:
        method: how it is called and drawn.
        teacher: which of :data:`.settings.TEACHERS`.
        recipe: the pre-training's class.
        changes: fields of the pre-training's recipe.
        targets: fields of its targets.
        render: fields of their cameras.
        grid: patches along a side of the image, where not the profile's.
        batches: how many times as large its batches are, for as many fewer updates; the clips seen are the same.
        printed: its column in Table 1, or "".
        because: why the paper has no such number.
        control: its targets have nothing of the idea, so the student may find nothing to learn in them.
    """

    method: Method
    teacher: str = "imagenet"
    recipe: type[Cross4DPretrain] = Cross4DPretrain
    changes: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)
    render: Mapping[str, Any] = field(default_factory=dict)
    grid: int | None = None
    batches: int = 1
    printed: str = ""
    because: str = "a control of ours"
    control: bool = False


_GLOBAL, _DENSE, _CONTROL, _KNOWLEDGE = "#E69F00", "#0072B2", "#666666", "#CC79A7"
_PAPER_VARIES = "printed for DINOv2"
ARMS: dict[str, Arm] = {
    "global": Arm(
        Method("global", _GLOBAL, "s", "global target"), changes={"granularity": "global"}, printed="global"
    ),
    "dense": Arm(Method("dense", _DENSE, "o", "dense targets"), printed="dense (ours)"),
    "global-centred": Arm(
        Method("global, centred", _GLOBAL, "D", "global target, centred"),
        changes={"granularity": "global", "centred": True},
    ),
    "dense-centred": Arm(Method("dense, centred", _DENSE, "D", "dense targets, centred"), changes={"centred": True}),
    "position": Arm(Method("position only", "#D55E00", "^", "position of the patch alone"), teacher="position"),
    "untrained-teacher": Arm(
        Method("untrained teacher", _KNOWLEDGE, "v", "untrained image network"), teacher="untrained", control=True
    ),
    "geometry": Arm(Method("local geometry", "#009E73", "h", "local geometry"), teacher="geometry"),
    "shuffled": Arm(
        Method("shuffled patches", _CONTROL, "X", "patches shuffled in each frame"),
        changes={"match": "shuffled"}, control=True,
    ),
    "same-action": Arm(
        Method("same action", _CONTROL, "P", "targets of another clip of the action"), changes={"match": "same action"}
    ),
    "other-action": Arm(
        Method("other action", _CONTROL, "*", "targets of a clip of another action"),
        changes={"match": "other action"}, control=True,
    ),
    **{
        f"shift-{patches}": Arm(
            Method(f"shift {patches}", _CONTROL, marker, f"targets {patches} patch{'es' * (patches > 1)} beside"),
            changes={"shift": patches},
        )
        for patches, marker in ((1, "1"), (2, "2"), (4, "3"))
    },
    **{
        f"noise-{pixels}": Arm(
            Method(f"noise {pixels}", _CONTROL, marker, f"places misread by {pixels} pixels"),
            changes={"noise": float(pixels)},
        )
        for pixels, marker in ((8, "4"), (32, "8"))
    },
    **{
        f"cells-{cells}{word}": Arm(
            Method(
                f"{cells} x {cells} cells{', centred' if word else ''}", _DENSE, marker,
                f"{cells} x {cells} cells a frame{', centred' if word else ''}",
            ),
            changes={"cells": cells} | ({"centred": True} if word else {}),
        )
        for cells, marker in ((1, "<"), (2, ">"), (3, "p"))
        for word in ("", "-centred")
    },
    **{
        f"{grain}-{name}": Arm(
            Method(f"{grain}, {title}", colour, marker, f"{grain} target{'s' * (grain == 'dense')} of {title}"),
            teacher=name,
            changes={"granularity": grain} if grain == "global" else {},
            because="",
        )
        for name, title, marker in (
            ("dinov2", "DINOv2", "o"), ("dinov3", "DINOv3", "s"), ("vjepa2", "V-JEPA 2", "^"),
            ("videomae", "VideoMAE", "D"),
        )
        for grain, colour in (("global", _GLOBAL), ("dense", _DENSE))
    },
    "no-variance": Arm(
        Method("no variance term", _DENSE, "x", "dense targets, no variance term"),
        changes={"variance": 0.0}, because=_PAPER_VARIES,
    ),
    "fewer-updates": Arm(
        Method("a quarter of the updates", _DENSE, "p", "dense targets, a quarter of the updates"), batches=4
    ),
    "own-channels": Arm(
        Method("not projected", _DENSE, "+", "dense targets, not projected"),
        targets={"width": None}, because=_PAPER_VARIES,
    ),
    "principal": Arm(
        Method("principal components", _DENSE, "h", "dense targets, principal components"),
        recipe=Cross4DPrincipalPretrain, because=_PAPER_VARIES,
    ),
    **{
        f"grid-{grid}": Arm(
            Method(f"{grid} x {grid} patches", _DENSE, marker, f"dense targets, {grid} x {grid} patches"),
            grid=grid, because=_PAPER_VARIES,
        )
        for grid, marker in ((7, "<"), (12, ">"))
    },
    **{
        f"cameras-{cameras}": Arm(
            Method(f"{cameras} cameras", _DENSE, marker, f"dense targets, {cameras} camera{'s' * (cameras > 1)}"),
            changes={"cameras": cameras}, render={"cameras": 4}, because=_PAPER_VARIES,
        )
        for cameras, marker in ((1, "d"), (2, "H"), (4, "8"))
    },
}  # fmt: skip
RANDOM = Method(UNTRAINED.label, UNTRAINED.colour, UNTRAINED.marker, "untrained")
PLAIN = {  # Tables 6 and 16: without an encoder
    "place": Method("own coordinates", "#44AA99", "h", "the point's own coordinates"),
    "xyz": Method("raw coordinates", "#222222", "x", "raw coordinates"),
    "chance": Method("any point", "#c8c8c8", "1", "any point, each as likely"),
}
P4_VARIANTS = {  # Table 20: dense targets for P4Transformer
    "p4-norm": Method("last layer norm", "#0072B2", "v", "dense targets, a layer norm at the end"),
    "p4-frames": Method("tokens of every frame", "#0072B2", "^", "dense targets, that and tokens of every frame"),
}
LONGER = Method("scratch, twice as long", "#444444", "v", "from scratch, twice as long")
METHODS: dict[str, Method] = (
    trivial_rows.METHODS
    | PLAIN
    | P4_VARIANTS
    | {"random": RANDOM, "scratch": SCRATCH, "longer": LONGER}
    | {name: arm.method for name, arm in ARMS.items()}
    | rivals.METHODS
)


def arm(name: str) -> Arm:
    """An arm by name; ``ValueError`` lists what exists."""
    if name not in ARMS:
        raise ValueError(f"arm: got {name!r}, expected one of {', '.join(ARMS)}")
    return ARMS[name]
