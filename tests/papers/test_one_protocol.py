"""The five pre-trainings under one protocol differ in the pre-training alone."""

from dataclasses import replace

import pytest

from pointvideo import papers
from pointvideo.papers.cross4d_jepa import distillation, tables
from pointvideo.papers.cross4d_jepa.settings import clip_data, sizes
from pointvideo.papers.one_protocol.methods import CONTROL, PRETRAININGS
from pointvideo.papers.one_protocol.recipes import BATCH, finetune, pretrain, probe
from pointvideo.report.claims import claims
from pointvideo.study.runner import fingerprint_of

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
@pytest.mark.parametrize("name", (*PRETRAININGS, *CONTROL))
def test_every_pretraining_sees_each_clip_as_often_with_the_same_network(profile, name):
    recipe, like = pretrain(profile, name), sizes(profile)
    assert recipe.backbone == like.backbone and recipe.data == clip_data(profile)
    assert recipe.training.epochs == like.pretrain.epochs and recipe.training.optimiser == like.pretrain.optimiser
    assert recipe.training.batch == (like.pretrain.batch if name in ("cross4d", "position") else BATCH)


def test_what_is_cross4d_jepas_own_is_run_once_for_both():
    mine, theirs = PAPER.rows("laptop"), papers.get("cross4d_jepa").rows("laptop")
    same = {"cross4d-solved": "dense-solved", "random-printed": "random-printed", "position-solved": "position-solved",
            "longer-labels-100": "longer-labels-100", "cross4d-labels-10": "dense-labels-10"}  # fmt: skip
    for here, there in same.items():
        assert [fingerprint_of(one) for one in mine[here].recipes] == [
            fingerprint_of(one) for one in theirs[there].recipes
        ]
    assert tables.baselines("laptop") == PAPER.experiment("probe").baselines("laptop")
    assert finetune("laptop", "longer") == distillation.finetune("laptop", "longer")


def test_every_pretraining_is_asked_the_same_questions():
    asked = {claim.id for claim in claims(PAPER)}
    for name in PRETRAININGS:
        assert {f"{name}-knows", f"{name}-at-cost", f"{name}-at-cost-10", f"{name}-at-cost-40",
                f"{name}-over-position"} <= asked  # fmt: skip


def test_an_unknown_pretraining_is_named():
    with pytest.raises(ValueError, match="pre-training: got 'moco', expected c2p, "):
        pretrain("quick", "moco")
