"""Matching of frames, pre-training curves, camera paths around any cloud."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402

from pointvideo.recipe import Optimiser, Training  # noqa: E402
from pointvideo.report.figures import matching, orbits, pretraining  # noqa: E402

from .made_up import METHODS  # noqa: E402


def sides(clips=4, times=9, width=16):
    return np.random.default_rng(0).normal(size=(clips, times, width))


def test_a_student_that_knows_its_frames_and_one_that_knows_the_clock():
    teacher = sides()
    knows = matching.match_shares(3 * teacher, teacher, other=2, reaches=(0, 1))
    assert knows["own"] == [1.0, 1.0] and knows["another"][0] < 0.5
    clock = np.broadcast_to(np.eye(9, 16), (4, 9, 16)).copy()
    assert matching.match_shares(clock, clock, other=2)["another"] == [1.0, 1.0]
    late = matching.match_offsets(np.roll(teacher, 1, axis=1), teacher)
    assert (late[:, 1:] == 1).all() and (late[:, 0] == 8).all()
    assert (matching.match_offsets(np.roll(teacher, 1, axis=0), teacher, other=3) == 0).all()
    with pytest.raises(ValueError, match="expected the same"):
        matching.match_offsets(teacher, teacher[:, 1:])


def test_chance_is_what_guessing_gives():
    guess = np.random.default_rng(1).integers(9, size=(20_000, 9))
    off = np.abs(guess - np.arange(9))
    np.testing.assert_allclose(matching.chance_shares(9, (0, 1, 2)), [(off <= k).mean() for k in (0, 1, 2)], atol=0.01)


def test_choices_are_shares_of_each_row():
    cosines = matching.similarity(sides(), sides())
    assert np.allclose(cosines.diagonal(axis1=1, axis2=2), 1)
    shares = matching.choices(cosines, 0.07)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares.argmax(axis=1) == np.arange(9)).all()


@pytest.mark.parametrize("options", [{}, {"cosines": False, "most": 0.3}, {"centred": True}])
def test_every_matrix_has_a_panel_and_boundaries_have_lines(options):
    matrix = matching.choices(matching.similarity(sides(), sides()), 0.07)
    figure = matching.draw_matrices(
        {"before": {"a": matrix, "b": matrix}, "after": {"c": matrix}}, boundaries=[4], **options
    )
    images = [axis.images[0] for axis in figure.axes if axis.images and axis.get_title()]
    assert [image.axes.get_title() for image in images] == ["a", "b", "c"]
    assert len({image.get_clim() for image in images}) == 1
    assert options.get("most") in (None, images[0].get_clim()[1])
    wanted = matrix - matrix.mean(axis=1, keepdims=True) if options.get("centred") else matrix
    np.testing.assert_allclose(images[0].get_array(), wanted)
    assert [line.get_ydata()[0] for line in images[0].axes.lines][0] == 4.5
    with pytest.raises(ValueError, match="found none"):
        matching.draw_matrices({"before": {}})


def record(losses, rank=3.0, chance=None):
    curve = [
        {"epoch": epoch + 1, "loss": loss, "effective_rank": rank + epoch, "feature_std": 0.1}
        for epoch, loss in enumerate(losses)
    ]
    return {"result": {"curve": curve, "chance": chance}}


def test_losses_have_their_own_panels_and_probes_share_theirs():
    ours, strl, videomae = (METHODS[name] for name in ("c2p", "strl", "videomae"))
    seeds = [record([4.0, 3.0], chance=4.28), record([5.0, 4.0], chance=4.28)]
    runs = {ours: seeds, strl: [record([1.0, 0.5], 7.0)], videomae: []}
    figure = pretraining.draw_pretraining(runs)
    panels = [axis for axis in figure.axes if axis.axison]
    titles = [axis.get_title() for axis in panels]
    assert titles == ["loss, C2P", "loss, STRL", "loss, VideoMAE", *pretraining.PROBES.values()]
    np.testing.assert_allclose(panels[0].lines[0].get_ydata(), [4.5, 3.5])
    assert len(panels[0].collections) == 1 and len(panels[1].collections) == 0
    assert panels[2].texts[0].get_text() == "not run"
    np.testing.assert_allclose([line.get_ydata()[0] for line in panels[3].lines], [3.0, 7.0, 1.0])
    with pytest.raises(ValueError, match="at least one method"):
        pretraining.draw_pretraining({})


def test_chance_is_marked_where_there_is_one_and_axes_fit_the_data():
    ours = METHODS["c2p"]
    axes = pretraining.draw_pretraining({ours: [record([2.0, 1.5], chance=2.21)]}).axes
    assert axes[0].lines[1].get_ydata()[0] == 2.21 and axes[0].texts[0].get_text() == "chance 2.21"
    low, high = axes[0].get_ylim()
    assert 1.4 < low < 1.5 and 2.21 < high < 2.5
    without = pretraining.draw_pretraining({ours: [record([2.0, 1.5])]}).axes
    assert len(without[0].lines) == 1 and not without[0].texts
    assert [axis.texts[0].get_text() for axis in without[1:3]] == ["collapsed", "collapsed"]


def test_the_schedule_is_the_optimisers():
    training = Training(epochs=4, batch=8, optimiser=Optimiser(rate=0.1, warmup_epochs=1, schedule="cosine"))
    axes = pretraining.draw_schedule(training, 5).axes[0]
    rates = axes.lines[0].get_ydata()
    assert len(rates) == 20 and max(rates) == pytest.approx(0.1) and rates[0] < 1e-4 and rates[-1] < 0.01
    assert axes.get_title() == "4 epochs of 5 updates, 8 clips each"


@pytest.mark.parametrize("y", ["down", "up"])
def test_a_camera_above_is_drawn_above(y):
    cloud = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    position = np.array([[3.0, 0, 0], [0, 0, 3.0], [-3.0, 0, 0]])
    position[:, 1] = -2 if y == "down" else 2
    figure, axes = pyplot.subplots()
    camera = {"focal": 10, "width": 10, "height": 10}
    rotation = np.broadcast_to(np.eye(3), (3, 3, 3))
    orbits.draw_orbit(axes, cloud, position, rotation, view="from the side", y=y, **camera)
    dots = axes.collections[1].get_offsets()
    points = axes.collections[0].get_offsets()
    assert len(dots) == 3 and dots[:, 1].min() > points[:, 1].max()
    for wrong in ({"view": "inside"}, {"view": "from above", "y": "left"}):
        with pytest.raises(ValueError, match="expected"):
            orbits.draw_orbit(axes, cloud, position, rotation, **{"y": y, **camera, **wrong})
