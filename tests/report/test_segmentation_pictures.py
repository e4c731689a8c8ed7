"""Ribbons, IoU of each class, ablations."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.report.figures import ablations, classes, ribbons  # noqa: E402
from pointvideo.tasks.scoring.action_segmentation import decoded  # noqa: E402

from .made_up import (  # noqa: E402
    METHODS,
    STREET,
    build_table,
    made_up_row,
    made_up_segmentation,
    made_up_semantic,
    result_from_record,
)


def texts(figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def methods(sequences: int = 6) -> dict[str, dict]:
    return {
        name: made_up_segmentation(name, quality=quality, sequences=sequences)
        for name, quality in (("scratch", 0.4), ("videomae", 0.5), ("strl", 0.5), ("c2p", 0.9))
    }


def lines(records: dict[str, dict]):
    """Rows of Table 1, in the paper's order."""
    runs = {f"as-pptr-{name}": [record] for name, record in records.items()}
    table = build_table("t", list(runs), runs, claims=())
    return table.rows


def test_a_ribbon_shows_every_frame_in_the_colour_of_its_action():
    records, name = methods(), "sequence 002"
    figure = ribbons.draw_ribbons(lines(records), [name, "sequence 004"])
    panel = figure.axes[0]
    wanted = [decoded(records["scratch"]["result"]["labels"][name])]
    wanted += [decoded(record["result"]["predictions"][name]) for record in records.values()]
    drawn = np.full((5, 150), "", dtype=object)
    for bar in panel.patches:
        line = round(bar.get_y() + bar.get_height() / 2)
        start, stop = round(bar.get_x()), round(bar.get_x() + bar.get_width())
        assert (drawn[line, start:stop] == "").all()  # no frame twice
        drawn[line, start:stop] = matplotlib.colors.to_hex(bar.get_facecolor())
    shades = {}
    for line, labels in enumerate(wanted):
        for frame, action in enumerate(labels):
            assert shades.setdefault(int(action), drawn[line, frame]) == drawn[line, frame]
    assert len(set(shades.values())) == len(shades) and "" not in shades.values()
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "ground truth",
        "from scratch",
        "after VideoMAE",
        "after STRL",
        "after C2P",
    ]
    share = 100 * np.mean(wanted[0] == wanted[4])
    assert f"{share:.0f} %" in texts(figure)


def test_the_legend_names_the_actions_of_most_frames():
    figure = ribbons.draw_ribbons(lines(methods()), ["sequence 000"], legend=3)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3 and "the 3 of" in legend.get_title().get_text()


def test_actions_have_colours_that_differ():
    assert len(set(ribbons.ACTION_COLOURS)) == 20


def test_sequences_are_chosen_from_bad_to_good():
    records = list(methods(9).values())
    results = [result_from_record(record) for record in records]
    chosen = ribbons.spread_sequences(results, 3)
    shares = {}
    for name in records[0]["result"]["labels"]:
        truth = decoded(records[0]["result"]["labels"][name])
        shares[name] = np.mean([np.mean(decoded(record["result"]["predictions"][name]) == truth) for record in records])
    assert chosen == [sorted(shares, key=shares.get)[place] for place in (2, 4, 6)]
    assert len(ribbons.spread_sequences(results, 9)) == 9
    with pytest.raises(ValueError, match="10 sequences to choose from 9"):
        ribbons.spread_sequences(results, 10)
    with pytest.raises(ValueError, match="different sequences"):
        ribbons.spread_sequences([*results, result_from_record(made_up_segmentation("x", sequences=8))], 2)


def test_ribbons_refuse_what_does_not_belong_together():
    records = lines(methods())
    records[3].results[0].outcome.labels["sequence 000"] = [[3, 150]]
    with pytest.raises(ValueError, match="different labels for sequence 'sequence 000'"):
        ribbons.draw_ribbons(records, ["sequence 000"])
    with pytest.raises(ValueError, match="'sequence 77' has no prediction"):
        ribbons.draw_ribbons(records, ["sequence 77"])
    with pytest.raises(ValueError, match="a run and a sequence, found 4 and 0"):
        ribbons.draw_ribbons(records, [])
    videos = build_table("t", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("m", [70])})
    with pytest.raises(ValueError, match="run m-0 is recognition; ribbons need a label a frame"):
        ribbons.draw_ribbons(videos.rows, ["a"])


def street_table(source: str = "recorded", dataset: str = "synthia4d"):
    names = [f"synthia-p4transformer-{start}" for start in ("scratch-1", "scratch-3", "c2p-3")]
    records = {
        name: [made_up_semantic(f"{name}{s}", seed=s, quality=q, source=source, dataset=dataset) for s in range(2)]
        for name, q in zip(names[1:], (0.7, 0.9), strict=True)
    }
    return build_table("Table 3", names, records)


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_every_class_has_its_mean_and_only_recorded_ones_a_printed_number(source: str):
    table = street_table(source, "synthia4d" if source == "recorded" else "street")
    axes = classes.draw_class_ious(table, printed=True).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == STREET
    marks = [line for line in axes.lines if line.get_marker() == METHODS["c2p"].marker and len(line.get_xdata())]
    results = table.rows[2].results
    wanted = [50 * sum(result.last.iou[place] for result in results) for place in range(12)]
    np.testing.assert_allclose([line.get_xdata()[0] for line in marks], wanted)
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]
    if source == "simulated":
        assert crosses == []
    else:
        assert len(crosses) == 24 and {84.81, 88.19, 77.62, 82.60} <= set(crosses)


def test_a_class_that_does_not_count_stays_empty():
    names = ["ss-pptr-scratch", "ss-pptr-c2p"]
    records = {
        name: [made_up_semantic(name, every_class=False, absent=(3, 9), dataset="hoi4d_semantic")] for name in names
    }
    axes = classes.draw_class_ious(build_table("Table 2", names, records)).axes[0]
    marks = [line.get_ydata()[0] for line in axes.lines if line.get_marker() in "os" and len(line.get_xdata())]
    assert len(marks) == 20 and not any(abs(mark - 9) < 0.5 for mark in marks)


def test_classes_need_a_run_of_semantic_segmentation():
    with pytest.raises(ValueError, match="no run of semantic segmentation"):
        classes.draw_class_ious(build_table("Table 2", ["ss-pptr-c2p"], {}))
    with pytest.raises(ValueError, match="no run of semantic segmentation"):
        classes.draw_class_ious(build_table("x", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("m", [70])}))


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_ablations_are_differences_to_the_base(source: str):
    names = ("as-pptr-c2p", "as-pptr-symmetric", "as-pptr-window-1", "as-pptr-released")
    dataset = "hoi4d_action" if source == "recorded" else "hand_object"
    records = {
        name: [made_up_segmentation(f"{name}{s}", seed=s, quality=q, source=source, dataset=dataset) for s in range(3)]
        for name, q in zip(names, (0.9, 0.5, 0.7), strict=False)
    }
    table = build_table("ablations", names, records)
    found = ablations.differences(table, "as-pptr-c2p")
    assert list(found) == list(names[1:]) and found["as-pptr-released"] is None
    means = [np.mean(line.values("accuracy")) for line in table.rows[:3]]
    assert found["as-pptr-symmetric"].estimate == pytest.approx(means[1] - means[0])
    figure = ablations.draw_ablations(table, "as-pptr-c2p")
    axes = figure.axes[0]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in "hd" and len(line.get_xdata()) == 1]
    np.testing.assert_allclose(dots, 100 * (np.array(means[1:]) - means[0]))
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses, [-2.15, -1.26] if source == "recorded" else [], atol=1e-9)
    assert texts(figure).count("not run") == 1
    with pytest.raises(ValueError, match="has no row 'as-pptr-strl'; there is: as-pptr-c2p"):
        ablations.draw_ablations(table, "as-pptr-strl")
