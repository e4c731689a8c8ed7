"""What pre-trainings share that hide a part of a clip and predict something about the tokens that stand there.

One clip of each video is cut to ``points`` points a frame. Its space is divided into patches, some are hidden
(:mod:`.token_masks`), and the encoder is given the points of the others alone: hidden points are taken away before the
first ball is gathered, so that no visible token has seen one through its neighbourhood. As many points and anchors as
the share that is visible keep the tokens as dense as in a whole clip. A narrow transformer gets the encoder's tokens
and a mask token at the place (x, y, z, t) of each hidden token of the whole clip.

Ours in all three pretexts that stand on this: i-JEPA's patches do not overlap, and MaST-Pre and Uni4D drop tokens
after their tubes, which overlap, have been embedded, so that a visible token has seen points of a hidden one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..backbones import Clip, Tokens, TransformerSize
from ..backbones.point4d import Point4D, Point4DSize
from ..backbones.transformer import Transformer
from ..data.clips import FrameBatch, gather_xyz, sample_indices
from ..kernels import sample_farthest_points
from ..recipe import Training, stable_seed, to_device
from ..stream import ClipData
from ..values import Whole, Within
from .candidates import take_frames
from .job import PretextJob, Pretraining
from .token_masks import BlockMask, RandomMask, hidden_tokens
from .tube_masks import Tubes, divide, shown_points
from .videomae import Position

CALIBRATION = 16  # batches from which the statistics of batch norms are taken at the end


@dataclass(frozen=True)
class MaskedTokens(Pretraining):
    """The part of a recipe that these pre-trainings share."""

    backbone: Point4DSize = Point4DSize()
    data: ClipData = ClipData(short="pad")
    training: Training = Training(epochs=100, batch=16, clips_per_video=1)
    masking: RandomMask | BlockMask = RandomMask()
    predicted: Annotated[float, Within(above=0, high=1)] = 1.0  # share of the hidden tokens, drawn anew in every step
    # half the encoder's width and four blocks, as in MaST-Pre and Uni4D; i-JEPA's predictor is as narrow
    decoder: TransformerSize = TransformerSize(width=128, depth=4, heads=4, head_width=32, hidden=512)
    clip: Literal["middle", "random"] = "middle"  # of each video: the same one in every epoch, or any
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        name = type(self).__name__
        if self.data.features:
            raise ValueError(f"{name}.data: got features {self.data.features!r}, expected coordinates alone")
        if self.data.step < 1:
            raise ValueError(f"{name}.data: got step {self.data.step}, expected at least 1")
        if self.clip == "middle" and self.training.clips_per_video is None:
            raise ValueError(
                f"{name}.training: got clips_per_video=None, expected a number: the clip in the middle of a video is "
                "one clip"
            )

    @property
    def queries(self) -> int:
        """Tokens of a clip that are predicted in a step."""
        every = self.data.frames * self.backbone.far.anchors
        return max(1, round(self.predicted * self.masking.share(self.data.frames) * every))

    @property
    def visible_points(self) -> int:
        """Points of a frame that the encoder is given."""
        return max(1, round((1 - self.masking.share(self.data.frames)) * self.data.points))

    @property
    def visible(self) -> Point4DSize:
        """The backbone's size on the visible part: as many anchors as the share that is visible."""
        share, size = 1 - self.masking.share(self.data.frames), self.backbone
        near, far = (replace(level, anchors=max(1, round(share * level.anchors))) for level in (size.near, size.far))
        return replace(size, near=near, far=far)


class Masked(nn.Module):
    """A backbone that is left, and a narrow transformer; a base class.

    Args:
        recipe: sizes.
        kinds: of mask tokens.
    """

    def __init__(self, recipe: MaskedTokens, kinds: int = 1):
        super().__init__()
        self.recipe = recipe
        self.backbone = recipe.backbone.build()
        self.predictor = Predictor(self.backbone.width, recipe.decoder, recipe.data.frames, kinds)
        with torch.device("meta"):
            self._visible = (recipe.visible.build(),)  # a tuple: it has no weights of its own

    def encode(self, network: Point4D, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Tokens of the visible part of clips by ``network``, with fewer anchors than it has of a whole one."""
        (few,) = self._visible
        few.train(network.training).clock = network.clock
        weights = dict(network.named_parameters()) | dict(network.named_buffers())
        return torch.func.functional_call(few, weights, (xyz,))


class Predictor(nn.Module):
    """Tokens of what is visible and mask tokens at the places of what is not, mixed.

    Args:
        inputs: width of the encoder's tokens.
        size: of the transformer.
        frames: of a clip.
        kinds: of mask tokens.
    """

    def __init__(self, inputs: int, size: TransformerSize, frames: int, kinds: int = 1):
        super().__init__()
        self.frames = frames
        self.reduce = nn.Linear(inputs, size.width)
        self.position = Position(size.width)
        self.mask_tokens = nn.Parameter(0.02 * torch.randn(kinds, size.width))
        self.mix = Transformer(*size.arguments())
        self.norm = nn.LayerNorm(size.width)

    def forward(
        self,
        tokens: Tokens,
        places: Float[Tensor, "batch queries 4"],
        present: Bool[Tensor, "batch queries"],
        kind: int = 0,
    ) -> Float[Tensor, "batch queries width"]:
        """What stands at ``places``, (x, y, z) in the unit of the tokens and t from -1 to 1; nobody looks at those that
        are not ``present``."""
        seen = self.reduce(tokens.features) + self.position(with_time(tokens.xyz, self.frames))
        asked = self.mask_tokens[kind] + self.position(places)
        every = torch.cat([seen.flatten(1, 2), asked.to(seen.dtype)], dim=1)
        looked_at = torch.cat([present.new_ones(len(every), every.shape[1] - present.shape[1]), present], dim=1)
        mixed = self.mix(every) if bool(present.all()) else self.mix(every, looked_at[:, None])
        return self.norm(mixed[:, -places.shape[1] :])


def with_time(xyz: Float[Tensor, "batch frames tokens 3"], frames: int) -> Float[Tensor, "batch frames tokens 4"]:
    """Places with their time, -1 to 1 over a clip of ``frames`` frames."""
    time = (2 * torch.arange(xyz.shape[1], dtype=xyz.dtype, device=xyz.device) + 1) / frames - 1
    return torch.cat([xyz, time[None, :, None, None].expand(*xyz.shape[:3], 1)], dim=-1)


def token_anchors(
    size: Point4DSize, xyz: Float[Tensor, "batch frames points 3"]
) -> Float[Tensor, "batch frames tokens 3"]:
    """Where the tokens of clips stand: as the network chooses them, without its features."""
    cloud = xyz.flatten(0, 1)
    for level in (size.near, size.far):
        cloud = cloud.gather(1, sample_farthest_points(cloud, level.anchors)[..., None].expand(-1, -1, 3))
    return cloud.view(*xyz.shape[:2], -1, 3)


class MaskedJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`.

    A pretext adds ``truth(clip, anchors, index)``, what the points alone say of the hidden tokens, which ends a batch;
    ``asked(clip, places, index, present, …)``, what is predicted, with the targets that networks give; and
    ``terms(tokens, …)``, what its loss consists of, given the encoder's tokens and the latter, with their ``weights``.
    """

    weights: dict[str, float]

    calibrated = True  # whether the batch norms of what is left have only seen visible parts

    def batch(self, epoch: int, step: int) -> tuple[Clip | Tensor, ...]:
        """Whole clips; the visible part of each; places (batch, queries, 4), numbers and presence (batch, queries) of
        the hidden tokens that are predicted; the truth."""
        sequence, start, seed = self.stream.draw(epoch, step)
        data, size = self.recipe.data, self.recipe.backbone
        if self.recipe.clip == "middle":
            counts = self.stream.store.frame_counts[sequence]
            start = np.maximum(0, counts - 1 - data.step * (data.frames - 1)) // 2
        clip = self.stream.reader.clip(sequence, start, stable_seed(seed, 0))
        frames, tubes = self.masked(clip, seed)
        anchors = token_anchors(size, clip.xyz)
        index, present = hidden_tokens(anchors, tubes, self.recipe.queries, stable_seed(seed, 3))
        places = with_time(anchors, data.frames).flatten(1, 2)
        places = places.gather(1, index[..., None].expand(-1, -1, 4))
        seen = self.visible(frames, tubes, stable_seed(seed, 4))
        return clip, seen, places, index, present, *self.truth(clip, anchors, index)

    def truth(self, clip: Clip, anchors: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        """Nothing, where what is predicted is a network's."""
        return ()

    def masked(self, clip: Clip, seed: int) -> tuple[FrameBatch, Tubes]:
        """Clips in patches, some of them hidden."""
        frames = FrameBatch(clip.xyz, torch.full(clip.xyz.shape[:2], clip.xyz.shape[2]))
        patch, anchors, reach = divide(frames, self.recipe.masking.patches, stable_seed(seed, 1))
        hidden = self.recipe.masking.draw(anchors, clip.xyz.shape[1], stable_seed(seed, 2))
        return frames, Tubes(patch, anchors, hidden, reach)

    def visible(self, frames: FrameBatch, tubes: Tubes, seed: int) -> Clip:
        """What the encoder is given: points of visible patches."""
        source, keep = shown_points(tubes)
        seen = take_frames(frames, source)
        return Clip(gather_xyz(seen, sample_indices(seen, self.recipe.visible_points, seed, keep)))

    def loss(
        self, clip: Clip, seen: Clip, places: Tensor, index: Tensor, present: Tensor, *truth: Tensor
    ) -> dict[str, Tensor]:
        """The terms of the pretext and their weighted sum."""
        if not bool(present.any()):
            raise ValueError("present: no token of the batch is hidden, expected at least one (a larger share hidden)")
        tokens = self.module.encode(self.encoder, seen.xyz)
        self.features = tokens.features.detach().mean(dim=(1, 2))
        asked = self.asked(clip, places, index, present, *truth)
        self.last = Tokens(tokens.xyz, tokens.features.detach()), asked
        terms = self.terms(tokens, *asked)
        total = sum(weight * terms[name] for name, weight in self.weights.items())
        return {"loss": total} | {name: value.detach() for name, value in terms.items()}

    @property
    def encoder(self) -> Point4D:
        """The network that is trained on what is visible."""
        return self.module.backbone

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe; the mean deviation of a clip feature, which a probe on raw features measures first of
        all; the loss of the best constant; and what the predictor gains by seeing.

        ``gain_of_seeing`` is the share of the last batch's loss that a clip's own tokens save over those of the next
        clip in the batch; about 0 where a token's place alone tells what stands there.
        """
        numbers = super().epoch_end(epoch) | {
            "raw_std": float(self.features.std(dim=0).mean()),
            "constant": self.chance(),
        }
        tokens, asked = self.last
        if len(tokens.xyz) > 1:
            own, other = (self._unseen(Tokens(*(values.roll(turn, 0) for values in tokens)), asked) for turn in (0, 1))
            numbers["gain_of_seeing"] = 1 - own / max(other, 1e-12)
        if self.calibrated and epoch == self.training.epochs - 1:
            self._calibrate(epoch)
        return numbers

    @torch.no_grad()
    def _unseen(self, tokens: Tokens, asked: tuple) -> float:
        """The loss from tokens, leaving no trace in the statistics of a norm."""
        self.module.eval()
        terms = self.terms(tokens, *asked)
        self.module.train()
        return float(sum(weight * terms[name] for name, weight in self.weights.items()))

    @torch.no_grad()
    def _calibrate(self, epoch: int) -> None:
        """Batch norms' running statistics anew, as plain means over whole clips: what is left is given whole clips.

        Wu, Johnson, "Rethinking 'batch' in batch norm", 2021, section 3.
        """
        network = self.module.backbone
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        device = next(network.parameters()).device
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        for step in range(min(CALIBRATION, self.steps_per_epoch)):
            (clip,) = to_device(self.batch(epoch, step)[:1], device)
            network.tokens(clip.xyz, "points")
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
