"""MVNet's rows on rooms: what an arm and a missing colour change, what is shared, and which claims stand on them."""

from dataclasses import fields, replace

import pytest

from pointvideo import papers
from pointvideo.papers.mvnet import detection, rooms
from pointvideo.papers.mvnet.methods import ARMS
from pointvideo.report.claims import claims
from pointvideo.study.profiles import PROFILES
from pointvideo.tasks.scoring.detection import DETECTION
from pointvideo.tasks.scoring.room_segmentation import ROOM_SEGMENTATION
from pointvideo.teachers.contract import Teacher

PAPER = papers.get("mvnet")


def differing(one, other) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}


@pytest.mark.parametrize("make", [rooms.segment, detection.detect])
def test_a_start_differs_in_its_pre_training_alone(make):
    scratch = make("laptop", "scratch", 2)
    for name in ("transfer", "both", "untrained-teacher"):
        started = make("laptop", name, 2)
        assert differing(scratch, started) == {"init", "transfer"} and started.transfer == "encoder"
        assert started.init == rooms.pretrain("laptop", name, 2) and started.init.backbone == scratch.backbone
    plain = rooms.pretrain("laptop", "both")
    assert differing(plain, rooms.pretrain("laptop", "transfer")) == {"loss"}
    assert differing(plain, rooms.pretrain("laptop", "untrained-teacher")) == {"teachers"}


def test_without_colours_the_network_is_given_coordinates_alone_and_the_teacher_the_same():
    for make in (rooms.segment, detection.detect):
        with_them, without = make("laptop", "both", 0, True), make("laptop", "both", 0, False)
        assert differing(with_them, without) == {"backbone", "data", "init"}
        assert differing(with_them.init, without.init) == {"backbone", "data"}
        assert (without.backbone.inputs, without.data.features) == (0, ())
        assert replace(without.backbone, inputs=3) == with_them.backbone


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_has_rows_with_baselines_above(profile):
    tables = PAPER.tables(profile)
    assert [row.id for row in tables["rooms"]] == [
        "rooms-majority", "rooms-prior", "rooms-linear", "rooms-untrained", "rooms-scratch", "rooms-transfer",
        "rooms-both", "rooms-untrained-teacher", "rooms-scratch-bare", "rooms-both-bare",
    ]  # fmt: skip
    assert [row.id for row in tables["boxes"]][:2] == ["boxes-clusters-extent", "boxes-clusters-mean"]
    assert {row.task for row in tables["rooms"]} == {ROOM_SEGMENTATION}
    assert {row.task for row in tables["boxes"]} == {DETECTION}
    for recipe in (rooms.pretrain(profile, "both"), rooms.pretrain(profile, "transfer")):
        assert all(isinstance(each, Teacher) for each in recipe.teachers)
        assert recipe.projection.overlap == 0.3 and recipe.data.points >= recipe.backbone.fewest
    assert detection.detect(profile).data == rooms.segment(profile).data


def test_claims_on_rooms_have_rows_with_three_seeds_each():
    rows = PAPER.rows("laptop")
    known = {claim.id: claim for claim in claims(PAPER) if claim.id.startswith(("rooms", "boxes"))}
    assert len(known) == 8 and not any(claim.confirmatory for claim in known.values())
    for claim in known.values():
        assert all([recipe.seed for recipe in rows[name].recipes] == [0, 1, 2] for name in claim.rows), claim.id
    assert known["rooms-colour"].rows == {
        "rooms-both": 1, "rooms-scratch": -1, "rooms-both-bare": -1, "rooms-scratch-bare": 1,
    }  # fmt: skip
    assert ARMS["untrained-teacher"].control and rows["boxes-untrained-teacher"].control
