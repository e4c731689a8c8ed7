"""MVNet: a 3D network's features, projected into views, must say what a frozen image network says there, and where each
pixel went from view to view.

A cloud goes through the network once, and every point has a feature. Cameras around the cloud see some of the points;
what they see is a map of features (:mod:`.view_pairs`), and the image that they draw is shown to the teacher. The two
losses are those of :mod:`pointvideo.losses.mvnet`.

Yan, Song, Kong, Huang, "Multi-View Representation is What You Need for Point-Cloud Pre-Training", ICLR 2024. We could
read its abstract alone, and what its public reviews say: features of several levels of the image network, a projection
by depth, pixels' coordinates in the other view as the second pretext, a masking that is nowhere described, and that the
encoder alone is carried over. Everything else is ours: the network, the cameras, the losses' forms, all sizes, and
these three arms of the second loss. Two views that look up the *same* vector match by it whatever it says of the
shape ("nothing", a control). So either each view's map goes through a head of 3 x 3 convolutions, which mixes
neighbouring pixels and knows nothing of depth ("head"), or each view's features are computed of what its own camera
sees ("input"). Masking here leaves a share of the points out of the network's input; cameras and teacher see all.
Clouds are drawn once, and what their cameras see and the teacher says is kept (:mod:`.view_targets`); what is augmented
is what the network is given.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import permutations
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, tokens_of
from ..backbones.contract import call
from ..backbones.p4dtransconv import carry
from ..backbones.point_unet import PointUNetSize
from ..data.augment import Augment, apply
from ..data.store import Store
from ..losses.collapse import collapse_probe
from ..losses.mvnet import (
    Consistency,
    MVNetLoss,
    consistency_loss,
    loss_of_constant_transfer,
    pooled,
    transfer_contrast,
    transfer_loss,
)
from ..recipe import Optimiser, Training, stable_seed
from ..stream import ClipData
from ..teachers import EfficientNetLite, Teacher
from ..values import Count, Whole, Within
from .job import PretextJob, Pretraining
from .view_pairs import Projection, Views, correspondences, feature_maps, slots
from .view_targets import ViewTargets

PROBED = 256  # rows that a probe of collapse looks at
PARTS = ("encoder", "decoder")


@dataclass(frozen=True)
class MVNetPretrain(Pretraining):
    """Recipe of an MVNet pre-training."""

    method: ClassVar[str] = "MVNet"

    backbone: BackboneSize = PointUNetSize()
    data: ClipData = ClipData(frames=1).in_radii()  # every frame is a cloud of its own
    training: Training = Training(
        epochs=100, batch=32, clips_per_video=4,
        optimiser=Optimiser("adamw", 1e-3, weight_decay=0.05, schedule="cosine", warmup_epochs=10),
    )  # fmt: skip
    teachers: tuple[Any, ...] = tuple(EfficientNetLite(224, stride) for stride in (4, 8, 16, 32))  # one a level
    projection: Projection = Projection()  # around whole objects; a depth frame wants Cameras.before()
    clouds: Count = 1  # frames of a video that are seen, evenly spread over it
    loss: MVNetLoss = MVNetLoss()
    # in what two views differ beside the camera: "head", "input" or "nothing", as the module says
    apart: Literal["head", "input", "nothing"] = "head"
    hidden: Count = 64  # channels of the head's map
    masked: Annotated[float, Within(low=0, below=1)] = 0.0  # share of the points that the network is not given
    # whose trained weights are left; of the other part, those that it began with
    transferred: Literal["encoder", "decoder", "both"] = "encoder"
    augment: Augment = Augment()
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        if self.data.frames != 1:
            raise ValueError(f"MVNetPretrain.data: got {self.data.frames} frames, expected 1: every frame is a cloud")
        if "normals" in self.data.features:
            raise ValueError("MVNetPretrain.data: got normals, expected coordinates or colours: clouds are turned")
        for teacher in self.teachers:
            if not isinstance(teacher, Teacher):
                raise ValueError(f"MVNetPretrain.teachers: got {teacher!r}, expected a teacher")
            if self.projection.pixels % teacher.grid:
                raise ValueError(
                    f"MVNetPretrain.projection: got maps of {self.projection.pixels} pixels a side, expected a "
                    f"multiple of the {teacher.grid} patches of {teacher.title}"
                )
        sides = {teacher.side for teacher in self.teachers}
        if len(sides) != 1:
            found = ", ".join(map(str, sorted(sides))) or "none"
            raise ValueError(f"MVNetPretrain.teachers: got images of {found} pixels, expected one size for all levels")
        if self.loss.consistency and self.projection.views < 2:
            raise ValueError("MVNetPretrain.projection: got 1 view with loss.consistency, expected at least 2")
        if self.transferred != "both" and not isinstance(self.backbone, PointUNetSize):
            raise ValueError(
                f"MVNetPretrain.transferred: got {self.transferred!r}, expected 'both': {self.backbone.name} has no "
                "encoder and decoder"
            )

    @property
    def inputs(self) -> int:
        """How many point sets of a cloud the network is given: one for all views, or one for each."""
        return self.projection.views if self.apart == "input" else 1

    @property
    def given(self) -> int:
        """Points of each: what masking leaves, or, as a camera sees about half of a cloud, half of that."""
        return max(1, round(self.data.points * (1 - self.masked) / (2 if self.apart == "input" else 1)))

    @property
    def variant(self) -> str:
        loss, projection = self.loss, self.projection
        words = ["2D transfer alone"] * (not loss.consistency) + ["consistency alone"] * (not loss.transfer)
        if loss.transfer and loss.consistency:
            words = [f"lambda {loss.consistency / loss.transfer:g}"]
        words += ["transfer by contrast"] * bool(loss.transfer and loss.distance != "cosine")
        words += ["consistency by contrast"] * bool(loss.consistency and loss.form != "position")
        words += [f"views differ by {self.apart}"] * bool(loss.consistency)
        words += [f"{projection.views} views"] * (projection.views != 2)
        words += [f"masked {self.masked:g}"] * bool(self.masked)
        words += [f"{self.transferred} kept"] * (self.transferred != "encoder")
        return ", ".join([*words, *(teacher.title for teacher in self.teachers if loss.transfer)])

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> MVNetJob:
        """This recipe on data."""
        return MVNetJob(self, store, MVNet(self), pretrained)


class MixingHead(nn.Module):
    """Three 3 x 3 convolutions on a map: a pixel's vector says something of its neighbours in the view, too."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        widths = (inputs, hidden, hidden)
        layers = [
            part
            for before, after in zip(widths[:-1], widths[1:], strict=True)
            for part in (nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden, hidden, 3, padding=1))

    def forward(self, maps: Float[Tensor, "views pixels inputs"]) -> Float[Tensor, "views pixels hidden"]:
        side = round(maps.shape[1] ** 0.5)
        square = maps.transpose(1, 2).unflatten(2, (side, side))
        return self.layers(square).flatten(2).transpose(1, 2)


class MVNet(nn.Module):
    """Network, adapters and head.

    ``backbone`` is what the pre-training leaves; a part of it whose weights are not carried over is trained as a copy.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: MVNetPretrain):
        super().__init__()
        self.backbone = recipe.backbone.build()
        own = [part for part in PARTS if recipe.transferred not in (part, "both")]
        self.own = nn.ModuleDict({part: copy.deepcopy(getattr(self.backbone, part)) for part in own})
        for part in own:
            getattr(self.backbone, part).requires_grad_(False)
        self.parted = isinstance(recipe.backbone, PointUNetSize)
        width = recipe.backbone.decoder[-1] if self.parted else self.backbone.width
        self.adapters = nn.ModuleList(nn.Linear(width, teacher.width) for teacher in recipe.teachers)
        head = MixingHead if recipe.apart == "head" else nn.Linear
        self.head = head(width, recipe.hidden)

    def start(self) -> None:
        """Copies begin with the weights of what they are copies of."""
        for part, network in self.own.items():
            network.load_state_dict(getattr(self.backbone, part).state_dict())

    def forward(self, clip: Clip) -> Float[Tensor, "clouds points width"]:
        """A feature of every point of clips of one frame."""
        if not self.parted:
            return carry(tokens_of(self.backbone, clip), clip.xyz)[:, 0]
        encoder, decoder = (self.own[part] if part in self.own else getattr(self.backbone, part) for part in PARTS)
        return decoder(call(encoder, clip)).features[:, 0]


class MVNetJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: MVNetPretrain, store: Store, module: MVNet, pretrained: dict[str, Tensor] | None = None):
        super().__init__(recipe, store, module, pretrained)
        module.start()
        self.prepare(store)
        self.pairs = tuple(permutations(range(recipe.projection.views), 2)) if recipe.loss.consistency else ()
        self.constants: list[Tensor] = []
        self.constant: float | None = None
        self.ratio: float | None = None

    def prepare(self, store: Store) -> None:
        """What the cameras see of the clouds, and what the teachers say there."""
        recipe = self.recipe
        said = recipe.teachers if recipe.loss.transfer else ()
        self.targets = ViewTargets(store, recipe.data, recipe.clouds, recipe.projection, said, self.stream.videos)

    def batch(self, epoch: int, step: int) -> tuple:
        """What the network is given, clips of one frame, (clouds · inputs, 1, points, …); of every pixel of every view
        the row of its point among these; the partners of pixels in other views; whether the step is an epoch's first;
        and of each level the targets (clouds, views, patches, width)."""
        recipe = self.recipe
        video, _, seed = self.stream.draw(epoch, step)
        rows = self.targets.rows_of(video, stable_seed(seed, 4))
        pose = recipe.projection.draw(len(rows), stable_seed(seed, 2))
        views = self.targets.views(rows, pose)
        chosen = self.chosen(views, stable_seed(seed, 3))
        match = correspondences(views, self.pairs) if self.pairs else torch.empty(len(rows), 0, 0, dtype=torch.int64)
        clip = self.targets.clips(rows)
        clip = Clip(apply(recipe.augment, clip.xyz, stable_seed(seed, 1)), clip.fields).map(lambda values: values[:, 0])
        given = clip.map(lambda values: _taken(values, chosen))
        return given, slots(views, chosen), match, torch.tensor(step == 0), *self.targets.said(rows, pose)

    def chosen(self, views: Views, seed: int) -> Int64[Tensor, "clouds inputs given"]:
        """Which points of each cloud the network is given: some of all, or of those that each view sees.

        A view that sees fewer than are wanted gives some of them again; one that sees nothing gives of all points.
        """
        recipe = self.recipe
        clouds, _, points = views.pixel.shape
        random = torch.Generator().manual_seed(seed)
        if recipe.apart != "input":
            if recipe.given == points:
                return torch.arange(points).expand(clouds, 1, points)
            return torch.rand(clouds, 1, points, generator=random).argsort(dim=-1)[..., : recipe.given]
        seen = views.pixel >= 0
        seen = seen | ~seen.any(dim=-1, keepdim=True)
        order = (torch.rand(seen.shape, generator=random) + (~seen).float()).argsort(dim=-1)
        place = torch.arange(recipe.given).expand(*seen.shape[:2], -1) % seen.sum(dim=-1, keepdim=True)
        return order.gather(2, place)

    def loss(self, clip: Clip, slot: Tensor, match: Tensor, first: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        """Both terms, each level's, and what tells them: the loss of the best constant, and how much views share."""
        recipe, weights = self.recipe, self.recipe.loss
        features = self.module(clip)
        maps = feature_maps(features.unflatten(0, (-1, recipe.inputs)), slot)
        shown = slot >= 0
        self.features = _some(features)
        parts = {"blind_views": 1 - shown.any(dim=-1).float().mean(), "pixels_of_a_view": shown.sum(-1).float().mean()}
        terms, constant = {}, maps.new_zeros(())
        if weights.transfer:
            levels, best = self._transfer(maps, shown, targets)
            terms["transfer"] = weights.transfer * levels.mean()
            constant = constant + weights.transfer * best
            parts |= {"transfer": levels.mean().detach()}
            parts |= {f"level_{number}": value.detach() for number, value in enumerate(levels, 1)}
        if weights.consistency:
            found = self._consistency(maps, shown, match)
            terms["consistency"] = weights.consistency * found.loss
            constant = constant + weights.consistency * found.chance
            parts |= {"consistency": found.loss, "consistency_constant": found.constant}
            parts |= {"consistency_still": found.still} if weights.form == "position" else {}
            parts |= {"matched_pixels": found.matched.float().mean()}
            parts |= {"pairs_apart": (found.matched == 0).float().mean()}
        if len(terms) == 2 and bool(first):
            self.ratio = _ratio(*terms.values(), features)
        self.constants.append(constant.detach())
        return {"loss": sum(terms.values())} | {name: value.detach() for name, value in parts.items()}

    def _transfer(self, maps: Tensor, shown: Tensor, targets: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The loss of each level, and the mean over levels of the best constant's."""
        levels, best, weights = [], [], self.recipe.loss
        for adapter, target, teacher in zip(self.module.adapters, targets, self.recipe.teachers, strict=True):
            patches, there = pooled(maps.flatten(0, 1), shown.flatten(0, 1), teacher.grid)
            said, target = adapter(patches).float(), target.flatten(0, 1)
            if weights.distance == "contrast":
                value, count = transfer_contrast(said, target, there, weights.distance_temperature)
                constant = math.log(max(1, count))
            else:
                value, constant = transfer_loss(said, target, there), loss_of_constant_transfer(target, there)
            levels.append(value)
            best.append(constant)
        return torch.stack(levels), maps.new_tensor(best).mean()

    def _consistency(self, maps: Tensor, shown: Tensor, match: Tensor) -> Consistency:
        found = self.module.head(maps.flatten(0, 1)).unflatten(0, maps.shape[:2]).float()
        self.prediction = _some(found[shown])
        one, other = ([pair[place] for pair in self.pairs] for place in (0, 1))
        match = match.masked_fill(~shown[:, one], -1)  # of what the first view knows no feature, nothing is asked
        inputs = (found[:, one], found[:, other], match, shown[:, other])
        return consistency_loss(*(values.flatten(0, 1) for values in inputs), self.recipe.loss)

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe of points' features and of the head's map on the last batch, and of the epoch's first
        step how many times longer the consistency's gradient is than the transfer's, in the points' features."""
        numbers = super().epoch_end(epoch)
        if self.recipe.loss.consistency:
            numbers |= {f"head_{name}": value for name, value in collapse_probe(self.prediction).items()}
        if self.ratio is not None:
            numbers["gradient_ratio"] = self.ratio
        self.constant = float(torch.stack(self.constants).mean())
        self.constants = []
        return numbers | {"constant": self.constant}

    def chance(self) -> float | None:
        """The loss of the best direction for all patches, and of a partner that is the middle of the other view or the
        pixel's own place; the mean over the steps of the last epoch."""
        return self.constant


def _taken(values: Tensor, chosen: Int64[Tensor, "clouds inputs given"]) -> Tensor:
    """Chosen rows of clouds (clouds, points, …), as clips of one frame (clouds · inputs, 1, given, …)."""
    clouds = torch.arange(len(chosen))[:, None, None]
    return values[clouds, chosen].flatten(0, 1)[:, None]


def _ratio(transfer: Tensor, consistency: Tensor, features: Tensor) -> float:
    """Length of the second term's gradient in the features over that of the first."""
    lengths = [torch.autograd.grad(term, features, retain_graph=True)[0].norm() for term in (consistency, transfer)]
    return float(lengths[0] / lengths[1].clamp(min=1e-12))


def _some(features: Tensor) -> Tensor:
    """At most so many rows as the collapse probe looks at, spread over all."""
    rows = features.detach().flatten(0, -2)
    return rows[:: max(1, -(-len(rows) // PROBED))]
