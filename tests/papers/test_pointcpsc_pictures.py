"""What PointCPSC's explanatory pages look at, and their pictures, on dots that move and bodies of three parts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.kernels import inverse_distances  # noqa: E402
from pointvideo.losses.prototypes import SemanticClustering  # noqa: E402
from pointvideo.papers.pointcpsc import body_parts, feature_figures, feature_inspection, inspection  # noqa: E402
from pointvideo.papers.pointcpsc import step_figures as steps  # noqa: E402
from pointvideo.papers.pointcpsc.method_figure import draw_method  # noqa: E402
from pointvideo.report.figures.style import small_texts, use_style  # noqa: E402
from pointvideo.study.profiles import PROFILES  # noqa: E402

from ..pretexts.test_pointcpsc import recipe  # noqa: E402
from ..study.dots import make_store  # noqa: E402
from ..tasks.bodies import NAMES, make_bodies  # noqa: E402
from ..tasks.test_neighbours import PLAIN as NEIGHBOURS  # noqa: E402
from ..tasks.test_part_clusters import PLAIN as CLUSTERS  # noqa: E402

RECIPE = recipe()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    return make_bodies(tmp_path_factory.mktemp("bodies") / "people")


@pytest.fixture(scope="module")
def look(store):
    """A batch behind three steps that filled the bank, without an update of weights."""
    job = inspection.module_of(RECIPE, store, trained=False)
    job.module.train()
    for step in range(3):
        clip, video, start = job.batch(0, step % job.steps_per_epoch)
        job.loss(clip, video, start)
        job.after_step()
    clip, video, _ = job.batch(1, 0)
    return inspection.passed(job.module, clip, video)


@pytest.fixture(autouse=True)
def style():
    use_style()


def test_the_steps_are_those_of_the_job(store, look):
    job = inspection.module_of(RECIPE, store, trained=False)
    job.module.load_state_dict(look.module.state_dict())
    job.module.train()
    loss = job.loss(look.clip, look.video, torch.zeros_like(look.video))
    assert float(loss["loss"].detach()) == pytest.approx(float(look.parts.total), rel=1e-5)
    clip, target = 1, 2
    away = (look.places[clip, -2] - look.places[clip, -1, target]).norm(dim=-1)
    near = away.argsort()[:3]
    assert set(near.tolist()) == set(look.carried[clip, target].tolist())
    weights = inverse_distances(away[near][None, None])[0, 0]
    expected = (weights[:, None] * look.said[clip, near]).sum(dim=0)
    torch.testing.assert_close(look.prediction[clip, target], expected, rtol=1e-4, atol=1e-5)


def test_looking_changes_nothing_of_the_module(store, look):
    before = deepcopy(look.module.state_dict())
    inspection.passed(look.module, look.clip, look.video)
    inspection.alone(look.module, look.clip)
    inspection.same_everywhere(look)
    steps.gathered(look)
    inspection.learnt_by_heart(look.module, look.clip, look.video, steps=1)
    after = look.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_everybody_in_the_bank_has_one_role(look):
    rules = RECIPE.loss.local
    clip = int((look.history.video[:, None] == look.video).any(dim=0).nonzero()[0])  # one that has entries of its own
    roles = inspection.roles_of(look, clip, 0)
    entries = len(look.history.vectors)
    assert sorted(roles.entry.tolist()) == list(range(entries)) and roles.cosine.diff().max() <= 0
    assert not (roles.neighbour & roles.negative).any() and int(roles.neighbour.sum()) == rules.neighbours
    assert int(roles.negative.sum()) in (round(rules.kept * entries) - i for i in range(rules.neighbours + 1))
    assert float(roles.weight.sum()) == pytest.approx(1)
    owners = look.history.video[roles.entry]
    assert (owners[roles.neighbour] != look.video[clip]).all() and (owners == look.video[clip]).any()
    away = look.places[clip, -1] - look.places[clip, -1].mean(dim=0)
    assert away.norm(dim=-1)[inspection.outermost(look, clip)] == away.norm(dim=-1).max()


def test_what_holds_if_the_code_is_right_and_not_if_segments_see_each_other(look, monkeypatch):
    assert all(inspection.alone(look.module, look.clip).values())
    flat, chance = inspection.same_everywhere(look)
    assert flat == pytest.approx(chance, abs=1e-4)
    assert inspection.without_gradient(look.module, look.clip, look.video) == []
    losses = inspection.learnt_by_heart(look.module, look.clip, look.video, steps=25, rate=5e-3)
    assert losses[-1] < 0.7 * losses[0]
    encode = type(look.module).encode

    def leaky(module, clip):
        places, features = encode(module, clip)
        return type(encode(module, clip))(places, features + features.mean(dim=1, keepdim=True))

    monkeypatch.setattr(type(look.module), "encode", leaky)
    assert not all(inspection.alone(look.module, look.clip).values())


def test_the_pictures_of_the_method_have_no_small_text(store, look):
    clip, anchor = 0, inspection.outermost(look, 0)
    figures = [draw_method(look, clip), steps.draw_carried(look, clip), steps.draw_bank(look, clip, anchor),
               steps.draw_prototypes(look, [0, 1], ["a", "b"])]  # fmt: skip
    for figure in figures:
        assert small_texts(figure) == []
        matplotlib.pyplot.close(figure)


def test_the_picture_of_the_bank_says_the_loss_of_its_superpoint(look):
    from pointvideo.losses.pointcpsc import local_contrast

    figure = steps.draw_bank(look, 0, 1)
    one = local_contrast(
        look.prediction[:1, 1:2], look.target[:1, 1:2], look.video[:1], look.history, RECIPE.loss.local
    )
    assert figure.axes[1].get_title(loc="left") == f"its loss: {float(one.loss):.2f}"
    shares = [bar.get_width() for bar in figure.axes[1].patches]
    assert sum(shares) == pytest.approx(100)
    matplotlib.pyplot.close(figure)


def test_gathered_prototypes_give_the_term_of_the_loss(look):
    target, prediction = steps.gathered(look)
    logits = target @ prediction.mT / RECIPE.loss.clusters.contrast_temperature
    term = -logits.log_softmax(dim=-1).diagonal(dim1=1, dim2=2).mean()
    assert float(term) == pytest.approx(float(look.parts.prototypes), rel=1e-4)


def test_neighbours_are_those_that_the_search_counts(store):
    """The shares that the search counts for a video of one superpoint are those of the neighbours that are shown."""
    known = replace(NEIGHBOURS, superpoints=1, bank=8)
    job = known.job(store)
    videos = job.videos[[0, 5]].tolist()
    found = feature_inspection.nearest(known, store, videos)
    assert found.xyz.shape[:2] == (2, 3) and found.video[:, 0].tolist() == videos
    assert (found.video[:, 1:] != found.video[:, :1]).all() and (np.diff(found.cosine) <= 0).all()
    torch.manual_seed(known.seed)
    search = known.job(store)
    search.solve()
    for row in found.video:
        sequences = [store.sequences[video] for video in row]
        same = np.mean([other.label == sequences[0].label for other in sequences[1:]])
        assert search.shares[sequences[0].name]["action"] == pytest.approx(same)
    figure = feature_figures.draw_neighbours({"one": found, "other": found}, store)
    assert small_texts(figure) == []
    matplotlib.pyplot.close(figure)


def test_points_have_the_cluster_of_the_nearest_superpoint_counted_from_the_top(bodies, store):
    videos = feature_inspection.shown(CLUSTERS.data, bodies, ("walk",), "test")
    painted = {by: feature_inspection.painted(replace(CLUSTERS, by=by), bodies, videos, None)
               for by in ("prototypes", "features", "places")}  # fmt: skip
    for found in painted.values():
        assert found.xyz.shape == (1, 8, 64, 3) and found.cluster.shape == found.part.shape == (1, 8, 64)
        used = sorted(set(found.cluster.ravel().tolist()))
        down = [found.xyz[..., 1][found.cluster == cluster].mean() for cluster in used]
        assert used == list(range(len(used))) and down == sorted(down)
    places = painted["places"]
    part = [places.part[places.cluster == cluster].mean() for cluster in range(3)]
    assert part == sorted(part, reverse=True)  # parts lie above each other
    alike = places._replace(cluster=np.zeros_like(places.cluster))
    assert feature_inspection.kept_in_time(alike) == 1 > feature_inspection.kept_in_time(places)
    figure = feature_figures.draw_in_time(painted, 4)
    assert small_texts(figure) == []
    matplotlib.pyplot.close(figure)
    data = replace(CLUSTERS.data, dataset="msr_action3d", divisor=300.0, centre="none")
    assert feature_inspection.painted(replace(CLUSTERS, data=data, by="places"), store, [0], None).part is None
    with pytest.raises(ValueError, match="actions: got 'fly', expected one of the test videos of people"):
        feature_inspection.shown(CLUSTERS.data, bodies, ("fly",), "test")


def test_true_parts_are_drawn_beside_clusters(bodies):
    from pointvideo.data.simulate.body import PARTS

    assert {feature_figures._group(part) for part in PARTS} == set(range(len(feature_figures.GROUPS)))
    videos = feature_inspection.shown(CLUSTERS.data, bodies, ("walk",), "test")
    found = feature_inspection.painted(replace(CLUSTERS, by="places"), bodies, videos, None)
    figure = feature_figures.draw_clusters({"places": found}, ["walk"], PARTS[: len(NAMES)])
    assert small_texts(figure) == [] and len(figure.axes) == 2
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize("profile", PROFILES)
def test_all_rules_have_the_same_superpoints_and_as_many_clusters(profile):
    rows = {row.id: row.recipes for row in body_parts.table(profile)}
    assert len(rows) == 5
    for recipes in zip(*rows.values(), strict=True):
        first = recipes[0]
        assert first.clusters == SemanticClustering() and first.init.dataset == "people"
        for other in recipes[1:]:
            assert (other.backbone, other.data, other.seed, other.clusters) == (
                first.backbone, first.data, first.seed, first.clusters
            )  # fmt: skip
    assert rows["cpsc-parts-by-features"][0].init == rows["cpsc-parts-by-prototypes"][0].init
    assert rows["random-parts-by-prototypes"][0].init is rows["place-parts-by-places"][0].init is None
