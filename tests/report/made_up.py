"""Made-up records for the tests of the report; no number here was ever measured."""

import functools

import numpy as np

from pointvideo import papers
from pointvideo.report import claims as judged
from pointvideo.report import reported as numbers
from pointvideo.report import results, tables
from pointvideo.tasks import segmental
from pointvideo.tasks.scoring.action_segmentation import ACTION_SEGMENTATION
from pointvideo.tasks.scoring.recognition import RECOGNITION
from pointvideo.tasks.scoring.semantic_segmentation import SEMANTIC_SEGMENTATION, miou_of_counts

C2P = papers.get("c2p")
METHODS = C2P.methods
row, claims = C2P.row, functools.partial(judged.claims, C2P)
claim, reported = functools.partial(judged.claim, C2P), functools.partial(numbers.reported, C2P)


def printed(name: str) -> dict:
    """The printed numbers of a row of C2P, by metric."""
    return numbers.printed(C2P, row(name))


def build_table(title: str, names, records, **options):
    """A table of rows of C2P, by their ids."""
    return tables.build_table(C2P, title, [row(name) for name in names], records, **options)


def result_from_record(record: dict, **options):
    """A made-up record, read as its task reads it."""
    last = record["result"].get("last", {})
    task = ACTION_SEGMENTATION if "edit" in last else SEMANTIC_SEGMENTATION if "miou" in last else RECOGNITION
    return results.result_from_record(record, task, **options)


CLASSES = 20
ACTIONS = [f"action {number}" for number in range(19)]
STREET = [
    *("Building", "Road", "Sidewalk", "Fence", "Vegetation", "Pole", "Car", "Traffic Sign", "Pedestrian", "Bicycle"),
    *("Lanemarking", "Traffic Light"),
]


def made_up_videos(count: int) -> dict[str, int]:
    """Names and classes of that many test videos, named as in MSR-Action3D."""
    return {
        f"a{1 + position % CLASSES:02d}_s06_e{position // CLASSES:03d}": position % CLASSES for position in range(count)
    }


def made_up_record(
    key: str,
    *,
    seed: int = 0,
    source: str = "recorded",
    dataset: str = "msr_action3d",
    videos: int = 100,
    right: int = 80,
    total: int | None = None,
    commit: str = "c0ffee1234567",
    randomness: int = 0,
) -> dict:
    """A record in the ledger's format in which ``right`` of ``videos`` predictions are right, which ones is random."""
    truth = made_up_videos(videos)
    hits = np.random.default_rng([seed, randomness]).permutation(videos) < right
    predictions = {
        name: label if hit else (label + 1) % CLASSES for (name, label), hit in zip(truth.items(), hits, strict=True)
    }
    score = {"correct": right, "videos": videos, "accuracy": right / videos, "videos_total": total or videos}
    better = min(videos, right + 2)
    return {
        "key": key,
        "recipe": {"kind": "Finetune", "seed": seed},
        "dataset": {"name": dataset, "source": source, "fingerprint": "f"},
        "sources": {},
        "torch": "2.13.0",
        "seconds": 60.0,
        "seed": seed,
        "device": "cpu",
        "threads": 2,
        "versions": {"numpy": "2.0", "torch": "2.13.0"},
        "commit": commit,
        "result": {
            "last": score,
            "best": {**score, "correct": better, "accuracy": better / videos, "epoch": 7},
            "curve": [],
            "predictions": predictions,
            "train_videos": 10,
            "parameters": 5,
            "seconds_per_step": 0.1,
        },
    }


def made_up_row(name: str, right: list[int], **options) -> list[dict]:
    """One record a seed."""
    return [made_up_record(f"{name}-{seed}", seed=seed, right=count, **options) for seed, count in enumerate(right)]


def _record(key: str, seed: int, source: str, dataset: str, commit: str, result: dict) -> dict:
    return {**made_up_record(key, seed=seed, source=source, dataset=dataset, commit=commit), "result": result}


def run_lengths(labels) -> list[list[int]]:
    """(label, frames) pairs of labels a frame."""
    starts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist()]
    return [[int(labels[a]), b - a] for a, b in zip(starts, [*starts[1:], len(labels)], strict=True)]


def made_up_actions(sequences: int, frames: int = 150) -> dict[str, np.ndarray]:
    """True labels of each frame: the same sequences for every seed and row."""
    generator, truth = np.random.default_rng(2022), {}
    for number in range(sequences):
        labels: list[int] = []
        while len(labels) < frames:
            action = int(generator.integers(len(ACTIONS)))
            if not labels or labels[-1] != action:
                labels += [action] * int(generator.integers(6, 40))
        truth[f"sequence {number:03d}"] = np.array(labels[:frames])
    return truth


def made_up_segmentation(
    key: str,
    *,
    seed: int = 0,
    quality: float = 0.8,
    sequences: int = 12,
    source: str = "recorded",
    dataset: str = "hoi4d_action",
    commit: str = "c0ffee1234567",
) -> dict:
    """A record of action segmentation: a share ``quality`` of the segments keeps its action, their ends move."""
    generator = np.random.default_rng([seed, sum(map(ord, key))])
    truth, guesses = made_up_actions(sequences), {}
    for name, labels in truth.items():
        guess = labels.copy()
        for segment in segmental.segments(labels.tolist()):
            if generator.random() > quality:
                guess[segment.start : segment.stop] = generator.integers(len(ACTIONS))
            move = int(generator.integers(-4, 5))
            if move > 0:
                guess[max(0, segment.start - move) : segment.start] = guess[segment.start]
        guesses[name] = guess
    found = segmental.score(*([labels.tolist() for labels in side.values()] for side in (guesses, truth)))
    last = {
        "accuracy": found.accuracy / 100,
        "edit": found.edit / 100,
        "f1": [value / 100 for value in found.f1],
        "sequences": sequences,
    }
    curve = [
        {"epoch": epoch, "loss": 3 / epoch}
        | ({name: last[name] * epoch / 8 for name in ("accuracy", "edit")} if epoch % 2 == 0 else {})
        for epoch in range(1, 9)
    ]
    result = {
        "last": last,
        "best": {**last, "accuracy": min(1.0, last["accuracy"] + 0.01), "epoch": 6},
        "curve": curve,
        "predictions": {name: run_lengths(labels) for name, labels in guesses.items()},
        "labels": {name: run_lengths(labels) for name, labels in truth.items()},
        "classes": ACTIONS,
    }
    return _record(key, seed, source, dataset, commit, result)


def made_up_semantic(
    key: str,
    *,
    seed: int = 0,
    quality: float = 0.8,
    sequences: int = 8,
    classes: list[str] | None = None,
    absent: tuple[int, ...] = (9,),
    every_class: bool = True,
    source: str = "recorded",
    dataset: str = "synthia4d",
    commit: str = "c0ffee1234567",
) -> dict:
    """A record of semantic segmentation. absent: classes without true points, 0 in the mean if ``every_class``."""
    classes = STREET if classes is None else classes
    points = np.random.default_rng(7).integers(50, 5000, (sequences, len(classes)))
    points[:, list(absent)] = 0
    generator = np.random.default_rng([seed, sum(map(ord, key))])
    share = np.clip(quality + generator.normal(0, 0.05, points.shape), 0, 1)
    intersection = np.floor(points * share).astype(int)
    union = points + np.floor(points * generator.uniform(0, 0.1, points.shape)).astype(int)
    sums = np.stack([intersection.sum(0), union.sum(0), points.sum(0)])
    iou = [(int(i) / int(u) if n else 0.0 if every_class else None) for i, u, n in zip(*sums.tolist(), strict=True)]
    last = {
        "miou": float(miou_of_counts(sums.reshape(-1).astype(float), every_class=every_class)),
        "iou": iou,
        "sequences": sequences,
    }
    counts = {
        f"sequence {number:02d}": {
            "intersection": intersection[number].tolist(),
            "union": union[number].tolist(),
            "truth": points[number].tolist(),
        }
        for number in range(sequences)
    }
    result = {"last": last, "best": {**last, "epoch": 3}, "curve": [], "counts": counts, "classes": classes}
    return _record(key, seed, source, dataset, commit, result)
