"""What is chosen for CrossVideo on MSR-Action3D, and what stands for images at each profile.

The settings are those that C2P has there, six of them, so that both have the same search; they are runs of the
experiment "msr-choice" on the same two held-out training subjects. None of them is scored on the test subjects. Every
other arm takes what is chosen for CrossVideo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones.asformer import ASFormerEncoderSize
from ...backbones.image_stem import ImageStemSize
from ...backbones.image_tower import ImageTowerSize
from ...data.images import ImageData
from ...study.experiments import of_profile
from ...study.search import Setting
from ...teachers import EfficientNetLite
from ...teachers.depth_images import DepthImageData
from ...teachers.frame_features import FrameFeatures
from ..c2p import settings as theirs
from .methods import Seen

HELD_OUT = theirs.HELD_OUT
GRID: tuple[Setting, ...] = theirs.GRIDS["c2p"]
CHOSEN = GRID[2]  # the best of the experiment's records; tests/papers/test_crossvideo.py compares


def setting_of(profile: str) -> Setting:
    """What all arms use on MSR-Action3D; only the profile that is searched has one."""
    return CHOSEN if profile == "laptop" else Setting()


@dataclass(frozen=True)
class Images:
    """What a profile decides of images and of the networks that see them."""

    side: int  # pixels
    tower: ImageTowerSize
    features: FrameFeatures  # in the place of I3D's
    hidden: int  # inside the heads of the pre-training
    projection: int

    @property
    def stem(self) -> ImageStemSize:
        """The tower's stem, for a network that labels frames."""
        return ImageStemSize(self.tower.patch, self.tower.hidden, self.tower.inputs)

    @property
    def untrained(self) -> FrameFeatures:
        """Features of the same network as it is before any training."""
        return replace(self.features, teacher=replace(self.features.teacher, weights="untrained"))

    def seen(self, what: Seen) -> tuple[ImageData | FrameFeatures, ImageTowerSize]:
        """What a network is shown of a frame, and the tower for it."""
        if what == "features":
            size = ImageTowerSize(stem="features", inputs=self.features.channels, transformer=self.tower.transformer)
            return self.features, size
        if what == "depth":
            return DepthImageData(size=self.side), self.tower
        return ImageData(size=self.side, colour="grey" if what == "grey" else "rgb"), self.tower


def _features(side: int) -> FrameFeatures:
    """Of the last level, over the 21 frames around each, as the field takes I3D's."""
    return FrameFeatures(EfficientNetLite(side=side, stride=32), window=21)


def _small(layers: int, width: int, patch: int, hidden: tuple[int, ...], inputs: int) -> ImageTowerSize:
    transformer = ASFormerEncoderSize(layers=layers, width=width)
    return ImageTowerSize(inputs=inputs, patch=patch, hidden=hidden, transformer=transformer)


_AUTHORS = Images(side=224, tower=ImageTowerSize(), features=_features(224), hidden=512, projection=256)
_IMAGES = {
    "quick": Images(32, _small(4, 16, 8, (16,), 32), _features(64), hidden=64, projection=32),
    # blocks of 32 frames at most, in clips of 24 and of 75
    "laptop": Images(64, _small(6, 64, 16, (32,), 128), _features(64), hidden=128, projection=64),
    "gpu": _AUTHORS,
    "paper": _AUTHORS,
}


def images(profile: str) -> Images:
    """What a profile decides of images; ValueError for an unknown one."""
    return of_profile(_IMAGES, profile)
