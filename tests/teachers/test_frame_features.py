"""Per-frame features of photographs: what is pooled, windows, what is kept, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pointvideo.data.layout import StoreError
from pointvideo.teachers import EfficientNetLite, PatchPosition
from pointvideo.teachers.contract import in_colour
from pointvideo.teachers.frame_features import NOTE, FrameFeatures, features_of, file_of, pooled, windowed
from pointvideo.teachers.render import Drawn

from ..data.test_images import LENGTHS, write
from ..study.dots import make_store


@dataclass(frozen=True)
class PatchColour:
    """A patch's mean colour."""

    side: int = 12
    grid: int = 4
    width: int = 3
    factor: float = 1.0

    title = "mean colour of a patch"

    def build(self):
        return _Look(self)


class _Look:
    looked = 0

    def __init__(self, teacher):
        self.teacher = teacher

    def of_colour_images(self, images):
        type(self).looked += len(images)
        cells, side = self.teacher.grid, self.teacher.side // self.teacher.grid
        parts = images.reshape(len(images), cells, side, cells, side, 3)
        return parts.mean(dim=(2, 4)) * self.teacher.factor


FEATURES = FrameFeatures(PatchColour(), cells=2)


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    _Look.looked = 0
    return write(tmp_path / "filmed")


def test_a_frame_has_the_pooled_map_of_its_image(filmed):
    reader = FEATURES.reader(filmed, 3, 2)
    found = reader.clip(np.array([0, 2]), np.array([1, 0]))
    assert found.shape == (2, 3, 12) and FEATURES.channels == 12 and found.dtype == torch.float32
    # an image of 12 x 16 pixels is squeezed to 12 x 12: columns of the first quarter are 8 of the 16
    for row, (video, start) in zip(found, ((0, 1), (2, 0)), strict=True):
        for values, frame in zip(row, range(start, start + 6, 2), strict=True):
            image = filmed.frame_field("images", video)[frame].astype(np.float64) / 255
            quarters = image.reshape(2, 6, 2, 8, 3).mean(axis=(1, 3)).ravel()
            np.testing.assert_allclose(values.numpy(), quarters, atol=0.02)
    assert "mean colour of a patch" in reader.note


def test_clips_are_padded_as_those_of_points(filmed):
    reader = FEATURES.reader(filmed, 4)
    whole = reader.clip(np.array([0]), np.array([0]))[0]
    short = reader.clip(np.array([1]), np.array([0]))[0]
    assert torch.equal(short[1], short[2]) and torch.equal(short[1], short[3]) and not torch.equal(short[0], short[1])
    back = FEATURES.reader(filmed, 3, -1).clip(np.array([0]), np.array([1]))[0]
    assert torch.equal(back, whole[[1, 0, 0]])


def test_pooling_keeps_the_order_of_cells():
    maps = torch.arange(16.0).view(1, 4, 4, 1)
    assert pooled(maps, 2)[0].tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pooled(maps, 1)[0].tolist() == [7.5] and pooled(maps, 4)[0].tolist() == list(range(16))


def test_windows_have_zeros_beyond_the_ends():
    features = torch.rand(9, 2)
    for window in (1, 3, 21):
        half = window // 2
        for frame, found in enumerate(windowed(features, window)):
            inside = features[max(0, frame - half) : frame + half + 1]
            torch.testing.assert_close(found, inside.sum(dim=0) / window)


def test_windows_share_what_is_kept(filmed):
    plain = FEATURES.reader(filmed, 7).clip(np.array([0]), np.array([0]))[0]
    seen = _Look.looked
    wide = replace(FEATURES, window=21).reader(filmed, 7).clip(np.array([0]), np.array([0]))[0]
    assert _Look.looked == seen == sum(LENGTHS.values())
    torch.testing.assert_close(wide, windowed(plain, 21))


def test_only_what_is_missing_or_damaged_is_made_again(filmed):
    folder = features_of(FEATURES, filmed)
    note = json.loads((folder / NOTE).read_text())
    assert note["dataset"]["fingerprint"] == filmed.fingerprint and note["teacher"]["kind"] == "PatchColour"
    kept = {video: file_of(folder, video).read_bytes() for video in range(3)}
    file_of(folder, 1).write_bytes(kept[1][:-7])  # cut off
    file_of(folder, 2).unlink()
    _Look.looked = 0
    assert features_of(FEATURES, filmed) == folder and _Look.looked == LENGTHS["b"] + LENGTHS["c"]
    assert {video: file_of(folder, video).read_bytes() for video in range(3)} == kept
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_what_differs_lies_elsewhere(filmed):
    folders = {
        features_of(features, filmed)
        for features in (FEATURES, replace(FEATURES, cells=1), replace(FEATURES, colour="grey"))
    }
    assert len(folders | {features_of(FrameFeatures(PatchColour(factor=2.0), cells=2), filmed)}) == 4


def test_grey_has_no_colour_left(filmed):
    found = replace(FEATURES, colour="grey").reader(filmed, 3).clip(np.array([0]), np.array([0]))[0].view(3, 4, 3)
    torch.testing.assert_close(found[..., 0], found[..., 2], atol=1e-3, rtol=0)
    assert not torch.allclose(FEATURES.reader(filmed, 3).clip(np.array([0]), np.array([0]))[0].view(3, 4, 3), found)


def test_a_grey_photograph_has_the_map_of_a_drawing():
    """The network sees a photograph as it sees what is drawn: same bytes, same normalisation, same levels."""
    teacher = EfficientNetLite(32, 16, "untrained")
    images = torch.rand(2, 32, 32)
    drawn = Drawn(images[None], torch.zeros(1, 2, 1, dtype=torch.long), torch.zeros(2, 1, 3))
    found = in_colour(teacher)(images[..., None].expand(-1, -1, -1, 3))
    assert found.shape == (2, 2, 2, 112)
    torch.testing.assert_close(found, teacher.build()(drawn)[0])
    coloured = in_colour(teacher)(torch.rand(1, 32, 32, 3))
    assert not torch.allclose(in_colour(teacher)(torch.rand(1, 32, 32, 3)), coloured)


def test_what_cannot_be_is_refused_in_a_line(filmed, tmp_path):
    with pytest.raises(ValueError, match="FrameFeatures.cells: got 3, expected a divisor of the grid's 4"):
        FrameFeatures(PatchColour(), cells=3)
    with pytest.raises(ValueError, match="FrameFeatures.teacher: got 3, expected a teacher"):
        FrameFeatures(3)
    with pytest.raises(ValueError, match="FrameFeatures.window: got 4, expected an integer of at least 1 that is odd"):
        FrameFeatures(PatchColour(), window=4)
    with pytest.raises(ValueError, match="position of the patch alone.*: does not see photographs, expected an image"):
        FrameFeatures(PatchPosition(12, 4, 3)).reader(filmed, 3)
    with pytest.raises(ValueError, match="mean colour of a patch: got numbers of a that are not finite as float16"):
        FrameFeatures(PatchColour(factor=1e6)).reader(filmed, 3)
    with pytest.raises(ValueError, match=r"got maps \(7, 4, 4, 3\) of a, expected \(7, 4, 4, 5\)"):
        FrameFeatures(PatchColour(width=5)).reader(filmed, 3)
    with pytest.raises(StoreError, match="no images, expected a frame field 'images'"):
        FEATURES.reader(make_store(tmp_path / "dots"), 3)
