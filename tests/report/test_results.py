"""Records of the segmentation tasks: read, recomputed, refused where they contradict themselves."""

import copy

import numpy as np
import pytest

from pointvideo.report.results import Recorded, Simulated, per_video
from pointvideo.tasks import segmental
from pointvideo.tasks.scoring.action_segmentation import decoded

from .made_up import (
    STREET,
    made_up_actions,
    made_up_record,
    made_up_segmentation,
    made_up_semantic,
    result_from_record,
    run_lengths,
)


def test_action_segmentation_is_recomputed_from_its_labels():
    record = made_up_segmentation("k", sequences=5)
    result = result_from_record(record)
    assert isinstance(result, Recorded) and result.task.name == "action segmentation" and result.last.videos == 5
    truth = {name: decoded(runs).tolist() for name, runs in record["result"]["labels"].items()}
    guess = {name: decoded(runs).tolist() for name, runs in record["result"]["predictions"].items()}
    for last_frame_open in (False, True):
        oracle = segmental.score(list(guess.values()), list(truth.values()), last_frame_open=last_frame_open)
        end = ":open" if last_frame_open else ""
        for name, wanted in zip(("f1@10", "f1@25", "f1@50"), oracle.f1, strict=True):
            table, videos, pool = per_video([result], name + end)
            assert table.shape == (1, 5, 3) and videos == tuple(sorted(truth))
            assert 100 * float(pool(table[0].sum(axis=0))) == pytest.approx(wanted)
        table, _, pool = per_video([result], "edit" + end)
        assert pool is None and 100 * table.mean() == pytest.approx(oracle.edit)
    assert per_video([result], "accuracy")[0].mean() == pytest.approx(result.last.value("accuracy"))
    assert result.best.epoch == 6 and result.best.value("f1@25") == record["result"]["best"]["f1"][1]


def test_the_end_convention_matters():
    """One right segment to the end, and a last segment of a single frame that the authors' convention cannot find."""
    truth = [[0, 10], [1, 1]]
    record = made_up_segmentation("k", sequences=1)
    record["result"] |= {"predictions": {"a": truth}, "labels": {"a": truth}}
    record["result"]["last"] |= {"accuracy": 1.0, "edit": 1.0, "f1": [1.0, 1.0, 1.0]}
    result = result_from_record(record)
    assert per_video([result], "f1@50")[0].tolist() == [[[2, 0, 0]]]
    assert per_video([result], "f1@50:open")[0].tolist() == [[[1, 1, 1]]]


def test_clips_of_one_sequence_stay_together():
    record = made_up_segmentation("k", sequences=4)
    result, names = record["result"], {}
    for place, name in enumerate(list(result["labels"])):  # four clips are two sequences: of three clips and of one
        names[name] = name if place == 3 else "long" + (f"@{150 * place}" if place else "")
    for kind in ("labels", "predictions"):
        result[kind] = {names[name]: runs for name, runs in result[kind].items()}
    result["last"] |= {"sequences": 2, "sequences_total": 3}
    found = result_from_record(record)
    assert (found.last.videos, found.last.available) == (2, 3)
    for name in ("accuracy", "edit", "f1@25"):
        table, videos, pool = per_video([found], name)
        assert videos == ("long", "sequence 003")
        assert float(pool(table[0].sum(axis=0))) == pytest.approx(found.last.value(name))
    assert per_video([found], "accuracy")[0][0, :, 1].tolist() == [3, 1]


def test_semantic_segmentation_is_recomputed_from_its_counts():
    record = made_up_semantic("k", sequences=4)
    result = result_from_record(record)
    assert result.task.name == "semantic segmentation" and result.last.value("iou:Bicycle") == 0.0
    table, videos, pool = per_video([result], "miou")
    assert table.shape == (1, 4, 36) and len(videos) == 4
    iou = [
        sum(counts["intersection"][place] for counts in record["result"]["counts"].values())
        / max(1, sum(counts["union"][place] for counts in record["result"]["counts"].values()))
        for place in range(12)
    ]
    assert float(pool(table[0].sum(axis=0))) == pytest.approx(np.mean(iou)) == result.last.miou
    table, _, pool = per_video([result], "iou:traffic light")
    assert float(pool(table[0].sum(axis=0))) == pytest.approx(iou[STREET.index("Traffic Light")])


def test_classes_that_do_not_count_are_left_out():
    result = result_from_record(made_up_semantic("k", every_class=False, absent=(2, 9)))
    counted = [value for value in result.last.iou if value is not None]
    assert result.last.value("iou:Sidewalk") is None and len(counted) == 10
    table, _, pool = per_video([result], "miou")
    assert float(pool(table[0].sum(axis=0))) == pytest.approx(np.mean(counted))


def test_a_simulated_record_stays_simulated():
    for record in (made_up_segmentation("k", source="simulated"), made_up_semantic("k", source="simulated")):
        assert isinstance(result_from_record(record), Simulated)


@pytest.mark.parametrize("name", ["accuracy", "edit", "f1@25"])
def test_a_score_that_its_labels_do_not_give_is_refused(name):
    record = made_up_segmentation("k")
    last = record["result"]["last"]
    if name == "f1@25":
        last["f1"] = [last["f1"][0], last["f1"][1] - 0.01, last["f1"][2]]
    else:
        last[name] -= 0.01
    with pytest.raises(ValueError, match=f"run k: the predictions give {name} 0.*, its score says"):
        per_video([result_from_record(record)], name)


def test_counts_that_do_not_give_the_score_are_refused():
    record = made_up_semantic("k")
    record["result"]["last"]["iou"][6] += 0.01
    result = result_from_record(record)
    assert per_video([result], "miou")[0].shape == (1, 8, 36)
    with pytest.raises(ValueError, match="iou:Car 0.*, its score says"):
        per_video([result], "iou:Car")


def changed(record: dict, change) -> dict:
    record = copy.deepcopy(record)
    change(record["result"])
    return record


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: r["predictions"].popitem(), "1 sequences have predictions or labels, expected both"),
        (lambda r: r["predictions"].update({"sequence 000": [[1, 149]]}), "149 predicted labels for 150 frames"),
        (lambda r: r["predictions"].update({"sequence 000": [[1, 2, 3]]}), r"\(label, frames\) pairs"),
        (lambda r: r["predictions"].update({"sequence 000": [[1, 0], [2, 150]]}), "at least one frame"),
        (lambda r: r["last"].update(sequences=11), "12 videos, its score says 11"),
        (lambda r: r["last"].update(edit=84.0), "edit is 84.0, expected a share"),
        (lambda r: r["last"].update(f1=[0.5, 0.5]), "3 values of F1"),
    ],
)
def test_broken_action_records_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        per_video([result_from_record(changed(made_up_segmentation("k"), change))], "edit")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: r["counts"]["sequence 00"].update(union=[1, 2]), "2 counts of union for 12 classes"),
        (lambda r: r["last"].update(iou=[0.5]), "1 for 12 classes"),
        (lambda r: r["last"].update(miou=84.11), "miou is 84.11, expected a share"),
    ],
)
def test_broken_semantic_records_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        per_video([result_from_record(changed(made_up_semantic("k"), change))], "miou")


def test_a_metric_of_another_task_is_refused():
    action, semantic = result_from_record(made_up_segmentation("k")), result_from_record(made_up_semantic("k"))
    recognition = result_from_record(made_up_record("k"))
    for result, name in ((action, "miou"), (semantic, "edit"), (semantic, "accuracy"), (recognition, "edit")):
        with pytest.raises(ValueError, match=f"'{name}'"):
            per_video([result], name)
    with pytest.raises(ValueError, match="no video is right or wrong as a whole"):
        action.right()


def test_seeds_that_scored_other_sequences_are_refused():
    results = [result_from_record(made_up_segmentation("k", seed=seed, sequences=5 + seed)) for seed in (0, 1)]
    with pytest.raises(ValueError, match="1 are not in both"):
        per_video(results, "edit")


def test_run_lengths_and_back():
    for labels in made_up_actions(3).values():
        np.testing.assert_array_equal(decoded(run_lengths(labels)), labels)
