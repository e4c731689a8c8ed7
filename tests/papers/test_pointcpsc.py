"""PointCPSC's rows: what an arm changes and nothing else, who is scored, what both sides of a comparison share."""

from dataclasses import fields, replace

import pytest

from pointvideo import papers
from pointvideo.losses.pointcpsc import PointCPSCLoss
from pointvideo.papers.c2p import synthia as other_paper
from pointvideo.papers.pointcpsc import recognition, settings, synthia, transfer
from pointvideo.papers.pointcpsc.methods import ARMS
from pointvideo.papers.pointcpsc.recognition import finetune, linear, pretrain, solved
from pointvideo.report.claims import claims
from pointvideo.study.profiles import PROFILES

from .agreement import check_places, checked_differences

PAPER = papers.get("pointcpsc")


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_differs_from_the_paper_in_what_it_says_alone(name):
    plain, varied, arm = pretrain("laptop", "cpsc"), pretrain("laptop", name), ARMS[name]
    about = {"loss"} if arm.local or arm.clusters or arm.loss else set()
    about |= {"backbone"} if arm.radius else set()
    assert differing(plain, varied) == {*about, *arm.changes}
    inside = set(arm.loss) | ({"local"} if arm.local else set()) | ({"clusters"} if arm.clusters else set())
    assert differing(plain.loss, varied.loss) == inside
    assert differing(plain.loss.local, varied.loss.local) == set(arm.local)
    assert differing(plain.loss.clusters, varied.loss.clusters) == set(arm.clusters)
    assert arm.radius is None or differing(plain.backbone, varied.backbone) == {"radius"}


def test_the_paper_itself_has_the_objective_of_the_text():
    assert pretrain("laptop", "cpsc").loss == PointCPSCLoss()
    assert synthia.pretrain("laptop", "f5").loss == PointCPSCLoss.for_segmentation()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_claim_has_its_rows_and_every_printed_number_its_place(profile):
    check_places(PAPER, profile)


def test_the_printed_differences_are_those_of_the_printed_numbers():
    checked = checked_differences(PAPER)
    unchecked = [claim for claim in claims(PAPER) if not claim.question and claim.id not in checked]
    assert len(checked) == 47 and [claim.id for claim in unchecked] == ["transfer-msr"]
    assert all(claim.transfer for claim in unchecked)


def test_the_family_that_is_tested_as_one():
    assert [claim.id for claim in claims(PAPER) if claim.confirmatory] == [
        *("over-scratch-8", "over-scratch-16", "over-scratch-24", "probe-8", "fair-over-untrained", "half-labels"),
        *("contrast", "equal-cost"),
    ]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("frames", [8, 16])
def test_scratch_differs_from_pointcpsc_in_its_start_alone(profile, frames):
    ours, scratch = finetune(profile, "cpsc", frames), finetune(profile, "scratch", frames)
    assert differing(ours, scratch) == {"init"} and ours.piece_frames == 4
    assert ours.init.backbone == ours.backbone and ours.radius < ours.backbone.radius
    assert ours.init.data.held_out == () and ours.init.data.dataset == ours.dataset  # the training videos
    whole = finetune(profile, "cpsc", frames, whole=True)
    assert (
        differing(whole, ours)
        == {"piece_frames"}
        == differing(finetune(profile, "scratch", frames, whole=True), scratch)
    )


def test_radii_are_the_printed_ones():
    ours = finetune("paper", "cpsc", 16)
    assert (ours.init.backbone.radius, ours.radius, ours.data.centre) == (0.5, 0.3, "none")
    small = finetune("laptop", "cpsc", 16)
    assert small.data.centre == "clip"
    assert small.radius * small.data.divisor == pytest.approx(0.3 * ours.data.divisor)
    assert small.backbone.radius * small.data.divisor == pytest.approx(0.5 * ours.data.divisor)
    equal = finetune("laptop", "one-radius", 16)
    assert equal.init.backbone.radius == equal.radius == small.radius
    ntu = transfer.finetune("paper", "cpsc")
    assert (ntu.init.backbone.radius, ntu.radius) == (0.1, 0.5)
    row = PAPER.rows("laptop")["ntu-one-radius-50"].recipes[0]
    assert row.init.backbone.radius == row.radius


def test_the_authors_recipe_is_the_printed_one():
    ours = pretrain("paper", "cpsc")
    optimiser = ours.training.optimiser
    assert (ours.training.epochs, ours.training.batch, ours.data.frames, ours.data.points) == (200, 88, 24, 1024)
    assert (optimiser.name, optimiser.rate, optimiser.schedule) == ("adamw", 8e-4, "cosine")
    assert (optimiser.weight_decay, optimiser.warmup_epochs) == (1e-4, 5)
    assert ours.segments == 6 and ours.bank == 1024 and ours.backbone.neighbours == 9
    tuned = finetune("paper", "cpsc", 24)
    assert (tuned.training.epochs, tuned.training.batch, tuned.data.points) == (35, 16, 2048)
    assert (tuned.training.optimiser.name, tuned.training.optimiser.rate) == ("sgd", 0.01)
    clips = synthia.pretrain("paper", "f5")
    assert (clips.data.frames, clips.data.points, clips.segments, clips.segment_frames) == (4, 4096, 4, 1)
    assert clips.data.split is not None and clips.data.held_out == ()


def test_a_laptops_encoder_has_a_quarter_of_the_channels():
    widths = [level.width for level in settings.encoder("laptop").levels]
    assert widths == [level.width // 4 for level in settings.encoder("paper").levels] and widths[-1] == 512
    assert settings.sizes("laptop").pretrain_points == 512 and settings.sizes("laptop").heads.bank == 1024


def test_probes_share_the_encoder_and_differ_in_the_fit():
    frozen, moving = (linear("laptop", "cpsc", 16, batch_norm=name) for name in ("frozen", "moving"))
    assert differing(frozen, moving) == {"batch_norm"} and frozen.label_smoothing == 0.1
    probe = solved("laptop", "cpsc", 16)
    assert probe.init == frozen.init and probe.radius == frozen.radius and probe.standardised
    assert probe.fit == "converged" and probe.data == replace(frozen.data, short="pad")
    assert linear("laptop", "random", 16).init is None and linear("laptop", "random", 16).backbone == frozen.backbone


@pytest.mark.parametrize("profile", ["quick", "laptop", "gpu"])
def test_scratch_at_equal_cost_sees_no_fewer_clips(profile):
    longer, plain = finetune(profile, "longer", 16), finetune(profile, "cpsc", 16)
    assert differing(longer, finetune(profile, "scratch", 16)) <= {"training", "evaluate_every"}

    def clips(training):
        return training.epochs * training.clips_per_video

    together = clips(plain.training) + clips(plain.init.training)
    # on a laptop as long, measured: a step of the pre-training takes twice one of the fine-tuning
    assert clips(longer.training) == (together + clips(plain.init.training) * 1.1 if profile == "laptop" else together)
    assert longer.training.batch == plain.training.batch


def test_half_of_the_labels_have_the_updates_of_all():
    half, whole = finetune("laptop", "cpsc", 16, percent=50), finetune("laptop", "cpsc", 16)
    assert half.label_percent == 50 and half.training.clips_per_video == 2 * whole.training.clips_per_video
    assert differing(half, whole) == {"label_percent", "training"}


def test_runs_from_scratch_on_synthia_are_those_of_another_paper():
    """So that they are done once."""
    for profile in ("quick", "laptop"):
        for frames in (1, 3):
            assert synthia.finetune(profile, "scratch", frames) == other_paper.finetune(profile, frames)


def test_what_stands_in_for_a_licensed_set_has_a_printed_number_only_where_the_set_may_be_there():
    rows = PAPER.rows("laptop")
    assert rows["ntu-cpsc-50"].printed and rows["ntu-cpsc-50"].recipes[0].dataset == "ntu60"
    assert rows["ntu-cpsc-to-msr"].printed is None
    moved = rows["ntu-cpsc-to-msr"].recipes[0]
    assert (moved.dataset, moved.init.dataset) == ("msr_action3d", "ntu60")
    assert differing(moved, rows["scratch-to-msr"].recipes[0]) == {"backbone", "init"}
    assert differing(moved.backbone, rows["scratch-to-msr"].recipes[0].backbone) == {"radius"}


def test_gestures_have_the_printed_recipe_and_differ_in_their_start_alone():
    ours, scratch = (transfer.gestures("paper", name) for name in ("cpsc", "scratch"))
    assert differing(ours, scratch) == {"init"} and ours.radius == scratch.radius == transfer.GESTURE_RADIUS
    assert ours.init.dataset == "ntu60" and ours.dataset == "nvgesture"
    optimiser = ours.training.optimiser
    assert (ours.data.frames, ours.data.points, ours.training.epochs, ours.training.batch) == (32, 1024, 50, 32)
    assert (optimiser.name, optimiser.rate, optimiser.schedule) == ("sgd", 0.02, "cosine")


def test_seeds_are_ten_at_sixteen_frames_five_where_a_claim_is_decided_and_three_elsewhere():
    rows = PAPER.rows("laptop")
    assert [len(rows[f"cpsc-{frames}"].recipes) for frames in (8, 12, 16, 24)] == [5, 5, 10, 5]
    tried = {row.id for row in PAPER.tables("laptop")["1-choice"]}
    assert {len(row.recipes) for row in rows.values() if not row.baseline and row.id not in tried} == {3, 5, 10}
    for name in ("noise-16", "cpsc-16-linear", "random-16-solved", "cpsc-16-labels-50", "synthia-cpsc-3"):
        assert len(rows[name].recipes) == 5, name
    assert all(recipe.evaluate_every for recipe in rows["cpsc-16"].recipes)


def test_an_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match="arm: got 'f6', expected one of cpsc, f1, f2"):
        pretrain("laptop", "f6")
    with pytest.raises(ValueError, match="network: got 'kinet', expected one of meteornet, pstnet2"):
        recognition.supervised("laptop", "kinet", 8)
    with pytest.raises(ValueError, match="profile: got 'huge'"):
        settings.sizes("huge")
