import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.papers.c2p.figures import draw_shares_beside_printed  # noqa: E402
from pointvideo.report.figures import runs, shares, style  # noqa: E402

from .made_up import (  # noqa: E402
    METHODS,
    build_table,
    made_up_row,
    made_up_segmentation,
    made_up_videos,
    reported,
)

CLASSES = [f"action {number}" for number in range(20)]


def with_labels(records: list[dict]) -> list[dict]:
    for record in records:
        record["result"]["labels"] = made_up_videos(len(record["result"]["predictions"]))
        record["result"]["curve"] = [
            {"epoch": epoch, "loss": 3 / epoch} | ({"accuracy": epoch / 10} if epoch % 2 == 0 else {})
            for epoch in range(1, 5)
        ]
    return records


def texts(figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def table_of(source: str, *names: str, right=(80, 82, 84), dataset: str = "msr_action3d"):
    records = {name: made_up_row(name, list(right), source=source, dataset=dataset) for name in names[:-1]}
    return build_table("made up", names, records)


@pytest.mark.parametrize("stays", [False, True])
def test_a_legend_gives_way_to_a_loss_that_stays_up(stays: bool):
    records = with_labels(made_up_row("pptr-scratch-24", [80, 82, 84]))
    if stays:
        for record in records:
            record["result"]["curve"] = [entry | {"loss": 3.0} for entry in record["result"]["curve"]]
    table = build_table("made up", ["pptr-scratch-24"], {"pptr-scratch-24": records})
    above, below = runs.draw_curves({"PPTr": table.rows}).axes
    assert [axes.get_legend() is not None for axes in (above, below)] == [not stays, stays]


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_printed_numbers_are_drawn_beside_recorded_runs_only(source: str):
    figure = runs.draw_accuracies(table_of(source, "pptr-scratch-24", "pptr-c2p-24", "p4transformer-scratch-24"))
    axes = figure.axes[0]
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == style.REPORTED]
    expected = [reported("Table 4", row=row, frames=24).value for row in ("PPTr", "PPTr+C2P")]
    assert crosses == (expected if source == "recorded" else [])
    means = [line.get_xdata() for line in axes.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose(np.ravel(means), [82, 82])
    assert texts(figure).count("not run") == 1


def test_curves_use_the_epochs_that_have_the_number():
    curves = [record["result"]["curve"] for record in with_labels(made_up_row("a", [50, 60]))]
    epochs, values = runs.curve_of(curves, "accuracy")
    assert epochs == [2, 4] and values.tolist() == [[0.2, 0.4]] * 2
    with pytest.raises(ValueError, match="2 runs share no epoch with 'rank'"):
        runs.curve_of(curves, "rank")
    names = ("pptr-scratch-24", "pptr-c2p-24")
    table = build_table("t", names, {names[0]: with_labels(made_up_row("b", [50]))})
    figure = runs.draw_curves({"PPTr": table.rows})
    assert "after C2P: not run" in texts(figure) and "from scratch, 1 seed" in texts(figure)
    nothing = runs.draw_curves({"PPTr": build_table("t", names, {}).rows})
    assert "after C2P: not run" in texts(nothing) and "from scratch: not run" in texts(nothing)


def test_confusion_counts_every_video_once():
    names = ("pptr-scratch-24", "pptr-c2p-24")
    records = with_labels(made_up_row("a", [70, 90]))
    table = build_table("t", names, {names[1]: records})
    matrix = runs.confusion(table.rows[1].results[0], 20)
    assert matrix.sum() == 100 and matrix.diagonal().sum() == 70
    figure = runs.draw_classes(table.rows, CLASSES, shown=names[1])
    drawn = next(line for line in figure.axes[1].lines if line.get_marker() == METHODS["c2p"].marker)
    assert np.mean(drawn.get_xdata()) == pytest.approx(80)  # five videos a class in each of two seeds
    with pytest.raises(ValueError, match="no run of 'pptr-scratch-24'"):
        runs.draw_classes(table.rows, CLASSES, shown=names[0])
    table.rows[1].results[0].outcome.labels.popitem()
    with pytest.raises(ValueError, match="different videos"):
        runs.confusion(table.rows[1].results[0], 20)


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_the_papers_curve_has_axes_of_its_own_and_never_stands_beside_simulated_runs(source: str):
    names = [f"pptr-{start}-24{end}" for end in ("-labels-10", "-labels-20", "") for start in ("scratch", "c2p")]
    figure = draw_shares_beside_printed(table_of(source, *names))
    assert len(figure.axes) == (3 if source == "recorded" else 2)
    assert f"ours: {source} msr_action3d" in texts(figure)
    curve = next(line for line in figure.axes[0].lines if line.get_label() == "after C2P")
    assert curve.get_xdata().tolist() == [10, 20]  # the last row has not been run
    gains = [line for line in figure.axes[1].lines if line.get_marker() == "s" and len(line.get_xdata())]
    assert [int(line.get_xdata()[0]) for line in gains] == [10, 20]
    assert "not run" in texts(figure)


def test_labelled_videos_are_the_filled_cells():
    figure = shares.draw_labelled({10: np.array([0, 3]), 100: np.arange(4)}, 4, [0, 2])
    assert figure.axes[0].collections[0].get_array().tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]


def action_records(*names: str, source: str = "recorded", dataset: str = "hoi4d_action", seeds: int = 2, **options):
    return {
        name: [
            made_up_segmentation(
                f"{name}{seed}", seed=seed, quality=0.5 + 0.1 * place, source=source, dataset=dataset, **options
            )
            for seed in range(seeds)
        ]
        for place, name in enumerate(names)
    }


def action_table(*names: str, source: str = "recorded", dataset: str = "hoi4d_action", **options):
    records = action_records(*names[:-1], source=source, dataset=dataset, **options)
    return build_table("made up", names, records)


@pytest.mark.parametrize("name", ["accuracy", "f1@50"])
@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_any_metric_is_drawn_with_its_own_interval_and_printed_number(name: str, source: str):
    names = ("as-pptr-scratch", "as-pptr-strl", "as-pptr-c2p", "as-pptr-videomae")
    table = action_table(*names, source=source)
    axes = runs.draw_accuracies(table, name).axes[0]
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == style.REPORTED]
    printed = [line.printed[name].value for line in table.rows[:3]]
    assert crosses == (printed if source == "recorded" else [])
    bars = [line.get_xdata() for line in axes.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2]
    wanted = [[100 * line.intervals[name].low, 100 * line.intervals[name].high] for line in table.rows[:3]]
    np.testing.assert_allclose(bars, wanted)
    assert axes.get_xlabel().startswith("frame accuracy" if name == "accuracy" else "F1@50")


@pytest.mark.parametrize(("name", "label"), [("accuracy", "test frames right, %"), ("edit", "edit score on the test")])
def test_curves_of_segmentation(name: str, label: str):
    table = action_table("as-pptr-scratch", "as-pptr-videomae", "as-pptr-strl")
    figure = runs.draw_curves({"PPTr": table.rows}, name)
    assert figure.axes[1].get_ylabel().startswith(label)
    curve = next(line for line in figure.axes[1].lines if line.get_color() == METHODS["videomae"].colour)
    last = table["as-pptr-videomae"].values(name)
    assert curve.get_ydata()[-1] == pytest.approx(100 * np.mean(last)) and curve.get_xdata().tolist() == [2, 4, 6, 8]
    assert "after STRL: not run" in texts(figure)


def test_confusion_of_frames_counts_every_frame_once():
    records = action_records("as-pptr-c2p", sequences=7)
    table = build_table("t", list(records), records)
    matrix = runs.confusion(table.rows[0].results[0], 19)
    assert matrix.sum() == 7 * 150
    assert matrix.diagonal().sum() / matrix.sum() == pytest.approx(table.rows[0].values("accuracy")[0])
    figure = runs.draw_classes(table.rows, [f"action {n}" for n in range(19)], shown="as-pptr-c2p")
    assert "frames, % of the action, after C2P, seed 0" in texts(figure)
    rows = np.zeros(19)
    for text in figure.axes[0].texts:
        rows[round(text.get_position()[1])] += int(text.get_text())
    assert all(abs(total - 100) <= 8 for total in rows)  # rounded per cent of each action


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_data_efficiency_of_three_methods(source: str):
    names = [f"as-pptr-{start}-labels-{share}" for share in (10, 40) for start in ("scratch", "videomae", "c2p")]
    figure = draw_shares_beside_printed(action_table(*names, "as-pptr-c2p-labels-80", source=source, seeds=3))
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert {"from scratch", "after VideoMAE", "after C2P"} <= labels
    assert figure.axes[0].get_ylabel() == "test frames right, %"
    for marker, face in (("s", style.PALETTE), ("D", "white")):
        found = [line for line in figure.axes[1].lines if line.get_marker() == marker and len(line.get_xdata())]
        assert [round(float(line.get_xdata()[0])) for line in found] == ([10, 40] if marker == "s" else [11, 45])
        assert face == style.PALETTE or {line.get_markerfacecolor() for line in found} == {"white"}
    assert len(figure.axes) == (3 if source == "recorded" else 2)
    if source == "recorded":
        assert len(figure.axes[2].lines) == 3
