import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.report.claims import rows  # noqa: E402
from pointvideo.report.figures import printed, runs, shares, style  # noqa: E402
from pointvideo.report.reported import reported  # noqa: E402
from pointvideo.report.tables import build_table  # noqa: E402

from .made_up import made_up_row, made_up_segmentation, made_up_videos  # noqa: E402

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
    return build_table("made up", names, records, resamples=100)


@pytest.mark.parametrize("name", ["accuracy", "f1@50"])
@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_any_metric_is_drawn_with_its_own_interval_and_printed_number(name: str, source: str):
    names = ("as-pptr-scratch", "as-pptr-strl", "as-pptr-c2p", "as-pptr-videomae")
    table = action_table(*names, source=source)
    axes = runs.draw_accuracies(table, name).axes[0]
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == style.MARKERS["reported"]]
    printed = [line.row.printed[name].value for line in table.rows[:3]]
    assert crosses == (printed if source == "recorded" else [])
    bars = [line.get_xdata() for line in axes.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2]
    wanted = [[100 * line.intervals[name].low, 100 * line.intervals[name].high] for line in table.rows[:3]]
    np.testing.assert_allclose(bars, wanted)
    assert axes.get_xlabel().startswith("frame accuracy" if name == "accuracy" else "F1@50")


@pytest.mark.parametrize(("name", "label"), [("accuracy", "test frames right, %"), ("edit", "edit score on the test")])
def test_curves_of_segmentation(name: str, label: str):
    records = action_records("as-pptr-scratch", "as-pptr-videomae")
    pairs = {"PPTr": {"scratch": records["as-pptr-scratch"], "VideoMAE": records["as-pptr-videomae"], "STRL": []}}
    figure = runs.draw_curves(pairs, name)
    assert figure.axes[1].get_ylabel().startswith(label)
    curve = next(line for line in figure.axes[1].lines if line.get_color() == style.colour("VideoMAE"))
    last = [record["result"]["last"][name] for record in records["as-pptr-videomae"]]
    assert curve.get_ydata()[-1] == pytest.approx(100 * np.mean(last)) and curve.get_xdata().tolist() == [2, 4, 6, 8]
    assert "after STRL: not run" in texts(figure)


def test_a_curve_of_f1_is_read_at_its_overlap():
    curves = [[{"epoch": 1, "f1": [0.5, 0.4, 0.3]}, {"epoch": 2, "f1": [0.6, 0.5, 0.4]}]]
    assert runs.curve_of(curves, "f1@25")[1].tolist() == [[0.4, 0.5]]


def test_confusion_of_frames_counts_every_frame_once():
    (records,) = action_records("as-pptr-c2p", sequences=7).values()
    matrix = runs.confusion(records[0], 19)
    assert matrix.sum() == 7 * 150
    assert matrix.diagonal().sum() / matrix.sum() == pytest.approx(records[0]["result"]["last"]["accuracy"])
    figure = runs.draw_classes({"C2P": records}, [f"action {n}" for n in range(19)], shown="C2P")
    assert "frames, % of the action, after C2P, seed 0" in texts(figure)
    rows = np.zeros(19)
    for text in figure.axes[0].texts:
        rows[round(text.get_position()[1])] += int(text.get_text())
    assert all(abs(total - 100) <= 8 for total in rows)  # rounded per cent of each action


def test_every_row_of_c2p_has_a_method_with_a_colour():
    for line in rows("c2p"):
        name = runs.method_of(line.id)
        assert style.colour(name) and style.MARKERS[name] and runs.METHODS[name]
    found = {name: runs.method_of(f"as-pptr-{name}") for name in ("complete-to-complete", "window-5-far", "one-head")}
    assert list(found.values()) == ["complete to complete", "variant", "variant"]
    assert runs.method_of("pptr-videomae-24") == "VideoMAE" and runs.method_of("as-pptr-batch-norm") == "variant"
    with pytest.raises(ValueError, match="row 'as-pptr-mae' names no method"):
        runs.method_of("as-pptr-mae")


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_data_efficiency_of_three_methods(source: str):
    names = [f"as-pptr-{start}-labels-{share}" for share in (10, 40) for start in ("scratch", "videomae", "c2p")]
    figure = shares.draw_data_efficiency(action_table(*names, "as-pptr-c2p-labels-80", source=source, seeds=3))
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
