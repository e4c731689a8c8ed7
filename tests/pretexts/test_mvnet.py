"""MVNet's pre-training: what each arm lets two views know, what is left, and a training that learns and resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip
from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.losses.mvnet import MVNetLoss
from pointvideo.pretexts.mvnet import MVNet, MVNetPretrain, Projection, _taken
from pointvideo.pretexts.view_pairs import Views
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.teachers import PatchPosition
from pointvideo.teachers.ring import Cameras

from ..backbones.test_point4d import SMALL as POINT4D
from ..study.dots import TRAINING, make_store
from ..teachers.test_targets import Brightness
from ..unchecked import check_again

SIZE = PointUNetSize(stem=5, encoder=((6,), (8,)), stride=2, radius=0.5, neighbours=4, decoder=(10, 7))
TEACHERS = (Brightness(), Brightness(grid=3))
PROJECTION = Projection(Cameras.before(poses=4), pixels=9, size=1)
DATA = ClipData(frames=1, points=64, divisor=100.0, centre="clip")


def recipe(**changes) -> MVNetPretrain:
    plain = {"backbone": SIZE, "data": DATA, "training": TRAINING, "teachers": TEACHERS, "projection": PROJECTION}
    return MVNetPretrain(**plain | {"hidden": 8} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def job_of(store, **changes):
    torch.manual_seed(0)
    return recipe(**changes).job(store)


def test_a_batch_is_a_function_of_epoch_and_step(store):
    job = job_of(store)
    clip, slot, match, first, *targets = job.batch(1, 0)
    assert clip.xyz.shape == (4, 1, 64, 3) and slot.shape == (4, 2, 81) and match.shape == (4, 2, 81)
    assert [target.shape for target in targets] == [(4, 2, 81, 3), (4, 2, 9, 3)] and bool(first)
    again = job.batch(1, 0)
    assert torch.equal(again[0].xyz, clip.xyz)
    assert all(torch.equal(one, other) for one, other in zip(again[1:], (slot, match, first, *targets), strict=True))
    assert not torch.equal(job.batch(2, 0)[0].xyz, clip.xyz) and not bool(job.batch(1, 1)[3])
    assert int((slot >= 0).sum(dim=-1).min()) > 5 and int((match >= 0).sum()) > 20


def test_what_teachers_are_shown_lies_where_the_points_are_projected(store):
    """Brightness says where it is bright: a patch that shows a point is not black."""
    _, slot, _, _, bright, _ = job_of(store).batch(0, 0)
    assert float((bright[..., 0][slot >= 0] > 0).float().mean()) > 0.95
    assert float((bright[..., 0][slot < 0] > 0).float().mean()) < 0.5


def test_poses_of_a_cloud_differ_and_lie_within_reach():
    projection = Projection(Cameras(poses=12), views=3, within=60.0)
    pose = projection.draw(500, 0)
    assert torch.equal(pose, projection.draw(500, 0)) and all(len(set(row)) == 3 for row in pose.tolist())
    apart = (pose[:, :1] - pose).abs()
    assert int(torch.minimum(apart, 12 - apart).max()) == 2 and len(set(pose.flatten().tolist())) == 12


def test_each_view_is_computed_of_what_its_camera_sees(store):
    job = job_of(store, apart="input")
    clip, slot, match, first, *targets = job.batch(0, 0)
    assert clip.xyz.shape == (8, 1, 32, 3) and slot.shape == (4, 2, 81)
    point = torch.full((1, 2, 81), -1)
    pixel = torch.full((1, 2, 64), -1)
    pixel[0, 0, :40], pixel[0, 1, [5, 7, 9]] = 3, 3
    views = job.chosen(Views(point, pixel), 0)
    assert set(views[0, 0].tolist()) < set(range(40)) and len(set(views[0, 0].tolist())) == 32
    assert set(views[0, 1].tolist()) == {5, 7, 9}  # too few: some of them again
    pixel[:] = -1
    assert len(set(job.chosen(Views(point, pixel), 0)[0, 1].tolist())) == 32  # a camera that sees nothing
    assert {"transfer", "consistency", "pairs_apart"} <= set(job.loss(clip, slot, match, first, *targets))


def test_views_that_look_up_the_same_vector_match_without_training(store):
    """The trap: what is untrained solves it, where a head or other input stands in the way it does not."""
    loss, projection = MVNetLoss(transfer=0.0, temperature=1e-5), replace(PROJECTION, tolerance=0.0)
    share = {}
    for apart in ("nothing", "head", "input"):
        job = job_of(store, apart=apart, loss=loss, projection=projection)
        parts = job.loss(*job.batch(0, 0))
        share[apart] = float(parts["consistency"] / parts["consistency_constant"])
    assert share["nothing"] < 0.05 and min(share["head"], share["input"]) > 0.25, share


def test_masking_takes_points_from_the_network_and_not_from_the_cameras(store):
    whole, masked = job_of(store).batch(0, 0), job_of(store, masked=0.6).batch(0, 0)
    assert masked[0].xyz.shape == (4, 1, 26, 3)
    shown, left = whole[1] >= 0, masked[1] >= 0
    assert not bool((left & ~shown).any()) and 0.2 < float(left.sum() / shown.sum()) < 0.6
    assert all(torch.equal(one, other) for one, other in zip(whole[2:], masked[2:], strict=True))
    every = [set(map(tuple, cloud.tolist())) for cloud in whole[0].xyz[:, 0]]
    assert all(set(map(tuple, cloud.tolist())) < each for cloud, each in zip(masked[0].xyz[:, 0], every, strict=True))


@pytest.mark.parametrize(("transferred", "left"), [("encoder", "decoder"), ("decoder", "encoder"), ("both", None)])
def test_what_is_left_is_trained_and_the_rest_as_it_began(store, transferred, left):
    job = job_of(store, transferred=transferred)
    before = {name: value.clone() for name, value in job.module.backbone.state_dict().items()}
    fit(job)
    moved = {
        name.split(".")[0] for name, value in job.module.backbone.state_dict().items() if not value.equal(before[name])
    }
    assert moved == {"encoder", "decoder"} - {left}
    if left:
        own = job.module.own[left].state_dict()
        assert any(not value.equal(before[f"{left}.{name}"]) for name, value in own.items())
    replace(SIZE, output="points").build().load_state_dict(job.module.backbone.state_dict())


def test_it_learns_below_the_best_constant_and_resumes_to_the_same_numbers(store, tmp_path):
    long = replace(TRAINING, epochs=12, clips_per_video=2, optimiser=replace(TRAINING.optimiser, rate=1e-2))
    job = job_of(store, training=long)
    curve = fit(job).curve
    assert curve[-1]["loss"] < 0.9 * job.result()["chance"] and curve[-1]["constant"] == job.chance()
    assert curve[-1]["consistency"] < 0.5 * curve[-1]["consistency_constant"]
    assert curve[-1]["consistency_still"] < curve[-1]["consistency_constant"]  # near views: the better answer
    assert curve[-1]["gradient_ratio"] > 0 and curve[-1]["blind_views"] == 0
    assert {"level_1", "level_2", "matched_pixels", "head_effective_rank", "feature_std"} <= set(curve[-1])
    assert curve[-1]["loss"] == pytest.approx(curve[-1]["transfer"] + curve[-1]["consistency"], abs=1e-5)

    class Killed(Exception):
        pass

    def weights(folder, kill=None):
        job = job_of(store)
        if kill:
            draw = job.batch

            def batch(epoch, step):
                if epoch == kill:
                    raise Killed
                return draw(epoch, step)

            job.batch = batch
        try:
            curve = fit(job, folder).curve
        except Killed:
            return None
        return curve, {name: value.clone() for name, value in job.module.state_dict().items()}

    plain = weights(tmp_path / "whole")
    assert weights(tmp_path / "killed", kill=2) is None
    resumed = weights(tmp_path / "killed")
    assert resumed[0] == plain[0] and all(torch.equal(plain[1][name], resumed[1][name]) for name in plain[1])


def test_each_loss_alone_and_any_backbone_of_frames(store):
    alone = job_of(store, loss=MVNetLoss(consistency=0.0), projection=replace(PROJECTION, views=1))
    parts = alone.loss(*alone.batch(0, 0))
    assert "consistency" not in parts and "transfer" in parts
    assert "2D transfer alone, 1 views, brightness" in alone.recipe.title
    other = job_of(store, backbone=POINT4D, transferred="both", loss=MVNetLoss(transfer=0.0, form="contrast"))
    assert other.targets.maps == [] and float(other.loss(*other.batch(0, 0))["consistency"]) > 0
    contrast = job_of(store, loss=MVNetLoss(distance="contrast"))
    parts = contrast.loss(*contrast.batch(0, 0))
    assert float(parts["level_1"]) > 1 and "transfer by contrast" in contrast.recipe.title
    known = recipe(apart="input", masked=0.3)
    assert recipe_from_dict(recipe_dict(known)) == known != recipe()


def test_colours_go_into_the_network():
    module = MVNet(recipe(backbone=replace(SIZE, inputs=3))).eval()
    chosen = torch.tensor([[[3, 1, 2, 0]], [[1, 1, 0, 2]]])
    clip = Clip(torch.rand(2, 4, 3), {"rgb": torch.rand(2, 4, 3)}).map(lambda values: _taken(values, chosen))
    assert clip.xyz.shape == clip.fields["rgb"].shape == (2, 1, 4, 3)
    assert not torch.equal(module(clip), module(Clip(clip.xyz, {"rgb": 1 - clip.fields["rgb"]})))
    with pytest.raises(ValueError, match=r"features: got none, expected \(2, 1, 4, 3\)"):
        module(Clip(clip.xyz))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"teachers": (Brightness(), PatchPosition(side=48, patch=16))},
            "got images of 36, 48 pixels, expected one",
        ),
        ({"teachers": ()}, "got images of none pixels"),
        ({"teachers": (3,)}, "got 3, expected a teacher"),
        ({"projection": replace(PROJECTION, pixels=12)}, "got maps of 12 pixels a side, expected a multiple of the 9"),
        ({"projection": replace(PROJECTION, views=1)}, "got 1 view with loss.consistency, expected at least 2"),
        ({"backbone": POINT4D}, "got 'encoder', expected 'both': Point4D has no encoder and decoder"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def test_more_views_than_poses_are_refused():
    with pytest.raises(ValueError, match="Projection.views: got 4, expected at most 3, the poses within 30 degrees"):
        check_again(Projection(), views=4, within=30.0)


def test_the_defaults_are_a_recipe():
    plain = MVNetPretrain()
    assert plain.title.startswith(
        "MVNet pre-training, point U-Net, 1 frames, lambda 1, views differ by head, EfficientNet"
    )
    assert plain.given == 2048 and np.prod([teacher.grid for teacher in plain.teachers]) == 56 * 28 * 14 * 7
