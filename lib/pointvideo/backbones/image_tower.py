"""The image tower: a stem that gives one vector a frame, then ASFormer's encoder, one feature a frame.

The stem is a 3-D convolution over pixels, or there is none and the tower is given features that a frozen image network
has made. Behind pre-training only the transformer is carried over: an ASFormer that labels frames starts from it, and
sees features of its own.

Liu et al., CrossVideo, ICRA 2024, sections III-A and IV-D: "3Dconv and Transformer", based on ASFormer; "the I3D
feature … and the pre-trained Transformer as initialization".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..values import Checked, Count, Counts
from .asformer import ASFormer, ASFormerEncoder, ASFormerEncoderSize
from .checkpoint import Report, load_authors_state, plain_state
from .image_stem import ImageStemSize

TRANSFORMER = "transformer."  # what the names of the part that is carried over begin with


@dataclass(frozen=True)
class ImageTowerSize(Checked):
    """Sizes; the vector of a frame and the transformer have the paper's, it says nothing of what is in the stem."""

    name: ClassVar[str] = "image tower"
    stem: Literal["convolution", "features"] = "convolution"
    inputs: Count = 2048  # numbers a frame that the transformer is given: the stem's, or those of the features
    patch: Count = 16  # pixels along a side, of a stem
    hidden: Counts = (64, 256)  # channels of a stem's layers before the last
    transformer: ASFormerEncoderSize = ASFormerEncoderSize()

    @property
    def width(self) -> int:
        """Channels of a frame's feature."""
        return self.transformer.width

    def build(self) -> ImageTower:
        """A freshly initialised tower."""
        return ImageTower(self)


class ImageTower(nn.Module):
    """The stem, if it has one, and the transformer.

    Args:
        size: of both.
    """

    def __init__(self, size: ImageTowerSize):
        super().__init__()
        self.size, self.width = size, size.width
        stem = ImageStemSize(size.patch, size.hidden, size.inputs)
        self.stem = stem.build() if size.stem == "convolution" else None
        self.transformer: ASFormerEncoder = size.transformer.build(size.inputs)

    def forward(
        self, images: Tensor, mask: Bool[Tensor, "batch frames"] | None = None
    ) -> Float[Tensor, "batch frames width"]:
        """One feature a frame, 0 at frames that are not real.

        Args:
            images: (batch, frames, height, width, 3), bytes from 0 to 255 or floats from 0 to 1, where there is a stem;
                else features (batch, frames, inputs).
            mask: which frames are real; all of them when left out.

        Raises:
            ValueError: another shape than the tower's stem takes.
        """
        if self.stem is None and images.dim() == 5:
            raise ValueError(
                f"images: got shape {tuple(images.shape)} for a tower without a stem (ImageTowerSize.stem), expected "
                f"features (batch, frames, {self.size.inputs})"
            )
        return self.transformer(images if self.stem is None else self.stem(images, mask), mask)


def carry_transformer(tower: Mapping[str, Tensor], network: ASFormer, prefix: str = "") -> Report:
    """Start an ASFormer's encoder from the transformer of a pre-trained tower; the stem is left behind.

    Args:
        tower: weights of an :class:`ImageTower`, or of something that holds one.
        network: whose encoder is filled; its decoders and heads stay as they are.
        prefix: what the tower's names begin with in ``tower``, such as "images.".

    Returns:
        What was used and not, by the names in ``tower``, and what of the network was not touched.

    Raises:
        ValueError: no transformer is in ``tower``, it has other layers or channels than the encoder, or is not finite.
    """
    state = plain_state(tower)
    begin = prefix + TRANSFORMER
    part = {name.removeprefix(begin): value for name, value in state.items() if name.startswith(begin)}
    if not part:
        raise ValueError(
            f"image tower: none of its {len(state)} entries is of a transformer (the first is "
            f"{next(iter(state), 'none')!r}), expected names that begin with {begin!r}"
        )
    own = network.encoder.state_dict()
    if more := [name for name in part if name not in own]:
        raise ValueError(
            f"image tower: {len(more)} entries of its transformer have no place in the encoder of "
            f"{len(network.encoder.blocks)} layers, the first is {begin + more[0]!r}"
        )
    try:
        report = load_authors_state(network.encoder, part)
    except ValueError as error:
        raise ValueError(f"image tower, {begin}*: {error}") from error
    used = tuple(begin + name for name in report.used)
    filled = {f"encoder.{name}" for name in report.used}
    return Report(
        used,
        tuple(name for name in state if name not in used),
        tuple(name for name in network.state_dict() if name not in filled),
    )
