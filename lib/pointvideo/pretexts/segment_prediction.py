"""A clip's last segment predicted from the segments before it, superpoint by superpoint.

A clip is cut into segments of as many frames each, and each is encoded alone, so that no superpoint has seen a point of
another segment. A transformer looks at the superpoints of all segments but the last. What it makes of those of the last
but one goes through a predictor, and from there to the places of the last one's, as a mean of the three nearest.

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 3.1; linear map, position embedding and predictor as in the same authors' later code
(Query-CP).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, Tokens, TransformerSize, tokens_of
from ..backbones.transformer import Transformer
from ..kernels import interpolate, inverse_distances, nearest_neighbors


class SegmentPrediction(nn.Module):
    """Encoder, transformer over segments, predictor; a base class.

    Args:
        backbone: of the encoder.
        segments: of a clip, at least two.
        size: of the transformer; its width is that of what is predicted.
        hidden: the two widths inside the predictor.
    """

    def __init__(self, backbone: BackboneSize, segments: int, size: TransformerSize, hidden: tuple[int, int]):
        super().__init__()
        self.segments, (first, second) = segments, hidden
        self.backbone = backbone.build()
        self.embed = nn.Linear(self.backbone.width, size.width)
        self.position = nn.Linear(4, size.width)
        self.autoregressor = Transformer(*size.arguments())
        self.predictor = nn.Sequential(
            *(nn.Linear(size.width, first, bias=False), nn.BatchNorm1d(first), nn.ReLU()),
            *(nn.Linear(first, second, bias=False), nn.BatchNorm1d(second), nn.ReLU()),
            nn.Linear(second, size.width),
        )

    def encode(self, clip: Clip) -> Tokens:
        """Superpoints of each segment: (batch, segments, times, superpoints, …).

        All segments are one batch: what they share in training are the statistics of the backbone's batch norms, where
        it has some.
        """
        alone = clip.map(lambda values: values.unflatten(1, (self.segments, -1)).flatten(0, 1))
        places, features = tokens_of(self.backbone, alone)
        several = (-1, self.segments)
        return Tokens(places.unflatten(0, several), features.unflatten(0, several))

    @torch.no_grad()
    def superpoints(self, example: Clip) -> int:
        """How many superpoints a segment of such a clip has, over all its times."""
        training = self.training
        found = self.eval().encode(example).features.shape
        self.train(training)
        return found[2] * found[3]

    def predict(
        self,
        places: Float[Tensor, "batch segments times superpoints 3"],
        embedded: Float[Tensor, "batch segments times superpoints width"],
    ) -> Float[Tensor, "batch targets width"]:
        """Predictions of the last segment's superpoints, time by time; of that segment only ``places`` are looked at.

        Where a superpoint stands is embedded as (x, y, z, number of its segment); times inside a segment lie between
        that number and the next.
        """
        before, times = places[:, :-1], places.shape[2]
        number = torch.arange(times, (before.shape[1] + 1) * times, dtype=places.dtype, device=places.device) / times
        number = number.view(1, before.shape[1], times, 1, 1).expand(*before.shape[:4], 1)
        seen = embedded[:, :-1] + self.position(torch.cat([before, number], dim=-1))
        last = self.autoregressor(seen.flatten(1, 3)).view_as(seen)[:, -1]
        said = self.predictor(last.flatten(0, 2)).view(last.shape)
        known, asked = (places[:, which].flatten(0, 1).float() for which in (-2, -1))
        distances, index = nearest_neighbors(known, asked, 3)
        carried = interpolate(said.flatten(0, 1), index, inverse_distances(distances))
        return carried.unflatten(0, (-1, times)).flatten(1, 2)
