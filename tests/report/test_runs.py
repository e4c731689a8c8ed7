import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402

from pointvideo.report import printed, runs, shares, style  # noqa: E402
from pointvideo.report.reported import reported  # noqa: E402
from pointvideo.report.tables import build_table  # noqa: E402

from .made_up import made_up_row, made_up_videos  # noqa: E402

CLASSES = [f"action {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


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
    return build_table("made up", names, records, resamples=200)


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_printed_numbers_are_drawn_beside_recorded_runs_only(source: str):
    figure = runs.draw_accuracies(table_of(source, "pptr-scratch-24", "pptr-c2p-24", "p4transformer-scratch-24"))
    axes = figure.axes[0]
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == style.MARKERS["reported"]]
    expected = [reported("c2p", "Table 4", row=row, frames=24).value for row in ("PPTr", "PPTr+C2P")]
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
    figure = runs.draw_curves({"PPTr": {"scratch": with_labels(made_up_row("b", [50])), "C2P": []}})
    assert "after C2P: not run" in texts(figure) and "from scratch, 1 seed" in texts(figure)


def test_confusion_counts_every_video_once():
    records = with_labels(made_up_row("a", [70, 90]))
    matrix = runs.confusion(records[0], 20)
    assert matrix.sum() == 100 and matrix.diagonal().sum() == 70
    figure = runs.draw_classes({"scratch": [], "C2P": records}, CLASSES, shown="C2P")
    drawn = next(line for line in figure.axes[1].lines if line.get_marker() == style.MARKERS["C2P"])
    assert np.mean(drawn.get_xdata()) == pytest.approx(80)  # five videos a class in each of two seeds
    with pytest.raises(ValueError, match="no record of 'scratch'"):
        runs.draw_classes({"scratch": [], "C2P": records}, CLASSES, shown="scratch")
    records[0]["result"]["labels"].popitem()
    with pytest.raises(ValueError, match="different videos"):
        runs.confusion(records[0], 20)


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_the_papers_curve_has_axes_of_its_own_and_never_stands_beside_simulated_runs(source: str):
    names = [f"pptr-{start}-24{end}" for end in ("-labels-10", "-labels-20", "") for start in ("scratch", "c2p")]
    figure = shares.draw_data_efficiency(table_of(source, *names))
    assert len(figure.axes) == (3 if source == "recorded" else 2)
    assert f"ours: {source} msr_action3d" in texts(figure)
    curve = next(line for line in figure.axes[0].lines if line.get_label() == "after C2P")
    assert curve.get_xdata().tolist() == [10, 20]  # the last row has not been run
    gains = [line for line in figure.axes[1].lines if line.get_marker() == "s" and len(line.get_xdata())]
    assert [int(line.get_xdata()[0]) for line in gains] == [10, 20]
    assert "not run" in texts(figure)


def test_rows_know_their_method_and_share():
    found = [(runs.method_of(name), shares.percent_of(name)) for name in ("pptr-c2p-24", "pptr-scratch-24-labels-40")]
    assert found == [("C2P", 100), ("scratch", 40)]


def test_labelled_videos_are_the_filled_cells():
    figure = shares.draw_labelled({10: np.array([0, 3]), 100: np.arange(4)}, 4, [0, 2])
    assert figure.axes[0].collections[0].get_array().tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]


def test_printed_pictures_hold_the_printed_numbers():
    _, axes = style.panels(2)
    printed.draw_printed_accuracies(axes[0])
    drawn = {line.get_label(): np.ravel(line.get_ydata()).tolist() for line in axes[0].lines}
    assert drawn["PPTr+C2P"] == [87.16, 91.89, 94.76] and drawn["PPTr+STRL"] == [92.66]
    printed.draw_printed_shares(axes[1])
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes[1].lines}
    assert drawn["after C2P"] == [53.4, 69.9, 75.4, 79.0] and drawn["from scratch"][0] == 44.0
