"""What the pages on segmentation are made of: printed tables, sizes, verdicts, rare classes, how common labels are."""

from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.report.figures import classes, labels  # noqa: E402
from pointvideo.report.lines import run_line  # noqa: E402
from pointvideo.report.profiles import compare_profiles, training_words  # noqa: E402
from pointvideo.study.experiments import PROFILES  # noqa: E402

from .made_up import C2P, METHODS, STREET, build_table, made_up_row, made_up_semantic, row  # noqa: E402

START = "synthia-p4transformer"


def drawn(axes, marker: str) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_profiles_stand_side_by_side(number: str):
    columns = {name: {row.id: row.recipes for row in C2P.experiment(number).rows(name)} for name in PROFILES}
    header, lines = compare_profiles(columns)
    assert header == ("", *PROFILES) and all(len(line) == 5 for line in lines)
    found = {line[0]: line[1:] for line in lines}
    recipe = next(recipe for recipes in columns["paper"].values() for recipe in recipes if recipe.init)
    assert found["clips in fine-tuning"][3] == f"{recipe.data.frames} frames of {recipe.data.points} points"
    assert found["pre-training"][3] == training_words(recipe.init.training)
    every = {"1": "", "2": ", every 2nd,", "3": ""}[number]
    before = recipe.init.data
    assert found["clips in pre-training"][3] == f"{before.frames} frames{every} of {before.points} points"
    assert found["seeds"][0] == "0" and found["seeds"][3] == ", ".join(
        str(recipe.seed) for recipe in next(iter(columns["paper"].values()))
    )


def test_rows_without_a_pre_training_are_no_comparison():
    with pytest.raises(ValueError, match="quick: no row of as-pptr-scratch starts from a pre-training"):
        compare_profiles({"quick": {"as-pptr-scratch": row("as-pptr-scratch").recipes}})


def street_table(rows: dict[str, int]):
    made_up = {"source": "simulated", "dataset": "street"}
    records = {
        name: [
            made_up_semantic(f"{name}{seed}", seed=seed, quality=0.9 if "c2p" in name else 0.7, **made_up)
            for seed in range(seeds)
        ]
        for name, seeds in rows.items()
    }
    return build_table("Table 3", list(rows), records)


def test_a_line_counts_the_runs():
    rows = {f"{START}-scratch-3": 3, f"{START}-c2p-3": 3}
    line = run_line("this run", street_table(rows), 6)
    assert line == "this run, simulated data: 2 rows, 6 of 6 runs, seeds 0, 1, 2"
    empty = street_table(dict.fromkeys(rows, 0))
    assert run_line("laptop", empty, 6) == "laptop, no data: 2 rows, 0 of 6 runs, seeds none"


def test_gains_stand_from_rare_to_common():
    base, better = f"{START}-scratch-3", f"{START}-c2p-3"
    table = street_table({base: 3, better: 2})
    axes = classes.draw_gains_by_rarity(table, base, (better,)).axes[0]
    shares = classes.class_shares(table)
    order = [place for place in np.argsort(shares) if shares[place] > 0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert [name.split(",")[0] for name in names] == [STREET[place] for place in order]
    assert shares.sum() == pytest.approx(1) and "Bicycle" not in " ".join(names)
    ours = [[result.last.iou for result in table.rows[line].results[:2]] for line in (0, 1)]
    wanted = [100 * np.mean([ours[1][seed][place] - ours[0][seed][place] for seed in (0, 1)]) for place in order]
    (marks,) = [line for line in axes.lines if line.get_marker() == METHODS["c2p"].marker]
    np.testing.assert_allclose(marks.get_ydata(), wanted)
    assert classes.present_classes(table) == tuple(STREET[place] for place in order[::-1])


def test_a_row_that_has_not_run_says_so_and_an_unknown_one_is_refused():
    base, better = f"{START}-scratch-3", f"{START}-c2p-3"
    figure = classes.draw_gains_by_rarity(street_table({base: 1, better: 0}), base, (better,))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["after C2P: not run"]
    with pytest.raises(ValueError, match="has no row 'x'"):
        classes.draw_gains_by_rarity(street_table({base: 1}), base, ("x",))
    with pytest.raises(ValueError, match="no run of semantic segmentation"):
        classes.class_shares(build_table("t", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("m", [70])}))


def test_only_the_classes_asked_for_are_drawn_in_their_order():
    table = street_table({f"{START}-scratch-3": 1})
    axes = classes.draw_class_ious(table, only=("Traffic Light", "road")).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Traffic Light", "Road"]
    found = table.rows[0].results[0].last.iou
    wanted = [100 * found[STREET.index(name)] for name in ("Traffic Light", "Road")]
    np.testing.assert_allclose(drawn(axes, METHODS["scratch"].marker), wanted)
    with pytest.raises(ValueError, match="no class 'moon'"):
        classes.draw_class_ious(table, only=("moon",))


class LabelStore(SimpleNamespace):
    """Two training sequences and a test sequence of two frames with three points each."""

    sequences = (0, 1, 2)
    frame_offsets = np.arange(7) * 3
    sequence_offsets = np.array([0, 2, 4, 6])
    semantic = np.array([0] * 6 + [0, 0, 0, 1, 1, 1] + [1] * 4 + [2] * 2)
    actions = np.array([[0, 0], [0, 1], [1, 1]])

    def indices(self, split):
        return np.array([0, 1]) if split == "train" else np.array([2])

    def names(self, field):
        return ("road", "car", "bicycle", "unused")[: 3 if field == "action" else 4]

    def array(self, name):
        return self.semantic

    def frame_field(self, name, sequence):
        return self.actions[sequence]


def test_shares_of_actions_and_of_classes():
    store = LabelStore()
    np.testing.assert_allclose(labels.action_shares(store, "train"), [0.75, 0.25, 0])
    np.testing.assert_allclose(labels.class_shares_of(store, "train"), [0.75, 0.25, 0, 0])
    np.testing.assert_allclose(labels.class_shares_of(store, "test"), [0, 2 / 3, 1 / 3, 0])


def test_pictures_of_shares():
    axes = labels.draw_class_statistics(LabelStore()).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["road", "car", "bicycle"]
    train, test = (line.get_ydata() for line in axes.lines)
    np.testing.assert_allclose(train, [75, 25, np.nan])
    np.testing.assert_allclose(test, [np.nan, 200 / 3, 100 / 3])
    often, long = labels.draw_action_statistics(LabelStore()).axes
    assert [label.get_text() for label in often.get_yticklabels()] == ["road", "car", "bicycle"]
    assert drawn(long, "|") == [1.5, 1.5]  # medians: lengths 2 and 1 of the first, 1 and 2 of the second
