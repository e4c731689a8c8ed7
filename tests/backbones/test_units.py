"""Units reach a network such that coordinates and clock move its tokens alike; see ClipData.centre and time_unit."""

import pytest
import torch

from pointvideo.backbones import P4TransformerSize, TransformerSize, TubeSize

EVEN = 4.0  # times as much, either way, at most
FRAMES, POINTS = 24, 256


def clip(radius: float, offset: float, seed: int = 0):
    """Bodies of one radius (root-mean-square distance from the centre) that lie ``offset`` from the origin."""
    generator = torch.Generator().manual_seed(seed)
    body = torch.randn(4, FRAMES, POINTS, 3, generator=generator)
    body = body - body.mean(dim=(1, 2), keepdim=True)
    body = body / body.square().sum(-1).mean(dim=(1, 2), keepdim=True).sqrt()[..., None]
    return radius * body + torch.tensor([0.0, 0.0, offset])


def movement(radius: float, offset: float, tube: float, time_unit: float) -> tuple[float, float]:
    """How far an untrained network's tokens lie apart for other places in a frame, and for other frame numbers."""
    torch.manual_seed(0)
    transformer = TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128)
    network = P4TransformerSize(TubeSize(radius=tube), transformer, time_unit=time_unit).build().eval()
    with torch.no_grad():
        xyz = clip(radius, offset)
        still = xyz[:, :1].expand(-1, FRAMES, -1, -1)  # nothing moves: from frame to frame only the number changes
        tokens = network.embed(still).features[:, 1:-1]
        places = tokens.std(dim=2).mean()
        numbers = tokens.std(dim=1).mean()
    return float(places), float(numbers)


def test_places_and_frame_numbers_move_tokens_alike():
    places, numbers = movement(radius=1.0, offset=0.0, tube=1.75, time_unit=12.0)
    assert 1 / EVEN < places / numbers < EVEN, (places, numbers)


@pytest.mark.parametrize(
    ("radius", "tube", "time_unit"), [(85 / 300, 0.5, 1.0), (0.34, 0.3, 1.0)], ids=["counts over 300", "metres"]
)
def test_as_released_the_frame_number_drowns_places(radius: float, tube: float, time_unit: float):
    places, numbers = movement(radius, 1.7, tube, time_unit)
    assert numbers > EVEN * places, (places, numbers)
