"""Distillation from an image network: which target a token gets, controls that change it, a training that resumes."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from pointvideo.backbones.point4d import Point4DSize
from pointvideo.backbones.set_abstraction import AbstractionSize
from pointvideo.pretexts.cross4d import Cross4DPretrain, Cross4DPrincipalPretrain
from pointvideo.pretexts.patch_targets import token_targets
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import CHECKPOINT, fit
from pointvideo.teachers import PatchPosition, Render, TargetSpec
from pointvideo.teachers.principal import principal_axes
from pointvideo.teachers.render import HIDDEN

from ..study.dots import TRAINING, make_store
from ..teachers.test_targets import Brightness

SIZE = Point4DSize(
    near=AbstractionSize(anchors=8, radius=0.6, neighbours=4, widths=(8, 8)),
    far=AbstractionSize(anchors=4, radius=1.2, neighbours=4, widths=(8, 16)),
    depth=2,
    heads=2,
    hidden=32,
)
SPEC = TargetSpec(Brightness(), Render(points=128), width=None, frames=10)
DATA = ClipData(frames=10, points=64, short="pad", divisor=100.0, centre="clip")


def recipe(**changes) -> Cross4DPretrain:
    return Cross4DPretrain(**{"targets": SPEC, "backbone": SIZE, "data": DATA, "training": TRAINING} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTVIDEO_CACHE", str(place / "cache"))
        yield make_store(place / "msr_action3d", short=1)


def test_a_token_gets_the_target_of_its_nearest_point_in_its_own_frame():
    xyz = torch.rand(2, 4, 20, 3)
    anchors = torch.rand(2, 2, 5, 3)  # every second frame
    cell = torch.randint(-1, 9, (2, 3, 4, 20))
    values = torch.randn(2, 3, 4, 9, 6)
    found, there = token_targets(anchors, xyz, cell, values)
    for clip in range(2):
        for time in range(2):
            for token in range(5):
                apart = (xyz[clip, 2 * time] - anchors[clip, time, token]).norm(dim=-1)
                point = int(apart.argmin())
                seen = [c for c in range(3) if cell[clip, c, 2 * time, point] >= 0]
                assert bool(there[clip, time, token]) == bool(seen)
                if seen:
                    several = [values[clip, c, 2 * time, cell[clip, c, 2 * time, point]] for c in seen]
                    assert torch.allclose(found[clip, time, token], torch.stack(several).mean(dim=0), atol=1e-6)


def test_a_clip_is_the_middle_of_its_video_and_always_the_same(store):
    job = recipe().job(store)
    videos = job.stream.videos[:3]
    one, again = job.clip(videos), job.clip(videos)
    assert torch.equal(one.xyz, again.xyz) and one.xyz.shape == (3, 10, 64, 3)
    assert job.start[videos].tolist() == [2, 2, 2]
    assert bool((job.clip(videos[[1]]).xyz[0] == one.xyz[1]).all())  # whoever else is in the batch
    cell, values = job.answers(videos)
    assert cell.shape == (3, 1, 10, 64) and values.shape == (3, 1, 10, 81, 3)


def test_the_row_of_a_points_patch_follows_its_height(store):
    """The teacher says the patch's row: a point higher up has a smaller one."""
    job = recipe().job(store)
    videos = job.stream.videos[:4]
    clip = job.clip(videos).xyz
    cell, values = job.answers(videos)
    there = cell[:, 0] != HIDDEN
    row = values[:, 0].gather(2, cell[:, 0].clamp(min=0)[..., None].expand(-1, -1, -1, 3))[..., 1]
    assert float(torch.corrcoef(torch.stack([clip[..., 1][there], row[there]]))[0, 1]) > 0.9


def test_controls_change_what_they_say(store):
    videos = recipe().job(store).stream.videos[:4]
    plain = recipe().job(store).answers(videos)[1]
    shifted = recipe(shift=2).job(store).answers(videos)[1]
    square = shifted.unflatten(3, (9, 9))
    assert torch.equal(square[..., 2:, :], plain.unflatten(3, (9, 9))[..., :-2, :])
    shuffled = recipe(match="shuffled").job(store).answers(videos)[1]
    assert not torch.equal(shuffled, plain)
    assert torch.equal(shuffled.sort(dim=3).values, plain.sort(dim=3).values)
    read = recipe(noise=3.0).job(store)
    cell, values = read.answers(videos)
    assert torch.equal(values, plain) and not torch.equal(cell, recipe().job(store).answers(videos)[0])
    assert torch.equal(read.answers(videos[[2]])[0][0], cell[2])  # whoever else is in the batch
    several = recipe(targets=replace(SPEC, render=Render(points=128, cameras=2)), cameras=1).job(store)
    assert torch.equal(several.answers(videos)[1], plain)
    for match, same in (("same action", True), ("other action", False)):
        job = recipe(match=match).job(store)
        others = job._answering(videos)
        labels = store.labels
        assert ((labels[others] == labels[videos]) == same).all() and (others != videos).all()
        assert np.isin(others, job.stream.videos).all()


def test_coarse_cells_hold_the_mean_of_their_visible_points(store):
    job, fine = recipe(cells=3).job(store), recipe().job(store)
    videos = job.stream.videos[:2]
    cell, values = job.answers(videos)
    full, patches = job.targets.pixel(videos), fine.targets.map(videos)
    side, grid = 36, 9
    patch = torch.where(full < 0, HIDDEN, full // side // 4 * grid + full % side // 4)
    coarse = torch.where(full < 0, HIDDEN, full // side // 12 * 3 + full % side // 12)
    for place in coarse[0, 0, 5].unique().tolist():
        if place != HIDDEN:
            inside = patch[0, 0, 5][coarse[0, 0, 5] == place]
            assert torch.allclose(values[0, 0, 5, place], patches[0, 0, 5, inside].mean(dim=0), atol=1e-4)
    assert values.shape == (2, 1, 10, 9, 3) and int(cell.max()) < 9


def test_global_targets_are_one_a_clip_and_centred_ones_have_mean_zero(store):
    whole = recipe(granularity="global").job(store)
    assert whole.answers(whole.stream.videos)[1].shape == (8, 1, 1, 1, 3)
    for granularity in ("dense", "global"):
        job = recipe(granularity=granularity, centred=True).job(store)
        target, there = job._every(job.stream.videos)
        assert float(target[there].mean(dim=0).abs().max()) < 0.02  # float16 on disk
        assert job.chance() > recipe(granularity=granularity).job(store).chance()


def principal(width: int | None = 2, **changes) -> Cross4DPrincipalPretrain:
    plain = recipe(targets=replace(SPEC, width=width), **changes)
    return Cross4DPrincipalPretrain(**{each.name: getattr(plain, each.name) for each in fields(plain)})


def test_principal_components_take_the_place_of_the_projection_and_of_nothing_else(store):
    plain, job = recipe(targets=replace(SPEC, width=None)).job(store), principal().job(store)
    videos, axes = job.stream.videos, job.targets.axes
    assert torch.equal(axes, principal_axes(plain.targets, videos, 2))
    (cell, values), (same, whole) = job.answers(videos[:3]), plain.answers(videos[:3])
    assert torch.equal(cell, same) and torch.equal(values, whole @ axes) and values.shape[-1] == 2
    assert torch.equal(job.clip(videos[:3]).xyz, plain.clip(videos[:3]).xyz) and job.module.head.out_features == 2
    assert job.targets.folder == plain.targets.folder and not job.targets.done[store.indices("test")].any()
    random = recipe(targets=replace(SPEC, width=2)).job(store).answers(videos[:3])[1]
    assert random.shape == values.shape and not torch.allclose(random, values, atol=0.1)
    whole = recipe(granularity="global").job(store).answers(videos)[1]
    assert torch.allclose(principal(granularity="global").job(store).answers(videos)[1], whole @ axes, atol=1e-4)
    target, there = (centred := principal(centred=True).job(store))._every(videos)
    assert float(target[there].mean(dim=0).abs().max()) < 0.02 and centred.chance() > job.chance()
    curve = fit(job).curve
    assert curve[-1]["loss"] < curve[0]["loss"] and job.result()["chance"] == job.chance()


def test_as_many_components_as_channels_turn_the_targets_and_lose_nothing(store):
    job = principal(width=None).job(store)
    plain = recipe().job(store)
    assert job.chance() == pytest.approx(plain.chance(), abs=1e-4)


def test_principal_components_are_named_and_kept_apart(store):
    known = principal()
    assert known.title.endswith("dense, brightness, 2 principal components, seed 0")
    assert recipe_from_dict(recipe_dict(known)) == known != recipe(targets=replace(SPEC, width=2))
    with pytest.raises(ValueError, match="got 4 components, expected at most the teacher's 3 channels"):
        principal(width=4)


def test_it_learns_below_the_best_constant_and_resumes_to_the_same_numbers(store, tmp_path):
    torch.manual_seed(0)
    long = replace(TRAINING, epochs=8, optimiser=replace(TRAINING.optimiser, rate=1e-2))
    whole = recipe(centred=True, variance=0.0, training=long).job(store)
    curve = fit(whole, None).curve
    assert curve[-1]["loss"] < 0.9 * whole.chance() and {"cosine", "variance", "raw_std"} <= set(curve[-1])

    def weights(steps):
        torch.manual_seed(0)
        job = recipe().job(store)
        fit(job, tmp_path / "run", **steps)
        return {name: value.clone() for name, value in job.module.state_dict().items()}

    full = weights({})
    (tmp_path / "run" / CHECKPOINT).unlink(missing_ok=True)
    assert set(full) == set(weights({}))
    other = weights({})
    assert all(torch.equal(full[name], other[name]) for name in full)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": replace(DATA, frames=8)}, "got clips of 8 frames, step 1, expected those of the targets: 10"),
        ({"data": replace(DATA, short="drop")}, "got short='drop', expected 'pad'"),
        ({"data": replace(DATA, points=100)}, "got 100 points, expected a divisor of the 128 that are drawn"),
        ({"cells": 5}, "got 5, expected a divisor of the image's 36 pixels"),
        ({"cameras": 2}, "got 2, expected at most the 1 that are drawn"),
        ({"granularity": "global", "shift": 1}, "got 'global' with cells, shift or shuffled patches"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        recipe(**change)


def test_its_title_says_what_it_was_distilled_from():
    assert "Cross4D-JEPA pre-training, Point4D, 10 frames, dense, brightness, seed 0" == recipe().title
    spec = replace(SPEC, teacher=PatchPosition(side=36, patch=4, width=3))
    assert "position of the patch alone" in recipe(targets=spec, centred=True, shift=1).title
