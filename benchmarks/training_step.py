"""A training step of the laptop recipe against the same network with its tube embedding in plain torch.

The clips have the recipe's shape; their points come from the data set at hand. No ratio is printed for a network whose
two forms disagree. The second table says which share of a pre-training step goes into making the partial views.
"""

from __future__ import annotations

import copy
import os
import sys
import time

import torch

from benchmarks.plain import make_plain
from benchmarks.timing import interleave
from pointvideo.papers.c2p import recognition
from pointvideo.study.device import make_fabric
from pointvideo.study.runner import store_of
from pointvideo.study.trainer import build_optimiser


def stepper(job, model, batch):
    """One update of ``model`` on ``batch``."""
    optimiser = build_optimiser(model, job.training.optimiser)

    def step():
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
        optimiser.step()

    return step


def agree(model, plain, clips) -> float:
    """Largest difference of the two forms' logits, relative to the largest logit."""
    with torch.no_grad():
        ours, theirs = model(clips), plain(clips)
    return float((ours - theirs).abs().max() / theirs.abs().max())


def main(rounds: int, threads: int) -> None:
    torch.set_num_threads(threads)
    make_fabric()
    store = store_of("msr_action3d")
    pages = "large pages" if os.environ.get("THP_MEM_ALLOC_ENABLE") == "1" else "torch's default pages"
    print(f"training step, laptop recipe, {store.name} ({store.source}), threads {threads}, {pages}, {rounds} rounds")
    print(f"{'backbone':15}{'batch':>6}{'ours':>12}{'plain torch':>14}{'wall':>8}{'CPU':>8}")
    for backbone in recognition.BACKBONES:
        torch.manual_seed(0)
        job = recognition.finetune("laptop", backbone, 24).job(store)
        batch = job.batch(0, 0)
        plain = make_plain(copy.deepcopy(job.module))
        error = agree(job.module, plain, batch[0])
        if error > 1e-3:
            print(f"{backbone:15} the two forms differ by {error:.1e}: no ratio")
            continue
        times = interleave({"ours": stepper(job, job.module, batch), "plain": stepper(job, plain, batch)}, rounds)
        ours, theirs = times["ours"], times["plain"]
        print(
            f"{backbone:15}{len(batch[0]):6d}{1e3 * ours.wall:9.0f} ms{1e3 * theirs.wall:11.0f} ms"
            f"{theirs.wall / ours.wall:7.1f}x{theirs.cpu / ours.cpu:7.1f}x"
        )
    views(rounds, store)


def views(rounds: int, store) -> None:
    """Share of a pre-training step that making views takes."""
    print(f"{'pre-training':15}{'step':>12}{'views':>12}{'share':>8}")
    for backbone in recognition.BACKBONES:
        torch.manual_seed(0)
        job = recognition.pretrain("laptop", backbone).job(store)
        optimiser = build_optimiser(job.module, job.training.optimiser)
        steps = []
        for step in range(rounds + 1):
            before, start = job.view_seconds, time.perf_counter()
            optimiser.zero_grad(set_to_none=True)
            job.loss(*job.batch(0, step))["loss"].backward()
            optimiser.step()
            steps.append((time.perf_counter() - start, job.view_seconds - before))
        total, spent = (sorted(values)[rounds // 2] for values in zip(*steps[1:], strict=True))
        print(f"{backbone:15}{1e3 * total:9.0f} ms{1e3 * spent:9.0f} ms{100 * spent / total:7.0f} %")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
