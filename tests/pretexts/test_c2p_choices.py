"""What C2P's pre-training does where the paper is silent: which points each side sees, and the clock."""

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, frame_features
from pointvideo.losses.c2p import C2PLoss, c2p_loss
from pointvideo.pretexts.c2p import C2P, C2PPretrain
from pointvideo.pretexts.views import Camera, random_view
from tests.unchecked import check_again

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
        return [{tuple(point) for point in frame.tolist()} for frame in clips.xyz.flatten(0, 1)]

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
    changed = [not torch.equal(a.xyz, b.xyz) for a, b in zip(still, moved, strict=True)]
    assert changed == {"none": [False, False], "partial": [False, True], "both": [True, True]}[scale]


@pytest.mark.parametrize("name", ["P4Transformer actions", "PPTr actions"])
def test_without_the_clock_equal_frames_have_equal_features(name):
    backbone, _ = NETWORKS[name]
    xyz = clip_for(0).xyz[:, :1].expand(-1, 5, -1, -1).contiguous()  # the same frame five times
    for clock in (True, False):
        torch.manual_seed(0)
        model = C2P(recipe(backbone=backbone, clock=clock)).eval()
        with torch.no_grad():
            inner = frame_features(model.backbone, Clip(xyz), "tube")[:, 1:-1]  # the ends see padding
        same = torch.allclose(inner, inner[:, :1].expand_as(inner), atol=1e-6)
        assert same is not clock


def test_the_unit_of_time_divides_the_clock():
    xyz, part = clip_for(0).xyz, {}
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


def deal(clip: Clip) -> Clip:
    """Another clip for the student: the same points in each frame, moved a little."""
    return clip.map(lambda values: 0.9 * values)


def model_of(name: str, **changes) -> tuple[C2P, Clip]:
    backbone, inputs = NETWORKS[name]
    torch.manual_seed(0)
    model = C2P(recipe(backbone=backbone, **changes))
    return model.eval(), clip_for(inputs)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_both_sides_a_feature_a_frame(name):
    model, clip = model_of(name)
    teacher, student = model(clip, deal(clip))
    assert teacher.shape == student.shape and teacher.shape[::2] == (4, model.backbone.width)
    assert teacher.shape[1] == 3  # none of these networks loses a frame
    assert teacher.isfinite().all() and not torch.allclose(teacher, student)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("depth", ["tube", "primitives", "full"])
def test_where_the_teacher_stops(name, depth):
    if depth == "primitives" and not name.startswith("PPTr"):
        pytest.skip("P4Transformer has no primitives")
    model, clip = model_of(name, teacher=depth)
    with torch.no_grad():
        teacher, student = model(clip, clip)
        assert torch.equal(teacher, frame_features(model.backbone, clip, depth))
        # the symmetric ablation: both sides are the same function
        assert torch.equal(teacher, student) is (depth == "full")


@pytest.mark.parametrize("name", ["PPTr actions", "P4Transformer points", "PPTr balls"])
def test_stop_gradient_cuts_the_teachers_side_of_the_network(name):
    """Gradients equal those of a teacher whose features are given numbers; without the switch they do not."""
    for stop in (False, True):
        model, clip = model_of(name, loss=C2PLoss(offsets=(), stop_gradient=stop, negatives="other_frames"))
        teacher, student = model(clip, deal(clip))
        assert teacher.requires_grad is not stop and student.requires_grad
        gradients = []
        for given in (teacher, teacher.detach()):
            total = c2p_loss(given, student, model.predictors, model.recipe.loss).total
            parameters = list(model.backbone.parameters())
            found = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
            gradients.append([torch.zeros(1) if g is None else g for g in found])
        same = all(torch.allclose(a, b, atol=1e-7) for a, b in zip(*gradients, strict=True))
        assert same is stop
        assert any(float(g.abs().max()) > 0 for g in gradients[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_colours_reach_both_sides(name):
    model, clip = model_of(name)
    if not clip.fields:
        assert NETWORKS[name][1] == 0
        return
    other = Clip(clip.xyz, {"rgb": 1 - clip.fields["rgb"]})
    with torch.no_grad():
        plain, changed = model(clip, clip), model(other, other)
    assert not torch.allclose(plain[0], changed[0]) and not torch.allclose(plain[1], changed[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_which_networks_have_a_clock(name):
    backbone, _ = NETWORKS[name]
    if name.endswith("actions") or name == "P4Transformer":
        hidden = C2P(recipe(backbone=backbone, clock=False))
        assert hidden.backbone.clock is False and C2P(recipe(backbone=backbone)).backbone.clock is True
    else:
        with pytest.raises(ValueError, match="C2PPretrain.clock: got False, expected True: .* has no clock"):
            recipe(backbone=backbone, clock=False)


def test_a_network_keeps_its_clock_after_a_pre_training_without():
    """The clock is no weight: what a fine-tuning builds anew has it again, whatever it starts from."""
    backbone, _ = NETWORKS["PPTr actions"]
    without = C2P(recipe(backbone=backbone, clock=False)).backbone
    after = backbone.build()
    after.load_state_dict(without.state_dict())
    assert after.clock is True


@pytest.mark.parametrize("student_sees", ["complete", "partial", "random"])
@pytest.mark.parametrize("teacher_sees", ["complete", "partial"])
def test_every_pair_of_views_can_be_drawn_and_learned_from(store, teacher_sees, student_sees):
    job = recipe(teacher_sees=teacher_sees, student_sees=student_sees).job(store)
    batch, again = job.batch(0, 0), job.batch(0, 0)
    assert all(torch.equal(a.xyz, b.xyz) for a, b in zip(batch, again, strict=True))
    assert [tuple(clip.xyz.shape) for clip in batch] == [(4, 10, 64, 3)] * 2
    assert not torch.equal(batch[0].xyz, batch[1].xyz)  # each side draws its own points
    parts = job.loss(*batch)
    parts["loss"].backward()
    assert set(parts) == {"loss", "geometry", "time"} and all(value.isfinite() for value in parts.values())
    assert all(p.grad is not None for p in job.module.predictors.parameters())
    assert set(job.epoch_end(0)) and all(isinstance(value, float) for value in job.epoch_end(0).values())


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"teacher": "head"}, "C2PPretrain.teacher: got 'head', expected 'tube', 'primitives' or 'full', where"),
        ({"scale": "all"}, "C2PPretrain.scale: got 'all', expected 'partial', 'both' or 'none'"),
        (
            {"student_sees": "nothing"},
            "C2PPretrain.student_sees: got 'nothing', expected 'complete', 'partial' or 'random'",
        ),
        ({"teacher_sees": "random"}, "C2PPretrain.teacher_sees: got 'random', expected 'complete' or 'partial'"),
        ({"predictor_hidden": 0}, "C2PPretrain.predictor_hidden: got 0"),
    ],
)
def test_bad_choices(changes, message):
    with pytest.raises(ValueError, match=message):
        check_again(recipe(), **changes)


def test_titles_name_what_differs_from_the_paper():
    assert recipe().title == "C2P pre-training, PPTr, 10 frames, seed 0"
    assert "partial to random" not in recipe().title
    for changes, words in (
        ({"student_sees": "random"}, ", complete to random,"),
        ({"teacher_sees": "partial"}, ", partial to partial,"),
        ({"teacher": "full"}, ", teacher full,"),
        ({"loss": C2PLoss(stop_gradient=True)}, ", other loss,"),
        ({"backbone": NETWORKS["PPTr actions"][0], "clock": False}, ", no clock,"),
    ):
        assert words in recipe(**changes).title


@pytest.mark.parametrize("loss", [C2PLoss(), C2PLoss.as_released_msr()], ids=["paper", "released"])
def test_chance_is_the_loss_of_a_network_with_one_answer(store, loss):
    """The network's last features are multiplied by nothing and get one constant; the loss is then chance's."""
    job = recipe(loss=replace(loss, predictor_norm="layer")).job(store)
    job.module.eval()
    width = job.module.backbone.width
    one = torch.randn(width, generator=torch.Generator().manual_seed(1))
    whole = job.module.forward
    job.module.forward = lambda complete, partial: tuple(0 * side + one for side in whole(complete, partial))
    found = float(job.loss(*job.batch(0, 0))["loss"].detach())
    assert job.chance() == pytest.approx(found, abs=1e-4) and job.result()["chance"] == job.chance()
    assert job.chance() > 0.5
