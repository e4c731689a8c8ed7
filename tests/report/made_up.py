"""Made-up records for the tests of the report; no number here was ever measured."""

import numpy as np

CLASSES = 20


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
