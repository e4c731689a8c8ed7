"""The five pre-trainings under one protocol differ in the pre-training alone."""

from dataclasses import replace

import pytest

from pointvideo import papers
from pointvideo.papers.cross4d_jepa import distillation, tables
from pointvideo.papers.cross4d_jepa.settings import clip_data, sizes
from pointvideo.papers.one_protocol.choice import CHOSEN, chosen_rows, factor_of
from pointvideo.papers.one_protocol.methods import CONTROL, PRETRAININGS
from pointvideo.papers.one_protocol.recipes import BATCH, finetune, pretrain, probe
from pointvideo.report.claims import claims
from pointvideo.report.evidence import committed_ledger, evidence

PAPER = papers.get("one_protocol")
PROFILES = ("quick", "laptop")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", (*PRETRAININGS, *CONTROL))
def test_rows_differ_in_the_pretraining_alone(profile, name):
    scratch = finetune(profile, "scratch", 2, 40)
    assert replace(finetune(profile, name, 2, 40), init=None) == scratch
    assert replace(probe(profile, name, "solved", 2), init=None) == probe(profile, "random", "solved", 2)
    assert finetune(profile, name, 2).init == probe(profile, name, "printed", 2).init == pretrain(profile, name, 2)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [name for name in (*PRETRAININGS, *CONTROL) if name != "mvnet"])
def test_every_pretraining_on_clips_sees_each_clip_as_often_with_the_same_network(profile, name):
    recipe, like = pretrain(profile, name), sizes(profile)
    assert recipe.backbone == like.backbone and recipe.data == clip_data(profile)
    rate = like.pretrain.optimiser.rate * factor_of(profile, name)
    assert recipe.training.epochs == like.pretrain.epochs
    assert recipe.training.optimiser == replace(like.pretrain.optimiser, rate=rate)
    assert recipe.training.batch == (like.pretrain.batch if name in ("cross4d", "position") else BATCH)


@pytest.mark.parametrize("profile", PROFILES)
def test_mvnet_sees_single_frames_of_the_same_videos_with_the_same_network(profile):
    recipe = pretrain(profile, "mvnet")
    assert recipe.backbone == sizes(profile).backbone
    assert replace(recipe.data, frames=clip_data(profile).frames, points=clip_data(profile).points) == clip_data(
        profile
    )
    assert recipe.data.frames == 1


def test_what_is_cross4d_jepas_own_is_run_once_for_both():
    mine, theirs = PAPER.rows("laptop"), papers.get("cross4d_jepa").rows("laptop")
    same = {"cross4d-solved": "dense-solved", "random-printed": "random-printed", "position-solved": "position-solved",
            "longer-labels-100": "longer-labels-100", "cross4d-labels-10": "dense-labels-10"}  # fmt: skip
    for here, there in same.items():
        assert mine[here].recipes == theirs[there].recipes
    assert tables.baselines("laptop") == PAPER.experiment("probe").baselines("laptop")
    assert finetune("laptop", "longer") == distillation.finetune("laptop", "longer")


def test_what_is_chosen_is_the_best_of_the_search():
    table = evidence(PAPER, "choice", "laptop", committed_ledger()).table
    values = {line.row.id: line.values(line.main) for line in table.rows}
    assert all(values.values()), "a search that is half done chooses nothing"
    for name, taken in zip(CHOSEN, chosen_rows(), strict=True):
        tried = [row for row in values if row.startswith(f"choice-{name}-")]
        assert taken == max(tried, key=lambda row: values[row][0])
    for line in table.rows:
        recipe = line.row.recipes[0]
        assert (
            recipe.data.held_out == recipe.init.data.held_out == (4, 5) and recipe.backbone == sizes("laptop").backbone
        )


def test_every_pretraining_is_asked_the_same_questions():
    asked = {claim.id for claim in claims(PAPER)}
    for name in PRETRAININGS:
        assert {f"{name}-knows", f"{name}-at-cost", f"{name}-at-cost-10", f"{name}-at-cost-40",
                f"{name}-over-position"} <= asked  # fmt: skip


def test_an_unknown_pretraining_is_named():
    with pytest.raises(ValueError, match="pre-training: got 'moco', expected c2p, "):
        pretrain("quick", "moco")


def test_the_picture_has_a_panel_a_protocol_and_names_what_has_not_run():
    from matplotlib import pyplot

    from pointvideo.papers.one_protocol.figures import LINES, draw_protocol
    from pointvideo.report.figures.style import small_texts

    found = [evidence(PAPER, number, "laptop", committed_ledger()) for number in ("probe", "finetune")]
    figure = draw_protocol(*(one.table for one in found))
    assert len(figure.axes) == 5 and small_texts(figure) == []
    drawn = 0
    for axes, kind in zip(figure.axes, ("solved", "printed", "labels-10", "labels-40", "labels-100"), strict=True):
        rows = {f"random-{kind}" if name == "scratch" and "labels" not in kind else f"{name}-{kind}" for name in LINES}
        lines = [line for one in found for line in one.table.rows if line.row.id in rows]
        assert sum(not line.results for line in lines) == sum(text.get_text() == "not run" for text in axes.texts)
        dashes = [len(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
        assert sorted(dashes) == sorted(len(line.results) for line in lines if line.results)
        drawn += len(dashes)
    assert drawn > 5
    pyplot.close(figure)
