"""From clip logits to video scores: softmax per clip, sum per video, arg-max of the sum."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def score_videos(logits: Tensor, clips, labels) -> dict:
    """Clip, video and per-class accuracy of ``logits`` (clips, classes).

    ``clips`` is a :class:`~pointvideo.data.clips.Clips` whose ``sequence`` names each clip's video; ``labels``
    holds the class of every sequence, indexed by those numbers (``store.labels``). The softmax of every clip is
    summed over its video in float64 and the largest sum wins, the lower class on a tie (P4Transformer, PSTNet).

    Returns correct, videos (scored), videos_total, accuracy, clip_accuracy, per_class (accuracy of each class,
    None for a class without videos), per_class_correct, per_class_videos, predictions {sequence: class}.
    """
    sequence = np.asarray(clips.sequence, dtype=np.int64)
    labels = np.asarray(labels, dtype=np.int64)
    if logits.ndim != 2 or logits.shape[0] != len(sequence):
        raise ValueError(f"logits has shape {tuple(logits.shape)}, expected ({len(sequence)} clips, classes)")
    if not len(sequence):
        raise ValueError(
            f"no clips to score: none of {clips.videos_total} videos is long enough for {clips.frames} frames"
        )
    if not bool(torch.isfinite(logits).all()):
        clip = int((~torch.isfinite(logits)).any(dim=1).nonzero()[0])
        raise ValueError(f"logits of clip {clip} are not finite")
    if sequence.min() < 0 or sequence.max() >= len(labels):
        raise ValueError(f"clips of sequences up to {sequence.max()}, labels has {len(labels)} entries")
    classes = logits.shape[1]
    videos, video_of_clip = np.unique(sequence, return_inverse=True)
    truth = labels[videos]
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"labels from {truth.min()} to {truth.max()}, logits has {classes} classes")
    probability = logits.detach().to(device="cpu", dtype=torch.float64).softmax(dim=1)
    total = torch.zeros(len(videos), classes, dtype=torch.float64)
    total.index_add_(0, torch.from_numpy(video_of_clip.reshape(-1)), probability)
    predicted = total.numpy().argmax(axis=1)
    hit = predicted == truth
    per_class_videos = np.bincount(truth, minlength=classes)
    per_class_correct = np.bincount(truth[hit], minlength=classes)
    return {
        "correct": int(hit.sum()),
        "videos": len(videos),
        "videos_total": clips.videos_total,
        "accuracy": float(hit.mean()),
        "clip_accuracy": float((probability.numpy().argmax(axis=1) == labels[sequence]).mean()),
        "per_class": [int(k) / int(n) if n else None for k, n in zip(per_class_correct, per_class_videos, strict=True)],
        "per_class_correct": per_class_correct.tolist(),
        "per_class_videos": per_class_videos.tolist(),
        "predictions": {int(video): int(label) for video, label in zip(videos, predicted, strict=True)},
    }
