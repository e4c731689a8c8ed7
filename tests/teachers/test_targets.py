"""Targets are made once, whole or not at all, for a teacher, cameras and data; a killed making goes on."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pointvideo.data.clips import ClipSampler
from pointvideo.teachers import EfficientNetLite, LocalGeometry, PatchPosition, Render, TargetSpec, targets_of
from pointvideo.teachers import targets as module
from pointvideo.teachers.render import HIDDEN, draw, patch_of
from pointvideo.teachers.targets import clip_points, middle_start, projection, size_of

from ..study.dots import make_store

RENDER = Render(points=64)


@dataclass(frozen=True)
class Brightness:
    """A teacher that can be checked by eye: a patch's mean grey and where it is."""

    side: int = 36
    grid: int = 9
    width: int = 3
    title = "brightness"

    def build(self):
        def look(drawn):
            cameras, frames = drawn.images.shape[:2]
            grey = torch.nn.functional.avg_pool2d(drawn.images, self.side // self.grid)[..., None]
            row = torch.arange(self.grid).float()[:, None, None].expand(cameras, frames, -1, self.grid, 1)
            return torch.cat([grey, row, row.transpose(2, 3)], dim=-1)

        return look


SPEC = TargetSpec(Brightness(), RENDER, width=None, frames=10)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    return make_store(tmp_path / "msr_action3d", short=1)


def test_a_point_takes_the_value_of_the_patch_that_it_falls_on(store):
    targets = targets_of(SPEC, store)
    assert targets.maps.shape == (16, 1, 10, 81, 3) and targets.pixels.shape == (16, 1, 10, 64)
    sampler, start = ClipSampler(store, 10), middle_start(store.frame_counts, 10)
    for video in (0, 15):  # the last one is shorter than a clip
        drawn = draw(RENDER, 36, clip_points(sampler, SPEC, np.array([video]), start[[video]])[0])
        assert torch.equal(targets.pixel(np.array([video]))[0], drawn.pixel)
        patch = patch_of(drawn.pixel[0, 3], 36, 9)
        values = targets.map(np.array([video]))[0, 0, 3]
        for point in (patch != HIDDEN).nonzero()[:, 0].tolist():
            row, column = divmod(int(drawn.pixel[0, 3, point]), 36)
            assert values[patch[point], 1:].tolist() == [row // 4, column // 4]
    about = size_of(SPEC, 16)
    assert about <= targets.bytes < about + 2000


def test_they_are_made_once_and_for_what_they_depend_on(store, monkeypatch):
    targets_of(SPEC, store)
    made = []

    def draw_nothing(render, *_):
        made.append(render)
        raise InterruptedError

    monkeypatch.setattr(module, "draw", draw_nothing)
    assert targets_of(SPEC, store).note["teacher"]["title"] == "brightness" and not made
    others = [
        replace(SPEC, render=replace(RENDER, size=3)),
        replace(SPEC, width=2),
        replace(SPEC, seed=1),
        replace(SPEC, teacher=PatchPosition(side=36, patch=4, width=3)),
    ]
    for other in others:
        with pytest.raises(InterruptedError):
            targets_of(other, store)
    assert made == [other.render for other in others]


def test_a_killed_making_goes_on_and_ends_in_the_same_numbers(store, tmp_path, monkeypatch):
    looked = []

    class Killed(Exception):
        pass

    real = module.draw

    def draw_or_die(render, side, xyz):
        looked.append(side)
        if len(looked) == 7:
            raise Killed
        return real(render, side, xyz)

    monkeypatch.setattr(module, "draw", draw_or_die)
    with pytest.raises(Killed):
        targets_of(SPEC, store)
    found = targets_of(SPEC, store)
    assert len(looked) == 7 + 10
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "other"))
    again = targets_of(SPEC, store)
    assert np.array_equal(found.maps, again.maps) and np.array_equal(found.pixels, again.pixels)


def test_a_video_is_made_when_it_is_asked_for(store):
    some = targets_of(SPEC, store, np.array([3, 5]))
    assert some.done.tolist() == [video in (3, 5) for video in range(16)]
    with pytest.raises(ValueError, match="got video 4, expected one of the 2 that are made"):
        some.map(np.array([3, 4]))
    before = np.array(some.maps[3])
    every = targets_of(SPEC, store)
    assert every.done.all() and np.array_equal(every.maps[3], before) and np.any(every.maps[4])


def test_no_room_on_the_disk_is_one_line_and_leaves_no_targets(store, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(ValueError, match=r"no room for targets of \d+ MB, expected a disk with so much left"):
        targets_of(SPEC, store)
    assert not list((tmp_path / "cache" / "targets").glob("*/targets.json"))


def test_a_projection_keeps_lengths_on_average():
    random = torch.Generator().manual_seed(3)
    rows = torch.randn(200, 112, generator=random)
    ratio = (rows @ projection(112, 64, 0)).norm(dim=1) / rows.norm(dim=1)
    assert 0.97 < float(ratio.mean()) < 1.03 and float(ratio.std()) < 0.15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TargetSpec(PatchPosition(side=256, patch=16)), "got images of 256 pixels, expected at most 255"),
        (lambda: TargetSpec("DINOv2"), "TargetSpec.teacher: got 'DINOv2', expected a teacher"),
        (lambda: EfficientNetLite(side=126), "got images of 126 pixels, expected a multiple of the patch of 16"),
        (lambda: LocalGeometry(side=100), "got images of 100 pixels, expected a multiple of the patch of 16"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_teacher_that_breaks_its_promise_is_named(store):
    @dataclass(frozen=True)
    class Wrong(Brightness):
        width: int = 4

    with pytest.raises(
        ValueError, match=r"brightness: got maps of shape \(1, 10, 9, 9, 3\), expected \(1, 10, 9, 9, 4"
    ):
        targets_of(replace(SPEC, teacher=Wrong()), store)
