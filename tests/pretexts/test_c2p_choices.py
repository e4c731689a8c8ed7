"""What C2P's pre-training does where the paper is silent: which points each side sees, and the clock."""

from dataclasses import replace

import pytest
import torch

from pointvideo.pretexts.c2p import C2P, C2PPretrain
from pointvideo.pretexts.views import Camera, random_view

from ..study.dots import BACKBONE, DATA, TRAINING, make_store
from .networks import NETWORKS, clip_for


def recipe(**changes) -> C2PPretrain:
    plain = {"backbone": BACKBONE, "data": DATA, "training": TRAINING, "predictor_hidden": 16, "scale": "none"}
    return C2PPretrain(**plain | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d", short=0)


def sides(store, **changes) -> tuple[list[set], list[set], object]:
    """The different points of every frame that the teacher and the student are given, and the job."""
    job = recipe(**changes).job(store)
    teacher, student = job.batch(0, 0)

    def frames(clips):
        return [{tuple(point) for point in frame.tolist()} for frame in clips.flatten(0, 1)]

    return frames(teacher), frames(student), job


def test_random_points_are_as_many_as_a_camera_sees_and_others_in_every_frame():
    random = torch.Generator().manual_seed(0)
    visible = torch.rand(2, 5, 40, generator=random) < 0.4
    lengths = torch.full((2, 5), 40)
    lengths[1, 3] = 25
    visible[1, 3, 25:] = False
    drawn = random_view(visible, lengths, 3)
    assert torch.equal(drawn.sum(-1), visible.sum(-1)) and not drawn[1, 3, 25:].any()
    assert not torch.equal(drawn[0, 0], drawn[0, 1]) and not torch.equal(drawn, visible)
    assert torch.equal(drawn, random_view(visible, lengths, 3))


def test_two_partial_sides_share_their_camera(store):
    many = replace(DATA, points=2048)
    small = Camera(focal=30, width=24, height=36)
    teacher, student, job = sides(store, data=many, teacher_sees="partial", camera=small)
    assert teacher == student  # more points than there are, so both have all that the one camera sees
    sequence, start, seed = job.stream.draw(0, 0)
    seen = job.visible(job.stream.reader.load(sequence, start), seed).sum(-1).flatten().tolist()
    assert [len(frame) for frame in teacher] == seen


def test_complete_and_partial_sides(store):
    many, small = replace(DATA, points=2048), Camera(focal=30, width=24, height=36)
    whole, part, _ = sides(store, data=many, camera=small)
    assert all(some < every for some, every in zip(part, whole, strict=True))
    whole, also, _ = sides(store, data=many, camera=small, student_sees="complete")
    assert whole == also
    _, drawn, _ = sides(store, data=many, camera=small, student_sees="random")
    assert [len(frame) for frame in drawn] == [len(frame) for frame in part] and drawn != part


@pytest.mark.parametrize("scale", ["none", "partial", "both"])
def test_which_side_is_stretched(store, scale):
    still = recipe(student_sees="complete").job(store).batch(0, 0)
    moved = recipe(student_sees="complete", scale=scale).job(store).batch(0, 0)
    changed = [not torch.equal(a, b) for a, b in zip(still, moved, strict=True)]
    assert changed == {"none": [False, False], "partial": [False, True], "both": [True, True]}[scale]


@pytest.mark.parametrize("name", ["P4Transformer actions", "PPTr actions"])
def test_without_the_clock_equal_frames_have_equal_features(name):
    backbone, _ = NETWORKS[name]
    xyz = clip_for(0)[0][:, :1].expand(-1, 5, -1, -1).contiguous()  # the same frame five times
    for clock in (True, False):
        torch.manual_seed(0)
        model = C2P(recipe(backbone=backbone, clock=clock)).eval()
        with torch.no_grad():
            inner = model.backbone.frame_features(xyz, "tube")[:, 1:-1]  # the ends see padding
        same = torch.allclose(inner, inner[:, :1].expand_as(inner), atol=1e-6)
        assert same is not clock


def test_the_unit_of_time_divides_the_clock():
    xyz, part = clip_for(0)[0], {}
    for unit in (1.0, 30.0):
        torch.manual_seed(0)
        backbone = replace(NETWORKS["PPTr actions"][0], time_unit=unit).build().eval()
        with torch.no_grad():
            told = backbone.embed(xyz).features
            backbone.clock = False
            part[unit] = told - backbone.embed(xyz).features
    torch.testing.assert_close(part[1.0], 30 * part[30.0], rtol=1e-3, atol=1e-4)
    assert float(part[1.0].abs().max()) > 0.1


def test_a_network_without_clock_has_none_to_hide():
    with pytest.raises(ValueError, match="clock: got False, expected True"):
        recipe(clock=False)
