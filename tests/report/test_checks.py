"""A page's check of its probes: what is solved knows its training videos, and other encoders give other results."""

from types import SimpleNamespace

import pytest

from pointvideo.papers.cross4d_jepa.distillation import probe
from pointvideo.papers.pointcpsc import figure3
from pointvideo.report import checks
from pointvideo.report.results import Result, result_from_record
from pointvideo.tasks.scoring.neighbours import NEIGHBOURS, PROPERTIES
from pointvideo.tasks.scoring.recognition import RECOGNITION


def result(seed: int, known: float, loss: float) -> Result:
    """A probe that calls everything of one class, as half of the videos are."""
    videos = {f"a{1 + number % 2:02d}_s06_e{number:02d}": 0 for number in range(20)}
    last = {"correct": 10, "videos": 20, "accuracy": 0.5}
    curve = [{"loss": loss, "train_accuracy": known}]
    record = {
        "key": f"k{seed}", "seed": seed, "commit": "c0ffee1", "seconds": 1.0,
        "dataset": {"name": "msr_action3d", "source": "recorded"},
        "result": {"last": last, "predictions": videos, "curve": curve},
    }  # fmt: skip
    return result_from_record(record, RECOGNITION)


def row(name: str, kind: str = "solved") -> SimpleNamespace:
    recipes = (probe("quick", name, kind), probe("quick", name, kind, seed=1))
    return SimpleNamespace(id=f"{name}-{kind}", baseline="", folds=2, recipes=recipes)


@pytest.mark.parametrize(("kind", "known", "faults"), [("solved", 0.5, 1), ("solved", 0.9, 0), ("printed", 0.1, 0)])
def test_a_solved_probe_knows_more_than_a_guess(kind, known, faults):
    found = checks._of_row(row("dense", kind), [result(0, known, 1.0)], None)
    assert len(found) == faults and all("dense-solved: its solved probe knows 50%" in fault for fault in found)


def test_encoders_of_other_pretrainings_that_give_one_result_are_a_fault():
    runs = [(row("dense"), result(0, 0.9, 1.0)), (row("position"), result(0, 0.9, 1.0))]
    (fault,) = checks._alike(runs)
    assert fault == "rows dense-solved, position-solved: the same losses after different starts"
    assert not checks._alike([runs[0], (row("position"), result(0, 0.9, 1.1))])
    assert not checks._alike([runs[0], runs[0]])


def test_probes_are_no_networks_that_are_trained():
    assert checks.is_probe(row("dense")) and not checks.is_network(row("dense"))
    assert not checks.is_probe(SimpleNamespace(baseline="points", recipes=row("dense").recipes))


def counted(name: str, share: float) -> SimpleNamespace:
    """A row of a table that counts neighbours, of which so many have each property."""
    shares = {"v1": dict.fromkeys(PROPERTIES, share), "v2": dict.fromkeys(PROPERTIES, 0.0)}
    last = {"same": dict.fromkeys(PROPERTIES, share / 2), "sequences": 2, "sequences_total": 2}
    record = {
        "key": f"k{name}", "seed": 0, "commit": "c0ffee1", "seconds": 1.0,
        "dataset": {"name": "msr_action3d", "source": "recorded"},
        "result": {"last": last, "shares": shares, "curve": [{"epoch": 1}]},
    }  # fmt: skip
    known = SimpleNamespace(
        id=f"{name}-neighbours", baseline="", folds=1, task=NEIGHBOURS, recipes=(figure3.search("quick", name),)
    )
    return SimpleNamespace(row=known, results=[result_from_record(record, NEIGHBOURS)])


def test_a_page_that_only_counts_has_no_training_to_check(monkeypatch):
    """Such a page has neither a network nor a probe, whose videos others would be compared with."""
    rows = [counted("cpsc", 0.5), counted("random", 0.25)]
    found = SimpleNamespace(table=SimpleNamespace(rows=rows), planned=2)
    assert checks.own_lines(found) == [
        "this run: 2 rows, 2 runs of 2, each with a key of its own",
        "2 counts without a training: other encoders give other results",
    ]
    for line in rows:
        line.not_learnt, line.row.title = {NEIGHBOURS.main: "for a test"}, line.row.id
    table = SimpleNamespace(rows=rows, metrics=NEIGHBOURS.metrics)
    idle = checks.idle_line(SimpleNamespace(table=table))  # a guess of a class has nothing to do with it
    assert idle == "2 of 2 rows have learnt nothing: cpsc-neighbours; random-neighbours"
    rows[1] = counted("random", 0.5)
    with pytest.raises(AssertionError, match="rows cpsc-neighbours, random-neighbours: the same counts, video by"):
        checks.own_lines(found)
    rows[1].results = []
    with pytest.raises(AssertionError, match="row random-neighbours: no run"):
        checks.own_lines(found)
