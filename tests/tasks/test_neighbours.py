"""Whose a superpoint's neighbours are: counted by hand, forbidden where they must be, and by chance."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import PSTNetSize
from pointvideo.recipe import Training, stable_seed
from pointvideo.stream import ClipData
from pointvideo.study.trainer import fit
from pointvideo.tasks.neighbours import Neighbours
from pointvideo.tasks.point_probe import PlaceSize
from pointvideo.tasks.scoring.neighbours import NEIGHBOURS, NeighbourScore

from ..study.dots import make_store

SIZE = PSTNetSize(radius=0.2, neighbours=4, join="+").narrower(8)
PLAIN = Neighbours(
    backbone=SIZE, data=ClipData(frames=12, points=64), training=Training(1, 4), superpoints=4, bank=24, neighbours=2
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def searched(store, **changes):
    recipe = replace(PLAIN, **changes)
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    return job, fit(job).curve


def test_shares_are_counted_by_hand(store):
    """Eight training videos: four actions by two subjects, four superpoints each."""
    job, _ = searched(store)
    features = torch.randn(8, 4, 5)
    found = job.counted(features)
    rows = torch.nn.functional.normalize(features, dim=-1).flatten(0, 1)
    random = torch.Generator().manual_seed(stable_seed(0, 0xBA4C))
    entries = torch.randperm(32, generator=random)[:24].tolist()
    sequences = [store.sequences[video] for video in job.videos.tolist()]
    for video in range(8):
        hits = {"action": 0, "subject": 0, "video": 0}
        for point in range(4 * video, 4 * video + 4):
            others = [entry for entry in entries if entry // 4 != video]
            nearest = sorted(others, key=lambda entry: -float(rows[point] @ rows[entry]))[:2]
            for entry in nearest:
                hits["action"] += sequences[entry // 4].label == sequences[video].label
                hits["subject"] += sequences[entry // 4].subject == sequences[video].subject
        assert found[video] == pytest.approx({name: count / 8 for name, count in hits.items()})


def test_any_entry_is_what_the_bank_holds(store):
    job, _ = searched(store, chosen="any", bank=32)
    # of 28 entries of other videos 4 are of the action's other subject, 12 of the subject's other actions
    assert all(
        values == pytest.approx({"action": 4 / 28, "subject": 12 / 28, "video": 0.0}) for values in job.shares.values()
    )
    job, _ = searched(store, chosen="any", bank=32, own_video=True)
    expected = {"action": 8 / 32, "subject": 16 / 32, "video": 4 / 32}
    assert all(values == pytest.approx(expected) for values in job.shares.values())


def test_the_own_video_is_never_a_neighbour_unless_allowed_and_then_nearly_always(store):
    assert searched(store)[0].means()["video"] == 0
    job, curve = searched(store, own_video=True, bank=32, neighbours=1)
    assert job.means()["video"] == 1.0 == curve[0]["same:video"]  # itself
    assert searched(store, neighbours=1)[0].means()["action"] < 1


def test_it_sees_the_last_piece_alone(store):
    job, _ = searched(store)
    clips = job.clips()
    assert [clip.xyz.shape for clip in clips] == [(4, 4, 64, 3)] * 2
    whole = job.reader.clip(job.videos[:4], job.start[:4], stable_seed(0, 0x7E57, 0))
    assert torch.equal(clips[0].xyz, whole.xyz[:, -4:])


def test_hand_made_features_give_as_many_superpoints_as_asked(store):
    job, _ = searched(store, backbone=PlaceSize(), standardised=True, superpoints=5)
    assert job.superpoints(job.clips()[0]).shape == (4, 5, 3)
    assert len(job.shares) == 8


def test_a_record_is_read_back(store):
    job, _ = searched(store)
    last, best, outcome = NEIGHBOURS.read(job.result(), None, "k")
    assert best is None and last.value("same:action") == job.means()["action"]
    values, pool = outcome.statistics("same:subject", "k")
    assert pool is None and np.mean(list(values.values())) == pytest.approx(job.means()["subject"])
    tally = outcome.tally("k")
    assert tally.true.tolist() == [8] and tally.right[0] == round(8 * job.means()["action"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda store: replace(PLAIN, piece_frames=5), "Neighbours.piece_frames: got 5, expected a divisor"),
        (lambda store: searched(store, bank=33), "Neighbours.bank: got 33 entries, expected at most the 32"),
        (lambda store: NeighbourScore({"action": 0.5}, 1, 1), "found action, 1 of 1"),
        (
            lambda store: NEIGHBOURS.read({"last": {"accuracy": 1}}, None, "k"),
            "no result of neighbours; expected 'same'",
        ),
    ],
)
def test_bad_input_is_one_clear_line(store, make, message):
    with pytest.raises(ValueError, match=message):
        make(store)
