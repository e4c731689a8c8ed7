"""CrossVideo's rows: what an arm changes and nothing else, who shares runs, what an image is, a step of each."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from pointvideo import papers
from pointvideo.data.layout import set_of
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.hand_object_rgb import HandObjectRGB
from pointvideo.losses.crossvideo import CrossVideoLoss
from pointvideo.papers.c2p import recognition as c2p
from pointvideo.papers.c2p.settings import GRIDS
from pointvideo.papers.crossvideo import action, cost, recognition, semantic, settings
from pointvideo.papers.crossvideo.methods import ARMS, METHODS
from pointvideo.pretexts.crossvideo import CrossVideoPretrain
from pointvideo.report.claims import claims, unbound
from pointvideo.report.evidence import committed_ledger, evidence
from pointvideo.study.keys import recipe_dict
from pointvideo.study.profiles import PROFILES
from pointvideo.teachers import EfficientNetLite
from pointvideo.teachers.depth_images import NOTE, DepthImageData

from ..study.dots import make_store
from .agreement import check_places, checked_differences

PAPER = papers.get("crossvideo")
OURS = [name for name in ARMS if name != "share"]


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


@pytest.mark.parametrize("name", OURS)
def test_an_arm_differs_from_the_paper_in_what_it_says_alone(name):
    plain, varied, arm = action.pretrain("laptop"), action.pretrain("laptop", name), ARMS[name]
    seen = {"images": set(), "grey": {"images"}, "depth": {"images"}, "features": {"images", "image_tower"}}[arm.seen]
    assert differing(plain, varied) == {*arm.changes, *(["loss"] if arm.loss else []), *seen}
    assert differing(plain.loss, varied.loss) == set(arm.loss)
    tuned, scratch = action.finetune("laptop", name), action.finetune("laptop")
    assert differing(tuned, scratch) == {"init"} and tuned.init == varied
    assert varied.shown == arm.shown


def test_the_paper_itself_has_the_objective_of_the_text():
    ours = action.pretrain("paper")
    optimiser = ours.training.optimiser
    assert ours.loss == CrossVideoLoss() and (ours.every, ours.both, ours.partner) == (2, False, "images")
    assert (ours.training.epochs, ours.training.batch, ours.data.frames, ours.data.points) == (100, 8, 150, 2048)
    assert (optimiser.name, optimiser.rate, optimiser.warmup_epochs) == ("sgd", 0.01, 10)
    assert (ours.images.size, ours.image_tower.inputs, ours.projection, ours.hidden) == (224, 2048, 256, 512)
    assert replace(ours, data=CrossVideoPretrain.data, training=CrossVideoPretrain.training, images=ours.images) == (
        replace(CrossVideoPretrain(), images=ours.images)
    )
    scenes = semantic.pretrain("paper")
    assert (scenes.data.frames, scenes.data.points) == (10, 4096)
    assert semantic.finetune("paper").data.frames == 3 and semantic.finetune("paper").data.points == 8192


def test_grey_and_depth_are_what_they_say_and_features_are_seen_by_a_tower_without_a_stem():
    grey, depth, frozen = (action.pretrain("laptop", name) for name in ("grey", "depth", "features"))
    assert differing(grey.images, action.pretrain("laptop").images) == {"colour"} and grey.images.colour == "grey"
    assert isinstance(depth.images, DepthImageData) and depth.images.size == grey.images.size
    assert isinstance(frozen.images.teacher, EfficientNetLite) and frozen.images.window == 21
    assert (frozen.image_tower.stem, frozen.image_tower.inputs) == ("features", frozen.images.channels)
    assert frozen.image_tower.transformer == action.pretrain("laptop").image_tower.transformer


@pytest.mark.parametrize("profile", PROFILES)
def test_every_claim_has_its_rows_and_every_printed_number_its_place(profile):
    check_places(PAPER, profile)


def test_the_printed_differences_are_those_of_the_printed_numbers():
    checked = checked_differences(PAPER)
    unchecked = [claim.id for claim in claims(PAPER) if not claim.question and claim.id not in checked]
    parts = ["cross-modal-loss", "intra-modal-loss", "c2p-over-points-alone", "frame-level", "video-level"]
    assert unchecked[:5] == parts and all(name.startswith("msr-") for name in unchecked[5:])
    assert all(claim.transfer for claim in claims(PAPER) if not claim.question and claim.id.startswith("msr-"))
    assert len(checked) == 65 and [entry["where"] for entry in unbound(PAPER)] == ["Section IV-B"]


def test_the_family_that_is_tested_as_one():
    assert [claim.id for claim in claims(PAPER) if claim.confirmatory] == [
        *("over-c2p-accuracy", "over-scratch-accuracy", "cross-modal-loss", "labels-10", "right-images"),
        *("msr-over-scratch", "msr-cross-modal-loss", "msr-right-images"),
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_tables_rows_are_of_its_set_with_a_seed_for_each_recipe_and_no_row_twice(profile):
    for number, experiment in PAPER.experiments.items():
        rows = [row for row in PAPER.tables(profile)[number] if not row.baseline]
        for row in rows:
            seeds = [recipe.seed for recipe in row.recipes]
            assert seeds == list(range(len(seeds))), row.id
            assert {set_of(recipe.dataset) for recipe in row.recipes} == {experiment.dataset}, row.id
            assert row.method in METHODS.values()
            for recipe in row.recipes:
                assert recipe.init is None or recipe.init.seed == recipe.seed
        written = [str(recipe_dict(recipe)) for row in rows for recipe in row.recipes]
        assert len(set(written)) == len(written), number


def test_seeds_are_five_where_a_claim_is_decided_and_three_elsewhere():
    rows = {name: row for name, row in PAPER.rows("laptop").items() if not row.baseline and "choice" not in name}
    assert {len(row.recipes) for row in rows.values()} == {3, 5} and len(rows) > 70
    main = [f"as-pptr-{name}" for name in ("scratch", "longer", "c2p", "crossvideo", "crossvideo-labels-10")]
    main += [f"ss-pptr-{name}" for name in ("scratch", "c2p", "crossvideo")]
    assert {len(row.recipes) for row in PAPER.tables("paper")["II"] if not row.baseline} == {5}  # as C2P has them
    assert {len(rows[name].recipes) for name in [*main, *(name for name in rows if name.startswith("msr-"))]} == {5}


def test_starts_that_both_papers_have_are_one_run_on_recorded_data():
    theirs = {row.id: row for row in papers.get("c2p").experiment("4").rows("laptop")}
    for name in ("scratch", "strl", "videomae", "c2p"):
        ours = PAPER.row(f"msr-{name}")
        assert PAPER.rows("laptop")[ours.id].recipes == theirs[f"pptr-{name}-24"].recipes[:5]
    assert recognition.finetune("laptop", "c2p", 0, 10) == c2p.finetune("laptop", "pptr", 24, "c2p", 0, 10)


@pytest.mark.parametrize("profile", PROFILES)
def test_on_recorded_data_an_arm_differs_in_its_start_and_in_what_was_chosen_for_it(profile):
    ours, scratch = (recognition.finetune(profile, name) for name in ("crossvideo", "scratch"))
    assert differing(ours, scratch) <= {"init", "training"} and ours.training.epochs == scratch.training.epochs
    for name in ("no-cross", "other-images", "shifted", "points", "frame-number"):
        assert differing(recognition.finetune(profile, name), ours) == {"init"}
        varied = recognition.pretrain(profile, name)
        assert differing(varied, ours.init) == {*ARMS[name].changes, *(["loss"] if ARMS[name].loss else [])}
    assert isinstance(ours.init.images, DepthImageData) and ours.init.transform.turn_and_scale.turn_degrees == 180
    assert ours.init.data == recognition.pretrain(profile, "c2p").data
    longer = recognition.finetune(profile, "longer")
    assert differing(longer, scratch) <= {"training", "evaluate_every"}
    assert longer.training.epochs == recognition.LONGER[profile]


def test_rows_that_see_depth_say_so_and_no_other_does():
    shown = {row.id for row in PAPER.rows("laptop").values() if NOTE in row.title}
    started = {
        row.id for number in ("msr", "msr-labels", "msr-choice", "cost") for row in PAPER.tables("laptop")[number]
        if getattr(getattr(row.recipes[0], "init", None), "shown", False)
    }  # fmt: skip
    assert all(row.title.count(NOTE) <= 1 for row in PAPER.rows("laptop").values())
    assert shown == started and {"msr-crossvideo", "msr-other-images", "msr-choice-0"} <= shown
    assert not {"msr-no-cross", "msr-points", "msr-frame-number", "msr-c2p"} & shown


def test_what_is_chosen_is_the_best_of_the_search():
    assert settings.GRID == GRIDS["c2p"] and len(settings.GRID) == 6  # the same search as the rival's
    found = evidence(PAPER, "msr-choice", "laptop", committed_ledger())
    values = {line.row.id: line.values(line.main) for line in found.table.rows}
    assert all(values.values()), "a search that is half done chooses nothing"
    assert recognition.chosen_row() == max(values, key=lambda name: values[name][0])


def test_images_are_labelled_as_the_paper_has_it_and_start_from_the_right_tower():
    row = {row.id: row for row in PAPER.tables("laptop")["III"]}
    ours, scratch = (row[f"images-asformer-{name}"].recipes[0] for name in ("crossvideo", "scratch"))
    assert differing(ours, scratch) == {"init"} and ours.stem is None
    assert ours.init.image_tower.transformer == ours.backbone.encoder and ours.init.images == ours.images
    plain = row["images-asformer-scratch-untrained"].recipes[0]
    assert differing(plain, scratch) == {"images"} and differing(plain.images, scratch.images) == {"teacher"}
    assert differing(plain.images.teacher, scratch.images.teacher) == {"weights"}
    pixels = row["images-asformer-crossvideo-pixels"].recipes[0]
    assert pixels.init == action.pretrain("laptop") and pixels.inputs == pixels.init.image_tower.inputs
    both = {row.id: row for row in PAPER.tables("laptop")["IV"]}
    assert differing(both["fused-crossvideo"].recipes[0], both["fused-scratch"].recipes[0]) == {"init"}
    assert both["fused-crossvideo"].recipes[0].init == both["as-pptr-features"].recipes[0].init
    assert differing(both["fused-scratch-logits"].recipes[0], both["fused-scratch"].recipes[0]) == {"fusion"}
    assert action.label_images("paper", "asformer").training.batch == 1


def test_few_labels_have_the_updates_of_all_and_few_videos_too():
    few, every = action.finetune("laptop", "crossvideo", percent=10), action.finetune("laptop", "crossvideo")
    assert few.init == every.init and few.training.clips_per_video == 10 * every.training.clips_per_video
    share = action.finetune("laptop", "share", percent=10)
    assert differing(share, few) == {"init"} and differing(share.init, few.init) == {"data", "training"}
    assert share.init.data.videos == 21 and share.init.training.clips_per_video == 10
    assert {row.id for row in PAPER.tables("laptop")["V"] if "share" in row.id} == {
        "as-pptr-share-labels-10", "as-pptr-share-labels-20",
    }  # fmt: skip


def pretrainings(profile: str):
    """Every pre-training of this method that a table starts from, once."""
    found = {recipe.init for row in PAPER.rows(profile).values() for recipe in row.recipes[:1]
             if isinstance(getattr(recipe, "init", None), CrossVideoPretrain)}  # fmt: skip
    assert len(found) > 20
    return found


def test_no_last_batch_is_of_one_clip():
    """Of the worlds that stand in, and of the recorded set; every clip's negatives are the others of its batch."""
    videos = {
        "hoi4d_rgbd": {"laptop": 210, "gpu": 210, "paper": 210}, "hoi4d_rgbd-small": {"quick": 17},
        "msr_action3d": dict.fromkeys(PROFILES, 253),
    }  # fmt: skip
    for profile in ("quick", "laptop", "gpu"):
        for recipe in pretrainings(profile):
            count = videos[recipe.dataset][profile]
            count -= 84 if recipe.data.held_out else 0  # of subjects 4 and 5
            # without a number each sequence of the hands is one clip
            clips = min(count, recipe.data.videos or count) * (recipe.training.clips_per_video or 1)
            assert clips % recipe.training.batch != 1, (profile, recipe.title)


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    world = HandObjectRGB(sequences=4, frames=150, points=128)
    return build(world, tmp_path_factory.mktemp("hands") / "store", progress=False)


def step(recipe, store):
    """One update's loss, of a job on the first two videos."""
    torch.manual_seed(0)
    small = replace(recipe.training, batch=2, clips_per_video=2)
    job = replace(recipe, training=small, data=replace(recipe.data, videos=None), init=None).job(store)
    loss = job.loss(*job.batch(0, 0))["loss"]
    loss.backward()
    moved = [weight.grad is not None and bool(weight.grad.abs().sum() > 0) for weight in job.module.parameters()]
    assert np.mean(moved) > 0.6, recipe.title
    return float(loss.detach())


@pytest.mark.parametrize("name", [name for name in OURS if name != "features"])
def test_a_quick_arm_makes_a_step_on_hands(hands, name):
    assert np.isfinite(step(action.pretrain("quick", name), hands))


def test_quick_tasks_make_a_step_on_hands(hands):
    recipes = [
        action.finetune("quick"), semantic.finetune("quick"), semantic.pretrain("quick"),
        action.label_images("quick", "asformer", frozen=False),
    ]  # fmt: skip
    assert all(np.isfinite(step(recipe, hands)) for recipe in recipes)


def test_a_quick_arm_makes_a_step_on_dots(tmp_path):
    store = make_store(tmp_path / "msr_action3d")
    for name in ("crossvideo", "no-cross", "frame-number"):
        recipe = recognition.pretrain("quick", name)
        data = replace(recipe.data, frames=8, divisor=300.0, centre="none")
        assert np.isfinite(step(replace(recipe, data=data), store))


def test_costs_are_those_of_the_pre_trainings_that_are_there():
    found = evidence(PAPER, "cost", "laptop", committed_ledger())
    costs = cost.pretraining_costs(found)
    assert costs["msr-c2p"].updates == 720 and len(costs["msr-c2p"].seconds) == 5
    assert all(views < seconds for views, seconds in zip(costs["msr-c2p"].views, costs["msr-c2p"].seconds, strict=True))
    assert "msr-scratch" not in costs and costs["msr-videomae"].views is None
    lines = cost.cost_table(found).splitlines()
    assert len(lines) == 2 + 5 and lines[0].startswith("| pre-training")
    assert sum("not run" in line for line in lines) == sum(
        row not in costs for row in ("msr-strl", "msr-videomae", "msr-c2p", "msr-no-cross", "msr-crossvideo")
    )


def test_an_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match="arm: got 'no-loss', expected one of crossvideo, no-cross"):
        action.pretrain("laptop", "no-loss")
    with pytest.raises(ValueError, match="network: got 'lstm', expected one of ms-tcn, ms-tcn2, asformer"):
        action.label_images("laptop", "lstm")
    with pytest.raises(ValueError, match="profile: got 'huge'"):
        settings.images("huge")
