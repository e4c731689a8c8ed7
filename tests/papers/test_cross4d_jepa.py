"""Cross4D-JEPA's rows: what an arm changes and nothing else, who is scored, which rate was chosen."""

from dataclasses import fields, replace

import pytest
from scipy.stats import ttest_rel

from pointvideo import papers
from pointvideo.papers.cross4d_jepa.correspondence import baselines, search, table16
from pointvideo.papers.cross4d_jepa.distillation import PROBES, finetune, pretrain, probe
from pointvideo.papers.cross4d_jepa.methods import ARMS
from pointvideo.papers.cross4d_jepa.sets import FRAMES, distilled
from pointvideo.papers.cross4d_jepa.settings import EVEN, PUBLISHED, at_hand, sizes, teacher
from pointvideo.papers.cross4d_jepa.tables import table2
from pointvideo.pretexts.cross4d import Cross4DPretrain
from pointvideo.report.claims import claims
from pointvideo.report.evidence import committed_ledger, evidence
from pointvideo.report.reported import cells, printed
from pointvideo.study.profiles import PROFILES

from .agreement import check_places, checked_differences

PAPER = papers.get("cross4d_jepa")


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


OURS = [name for name, arm in ARMS.items() if arm.teacher not in PUBLISHED]  # without weights that have to be fetched


@pytest.mark.parametrize("name", OURS)
def test_an_arm_differs_from_dense_in_what_it_says_alone(name):
    plain, varied, arm = pretrain("laptop", "dense"), pretrain("laptop", name), ARMS[name]
    inside = {"teacher"} if arm.teacher != "imagenet" or arm.grid else set(arm.targets)
    inside |= {"render"} if arm.render else set()
    about = ({"targets"} if inside else set()) | ({"training"} if arm.batches > 1 else set())
    assert differing(plain, varied) == set(arm.changes) | about
    assert differing(plain.targets, varied.targets) == inside
    assert varied.targets.teacher.grid == (arm.grid or plain.targets.teacher.grid)
    assert varied.targets.teacher.width == plain.targets.teacher.width
    assert varied.training.batch == arm.batches * plain.training.batch
    assert type(varied) is arm.recipe and (arm.recipe is Cross4DPretrain) == (name != "principal")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_claim_has_its_rows_and_every_printed_number_its_place(profile):
    check_places(PAPER, profile)


def test_the_family_that_is_tested_as_one_has_eight():
    assert sum(claim.confirmatory for claim in claims(PAPER)) == 8


def test_the_printed_differences_are_those_of_the_printed_numbers():
    assert len(checked_differences(PAPER)) >= 17


def test_thirteen_accuracies_of_single_runs_are_counts_of_275():
    whole = [cell for cell in cells(PAPER) if cell.table in ("Table 10", "Table 19") and cell.scored]
    assert len(whole) == 8
    for cell in whole:
        assert cell.scored == 275 and abs(100 * cell.correct / 275 - cell.value) < 0.05 + 1e-9, cell


def test_even_subjects_are_scored_where_odd_ones_train():
    data = probe("laptop", "dense", "printed", split="odd").data
    assert data.held_out == EVEN and data.pool == "all" and data.short == "pad"
    assert probe("laptop", "dense", "printed", split="odd").init.data == data


def test_the_two_probes_differ_in_the_fit_and_the_scale():
    kinds = {name: probe("laptop", "dense", name) for name in PROBES}
    assert differing(kinds["printed"], kinds["solved"]) == {"fit", "standardised"}
    assert kinds["printed"].training.epochs == 300 and not kinds["printed"].standardised


def test_shares_of_the_labels_have_the_updates_of_all_and_the_arms_one_recipe():
    whole, share = finetune("laptop", "dense"), finetune("laptop", "dense", label_percent=10)
    assert share.training.clips_per_video == 10 * whole.training.clips_per_video
    assert replace(finetune("laptop", "scratch"), init=whole.init) == whole


def test_no_rate_tried_on_held_out_subjects_is_better_than_the_one_used_by_more_than_seeds_differ():
    found = evidence(PAPER, "choice", "laptop", committed_ledger())
    assert found.source == "recorded" and not found.missing
    assert all(recipe.data.held_out == (4, 5) for line in found.table.rows for recipe in line.row.recipes)
    scores = {line.row.id: line.values("accuracy") for line in found.table.rows}
    used = scores.pop(f"choice-dense-{sizes('laptop').pretrain.optimiser.rate:g}")
    assert len(scores) == 2 and len(used) == 5
    assert all(ttest_rel(other, used, alternative="greater").pvalue > 0.05 for other in scores.values())


def test_table_2_has_the_teachers_that_have_been_fetched(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    from ..teachers.test_hub import network

    monkeypatch.setenv("POINTVIDEO_TEACHERS", str(tmp_path))
    assert at_hand() == () and len(table2("laptop")) == 3
    network("dinov2").save_pretrained(tmp_path / PUBLISHED["dinov2"])
    assert at_hand() == ("dinov2",)
    rows = table2("laptop")
    assert [row.id for row in rows[3:]] == ["global-dinov2-printed", "dense-dinov2-printed"]
    found = teacher("laptop", "dinov2")
    assert found.grid == teacher("laptop", "imagenet").grid == 9 and "DINOv2" in found.title
    assert [printed(PAPER, row)["accuracy"].value for row in rows[3:]] == [64, 81]


@pytest.mark.parametrize("profile", PROFILES)
def test_table_16_searches_the_animals_after_one_pre_training_or_another(profile):
    rows = {row.id: row for row in (*baselines(profile), *table16(profile))}
    recipes = [recipe for row in rows.values() for recipe in row.recipes]
    assert len({recipe.data for recipe in recipes}) == 1 and recipes[0].data.short == "drop"
    assert recipes[0].data.frames == FRAMES and recipes[0].dataset.startswith("deformingthings4d")
    own, other = (rows[name].recipes[0] for name in ("dense-found", "dense-found-msr"))
    assert differing(own, other) == {"init"} and other.init == pretrain(profile, "dense")
    assert differing(own.init, other.init) == {"data", "targets", "training"}
    for name in ("global", "position"):
        assert differing(distilled(profile, name, "animals"), own.init) == differing(
            pretrain(profile, name), pretrain(profile, "dense")
        )
    assert rows["random-found"].recipes[0] == replace(own, init=None) == search(profile, "random")
    assert set(printed(PAPER, rows["dense-found"])) == {"found:8", "found:15"} == set(own.task.metrics)


def test_the_cameras_see_fewer_points_than_the_simulated_animals_have():
    """All of them would come in one order in every frame, and a token's number would say which point it is."""
    from pointvideo.data.catalogue import world_of

    for profile in ("quick", "laptop"):
        recipe = distilled(profile, "dense", "animals")
        assert recipe.targets.render.points < world_of(recipe.dataset).points
        assert recipe.data.points < world_of(recipe.dataset).points
