"""Units reach a network such that places and frame numbers move its tokens alike (``ClipData.centre``)."""

import pytest
import torch

from pointvideo.backbones import P4TransformerSize, TransformerSize, TubeSize

EVEN = 5.0  # times as far, either way, at most
FRAMES, POINTS = 24, 256  # 12 frames leave the tube


def clips(radius: float, distance: float) -> torch.Tensor:
    """Clouds of one radius (root-mean-square distance from the centre) at a distance from the origin."""
    cloud = torch.randn(4, FRAMES, POINTS, 3, generator=torch.Generator().manual_seed(0))
    cloud = cloud - cloud.mean(dim=(1, 2), keepdim=True)
    size = cloud.square().sum(dim=-1).mean(dim=(1, 2)).sqrt()
    return radius * cloud / size[:, None, None, None] + torch.tensor([0.0, 0.0, distance])


def movement(radius: float, distance: float, tube: float, time_unit: float) -> tuple[float, float]:
    """Deviation of an untrained network's tokens over the places of a frame, and over the frames of a still clip."""
    torch.manual_seed(0)
    transformer = TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128)
    network = P4TransformerSize(TubeSize(radius=tube), transformer, time_unit=time_unit).build().eval()
    still = clips(radius, distance)[:, :1].expand(-1, FRAMES, -1, -1)  # only the frame number changes
    with torch.no_grad():
        tokens = network.embed(still).features[:, 1:-1]  # the tubes at both ends see fewer frames
    return float(tokens.std(dim=2).mean()), float(tokens.std(dim=1).mean())


def test_in_units_of_the_clip_both_move_tokens_alike():
    places, numbers = movement(radius=1.0, distance=0.0, tube=1.75, time_unit=6.0)
    assert 1 / EVEN < places / numbers < EVEN, (places, numbers)


@pytest.mark.parametrize(
    ("radius", "distance", "tube"),
    [(85 / 300, 1.7, 0.5), (0.34, 0.67, 0.3)],
    ids=["MSR-Action3D over 300", "HOI4D in metres"],
)
def test_as_released_the_frame_number_outweighs_the_place_by_far(radius: float, distance: float, tube: float):
    before, after = movement(radius, distance, tube, 1.0), movement(1.0, 0.0, 1.75, 6.0)
    assert before[1] / before[0] > EVEN * after[1] / after[0], (before, after)
