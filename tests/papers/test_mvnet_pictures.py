"""What MVNet's explanatory pages look at, and their pictures, on dots that move and on simulated objects."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.data.simulate.building import build  # noqa: E402
from pointvideo.data.simulate.object_clouds import Objects  # noqa: E402
from pointvideo.papers.mvnet import inspection, view_figures  # noqa: E402
from pointvideo.report.figures.style import small_texts, use_style  # noqa: E402
from pointvideo.teachers.ring import Cameras  # noqa: E402

from ..pretexts.test_mvnet import PROJECTION, recipe  # noqa: E402

DATA = {"dataset": "objects", "points": 128, "divisor": 0.56}
FORMS = ("nothing", "head", "input")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTVIDEO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return build(Objects(train=2, test=1, points=128), tmp_path_factory.mktemp("data") / "objects", progress=False)


@pytest.fixture(scope="module")
def plain():
    found = recipe(projection=replace(PROJECTION, cameras=Cameras(poses=4, down="-y"), within=180.0))
    return replace(found, data=replace(found.data, **DATA))


@pytest.fixture(scope="module")
def look(plain, store):
    return inspection.look_at(plain, store, 3, (0, 1), trained=False)


@pytest.fixture(autouse=True)
def style():
    use_style()


def saved(figure, tmp_path):
    """Drawn without a warning, with no text too small."""
    figure.savefig(tmp_path / "figure.png")
    assert small_texts(figure) == []
    matplotlib.pyplot.close(figure)


def test_the_steps_are_those_of_the_job(plain, look):
    """Both losses of a batch that is this cloud in these views."""
    job, targets = look.job, look.job.targets
    assert look.maps.shape == (2, 81, 7) and look.images.shape == (2, 36, 36) and look.match.shape == (2, 81)
    slot = torch.where(look.shown, torch.arange(81).expand(2, 81), -1)[None]
    answers = job.module.head(look.maps)
    assert torch.equal(answers, look.heads)
    job.module.eval()
    found = job._consistency(look.maps[None], slot >= 0, look.match[None])
    assert float(found.loss) == pytest.approx(float(look.consistency().loss), abs=1e-6)
    levels, _ = job._transfer(look.maps[None], slot >= 0, tuple(target[None] for target, _, _ in look.levels))
    assert levels.tolist() == pytest.approx(look.transfer(), abs=1e-6)
    assert all(constant > 0 for constant in look.transfer_constant()) and len(targets.maps) == 2


def test_the_soft_arg_max_is_the_loss_s(look):
    one = ((look.match[0] >= 0) & look.shown[1][look.match[0].clamp(min=0)] & look.shown[0]).nonzero()[:, 0]
    two = ((look.match[1] >= 0) & look.shown[0][look.match[1].clamp(min=0)] & look.shown[1]).nonzero()[:, 0]
    apart = []
    for view, pixels in ((0, one), (1, two)):
        goal = look.match[view, pixels]
        truth = (torch.stack([goal // 9, goal % 9], dim=-1) + 0.5) / 9
        apart.append((look.answer[view, pixels] - truth).abs().sum(dim=-1))
    assert float(torch.cat(apart).mean()) == pytest.approx(float(look.consistency().loss), abs=1e-5)


def test_a_video_that_is_tested_is_refused(plain, store):
    with pytest.raises(ValueError, match="video: got 2, expected one of the 26 that are trained on"):
        inspection.look_at(plain, store, 2, (0, 1), trained=False)


def test_the_trap_shows(plain, store):
    found = inspection.found_untrained(plain, store, FORMS)
    assert found["nothing"] > 0.7 and max(found["head"], found["input"]) < 0.4, found


def test_pictures_of_one_cloud(look, tmp_path):
    saved(view_figures.draw_method(look), tmp_path)
    saved(view_figures.draw_correspondence(look), tmp_path)
    saved(view_figures.draw_trap({"nothing": 1.0, "head": 0.2, "input": 0.1}, 0.02), tmp_path)


def test_pictures_of_objects(plain, store, tmp_path, monkeypatch):
    torch.manual_seed(1)
    monkeypatch.setattr(
        inspection, "pretrained_weights", lambda recipe, part: recipe.job(store).module.state_dict()
    )  # what a pre-training would leave
    clouds, features = inspection.features_of({"trained": plain}, store, [0, 3])
    assert list(features) == ["untrained", "trained"] and features["trained"][1].shape == (128, 7)
    saved(view_figures.draw_features(clouds, features, ["chair", "table"]), tmp_path)
    saved(view_figures.draw_parts(store, range(4)), tmp_path)
