"""Cross-validation: the folds of a seed, each scored on videos of its own, are one run of a row."""

from dataclasses import replace

import numpy as np
import pytest

from pointvideo.report.folds import pooled_folds
from pointvideo.report.results import correctness, per_video
from pointvideo.report.tables import build_table

from .made_up import (
    C2P,
    made_up_record,
    made_up_row,
    made_up_segmentation,
    made_up_semantic,
    made_up_videos,
    result_from_record,
    row,
)

PAIR = ("pptr-scratch-24", "pptr-c2p-24")


def fold_of(record: dict, number: int, folds: int) -> dict:
    """The part of a record's recognition that a fold would have scored."""
    names = [name for place, name in enumerate(made_up_videos(100)) if place % folds == number]
    predictions = {name: record["result"]["predictions"][name] for name in names}
    right = sum(guess == made_up_videos(100)[name] for name, guess in predictions.items())
    score = {"correct": right, "videos": len(names), "accuracy": right / len(names), "videos_total": len(names) + 1}
    result = record["result"] | {"predictions": predictions, "last": score, "best": {**score, "epoch": number}}
    return record | {"key": f"{record['key']}/{number}", "result": result}


def in_folds(name: str, right: list[int], folds: int = 5) -> list[dict]:
    return [fold_of(record, number, folds) for record in made_up_row(name, right) for number in range(folds)]


def test_a_row_of_folds_is_the_row_of_all_videos():
    counts = {PAIR[0]: [70, 71, 69, 70, 70], PAIR[1]: [85, 86, 84, 85, 85]}
    whole = build_table(C2P, "t", [row(name) for name in PAIR], {n: made_up_row(n, c) for n, c in counts.items()})
    rows = [replace(row(name), folds=5) for name in PAIR]
    records = {name: in_folds(name, right) for name, right in counts.items()}
    table = build_table(C2P, "t", rows, records, current_keys={PAIR[0]: ["another"]})
    assert table.findings == whole.findings and [line.results[0].last.videos for line in table.rows] == [100, 100]
    assert table.rows[0].counts == "70 of 100 [60.4, 78.1]; 100 of 105 videos long enough"
    assert len(table.keys) == 50 and table.rows[0].note == "code has moved on since c0ffee1"
    assert not table.best_differs and "not run" not in table.body[0]  # folds differ in their best epoch
    assert table.to_csv().count("pptr-c2p-24-3/0+pptr-c2p-24-3/1") == 1


def test_a_seed_that_lacks_a_fold_waits():
    records = in_folds(PAIR[0], [70, 71, 69])
    results = [result_from_record(record) for record in records[:-1]]
    assert [result.seed for result in pooled_folds(results, 5)] == [0, 1]
    with pytest.raises(ValueError, match="row pptr-scratch-24: two runs of one seed: seed 0 has 5 for 4 folds"):
        build_table(C2P, "t", [replace(row(PAIR[0]), folds=4)], {PAIR[0]: records})


def test_a_video_that_two_folds_score_is_refused():
    records = [made_up_record("a", right=70), made_up_record("b", right=71)]
    with pytest.raises(ValueError, match="run b: video 'a01_s06_e000' is scored in two folds, expected one"):
        pooled_folds([result_from_record(record) for record in records], 2)


@pytest.mark.parametrize("make", [made_up_segmentation, made_up_semantic])
def test_metrics_of_all_videos_are_pooled(make):
    """Not the mean of the folds' metrics: F1 and mean IoU are of sums over all videos."""
    record = make("k", sequences=8)
    whole, kinds = result_from_record(record), {"predictions", "labels", "counts"} & set(record["result"])
    folds = []
    for number in range(2):
        part = {kind: dict(list(record["result"][kind].items())[number::2]) for kind in kinds}
        alone = result_from_record(record | {"key": f"k{number}", "result": record["result"] | part})
        scores = {name: _value(alone, name) for name in whole.task.metrics}
        if make is made_up_semantic:
            iou = tuple(_value(alone, f"iou:{name}") for name in whole.last.classes)
            last = replace(whole.last, miou=scores["miou"], iou=iou, videos=4, available=4)
        else:
            f1 = tuple(scores[name] for name in ("f1@10", "f1@25", "f1@50"))
            last = replace(whole.last, accuracy=scores["accuracy"], edit=scores["edit"], f1=f1, videos=4, available=4)
        folds.append(replace(alone, last=last))
    (pooled,) = pooled_folds(folds, 2)
    for name in whole.task.metrics:
        assert pooled.last.value(name) == pytest.approx(whole.last.value(name))
        both = [per_video([result], name) for result in (pooled, whole)]
        assert both[0][1] == both[1][1] and np.array_equal(both[0][0], both[1][0])
    assert pooled.last.videos == 8 and pooled.best is None and pooled.keys == ("k0", "k1")


def _value(result, name: str) -> float:
    found, pool = result.outcome.statistics(name, result.key)
    table = np.array(list(found.values()), dtype=float)
    return float(table.mean()) if pool is None else float(pool(table.sum(axis=0)))


def test_right_and_wrong_are_those_of_the_folds():
    records = in_folds(PAIR[0], [70])
    (pooled,) = pooled_folds([result_from_record(record) for record in records], 5)
    table, videos = correctness([pooled])
    assert table.sum() == 70 and videos == tuple(sorted(made_up_videos(100)))
