"""What is pre-trained: the paper's arms, its silences read otherwise, and the controls, as changes of one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...data.augment import Augment
from ...losses.crossvideo import CrossVideoLoss
from ...pretexts.geometric_transform import GeometricTransform
from ...study import trivial_rows
from ...study.experiments import Method
from ..c2p.methods import STARTS, choose

Seen = Literal["images", "grey", "depth", "features"]


@dataclass(frozen=True)
class Arm:
    """One pre-training.

    Args:
        method: how it is called and drawn.
        loss: fields of the objective.
        changes: further fields of the recipe.
        seen: what stands for the images: themselves, their luminance, drawings of the points' depth, or features of
            them by a frozen network. On a set that has no images all but features are depth.
        because: why the paper has no such number.
        control: what the points meet tells nothing of them, so that there may be nothing to learn from it.
    """

    method: Method
    loss: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    seen: Seen = "images"
    because: str = "a control of ours"
    control: bool = False

    def objective(self) -> CrossVideoLoss:
        """The objective with this arm's changes."""
        return CrossVideoLoss(**self.loss)

    @property
    def shown(self) -> bool:
        """Whether its pre-training is given images, or what stands for them."""
        partner = self.changes.get("partner", "images")
        return self.objective().cross and partner not in ("points", "frame_number")


_OURS, _LEVEL, _READ, _CONTROL = "#009E73", "#56B4E9", "#E69F00", "#7A5195"
_SILENT = "the paper is silent"


def _lost(points: str) -> str:
    return f"printed as what is lost, {points} points of accuracy, not as a level"


ARMS: dict[str, Arm] = {
    "crossvideo": Arm(Method("after CrossVideo", _OURS, "s", "CrossVideo"), because=""),
    # section IV-E.1
    "no-cross": Arm(
        Method("points alone", _LEVEL, "v", "CrossVideo without the cross-modal loss"),
        loss={"cross": False}, because=_lost("3.6"),
    ),
    "no-intra": Arm(
        Method("across alone", _LEVEL, "^", "CrossVideo without the intra-modal loss"),
        loss={"intra": False}, because=_lost("2.0"),
    ),
    "no-frame": Arm(
        Method("videos alone", _LEVEL, "<", "CrossVideo without the frame level"),
        loss={"frame": False}, because=_lost("1.4"),
    ),
    "no-video": Arm(
        Method("frames alone", _LEVEL, ">", "CrossVideo without the video level"),
        loss={"video": False}, because=_lost("2.8"),
    ),
    # what the paper leaves open
    "symmetric": Arm(
        Method("both directions", _READ, "h", "CrossVideo, loss of both directions"),
        loss={"symmetric": True}, because=_SILENT,
    ),
    "other-videos": Arm(
        Method("frames of other videos", _READ, "D", "CrossVideo, frames of other videos as negatives"),
        loss={"negatives": "other_videos"}, because=_SILENT,
    ),
    "same-video": Arm(
        Method("frames of the same video", _READ, "d", "CrossVideo, frames of the same video as negatives"),
        loss={"negatives": "same_video"}, because=_SILENT,
    ),
    "margin": Arm(
        Method("neighbours left out", _READ, "p", "CrossVideo, frames within 3 of each other no negatives"),
        loss={"margin": 3}, because=_SILENT,
    ),
    "both-views": Arm(
        Method("both views augmented", _READ, "P", "CrossVideo, both views augmented"),
        changes={"both": True}, because=_SILENT,
    ),
    "every-frame": Arm(
        Method("no temporal transformation", _READ, "*", "CrossVideo without temporal transformation"),
        changes={"every": 1}, because=_SILENT,
    ),
    "ranges": Arm(
        Method("ranges twice as wide", _READ, "H", "CrossVideo, ranges of the transformation twice as wide"),
        changes={
            "transform": GeometricTransform(
                Augment(0.6, 1.4, per_axis=False, around="centre", turn_degrees=18.0), shift=0.1
            )
        },
        because=_SILENT,
    ),
    "features": Arm(
        Method("after CrossVideo, features", _OURS, "D", "CrossVideo on features of a frozen image network"),
        seen="features", because="the paper pre-trains on pixels, as far as it says",
    ),
    # do images help, or does a second network on anything
    "other-images": Arm(
        Method("other images", _CONTROL, "X", "CrossVideo with the images of another video"),
        changes={"partner": "other_images"}, control=True,
    ),
    "shifted": Arm(
        Method("shifted in time", _CONTROL, "x", "CrossVideo with images half a clip later"),
        changes={"partner": "shifted_images"}, control=True,
    ),
    "grey": Arm(Method("grey images", _CONTROL, "o", "CrossVideo with grey images"), seen="grey"),
    "depth": Arm(Method("depth images", _CONTROL, "D", "CrossVideo with depth images"), seen="depth"),
    "points": Arm(
        Method("second point network", _CONTROL, "s", "CrossVideo with a second point network"),
        changes={"partner": "points"},
    ),
    "frame-number": Arm(
        Method("frame number", _CONTROL, "1", "CrossVideo with the frame's number in the place of images"),
        changes={"partner": "frame_number"}, control=True,
    ),
    # Table V
    "share": Arm(
        Method("few videos", _READ, "o", "CrossVideo pre-trained on as many videos as have labels"), because=_SILENT
    ),
}  # fmt: skip
LONGER = Method("from scratch, at CrossVideo's cost", "#444444", "v", "from scratch at CrossVideo's cost")
UNTRAINED = Method("untrained features", "#A6761D", "X", "features of an untrained image network")
METHODS: dict[str, Method] = (
    trivial_rows.METHODS
    | STARTS
    | {"longer": LONGER, "untrained-features": UNTRAINED}
    | {name: arm.method for name, arm in ARMS.items()}
)
PRINTED = {"scratch": "", "strl": "+STRL", "videomae": "+VideoMAE", "c2p": "+C2P", "crossvideo": "+ours"}


def arm(name: str) -> Arm:
    """An arm by name; ``ValueError`` lists what exists."""
    choose("arm", name, ARMS)
    return ARMS[name]


def because(name: str) -> str:
    """Why the paper has no number of a row of this start."""
    if name in ARMS:
        return ARMS[name].because or "the paper has no such row"
    return "the paper has no row with the cost of pre-training and fine-tuning" if name == "longer" else ""


def seeds_of(profile: str, every: tuple[int, ...], name: str, backbone: str) -> tuple[int, ...]:
    """All seeds where a claim is decided, which is on PPTr; at laptop three of them for ablations, controls and other
    networks."""
    main = backbone == "pptr" and name in ("scratch", "longer", "c2p", "crossvideo")
    return every if main or profile != "laptop" else every[:3]
