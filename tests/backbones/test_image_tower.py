"""The image tower: shapes, frames that are not real, and what of it is carried over."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones.asformer import ASFormerEncoderSize, ASFormerSize
from pointvideo.backbones.image_stem import check_images
from pointvideo.backbones.image_tower import ImageTowerSize, carry_transformer

from ..unchecked import check_again

TRANSFORMER = ASFormerEncoderSize(layers=3, width=8)
SIZE = ImageTowerSize(inputs=12, patch=4, hidden=(4, 6), transformer=TRANSFORMER)
FEATURES = replace(SIZE, stem="features")


def tower(size: ImageTowerSize = SIZE, seed: int = 0):
    torch.manual_seed(seed)
    return size.build().eval()


def test_one_feature_a_frame():
    images = torch.rand(2, 5, 16, 24, 3)
    found = tower()(images)
    assert found.shape == (2, 5, 8) and SIZE.width == tower().width == 8
    in_bytes = (images * 255).round().to(torch.uint8)
    torch.testing.assert_close(tower()(in_bytes), tower()(in_bytes.float() / 255))
    assert tower()(torch.rand(1, 1, 4, 4, 3)).shape == (1, 1, 8)
    assert tower(FEATURES)(torch.rand(2, 5, 12)).shape == (2, 5, 8)


def test_the_paper_s_sizes():
    with torch.device("meta"):
        whole = ImageTowerSize().build()
    assert whole.stem.width == whole.transformer.inputs == 2048 and whole.width == 64


def test_a_frame_s_vector_sees_its_neighbours_and_no_more():
    stem = tower(replace(SIZE, hidden=(4,))).stem  # two layers of three frames
    images = torch.rand(1, 11, 8, 8, 3, requires_grad=True)
    stem(images)[0, 5].sum().backward()
    seen = images.grad[0].abs().sum(dim=(1, 2, 3)).nonzero().flatten().tolist()
    assert seen == [3, 4, 5, 6, 7]


def test_every_pixel_counts():
    images = torch.rand(1, 3, 16, 16, 3, requires_grad=True)
    (tower().stem(images) * torch.randn(12)).sum().backward()
    assert bool((images.grad.abs() > 0).all())


@pytest.mark.parametrize("size", [SIZE, FEATURES])
def test_padding_never_changes_a_real_frame(size):
    network = tower(size)
    place = (8, 8, 3) if size.stem == "convolution" else (12,)
    videos = [torch.rand(frames, *place) for frames in (9, 4)]
    batch = torch.full((2, 9, *place), float("nan"))
    mask = torch.zeros(2, 9, dtype=torch.bool)
    for number, video in enumerate(videos):
        batch[number, : len(video)], mask[number, : len(video)] = video, True
    together = network(batch, mask)
    assert not together[~mask].any()
    for number, video in enumerate(videos):
        torch.testing.assert_close(together[number, : len(video)], network(video[None])[0], rtol=1e-5, atol=1e-5)


def test_images_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"images: got 16 x 18 pixels, expected sides that are multiples of 4"):
        tower()(torch.rand(1, 3, 16, 18, 3))
    with pytest.raises(ValueError, match=r"images: got shape \(1, 3, 3, 16, 16\), expected \(batch, frames, height"):
        tower()(torch.rand(1, 3, 3, 16, 16))
    with pytest.raises(ValueError, match="images: got torch.int64, expected torch.uint8 from 0 to 255, or floats"):
        check_images(torch.ones(1, 3, 16, 16, 3, dtype=torch.int64), 4)
    with pytest.raises(ValueError, match=r"mask: got torch.bool \(1, 4\), expected torch.bool \(1, 3\)"):
        check_images(torch.rand(1, 3, 16, 16, 3), 4, torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"for a tower without a stem \(ImageTowerSize.stem\), expected features"):
        tower(FEATURES)(torch.rand(1, 3, 16, 16, 3))
    with pytest.raises(ValueError, match=r"features: got shape \(1, 3, 11\), expected \(batch, frames, 12\)"):
        tower(FEATURES)(torch.rand(1, 3, 11))
    with pytest.raises(ValueError, match="ImageTowerSize.stem: got 'patches', expected 'convolution' or 'features'"):
        check_again(SIZE, stem="patches")


def network(inputs: int = 12, encoder: ASFormerEncoderSize = TRANSFORMER):
    torch.manual_seed(7)
    return ASFormerSize(encoder, decoders=1).build(inputs, 5).eval()


@pytest.mark.parametrize("prefix", ["", "images."])
def test_only_the_transformer_is_carried_over(prefix):
    trained, labelling, before = tower(), network(), network().state_dict()
    state = {prefix + name: value for name, value in trained.state_dict().items()} | {"points.other": torch.ones(3)}
    report = carry_transformer(state, labelling, prefix)
    for name, value in trained.transformer.state_dict().items():
        assert torch.equal(labelling.state_dict()[f"encoder.{name}"], value)
    assert {name for name in report.unused if "stem." not in name} == {"points.other"}
    assert sum("stem." in name for name in report.unused) == len(trained.stem.state_dict())
    assert report.untouched and not any(name.startswith("encoder.") for name in report.untouched)
    assert all(torch.equal(labelling.state_dict()[name], before[name]) for name in report.untouched)
    features = torch.rand(2, 6, 12)
    torch.testing.assert_close(labelling.encoder(features), trained.transformer(features))


def refusal(state: dict, labelling) -> str:
    before = {name: value.clone() for name, value in labelling.state_dict().items()}
    with pytest.raises(ValueError) as error:
        carry_transformer(state, labelling)
    assert all(torch.equal(value, before[name]) for name, value in labelling.state_dict().items())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_wrong_file_gives_one_line_and_changes_nothing():
    state = tower().state_dict()
    stem = {name: value for name, value in state.items() if name.startswith("stem.")}
    assert "entries is of a transformer (the first is 'stem.layers.0.convolution.weight')" in refusal(stem, network())
    assert "none of its 0 entries" in refusal({}, network())
    assert "image tower, transformer.*: checkpoint: enter.weight has shape (8, 12, 1), expected (8, 13, 1)" in refusal(
        state, network(inputs=13)
    )
    fewer = refusal(state, network(encoder=replace(TRANSFORMER, layers=2)))
    assert "have no place in the encoder of 2 layers, the first is 'transformer.blocks.2." in fewer
    more = refusal(state, network(encoder=replace(TRANSFORMER, layers=4)))
    assert "entries are missing, the first is blocks.3." in more
    broken = state | {"transformer.enter.bias": torch.full((8,), float("nan"))}
    assert "enter.bias is not finite" in refusal(broken, network())
