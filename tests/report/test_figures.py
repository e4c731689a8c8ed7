"""Every kind of figure that the report can draw, as it is saved: its width, its text, its strips, its axes."""

import inspect
import io
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
Image = pytest.importorskip("PIL.Image")

from pointvideo.report import figures  # noqa: E402
from pointvideo.report.figures import forest, png, runs, style  # noqa: E402
from pointvideo.report.stamps import Stamp, read_stamp, save_figure  # noqa: E402

from . import gallery  # noqa: E402
from .made_up import METHODS, build_table, made_up_semantic  # noqa: E402

STAMP = Stamp("simulated", "people", "c0ffee1", keys=("abcdef12",), seeds=(0, 1))
# drawn by one of the others, or of a store that has to be simulated first
WITHIN = {
    "draw_normals": "draw_cloud",
    "draw_drives": "draw_label_film",
    "draw_three_views": "draw_clip",
    "draw_labelled_shares": "draw_labelled",
    "draw_class_marks": "draw_printed_classes",
    "draw_lengths": "draw_printed_accuracies",
    "draw_measures": "draw_printed_actions",
    "draw_values": "draw_printed_miou",
}


@pytest.mark.parametrize("name", gallery.FIGURES)
def test_a_figure_is_as_wide_as_all_its_text_can_be_read_and_its_stamp_stays(name: str, tmp_path: Path):
    style.use_style()
    figure = gallery.FIGURES[name]()
    path = save_figure(figure, tmp_path / "a.png", STAMP)  # refuses small text
    picture = Image.open(path)
    assert picture.width == style.PAGE * style.SAVED and picture.mode == "P" and read_stamp(path) == STAMP
    strips = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() == "SIMULATED"]
    drawn = [axes for axes in figure.axes if axes.has_data() and axes.get_label() != "<colorbar>"]
    if name in gallery.EXPLAINING:
        assert strips == [] and "SIMULATED" not in figure.texts[-1].get_text()
    elif all(axes.axison for axes in drawn):
        assert sorted(id(text.axes) for text in strips) == sorted(id(axes) for axes in drawn)
    else:
        assert len(strips) == 1 and strips[0].axes is None
    _apart(figure)


def _apart(figure) -> None:
    """No legend of the figure, strip or caption lies over a panel or over another of them."""
    with png._at_rest(figure):
        renderer = figure.canvas.get_renderer()
        beside = [legend.get_window_extent(renderer) for legend in figure.legends]
        beside += [text.get_window_extent(renderer) for text in figure.texts if text.get_text().strip()]
        panels = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.axison]
    for place, box in enumerate(beside):
        for other in [*beside[place + 1 :], *panels]:
            width = min(box.x1, other.x1) - max(box.x0, other.x0)
            height = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(width, height) <= 1, f"{box} lies over {other}"


def test_every_drawing_is_in_the_gallery():
    """Or has a test of its own; text too small to be read is refused wherever a figure is saved."""
    made = "".join(file.read_text("utf-8") for file in Path(gallery.__file__).parents[1].rglob("*.py"))
    modules = [f"pointvideo.report.figures.{module.name}" for module in iter_modules(figures.__path__)]
    for module in map(import_module, [*modules, "pointvideo.papers.c2p.figures"]):
        own = [
            name for name, what in inspect.getmembers(module, inspect.isfunction) if what.__module__ == module.__name__
        ]
        for name in own:
            if name.startswith("draw_"):
                assert WITHIN.get(name, name) in made or name in {
                    "draw_shares",
                    "draw_gains",
                    "draw_class_precisions",
                }, name


def test_small_text_is_refused():
    figure, axes = style.panels(1)
    axes.text(0.5, 0.5, "fine print", fontsize=7.5)
    with pytest.raises(ValueError, match="'fine print': 7.5 pt"):
        png.figure_png(figure)


def test_a_palette_hardly_changes_a_picture_and_keeps_rare_colours():
    figure, axes = style.panels(1, ratio=0.4)
    axes.imshow(np.linspace(0, 1, 4000).reshape(50, 80), cmap="viridis", aspect="auto")
    axes.plot(40, 25, "o", color="#ff00ff", markersize=3)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=style.SAVED)
    small = png.small_png(stream.getvalue())
    before, after = (
        np.asarray(Image.open(io.BytesIO(made)).convert("RGB"), int) for made in (stream.getvalue(), small)
    )
    assert np.abs(before - after).max() <= png.OFF and np.abs(before - after).mean() < 3
    assert len(small) < 0.6 * len(stream.getvalue())


@pytest.mark.parametrize(("along", "values"), [("y", [81.0, 89.5]), ("x", [[0.0, 3.0]]), ("x", [[99.0, 100.0]])])
def test_an_axis_fits_what_it_shows_and_ends_where_the_quantity_does(along: str, values: list):
    _, axes = style.panels(1)
    style.fit(axes, [values], along=along)
    low, high = getattr(axes, f"get_{along}lim")()
    seen = np.ravel(values)
    assert low < seen.min() and high > seen.max() and high - low < 1.4 * max(np.ptp(seen), 2)
    assert low > -0.2 and high < 100.2


def test_chance_is_a_line_where_it_is_near_and_words_where_it_is_far():
    _, axes = style.panels(1)
    levels = {"chance": (5.0, "black"), "labels alone": (70.0, "black")}
    lines = style.fit(axes, [[80.0, 90.0]], levels=levels)
    assert list(lines) == ["labels alone"] and lines["labels alone"].get_ydata()[0] == 70
    assert axes.get_ylim()[0] < 70 and axes.get_ylim()[0] > 60
    assert [text.get_text() for text in axes.texts] == ["↓ chance: 5.0"]


def test_a_forest_has_at_most_thirty_lines_a_panel_with_the_axis_on_both_sides():
    found = gallery.findings("simulated")
    figure = forest.draw_findings(found)
    counts = [len(axes.get_yticks()) for axes in figure.axes]
    assert sum(counts) == len(found) and max(counts) <= 30 and max(counts) - min(counts) <= 1
    style.mark_simulated(figure)
    for axes in figure.axes:
        tick = axes.xaxis.get_major_ticks()[0]
        assert tick.label1.get_visible() and tick.label2.get_visible()
        assert [text.get_text() for text in axes.texts].count("SIMULATED") == 1


def test_an_interval_of_a_share_stays_a_share():
    name = "synthia-p4transformer-scratch-3"
    made = [made_up_semantic(f"a{seed}", seed=seed, quality=0.01, sequences=3) for seed in range(2)]
    line = build_table("t", [name], {name: made}).rows[0]
    intervals = [interval for interval in line.intervals.values() if interval is not None]
    assert min(interval.low for interval in intervals) == 0.0 and max(interval.high for interval in intervals) <= 1.0
    axes = runs.draw_accuracies(build_table("t", [name], {name: made})).axes[0]
    assert min(line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2) >= 0


def test_colours_of_methods_can_be_told_apart_without_red_and_green():
    """Either by colour as someone with deuteranopia sees it (Machado, Oliveira and Fernandes, 2009), or by shape."""
    sees = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]])
    linear = {name: sees @ _linear(matplotlib.colors.to_rgb(method.colour)) for name, method in METHODS.items()}
    starts = ("scratch", "strl", "videomae", "c2p")
    for place, first in enumerate(starts):
        for second in starts[place + 1 :]:
            assert np.abs(linear[first] - linear[second]).max() > 0.08, (first, second)
    assert len({method.marker for method in METHODS.values()}) == len(METHODS)


def _linear(shade) -> np.ndarray:
    shade = np.array(shade)
    return np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)


def test_a_panel_of_recorded_data_has_no_strip_among_simulated_ones():
    figure, axes = style.panels(2, ratio=0.8)
    for axis in axes:
        axis.plot([0, 1])
    style.recorded(axes[0])
    style.mark_simulated(figure)
    assert [[text.get_text() for text in axis.texts] for axis in axes] == [[], ["SIMULATED"]]
    assert style.shows_data(figure)


def test_a_strip_is_drawn_above_the_title_and_only_once():
    figure, axes = style.panels(2, ratio=0.8)
    for axis in axes:
        axis.plot([0, 1])
        axis.set_title("two\nlines")
    for _ in range(2):
        style.mark_simulated(figure)
    figure.draw_without_rendering()
    for axis in axes:
        (strip,) = [text for text in axis.texts if text.get_text() == "SIMULATED"]
        assert strip.get_window_extent().y0 > axis.title.get_window_extent().y1
