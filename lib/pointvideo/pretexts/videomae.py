"""VideoMAE on points: hide most of a clip's patches, and draw the hidden points from the rest.

A patch is the part of space nearest to an anchor, for a few frames or, as a tube, for all. The encoder, a whole
backbone, is given the visible points alone. A small transformer gets its tokens and one query for each of some hidden
patches, and predicts the patch's points in one frame (:mod:`pointvideo.losses.videomae`). It is dropped afterwards.

Feichtenhofer, Fan, Li, He, "Masked autoencoders as spatiotemporal learners", NeurIPS 2022, which C2P cites as
VideoMAE; Tong, Song, Wang, Wang, "VideoMAE", NeurIPS 2022; for points Pang et al., "Masked autoencoders for point cloud
self-supervised learning" (Point-MAE), ECCV 2022. Theirs: nine tenths hidden, without regard to place and time
(Feichtenhofer et al.) or in tubes (Tong et al.), an encoder that sees no masked input, a narrow decoder with mask
tokens, targets in a patch's own unit, anchors by farthest point sampling, Chamfer distance. Ours, as C2P says no more
than that the method "can be easily extended to 4D data": patches that divide space, so that hidden points cannot be
seen in an overlapping patch; reconstruction of a part of the hidden patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrSize, Tokens, TransformerSize, pool_tokens, tokens_of
from ..backbones.transformer import Transformer
from ..data.augment import Augment, apply
from ..data.clips import FrameBatch, sample_indices
from ..data.store import Store
from ..losses.videomae import best_constant, patch_chamfer
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..values import Count, Whole, Within
from .candidates import candidates, take_frames
from .job import PretextJob, Pretraining
from .tube_masks import Tubes, divide, draw_hidden, hidden_points, shown_points


@dataclass(frozen=True)
class VideoMAEPretrain(Pretraining):
    """Recipe of a VideoMAE pre-training."""

    method: ClassVar[str] = "VideoMAE"

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()
    training: Training = Training(epochs=100)
    patches: Annotated[int, Within(low=2)] = 64  # a clip; Point-MAE has 64 in a cloud of 1024 points
    # share of the patches that is hidden, VideoMAE's; Point-MAE's is 0.6
    hidden: Annotated[float, Within(above=0, below=1)] = 0.9
    # "agnostic": drawn without regard to place and time (Feichtenhofer et al., C2P's reference); "tube" hides the
    # same ones in all frames (Tong et al.)
    masking: Literal["agnostic", "tube"] = "agnostic"
    depth: Count = 2  # frames that an agnostic patch lasts, Feichtenhofer et al.'s
    patch_points: Count = 32  # points predicted of each hidden patch in each frame, as in Point-MAE
    frames: Count = 4  # as many of a clip's hidden patches are predicted as so many frames have
    # VideoMAE: half the encoder's width and four blocks
    decoder: TransformerSize = TransformerSize(width=384, depth=4, heads=6, head_width=64, hidden=1536)
    augment: Augment | None = Augment()  # little, as masked autoencoders need no more
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.hidden_patches < self.patches:
            raise ValueError(
                f"VideoMAEPretrain.hidden: got {self.hidden!r}, expected a share of the {self.patches} patches that "
                "hides at least one and leaves at least one"
            )
        if self.frames > self.data.frames:
            raise ValueError(
                f"VideoMAEPretrain.frames: got {self.frames}, expected at most {self.data.frames}, the clip's"
            )

    @property
    def hidden_patches(self) -> int:
        """Patches that are hidden in a frame, on average."""
        return round(self.hidden * self.patches)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> VideoMAEJob:
        """This recipe on data."""
        return VideoMAEJob(self, store, VideoMAE(self), pretrained)


class Position(nn.Module):
    """Embedding of places: sines and cosines of (x, y, z, t) at six octaves, then a linear map.

    Args:
        width: channels.
    """

    def __init__(self, width: int, octaves: int = 6):
        super().__init__()
        self.register_buffer("frequencies", torch.pi * 2.0 ** torch.arange(octaves), persistent=False)
        self.linear = nn.Linear(4 * (2 * octaves + 1), width)

    def forward(self, place: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch width"]:
        angle = (place[..., None] * self.frequencies).flatten(-2)
        return self.linear(torch.cat([place, angle.sin(), angle.cos()], dim=-1))


class VideoMAE(nn.Module):
    """Encoder and decoder.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: VideoMAEPretrain):
        super().__init__()
        self.recipe = recipe
        self.backbone = recipe.backbone.build()
        width = recipe.decoder.width
        # ours: what all tokens share says nothing, yet it grows until it hides the rest behind a layer norm (ViT's);
        # batch norm takes it away in front of the decoder
        self.norm = nn.BatchNorm1d(self.backbone.width, affine=False)
        self.reduce = nn.Linear(self.backbone.width, width)
        self.position = Position(width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(width))
        self.decoder = Transformer(*recipe.decoder.arguments())
        self.predict = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * recipe.patch_points))

    def encode(self, clip: Clip) -> Tokens:
        """The backbone's tokens of the visible points."""
        return tokens_of(self.backbone, clip)

    def decode(
        self, tokens: Tokens, anchors: Float[Tensor, "batch queries 3"], times: Float[Tensor, "batch queries"]
    ) -> Float[Tensor, "batch queries points 3"]:
        """Points of each query's patch, relative to its anchor.

        Args:
            tokens: of the visible points, coordinates as ``anchors``.
            anchors: of the hidden patches, about 1 in size.
            times: of their frames, 0 to 1 over the clip.
        """
        batch, count = tokens.features.shape[:2]
        when = (torch.arange(count, device=times.device, dtype=times.dtype) + 0.5) / count
        when = when[None, :, None, None].expand(*tokens.xyz.shape[:3], 1)
        features = self.norm(tokens.features.flatten(0, 2)).view_as(tokens.features)
        seen = self.reduce(features) + self.position(torch.cat([tokens.xyz, when], dim=-1))
        queries = self.mask_token + self.position(torch.cat([anchors, times[..., None]], dim=-1))
        mixed = self.decoder(torch.cat([seen.flatten(1, 2), queries.to(seen.dtype)], dim=1))[:, -queries.shape[1] :]
        return self.predict(mixed).unflatten(-1, (-1, 3))


CHANCE_BATCHES = 4  # training batches whose patches the best constant answer is sought for


class VideoMAEJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def batch(self, epoch: int, step: int) -> tuple[Tensor | Clip, ...]:
        """Truth, which of it is there, anchors, times, (centre, size) of each clip, then the visible clip.

        Shapes: (batch, queries, points, 3), (batch, queries), (batch, queries, 3), (batch, queries), (batch, 4),
        (batch, frames, points, 3).
        """
        sequence, start, seed = self.stream.draw(epoch, step)
        recipe = self.recipe
        frames = self.stream.reader.load(sequence, start)
        few, place = candidates(frames, recipe.data.points, stable_seed(seed, 0))
        centre, augment_seed = _centre(few), stable_seed(seed, 1)
        few = FrameBatch(apply(recipe.augment, few.xyz, augment_seed, centre), few.lengths)
        tubes = self.masked(few, stable_seed(seed, 2))
        queries = recipe.frames * recipe.hidden_patches
        points = hidden_points(few, tubes, queries, recipe.patch_points, stable_seed(seed, 3))
        source, keep = shown_points(tubes)
        seen = sample_indices(take_frames(few, source), recipe.data.points, stable_seed(seed, 4), keep)
        row = torch.arange(len(source))[:, None]
        middle, size = tubes.frame[:, :3], tubes.frame[:, 3:]
        view = self.stream.reader.gathered(
            take_frames(frames, source), place[row, source].gather(2, seen), recipe.augment, augment_seed, centre,
            middle,
        )  # fmt: skip
        times = (points.frames.float() + 0.5) / recipe.data.frames
        anchors = recipe.data.in_unit(points.anchors[:, None], middle)[:, 0]
        frame = torch.cat(
            [recipe.data.in_unit(middle[:, None, None], middle)[:, 0, 0], size / recipe.data.divisor], dim=1
        )
        return points.xyz, points.present, anchors, times, frame, view

    def masked(self, frames: FrameBatch, seed: int) -> Tubes:
        """Clips in patches, some of them hidden."""
        recipe = self.recipe
        patch, anchors, reach = divide(frames, recipe.patches, seed)
        depth = recipe.depth if recipe.masking == "agnostic" else None
        batch, count, _ = patch.shape
        hidden = draw_hidden(batch, count, recipe.patches, recipe.hidden, depth, stable_seed(seed, 0))
        return Tubes(patch, anchors, hidden, reach)

    def loss(
        self, truth: Tensor, present: Tensor, anchors: Tensor, times: Tensor, frame: Tensor, view: Clip
    ) -> dict[str, Tensor]:
        """Chamfer distance in squared patch sizes."""
        tokens = self.module.encode(view)
        self.features = pool_tokens(tokens.features).detach()
        centre, size = frame[:, None, :3], frame[:, None, 3:]
        placed = Tokens((tokens.xyz - centre[:, None]) / size[:, None], tokens.features)
        anchors = (anchors - centre) / size
        self.last = truth, present, anchors, times, Tokens(placed.xyz, placed.features.detach())
        return {"loss": patch_chamfer(self.module.decode(placed, anchors, times), truth, present)}

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe, and what the decoder gains by seeing.

        ``gain_of_seeing`` is the share of the last batch's loss that a clip's own tokens save over those of the next
        clip in the batch; about 0 where the decoder tells from a query's place and time alone what stands there.
        """
        numbers = super().epoch_end(epoch)
        truth, present, anchors, times, tokens = self.last
        if len(truth) > 1:
            own, other = (
                float(
                    self._unseen(Tokens(*(values.roll(turn, 0) for values in tokens)), truth, present, anchors, times)
                )
                for turn in (0, 1)
            )
            numbers["gain_of_seeing"] = 1 - own / max(other, 1e-12)
        return numbers

    @torch.no_grad()
    def _unseen(self, tokens: Tokens, truth: Tensor, present: Tensor, anchors: Tensor, times: Tensor) -> Tensor:
        """The loss from tokens, leaving no trace in what the decoder's norm has seen."""
        self.module.eval()
        loss = patch_chamfer(self.module.decode(tokens, anchors, times), truth, present)
        self.module.train()
        return loss

    def chance(self) -> float:
        """The loss of the best patch that is the same for every query, on the patches of a few training batches."""
        batches = [self.batch(0, step)[:2] for step in range(min(CHANCE_BATCHES, self.steps_per_epoch))]
        patches = torch.cat([truth[present] for truth, present in batches])
        return float(best_constant(patches, self.recipe.patch_points)[1])


def _centre(frames: FrameBatch) -> Float[Tensor, "batch 3"]:
    """Mean of each clip's points; the padding is zero."""
    return frames.xyz.sum(dim=(1, 2)) / frames.lengths.sum(dim=1, keepdim=True).clamp(min=1)
