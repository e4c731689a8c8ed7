"""What the pages on C2P's method look at, and their pictures, on a small world of hands at work."""

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib.colors import to_rgb  # noqa: E402

from pointvideo.losses.c2p import C2PLoss, c2p_loss, loss_of_constant  # noqa: E402
from pointvideo.papers.c2p import inspection, loss_figures, method_figure, view_figures  # noqa: E402
from pointvideo.papers.c2p.methods import METHODS  # noqa: E402
from tests.tasks.conftest import hand_world  # noqa: E402, F401
from tests.tasks.tiny import c2p, segment_actions  # noqa: E402


@pytest.fixture
def recipe(hand_world, monkeypatch):  # noqa: F811
    for module in (inspection, view_figures):
        monkeypatch.setattr(module, "store_of", lambda name: hand_world)
    return c2p(segment_actions())


@pytest.fixture
def views(recipe) -> inspection.Views:
    return inspection.views_of(recipe, inspection.places_of(recipe, 3), seed=1)


def test_views_are_of_test_clips_and_the_partial_one_has_the_seen_points_alone(recipe, views, hand_world):  # noqa: F811
    sequences, _ = inspection.places_of(recipe, 3)
    assert set(sequences.tolist()) <= set(hand_world.indices("test").tolist())
    assert views.complete.xyz.shape == views.partial.xyz.shape == (3, 20, 32, 3)
    kept = views.clouds(views.seen)
    assert [len(cloud) for cloud in kept] == views.seen[0].sum(dim=-1).tolist()
    assert 0 < inspection.hidden(views) <= 1
    seen = {tuple(point) for point in kept[4].round(4).tolist()}
    assert {tuple(point) for point in views.partial.xyz[0, 4].numpy().round(4).tolist()} <= seen
    assert (views.random(0).sum(dim=-1) == views.seen.sum(dim=-1)).all()
    with pytest.raises(ValueError, match="action: got 'fly', expected one with a test clip"):
        inspection.places_of(recipe, 3, "fly")


def test_a_larger_tolerance_lets_more_through_and_shares_add_up(recipe, views):
    near, far = (inspection.share_seen(recipe, views, tolerance=value) for value in (None, 1e6))
    assert near.shape == (3, 20) and (near <= far).all() and near.mean() < far.mean()
    fates = view_figures.fates_of(recipe, views, same_surface=0.1)
    np.testing.assert_allclose(fates.sum(axis=0), 1)
    assert (fates >= -1e-12).all()


def test_features_before_training_are_the_recipes_own(recipe, views):
    teacher, student = inspection.features_of(recipe, views, trained=False)
    again = inspection.features_of(recipe, views, trained=False)
    np.testing.assert_array_equal(student, again[1])
    assert teacher.shape == student.shape and not np.allclose(teacher, student)


def record(recipe, last: float) -> dict:
    curve = [{"loss": 4.0}, {"loss": last}]
    return {"key": str(last), "dataset": {"source": "simulated"}, "result": {"curve": curve, "chance": 2.21}}


def test_what_was_learnt_in_a_sentence(recipe):
    teacher = np.random.default_rng(0).normal(size=(4, 9, 16))
    line = inspection.learnt_line(record(recipe, 1.234), (teacher, teacher), other=2)
    assert line.startswith(
        "simulated data, 2 epochs: loss 1.23 (chance 2.21); the student picks the right frame of its"
    )
    assert "in 100% of the cases" in line and line.endswith("(chance 11%)")
    table = inspection.match_table({"knows": (teacher, teacher)}, other=2).splitlines()
    assert table[2].startswith("| knows | 100% | 100% |") and table[3] == "| chance | 11% | 31% | 11% | 31% |"


def test_a_pre_training_that_ends_at_chance_is_said_to(recipe):
    ends = {"c2p": record(recipe, 1.0), "videomae": record(recipe, 2.2)}
    lines = inspection.end_lines({METHODS[name]: [one] for name, one in ends.items()}).splitlines()
    assert lines[0] == "- **C2P**: loss 4.00 → 1.00"
    assert lines[1].startswith("- **VideoMAE**: loss 4.00 → 2.20; NOT LEARNT: ") and "chance is 2.210" in lines[1]


def test_the_last_step_to_the_released_loss_is_the_released_loss(recipe, views):
    model = inspection.model_of(recipe, trained=False)
    teacher, student = map(torch.from_numpy, inspection.features_of(recipe, views, trained=False))
    steps = inspection.released_steps(model, teacher, student)
    losses = [loss for loss, _ in steps.values()]
    assert losses[0] == recipe.loss and losses[-1] == C2PLoss.as_released_msr() and len(set(losses)) == 5
    plain = c2p_loss(teacher, student, model.predictors, recipe.loss)
    torch.testing.assert_close(torch.stack(list(steps["paper's text"][1])), torch.stack(list(plain)).detach())
    figure = loss_figures.draw_switches(steps, teacher.shape[1], 9.0)
    bars = [bar.get_height() for bar in figure.axes[0].containers[0]]
    np.testing.assert_allclose(bars, [float(parts.total) for _, parts in steps.values()])


@pytest.mark.parametrize("loss", [C2PLoss(), C2PLoss.as_released_msr(), C2PLoss(offsets=(-2, 2))])
def test_roles_are_those_of_the_loss(loss):
    """A network that follows the roles by hand has the loss of the library: here with all similarities alike."""
    times, terms = 9, []
    for offset in loss.offsets:
        roles = loss_figures.roles_of(loss, times, offset)
        used = (roles != 3).all(axis=1)
        assert used.sum() == times - abs(offset) and ((roles[used] == 1).sum(axis=1) == 1).all()
        counts = (roles[used] == 2).sum(axis=1) + (1 if loss.positive_in_denominator else 0)
        terms.append(np.log(counts).mean())
    same = loss_figures.roles_of(loss, times, 0)
    geometry = np.log((same == 2).sum(axis=1) + (1 if loss.positive_in_denominator else 0)).mean()
    total = loss.geometry_weight * geometry + loss.time_weight * np.mean(terms)
    assert total == pytest.approx(loss_of_constant(times, loss))
    assert (loss_figures.roles_of(loss, times, 5) == 3).all()


def test_one_clips_loss_is_drawn_as_it_is_computed():
    cosines = np.random.default_rng(0).uniform(-1, 1, (9, 9))
    figure = loss_figures.draw_frame_losses(cosines, C2PLoss())
    logits = cosines / 0.07
    wanted = [np.log(sum(np.exp(logits[i, j]) for j in range(9) if abs(i - j) > 1)) - logits[i, i] for i in range(9)]
    np.testing.assert_allclose([bar.get_height() for bar in figure.axes[2].patches], wanted)
    assert figure.axes[2].texts[0].get_text().startswith("all frames alike: 1.8")


def test_the_networks_are_drawn_with_their_weights(recipe):
    model = inspection.model_of(recipe, trained=False)
    used = {"teacher": {"tube": 48, "transformer1": 0}, "student": {"tube": 48, "transformer1": 1234}}
    texts = [text.get_text() for text in loss_figures.draw_networks(model, used, 20).axes[0].texts]
    assert texts.count("point 4D convolution\n48 weights") == 2
    assert texts.count("transformer\nwithin primitives\n1,234 weights") == 1
    assert "teacher's features\n20 × 12" in texts and any(text.startswith("predictors -1, +1") for text in texts)


def test_the_method_in_one_picture_shows_the_features(recipe, views):
    sides = inspection.features_of(recipe, views, trained=False)
    figure = method_figure.draw_method(recipe, views, sides)
    strips = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert [strip.shape for strip in strips] == [(12, 20), (12, 20)]
    np.testing.assert_allclose(strips[1], (sides[1][0] - sides[1][0].mean(axis=0)).T, atol=1e-6)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert any("L_{geo}" in text for text in texts) and any("M_{-1}" in text and "M_{+1}" in text for text in texts)


def test_the_strip_says_how_much_is_kept(recipe, views):
    axes = view_figures.draw_view_strip(recipe, views, shown=4).axes
    share = views.seen[0].sum(dim=-1) / views.frames.lengths[0]
    assert axes[4].get_title(loc="center") == f"{100 * share[0]:.0f} % kept"
    assert len(axes) == 12 and axes[8].get_title(loc="center") == f"θ = {views.path[0, 0, 0]:.0f}°"


def test_the_path_and_the_fates_are_drawn(recipe, views):
    axes = view_figures.draw_path(recipe, views, others=2).axes
    theta = next(axis for axis in axes if axis.get_ylabel() == "θ, degrees")
    np.testing.assert_allclose(theta.lines[-1].get_ydata(), views.path[0, :, 0])
    fates = view_figures.draw_fates(recipe, views, inspection.places_of(recipe, 3)).axes[1]
    np.testing.assert_allclose(fates.lines[0].get_ydata(), 100 * inspection.share_seen(recipe, views).mean(axis=0))


def test_seen_points_have_their_own_colour(views):
    clouds, colours = view_figures.marked(views)
    assert [len(cloud) for cloud in clouds] == [len(shade) for shade in colours]
    assert int((colours[0] == to_rgb(view_figures.SEEN)).all(axis=1).sum()) == int(views.seen[0, 0].sum())


def test_a_camera_leaves_larger_holes_than_chance(recipe, views):
    assert view_figures.hole_share(views, views.seen) > view_figures.hole_share(views, views.random(0))
    figure = view_figures.draw_holes({"hands": views})
    assert [line.get_label() for line in figure.axes[0].lines] == ["camera", "random points"]


def test_three_rows_and_orbits(recipe, views):
    figure = view_figures.draw_three_rows(recipe, views, shown=3)
    assert len(figure.axes) == 9
    names = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert names == ["complete", "camera", "random"]
    titles = [
        axis.get_title(loc="center") for axis in view_figures.draw_orbits({"hands": recipe}, {"hands": views}).axes
    ]
    assert titles == ["hands, from above", "hands, from the side"]


def test_quick_alone_trains_longer():
    recipe = c2p(segment_actions())
    more = inspection.longer(recipe, 20, "quick")
    assert (more.training.epochs, more.training.optimiser.warmup_epochs) == (20, 2.0)
    assert inspection.longer(recipe, 20, "laptop") == recipe


def test_what_is_left_in_a_table(views):
    line = inspection.view_table({"hands": views}).splitlines()[2]
    assert line.startswith("| hands | 20 | 64 |")
