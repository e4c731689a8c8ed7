"""Tables 5, 6 and 17 of Cross4D-JEPA: one teacher and one schedule on every set; Figure 4 shows what a probe says."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo import papers  # noqa: E402
from pointvideo.papers.cross4d_jepa import (  # noqa: E402
    correspondence,
    distillation,
    end_to_end,
    parts_figure,
    segmentation,
)
from pointvideo.papers.cross4d_jepa.parts_figure import SHADES, draw_parts, part_shades, told, told_by  # noqa: E402
from pointvideo.papers.cross4d_jepa.sets import distilled  # noqa: E402
from pointvideo.papers.cross4d_jepa.settings import sizes  # noqa: E402
from pointvideo.report.claims import claims  # noqa: E402
from pointvideo.report.figures.style import small_texts, use_style  # noqa: E402
from pointvideo.study import runner  # noqa: E402
from pointvideo.tasks.point_probe import PlaceSize, PointProbe  # noqa: E402

from ..pretexts.test_cross4d import DATA  # noqa: E402
from ..tasks.bodies import NAMES, make_bodies  # noqa: E402

PAPER = papers.get("cross4d_jepa")
OURS = ("6", "17", "5", "5-animals", "5-msr")


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


@pytest.mark.parametrize("profile", ["quick", "laptop"])
def test_an_encoder_differs_in_the_set_that_it_is_distilled_on_alone(profile):
    for name in ("dense", "global", "position"):
        plain = distillation.pretrain(profile, name, 2)
        assert distilled(profile, name, "msr", 2) == plain  # whose records there are
        people, animals = (distilled(profile, name, where, 2) for where in ("people", "animals"))
        assert differing(plain, people) == {"data"} and differing(plain.data, people.data) == {"dataset", "divisor"}
        assert differing(plain, animals) == {"data", "targets", "training"}  # Table 8's frames and epochs
        assert differing(plain.targets, animals.targets) == {"frames", "render"}
        assert animals == correspondence.search(profile, name, 2).init  # one pre-training for Tables 5 and 16


def test_a_probe_differs_in_the_set_that_it_is_scored_on_alone():
    assert segmentation.transferred("laptop", "msr", "msr", "printed", 1) == distillation.probe(
        "laptop", "dense", "printed", 1
    )
    for target in ("people", "animals"):
        found = segmentation.transferred("laptop", "msr", target, "solved", 1)
        assert differing(found, distillation.probe("laptop", "dense", "solved", 1)) == {"data"}
    kinds = [segmentation.parts("laptop", "dense", "msr", kind) for kind in segmentation.KINDS]
    assert differing(*kinds) == {"fit", "standardised"}
    arms = [segmentation.parts("laptop", name, "people", "solved") for name in ("dense", "position")]
    assert differing(*arms) == {"init"} and segmentation.parts("laptop", "random", "", "solved").init is None


@pytest.mark.parametrize("profile", ["quick", "laptop"])
def test_end_to_end_arms_differ_in_where_they_start_alone(profile):
    rows = {row.id: row.recipes[0] for row in end_to_end.table17(profile)}
    scratch = rows.pop("end-to-end-scratch")
    assert scratch.init is None and len(rows) == 3
    for known in rows.values():
        assert differing(scratch, known) == {"init"}
        assert known.init.dataset == "people" and differing(known.data, known.init.data) == set()
    dense, position = (rows[f"end-to-end-{name}"].init for name in ("dense", "position"))
    assert dense == segmentation.parts(profile, "dense", "people", "solved").init  # one run for Tables 6 and 17
    assert differing(dense, position) == {"targets"}
    plain = distillation.finetune(profile, "scratch")
    assert (scratch.training, scratch.augment) == (plain.training, plain.augment)


def test_every_claim_has_the_seeds_of_a_first_look():
    rows, checked = PAPER.rows("laptop"), 0
    every = {row.id for number in OURS for row in PAPER.experiment(number).every_row("laptop")}
    for claim in claims(PAPER):
        if set(claim.rows) <= every:
            seeds = [{recipe.seed for recipe in rows[name].recipes} for name in claim.rows]
            assert seeds == [set(sizes("laptop").seeds)] * 2, claim.id
            assert claim.question or claim.transfer == "another set", claim.id
            checked += 1
    assert checked == 15


def test_no_number_of_a_licensed_set_stands_beside_a_simulated_one():
    for number in OURS:
        for row in PAPER.experiment(number).rows("laptop"):
            on_msr = {recipe.dataset for recipe in row.recipes} == {"msr_action3d"}
            from_msr = row.recipes[0].init is None or row.recipes[0].init.dataset == "msr_action3d"
            assert not row.printed or (on_msr and from_msr), row.id


def test_tables_6_and_17_have_their_bars():
    assert PAPER.experiment("17").baselines("quick") == PAPER.experiment("6").baselines("quick")
    bars = {row.id: row for row in PAPER.experiment("6").baselines("quick")}
    assert [row.baseline for row in bars.values()] == ["labels", "points", "points"]
    place, untrained = bars["parts-coordinates"].recipes[0], segmentation.parts("quick", "random", "", "solved")
    assert differing(place, untrained) == {"backbone"} and place.backbone == PlaceSize()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_bodies(tmp_path_factory.mktemp("data") / "people")


def test_a_picture_shows_what_the_probe_says(store, tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    recipe = PointProbe(backbone=PlaceSize(), data=DATA, most=800, l2=(1e-3,), standardised=True)
    recipe = replace(recipe, training=replace(recipe.training, batch=4))
    videos = store.indices("test")[:2].tolist()
    found = told(recipe, store, videos)
    assert found.xyz.shape == (2, 10, 64, 3) and found.said.shape == found.truth.shape == (2, 10, 64)
    assert (found.said == found.truth).mean() > 0.95
    monkeypatch.setattr(parts_figure, "kept_weights", lambda ledger, key: None)
    again = told(recipe, store, videos)  # where the record alone is at hand
    assert all(np.array_equal(*pair) for pair in zip(found, again, strict=True))
    job = recipe.job(store)
    with torch.no_grad():
        job.module.linear.weight.zero_()
        job.module.linear.bias.copy_(torch.tensor([0.0, 0.0, 1.0, 0.0]))
    silent = told_by(job.module, job.scenes, np.array(videos))
    assert np.array_equal(silent.xyz, found.xyz) and (silent.said == 2).all()

    use_style()
    figure = draw_parts({"place": found, "one part": silent}, NAMES, ["walk", "again"])
    assert len(figure.axes) == 6 and not small_texts(figure)
    shades = [matplotlib.colors.to_rgb(shade) for shade in part_shades(NAMES)]
    shown = [{tuple(row[:3]) for row in axes.collections[0].get_facecolors()} for axes in figure.axes[:3]]
    assert shown[0] == set(shades[:3]) and shown[2] == {shades[2]}
    titles = [axes.get_title(loc="center") for axes in figure.axes]
    assert titles[2] == f"one part\n{(silent.truth[0] == 2).mean():.0%} right" and titles[3] == ""
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(NAMES[:3])


def test_every_part_of_a_person_has_a_colour_of_its_own():
    from pointvideo.data.simulate.animal_body import PARTS as ANIMAL
    from pointvideo.data.simulate.body import PARTS

    assert set(SHADES) == set(PARTS) and len(set(SHADES.values())) == len(PARTS)
    assert len(set(part_shades(ANIMAL))) == len(ANIMAL)
