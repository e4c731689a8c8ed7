"""What CrossVideo's pages look at, and their pictures, on dots in colour and on hands at work."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.data.images import IMAGES  # noqa: E402
from pointvideo.data.simulate.building import build  # noqa: E402
from pointvideo.data.simulate.hand_object_rgb import HandObjectRGB  # noqa: E402
from pointvideo.losses.crossvideo import CrossVideoLoss, Projected, crossvideo_loss  # noqa: E402
from pointvideo.papers.crossvideo import figures, inspection, similarity_figures, view_figures  # noqa: E402
from pointvideo.papers.crossvideo.method_figure import draw_method  # noqa: E402
from pointvideo.report.figures.style import panels, small_texts, use_style  # noqa: E402

from ..pretexts.coloured_dots import make_coloured  # noqa: E402
from ..pretexts.test_crossvideo import recipe  # noqa: E402

RECIPE = recipe()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    return make_coloured(place / "coloured", place / "plain")


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    return build(HandObjectRGB(sequences=2, frames=60, points=64), tmp_path_factory.mktemp("hands") / "store")


@pytest.fixture(autouse=True)
def at_hand(store, monkeypatch):
    monkeypatch.setattr(inspection, "store_of", lambda name: store)
    use_style()


@pytest.fixture
def job(at_hand):
    return inspection.job_of(RECIPE, trained=False)


@pytest.fixture
def look(job):
    batch = inspection.batch_of(job, inspection.places_of(RECIPE, 4), seed=3)
    return batch, inspection.passed(job.module, batch)


def drawn(figure) -> None:
    assert small_texts(figure) == []
    matplotlib.pyplot.close(figure)


def test_chosen_clips_are_made_as_the_job_makes_its_own(job, monkeypatch):
    video, start, seed = job.stream.draw(0, 1)
    expected, found = job.batch(0, 1), inspection.batch_of(job, (video, start), seed)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(getattr(one, "xyz", one), getattr(other, "xyz", other), rtol=0, atol=0)
    tests = set(np.unique(RECIPE.data.clips(job.stream.store, "test").sequence).tolist())
    assert set(inspection.places_of(RECIPE, 3)[0].tolist()) <= tests
    with pytest.raises(ValueError, match=rf"count: got 99, expected 1 to {len(tests)}, the test sequences"):
        inspection.places_of(RECIPE, 99)


@pytest.mark.parametrize("loss", [CrossVideoLoss(), *similarity_figures.READINGS.values()])
def test_what_is_shown_is_what_the_loss_compares(look, loss):
    """From cosines, positives and negatives alone each term comes out again."""
    _, sides = look
    loss = replace(loss, margin=min(loss.margin, 1))
    terms, shown = crossvideo_loss(*sides[:3], loss).terms, inspection.compared(sides, loss)
    assert set(shown) == set(terms) == set(inspection.TERMS)
    for name, table in shown.items():
        assert (table.positive.sum(dim=1) == 1).all() and not (table.positive & table.negative).any()
        logits = table.cosine / loss.temperature
        counted = logits.masked_fill(~(table.positive | table.negative), -torch.inf)
        expected = (counted.logsumexp(dim=1) - logits[table.positive]).mean()
        assert float(expected) == pytest.approx(float(terms[name].mean()), rel=1e-4), name
        best = counted.argmax(dim=1) == table.positive.int().argmax(dim=1)
        assert table.found == pytest.approx(float(best.float().mean()))
        few = table.of(2)
        assert few.cosine.shape == (2 * table.rows, 4 * table.rows)
        torch.testing.assert_close(few.cosine[few.positive], table.cosine[table.positive][: 2 * table.rows])
        thin = table.of(3, 2)
        own = table.cosine[table.positive].view(-1, table.rows)[:3, ::2]
        torch.testing.assert_close(thin.cosine[thin.positive].view(own.shape), own)


def test_what_is_found_is_told_from_what_a_clock_would_find():
    numbers = tuple(range(6))
    clock = Projected(torch.eye(6).expand(3, 6, 6), numbers)
    own = Projected(torch.eye(18).reshape(3, 6, 18), numbers)
    assert inspection.frames_found(own, own) == 1.0 and inspection.frames_found(clock, clock, shift=1) == 1.0
    assert inspection.frames_found(own, own, shift=1) < 0.5 and inspection.videos_found(own, own) == 1.0
    late = clock._replace(features=clock.features.roll(1, dims=1))
    assert inspection.frames_found(clock, late) == 0.0 and inspection.frames_found(
        clock, late, reach=1
    ) == pytest.approx(5 / 6)
    assert inspection.chance_found(6) == pytest.approx(1 / 6) and inspection.chance_found(6, 1) == pytest.approx(
        16 / 36
    )
    sides = inspection.Sides(clock, clock, None, None)
    table = inspection.found_table({"clock": sides, "own": inspection.Sides(own, own, own, None)}, shift=1, reach=0)
    lines = [line.split("|")[1:-1] for line in table.splitlines()]
    assert [cell.strip() for cell in lines[2]] == ["clock", "100%", "100%", "33%", "–", "–", "–"]
    assert [cell.strip() for cell in lines[-1]] == ["chance", "17%", "17%", "33%", "17%", "17%", "33%"]


def test_looking_changes_nothing_of_the_module(job, look):
    batch, sides = look
    before = deepcopy(job.module.state_dict())
    inspection.passed(job.module, batch)
    losses = inspection.learnt_by_heart(job.module, batch, steps=12)
    assert losses[-1] < 0.8 * losses[0]
    idle = inspection.without_gradient(job.module, batch)
    assert idle and all("transformer.blocks.0.attention" in name for name in idle)
    assert all(torch.equal(value, before[name]) for name, value in job.module.state_dict().items())


def test_what_holds_of_the_loss_and_not_of_another(look, monkeypatch):
    _, sides = look
    assert all(inspection.statements(sides, RECIPE.loss).values())

    def first_alone(first, second, images, loss):
        parts = crossvideo_loss(first, second, images, loss)
        return parts._replace(terms={name: term.roll(1) for name, term in parts.terms.items()})

    monkeypatch.setattr(inspection, "crossvideo_loss", first_alone)
    assert not all(inspection.statements(sides, RECIPE.loss).values())


def test_every_arm_is_asked_about_its_own_images(job, monkeypatch):
    recipes = {"right": RECIPE, "others": replace(RECIPE, partner="other_images"),
               "none": replace(RECIPE, loss=CrossVideoLoss(cross=False))}  # fmt: skip
    places = inspection.places_of(RECIPE, 3)
    sides = inspection.sides_of(recipes, places, trained=False)
    assert sides["none"].images is None
    torch.testing.assert_close(sides["right"].images.features, sides["others"].images.features)
    shown = inspection.clips_shown({name: recipes[name] for name in ("right", "others")}, places)
    assert not torch.equal(shown["right"], shown["others"])


def test_the_end_of_a_pre_training_in_one_line():
    result = {"curve": [{"loss": 3.0}, {"loss": 2.0}], "chance": 2.5, "clock": 1.25}
    said = inspection.end_line({"result": result, "dataset": {"source": "simulated"}})
    assert said == "simulated data, 2 epochs: loss 3.00 to 2.00 (all alike 2.50, frame number 1.25)"


def test_pictures_of_the_method_have_no_small_text(look):
    batch, sides = look
    states = {"before": inspection.compared(sides, RECIPE.loss), "after": inspection.compared(sides, RECIPE.loss)}
    drawn(draw_method(batch, sides, every=2, shown=3))
    for level in ("video", "frame"):
        drawn(similarity_figures.draw_similarities(states, level, videos=2))
    with pytest.raises(ValueError, match="level: got 'clip', expected 'video' or 'frame'"):
        similarity_figures.draw_similarities(states, "clip")
    drawn(similarity_figures.draw_floors({"alike": 3.0}, {"a": 2.0, "b": 1.0}, {"a": "#000000", "b": "#ffffff"}))


def test_roles_are_drawn_as_the_loss_has_them():
    figure = similarity_figures.draw_roles(videos=2, frames=5)
    images = [axes.images[0].get_array() for axes in figure.axes]
    green, red = (np.array(matplotlib.colors.to_rgb(shade))
                  for shade in (similarity_figures.ATTRACTS, similarity_figures.REPELS))  # fmt: skip
    greens, reds = ([int(np.isclose(image, shade).all(axis=-1).sum()) for image in images] for shade in (green, red))
    assert greens == [10] * 4
    assert reds == [10 * 2 * 9, 10 * 2 * 5, 10 * 2 * 4, 2 * 2 * (10 * 10 // 2 - (5 * 5 - 2))]
    drawn(figure)


def test_pictures_of_what_is_shown(look, job):
    (first, second, images), _ = look
    drawn(view_figures.draw_triple(first, second, images, every=2, shown=4))
    drawn(view_figures.draw_partners(first, {"images": images, "points": first, "number": None}, frames=3))
    with pytest.raises(ValueError, match="at least one row"):
        view_figures.draw_partners(first, {})
    assert view_figures.moments(9, 3, 2) == [0, 4, 8]


def test_points_have_the_colour_of_their_pixel(hands):
    points, colours = view_figures.colours_from_image(hands, 0, 10)
    image, camera = np.asarray(hands.frame_field(IMAGES, 0)[10]), hands.camera
    assert points.shape == colours.shape == (64, 3)
    for (u, v, _), colour in zip(np.asarray(hands.field("pixels", 0, 10)), colours, strict=True):
        row, column = int(v * image.shape[0] // camera.height), int(u * image.shape[1] // camera.width)
        assert np.allclose(image[row, column] / 255, colour)
    drawn(view_figures.draw_coloured(hands, 0, [5, 30]))


def test_the_longest_run_of_an_action_is_found(hands):
    names = hands.names("action")
    shown = {int(value) for video in range(2) for value in hands.frame_field("action", video)}
    action = names[min(shown)]
    video, first, last = view_figures.longest_of(hands, action)
    labels = np.asarray(hands.frame_field("action", video))
    assert (labels[first : last + 1] == names.index(action)).all()
    assert first == 0 or labels[first - 1] != names.index(action)
    missing = next(name for number, name in enumerate(names) if number not in shown)
    with pytest.raises(ValueError, match=f"no sequence of {hands.name} shows '{missing}'"):
        view_figures.longest_of(hands, missing)
    with pytest.raises(ValueError, match="action: got 'fly', expected one of rest"):
        view_figures.longest_of(hands, "fly")
    drawn(view_figures.draw_pairs(hands, [action], shown=3))


@pytest.mark.parametrize("draw", ["actions", "miou", "images", "fusion", "shares", "losses"])
def test_printed_tables_are_drawn(draw):
    figure, axes = panels(1, ratio=0.5)
    getattr(figures, f"draw_printed_{draw}")(axes)
    assert axes.get_title(loc="left").startswith("printed: CrossVideo, ")
    drawn(figure)


def test_what_is_left_without_a_part_is_drawn():
    figure, axes = panels(1)
    figures.draw_printed_losses(axes)
    left = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert left == pytest.approx([83.7, 80.1, 81.7, 82.3, 80.9])
    levels = [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    assert levels == pytest.approx([77.4, 81.1])
    matplotlib.pyplot.close(figure)
