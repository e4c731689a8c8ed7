"""Clips of NTU RGB+D as its two protocols and its two released loaders want them.

Shahroudy et al. (CVPR 2016) train on 20 subjects and test on the others (cross-subject), or train on cameras 2 and 3
and test on camera 1 (cross-view). The loaders of PSTNet and of P4Transformer read the same files: 24 (23) frames, every
second one, a clip beginning at every second frame; they differ in the unit of coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..data.ntu60 import DIVISOR, NAME, TEST_CAMERA
from ..data.store import Store
from ..stream import ClipData
from ..values import Count, Filled, Not, Positive


@dataclass(frozen=True)
class NTUClips(ClipData):
    """Which clips of NTU RGB+D, or of the world that stands in, by which protocol and in which unit.

    Raises:
        ValueError: a ball with another centre, or subjects held out where cameras are.
    """

    dataset: Annotated[str, Filled()] = NAME
    step: Annotated[int, Not(0)] = 2
    hop: Count = 2
    divisor: Positive = DIVISOR  # as PSTNet: a unit is 655.35 mm, from the sensor
    protocol: Literal["subject", "view"] = "subject"
    # "ball", as P4Transformer: from the mean of the clip's points, and the farthest one at 1. Its loader stretches a
    # clip after that; here it is stretched before, so that the farthest point stays at 1.
    size: Literal["divisor", "ball"] = "divisor"

    def __post_init__(self):
        super().__post_init__()
        if self.size == "ball" and self.centre == "clip":
            raise ValueError("NTUClips.centre: got 'clip' with size 'ball', expected 'none': a ball is centred already")
        if self.protocol == "view" and self.held_out:
            raise ValueError("NTUClips.held_out: got subjects with protocol 'view', which holds out a camera")

    def in_unit(
        self, xyz: Float[Tensor, "batch frames points 3"], origin: Float[Tensor, "batch 3"] | None = None
    ) -> Float[Tensor, "batch frames points 3"]:
        """Coordinates over the divisor, or in the ball, about ``origin`` (the mean of the clip's points)."""
        if self.size == "divisor":
            return super().in_unit(xyz, origin)
        exact = xyz.double()
        middle = exact.mean(dim=(1, 2)) if origin is None else origin.to(exact)
        moved = exact - middle[:, None, None]
        farthest = moved.norm(dim=-1).amax(dim=(1, 2))
        return (moved / farthest.clamp_min(1e-12)[:, None, None, None]).to(xyz)

    def split(self, store: Store, split: str) -> np.ndarray:
        """Positions in the store of the videos of "train" or "test" by the protocol.

        Raises:
            ValueError: one line: no video on one side, or a class that is tested and has no labelled video.
        """
        sides = {side: self._side(store, side) for side in ("train", "test")}
        for side, videos in sides.items():
            if not len(videos):
                raise ValueError(f"{store.name}: no {side} video by NTUClips.protocol {self.protocol!r}")
        labels = {side: set(store.labels[videos].tolist()) for side, videos in sides.items()}
        if unseen := sorted(labels["test"] - labels["train"]):
            found = f"class {unseen[0]} ({store.classes[unseen[0]]}) is tested and has no training video"
            raise ValueError(f"{store.name}: {found}, expected at least one of each of {len(labels['test'])} classes")
        return sides[split]

    def _side(self, store: Store, split: str) -> np.ndarray:
        if self.protocol == "subject":
            return super().split(store, split)
        tested = np.array([sequence.camera == TEST_CAMERA for sequence in store.sequences])
        return np.flatnonzero(tested if split == "test" else ~tested)
