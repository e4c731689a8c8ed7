"""Uni4D: a masked autoencoder with two kinds of mask tokens, one for points and one for a slow network's features.

The encoder sees the visible part of a clip (:mod:`.masked_tokens`); one decoder is run twice, with geometry tokens at
the hidden places, which must say the points of the tubes there, and with latent tokens, which must say what the slow
network, the moving average of the encoder, makes of them. Beside these, the encoder's clip feature must pick its clip's
out of a queue of earlier ones, and its frame feature the next frame's out of the clip's other ones
(:mod:`pointvideo.losses.uni4d`). What is left is the encoder.

Zuo et al., "Uni4D: A unified self-supervised learning framework for point cloud videos", CVPR 2025. What the abstract
leaves open is as in the released code for MSR-Action3D: the four terms, all of weight 1, three quarters of every
frame's tokens hidden, temperature 0.1, momentum 0.999, a queue of 12288 that begins with random directions, features
by the maximum over tokens, a motion head of two linear maps with batch norm. Ours: the mask (:mod:`.masked_tokens`:
nothing hidden is seen) and the tubes (:mod:`.point_tubes`) on tokens of one frame; the slow network is a copy of the
whole encoder, where the code's averages the transformer alone and embeds tokens by the encoder's own maps; the motion
head's batch norm runs over all frames of a batch, not of a clip.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..backbones import Clip, Tokens, pool_clip, pool_tokens
from ..data.store import Store
from ..losses.distillation import cosine_distillation, loss_of_constant
from ..losses.strl import ema_update
from ..losses.uni4d import motion_contrast, video_contrast
from ..values import Count, NotNegative, Positive, Within
from .masked_tokens import Masked, MaskedTokens
from .mast_pre import TubeJob
from .point_tubes import PointTube
from .token_masks import BlockMask, RandomMask

GEOMETRY, LATENT = 0, 1  # kinds of mask tokens


@dataclass(frozen=True)
class Uni4DPretrain(MaskedTokens):
    """Recipe of a Uni4D pre-training; the defaults are the released code's."""

    method: ClassVar[str] = "Uni4D"

    masking: RandomMask | BlockMask = RandomMask(lasting=1)
    tube: PointTube = PointTube()
    # weights of the terms. The geometry's is in squared radii of a tube; released: 1 in the clip's own unit, which is
    # the square of the default radius here
    geometry: NotNegative = 0.09
    latent: NotNegative = 1.0
    video: NotNegative = 1.0
    motion: NotNegative = 1.0
    temperature: Positive = 0.1
    queue: Count = 12288  # clips
    momentum: Annotated[float, Within(low=0, high=1)] = 0.999  # of the slow network, in every update

    def __post_init__(self):
        super().__post_init__()
        if self.data.frames < 3:
            raise ValueError(
                f"Uni4DPretrain.data: got {self.data.frames} frames, expected at least 3: the next one is picked out"
            )

    @property
    def variant(self) -> str:
        plain, words = Uni4DPretrain(), []
        for name in ("geometry", "latent", "video", "motion", "queue", "momentum"):
            if getattr(self, name) != getattr(plain, name):
                words.append(f"{name} {getattr(self, name):g}")
        return ", ".join(words)

    def balanced(self) -> Uni4DPretrain:
        """The same for a pre-training of some thousand updates on some hundred clips: a slow network that has time to
        follow, a queue that holds no clip twice, weights that make each term's best constant cost about 1 on recorded
        MSR-Action3D."""
        return replace(self, geometry=5.0, latent=1.75, video=0.18, motion=0.32, queue=256, momentum=0.99)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> Uni4DJob:
        """This recipe on data."""
        return Uni4DJob(self, store, Uni4D(self), pretrained)


class Uni4D(Masked):
    """Encoder, slow network, shared decoder, and the heads.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: Uni4DPretrain):
        super().__init__(recipe, kinds=2)
        self.slow = copy.deepcopy(self.backbone).requires_grad_(False)
        width, inner, tube = self.backbone.width, recipe.decoder.width, recipe.tube
        self.points = nn.Linear(inner, tube.frames * tube.points * 3)
        self.latent = nn.Linear(inner, width)
        self.video = nn.Linear(inner, width)
        self.motion = nn.Sequential(
            nn.Linear(inner, 4 * inner), nn.BatchNorm1d(4 * inner), nn.ReLU(), nn.Linear(4 * inner, width)
        )
        self.register_buffer("queue", F.normalize(torch.randn(recipe.queue, width), dim=-1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))  # in the queue, of the next key

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Put clips' features (clips, width) into the queue, in the place of the oldest ones."""
        keys = F.normalize(keys.float(), dim=-1, eps=1e-12)[-len(self.queue) :]
        where = (self.place + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue[where] = keys
        self.place.copy_((self.place + len(keys)) % len(self.queue))


class Uni4DJob(TubeJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: Uni4DPretrain, store: Store, module: Uni4D, pretrained: dict[str, Tensor] | None = None):
        super().__init__(recipe, store, module, pretrained)
        module.slow.load_state_dict(module.backbone.state_dict())
        self.weights = {name: getattr(recipe, name) for name in ("geometry", "latent", "video", "motion")}

    @torch.no_grad()
    def asked(
        self, clip: Clip, places: Tensor, index: Tensor, present: Tensor, xyz: Tensor, filled: Tensor, counts: Tensor
    ) -> tuple[Tensor, ...]:
        """Places, their presence, the tubes, and of the slow network the features of the tokens that stand there and
        those of frames."""
        features = self.module.slow.tokens(clip.xyz).features.float()
        every = features.flatten(1, 2)
        target = every.gather(1, index[..., None].expand(-1, -1, every.shape[-1]))
        self.keys = pool_clip(features)
        return places, present, xyz, filled, target, pool_tokens(features)

    def terms(
        self,
        tokens: Tokens,
        places: Tensor,
        present: Tensor,
        xyz: Tensor,
        filled: Tensor,
        target: Tensor,
        frames: Tensor,
    ) -> dict[str, Tensor]:
        """The two reconstructions and the two alignments."""
        module, recipe = self.module, self.recipe
        mixed = module.predictor(tokens, places, present, GEOMETRY)
        said = module.latent(module.predictor(tokens, places, present, LATENT)[present])
        reduced = module.predictor.reduce(tokens.features)
        student = pool_clip(module.video(reduced))
        next_frames = module.motion(pool_tokens(reduced).flatten(0, 1)).view(*reduced.shape[:2], -1)
        return {
            "geometry": self.geometry(mixed, present, xyz, filled),
            "latent": cosine_distillation(said.float(), target[present]),
            "video": video_contrast(student.float(), frames.amax(dim=1), module.queue, recipe.temperature),
            "motion": motion_contrast(next_frames.float(), frames, recipe.temperature),
        }

    def chance(self) -> float:
        """The loss of answers that are the same for every token, frame and clip.

        Points are the best for some training batches, features for the last one. A clip that is like all others finds
        its own by luck among the queue's, a frame among the clip's.
        """
        recipe = self.recipe
        _, present, _, _, target, _ = self.last[1]
        return (
            recipe.geometry * self.still_points
            + recipe.latent * loss_of_constant(target[present])
            + recipe.video * float(torch.tensor(1.0 + recipe.queue).log())
            + recipe.motion * float(torch.tensor(recipe.data.frames - 1.0).log())
        )

    def after_step(self) -> None:
        """The slow network follows, and its features of this step's clips join the queue."""
        ema_update(self.module.slow, self.module.backbone, self.recipe.momentum)
        self.module.enqueue(self.keys)
