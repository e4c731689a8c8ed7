"""Correspondence over time: found again by hand, point by point; what gives nothing away; what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones.tokens import Tokens
from pointvideo.data.clips import ClipSampler
from pointvideo.data.layout import StoreError
from pointvideo.data.simulate.animals import Animals
from pointvideo.data.simulate.building import build
from pointvideo.recipe import Training
from pointvideo.report.results import result_from_record
from pointvideo.stream import ClipData
from pointvideo.study.trainer import fit
from pointvideo.tasks.correspondence import ChanceSearch, Correspondence, PlainCorrespondence
from pointvideo.tasks.scoring.correspondence import CORRESPONDENCE

from ..pretexts.test_cross4d import SIZE
from ..study.dots import make_store

DATA = ClipData("deformingthings4d", frames=10, points=48).in_radii()
ONCE = Training(1, batch=3)
WORLD = Animals(individuals=2, repeats=1, points=96)
CHOSEN = ("m01_cat", "m04_horse", "m17_ostrich", "m16_bear")


def make_animals(path):
    few = {name: make for name, make in WORLD.recordings().items() if name.startswith(CHOSEN)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Animals, "recordings", lambda self: few)
        return build(WORLD, path, progress=False, workers=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_animals(tmp_path_factory.mktemp("data") / "animals")


def recipe(**changes) -> Correspondence:
    return Correspondence(**{"backbone": SIZE, "data": DATA, "training": ONCE, "gaps": (3, 9)} | changes)


def plain(answer: str, **changes) -> PlainCorrespondence:
    return PlainCorrespondence(**{"data": DATA, "training": ONCE, "answer": answer, "gaps": (3, 9)} | changes)


def searched(recipe, store):
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    curve = fit(job).curve
    return job, curve, job.result()


def middle(store, video: int) -> np.ndarray:
    """All points of a video's middle clip, (frames, points, 3)."""
    count, frames = int(store.frame_counts[video]), DATA.frames
    start = np.array([(count - frames) // 2])
    return ClipSampler(store, frames).load(np.array([video]), start).xyz[0].numpy()


def by_hand(xyz: np.ndarray, features: np.ndarray, gap: int, cosine: bool, tolerance: float = 0.02) -> float:
    """The share of points found again, one after the other."""
    diagonal = np.linalg.norm(xyz.reshape(-1, 3).max(axis=0) - xyz.reshape(-1, 3).min(axis=0))
    hits = []
    for t in range(len(xyz) - gap):
        for point in range(xyz.shape[1]):
            scores = []
            for other in range(xyz.shape[1]):
                one, two = features[t, point], features[t + gap, other]
                alike = one @ two / (np.linalg.norm(one) * np.linalg.norm(two)) if cosine else -((one - two) ** 2).sum()
                scores.append(alike)
            place = xyz[t + gap, int(np.argmax(scores))]
            hits.append(np.linalg.norm(place - xyz[t + gap, point]) <= tolerance * diagonal)
    return float(np.mean(hits))


def test_raw_coordinates_find_what_the_nearest_point_is(store):
    job, curve, result = searched(plain("position"), store)
    assert sorted(result["shares"]) == sorted(s.name for s in store.sequences if s.split == "test")
    for video in job.videos[:2]:
        xyz = middle(store, int(video)).astype(np.float64)
        for gap in (3, 9):
            found = result["shares"][store.sequences[int(video)].name][str(gap)]
            assert found == pytest.approx(by_hand(xyz, xyz, gap, cosine=False), abs=1e-9)
    shares = [values["3"] for values in result["shares"].values()]
    assert 0.02 < np.mean(shares) < 0.98 and curve[0]["found:3"] == pytest.approx(np.mean(shares))


def test_features_find_the_most_similar_point(store):
    job, _, result = searched(recipe(), store)
    clips = list(job.clips(job.videos[:3], job.start[:3], 0))
    for xyz, features in clips[:2]:
        found = job.found(xyz, features)
        for gap in (3, 9):
            expected = by_hand(xyz.double().numpy(), features.double().numpy(), gap, cosine=True)
            assert found[str(gap)] == pytest.approx(expected, abs=0.01)  # float32 may take another of two alike
    assert 0 <= result["last"]["found"]["9"] < 1


def test_chance_is_what_a_point_drawn_at_random_gives(store):
    job, _, result = searched(plain("chance", tolerance=0.1), store)
    xyz = torch.from_numpy(middle(store, int(job.videos[0])))
    most = 0.1 * float((xyz.amax(dim=(0, 1)) - xyz.amin(dim=(0, 1))).norm())
    torch.manual_seed(0)
    hits = []
    for t in range(3, 10):
        for _ in range(60):
            drawn = xyz[t][torch.randint(96, (96,))]
            hits.append(((drawn - xyz[t]).norm(dim=-1) <= most).double().mean())
    share = result["shares"][store.sequences[int(job.videos[0])].name]["3"]
    assert share == pytest.approx(float(torch.stack(hits).mean()), abs=0.01) and share > 1 / 96
    assert type(job) is ChanceSearch


def test_an_encoder_that_knows_the_point_finds_it_and_one_that_knows_nothing_is_as_good_as_chance(store, monkeypatch):
    """Features that say where on the skin a point lies find every point; the same feature everywhere finds what
    chance finds."""
    job = recipe().job(store)
    told = {"skin": None}

    def clips(videos, start, seed):
        frames = job.reader.load(videos, start)
        random = torch.Generator().manual_seed(0)
        for xyz in frames.xyz:
            skin = torch.randn(xyz.shape[1], 12, generator=random)
            told["skin"] = skin
            yield xyz, skin.expand(len(xyz), -1, -1)

    monkeypatch.setattr(job, "clips", clips)
    fit(job)
    assert all(value == 1 for values in job.shares.values() for value in values.values())
    monkeypatch.undo()
    same = recipe().job(store)
    monkeypatch.setattr(
        type(same), "tokens", lambda self, clip: Tokens(clip.xyz[:, :, :4], torch.ones(*clip.xyz.shape[:2], 4, 6))
    )
    fit(same)
    chance = searched(plain("chance"), store)[2]["last"]["found"]
    assert abs(same.means()["3"] - chance["3"]) < 0.03


def test_which_points_the_network_sees_does_not_say_which_is_which(store):
    """Where a frame has no more points than are asked for, the reader would keep their order in all frames."""
    job, seen = recipe(data=replace(DATA, points=96)).job(store), []
    tokens = type(job).tokens
    job.tokens = lambda clip: seen.append(clip.xyz) or tokens(job, clip)
    list(job.clips(job.videos[:2], job.start[:2], 5))
    whole = [torch.from_numpy(middle(store, int(video))) for video in job.videos[:2]]
    orders = []
    for clip, xyz in zip(seen[0], whole, strict=True):
        own = job.recipe.data.in_unit(xyz[None], xyz.mean(dim=(0, 1))[None])[0]
        orders += [torch.cdist(clip[t], own[t]).argmin(dim=1) for t in range(DATA.frames)]
    assert all(sorted(order.tolist()) == list(range(96)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == len(orders)


def test_it_starts_from_an_encoder_and_is_read_as_a_result(store):
    torch.manual_seed(5)
    weights = SIZE.build().state_dict()
    job = recipe(init=recipe()).job(store, weights)
    assert all(torch.equal(value, weights[name]) for name, value in job.module.backbone.state_dict().items())
    curve = fit(job).curve
    record = {
        "key": "k", "seed": 0, "commit": "c", "seconds": 1.0, "result": job.result() | {"curve": curve},
        "dataset": {"name": "animals", "source": "simulated"},
    }  # fmt: skip
    result = result_from_record(record, CORRESPONDENCE)
    values, pool = result.statistics("found:9")
    assert pool is None and len(values) == len(job.videos) == result.last.videos
    assert result.last.value("found:9") == pytest.approx(np.mean(list(values.values())))
    assert result.last.value("found:4") is None
    tally = result.outcome.tally("k")
    assert tally.guess == pytest.approx(1 / 96) and 0 <= tally.accuracy < 1
    with pytest.raises(ValueError, match="no share for a gap of 4"):
        result.outcome.statistics("found:4", "k")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gaps": (3, 10)}, "Correspondence.gaps: got 10, expected less than the 10 frames of a clip"),
        ({"data": replace(DATA, step=2)}, "Correspondence.data: got step 2"),
        ({"data": replace(DATA, features=("part",))}, "coordinates alone"),
        ({"gaps": ()}, "gaps"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        recipe(**change)
    if "gaps" in change and change["gaps"]:
        with pytest.raises(ValueError, match="PlainCorrespondence.gaps: got 10"):
            plain("position", **change)


def test_a_set_without_correspondence_is_refused(store, tmp_path, monkeypatch):
    dots = make_store(tmp_path / "dots")
    with pytest.raises(StoreError, match="its points are others in every frame, expected a set that follows them: ani"):
        plain("chance", data=ClipData(frames=10, short="pad")).job(dots)
    offsets = store.frame_offsets.copy()
    offsets[-1] -= 7  # the last frame loses points
    monkeypatch.setattr(store, "frame_offsets", offsets)
    with pytest.raises(StoreError, match="frames of 89 to 96 points, expected the same points in every frame"):
        plain("chance").job(store)
