"""Clusters of superpoints beside body parts: the score, k-means, prototypes asked as the pre-training asks them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.cluster.vq import kmeans2

from pointvideo.backbones import PSTNetSize
from pointvideo.losses.prototypes import SemanticClustering, assignment_scores
from pointvideo.recipe import Training
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.part_clusters import PartClusters, PrototypeEncoder, k_means
from pointvideo.tasks.scoring.part_clusters import PART_CLUSTERS, ClusterScore, mutual_information, purity

from ..pretexts.test_pointcpsc import recipe as pretrain
from .bodies import NAMES, make_bodies

SIZE = PSTNetSize(radius=0.2, neighbours=4, join="+").narrower(8)
DATA = ClipData("people", frames=8, points=64, divisor=60.0, centre="clip")
PLAIN = PartClusters(
    backbone=SIZE, data=DATA, training=Training(1, 4), width=16, clusters=SemanticClustering(prototypes=3)
)
START = pretrain(backbone=SIZE, data=DATA, loss=replace(pretrain().loss, clusters=PLAIN.clusters))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    return make_bodies(tmp_path_factory.mktemp("data") / "people")


def measured(store, weights=None, **changes):
    recipe = replace(PLAIN, **changes)
    torch.manual_seed(recipe.seed)
    job = recipe.job(store, weights)
    return job, fit(job).curve


def slow_information(parts: list[int], clusters: list[int]) -> float:
    """Point by point, from the definition."""
    total, common, entropies = len(parts), 0.0, []
    for part in set(parts):
        for cluster in set(clusters):
            both = sum(p == part and c == cluster for p, c in zip(parts, clusters, strict=True)) / total
            apart = parts.count(part) / total * clusters.count(cluster) / total
            common += both * math.log(both / apart) if both else 0.0
    for values in (parts, clusters):
        entropies.append(-sum(values.count(v) / total * math.log(values.count(v) / total) for v in set(values)))
    return 2 * common / sum(entropies)


def test_mutual_information_is_that_of_the_definition():
    random = np.random.default_rng(0)
    parts = random.integers(0, 4, 60).tolist()
    clusters = [(part + int(random.integers(0, 3))) % 5 for part in parts]
    table = np.zeros((4, 5))
    np.add.at(table, (parts, clusters), 1)
    assert mutual_information(table) == pytest.approx(slow_information(parts, clusters), abs=1e-12)
    several = np.stack([table, np.eye(4, 5) * 7, np.ones((4, 5)), np.eye(1, 5) * np.ones((4, 1))])
    assert mutual_information(several) == pytest.approx([float(mutual_information(table)), 1, 0, 0], abs=1e-12)
    assert purity(several)[1:] == pytest.approx([1, 0.25, 0.25])


def test_k_means_finds_a_centre_a_heap_as_another_one_does():
    rows = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) + 20 * torch.eye(4, 3).repeat(50, 1)
    found = k_means(rows, 4, seed=1)
    other, _ = kmeans2(rows.numpy().astype(float), found.numpy().astype(float), minit="matrix")
    assert np.abs(other - found.numpy()).max() < 1e-4
    assert sorted(torch.cdist(rows, found).argmin(dim=1).bincount().tolist()) == [50] * 4
    assert torch.equal(found, k_means(rows, 4, seed=1))


def test_places_tell_parts_that_lie_above_each_other(bodies):
    job, curve = measured(bodies, by="places")
    assert job.scores()["nmi"] > 0.5 and curve[0]["nmi"] == job.scores()["nmi"]
    table = np.sum([np.asarray(one) for one in job.counts.values()], axis=0)
    assert table.shape == (4, 3) and table[3].sum() == 0
    pieces, superpoints = 2, 4
    assert table.sum() == len(job.test) * pieces * superpoints


def test_every_superpoint_has_the_part_of_the_point_that_it_stands_on(bodies):
    job, _ = measured(bodies, by="places")
    alone, labels = job.pieces(job.test, slice(0, 2))
    places, _ = job.superpoints(alone)
    table = np.zeros((4, 3), dtype=int)
    for piece in range(2):  # the first video's
        for place in places[piece]:
            away = (alone.xyz[piece].flatten(0, 1) - place).norm(dim=-1)
            assert away.min() < 1e-6
            which = torch.cdist(place[None], job.centres()).argmin()
            table[labels[piece, away.argmin()], which] += 1
    name = bodies.sequences[int(job.test.sequence[0])].name
    assert job.counts[name] == table.tolist()


def test_prototypes_are_asked_as_the_pre_training_asks_them(bodies):
    torch.manual_seed(0)
    module = START.job(bodies).module
    weights = module.state_dict()
    job, _ = measured(bodies, weights, init=START)
    alone, _ = job.pieces(job.test, slice(0, 2))
    places, features = job.superpoints(alone)
    module.backbone.load_state_dict(job.module.backbone.state_dict())  # with batch norm settled
    rows = torch.nn.functional.normalize(module.eval().embed(features), dim=-1)
    said = assignment_scores(rows, module.tables.target, PLAIN.clusters).argmax(dim=-1)
    assert torch.equal(job.told(places, features, None), said)
    with pytest.raises(ValueError, match="got no weights 'tables.target'"):
        PrototypeEncoder(PLAIN, {name: value for name, value in weights.items() if "tables" not in name})


def test_one_seed_gives_the_same_scores_and_another_one_others(bodies):
    scores = [measured(bodies, seed=seed)[0].scores() for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_a_record_is_read_back_and_a_recipe_as_well(bodies):
    job, _ = measured(bodies, by="features")
    found = json.loads(json.dumps(job.result()))
    last, best, outcome = PART_CLUSTERS.read(found, None, "k")
    assert best is None and found["classes"] == list(NAMES) and last.videos == len(job.test)
    for metric in ("nmi", "purity"):
        values, pool = outcome.statistics(metric, "k")
        assert pool(np.sum(list(values.values()), axis=0)) == pytest.approx(last.value(metric))
    tally = outcome.tally("k")
    assert tally.right.sum() / tally.true.sum() == pytest.approx(last.purity) and tally.said.sum() == tally.true.sum()
    known = replace(PLAIN, by="features", init=START)
    assert recipe_from_dict(recipe_dict(known)) == known


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda store: replace(PLAIN, piece_frames=3), "PartClusters.piece_frames: got 3, expected a divisor"),
        (lambda store: replace(PLAIN, init=replace(START, bank=95), width=8), "PartClusters.init: it has prototypes"),
        (lambda store: k_means(torch.ones(9, 2), 2, 0), "k-means: got 9 rows, expected at least 2 different ones"),
        (lambda store: ClusterScore(0.5, 0.5, 3, 2), "a score needs a video, found 3 of 2"),
        (lambda store: PART_CLUSTERS.read({"last": {"nmi": 1}}, None, "k"), "no result of part clusters"),
    ],
)
def test_bad_input_is_one_clear_line(bodies, make, message):
    with pytest.raises(ValueError, match=message):
        make(bodies)
