"""``python -m benchmarks.memory_bank [rounds] [clips]``: what a memory bank costs PointCPSC's pre-training on the CPU.

First, a bank of superpoints: the time in which neighbours and negatives are chosen, and that of the whole local
contrast, as shares of a training step at the paper's sizes (24 × 1024 points, 6 segments of 64 superpoints, width 1024)
with P4Transformer; both grow with the number of clips, so a few clips show the share that 88 have. Then a bank whose
entries are whole clips, at the paper's three sizes (Table 8): time of the contrast of as many clips, and its memory, in
a process of its own, for four.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.cases import CASES
from benchmarks.clouds import moving
from benchmarks.contrast import contrast, selection
from benchmarks.memory import measure
from benchmarks.timing import interleave
from pointvideo.backbones import Clip
from pointvideo.losses.pointcpsc import pointcpsc_loss
from pointvideo.losses.selection import History
from pointvideo.pretexts.pointcpsc import PointCPSC, PointCPSCPretrain
from pointvideo.study.trainer import build_optimiser

BATCH, SUPERPOINTS, WIDTH, ENTRIES = 88, 64, 1024, 1024  # the paper's batch; our superpoints of a segment
BANKS = (256, 512, 1024)  # Table 8
GOAL = 0.05  # share of a step


def stepper(clips: int):
    """A training step with a full bank of superpoints, which takes in the step's own."""
    recipe = PointCPSCPretrain()
    torch.manual_seed(0)
    xyz = moving(clips, recipe.data.frames, recipe.data.points)
    module = PointCPSC(recipe, Clip(xyz[:1])).train()
    optimiser = build_optimiser(module, recipe.training.optimiser)
    video = torch.arange(clips)
    module.bank.push(torch.randn(1, ENTRIES, WIDTH), torch.tensor([clips]), torch.tensor([0]))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        prediction, target, _ = module(Clip(xyz))
        history = History(module.bank.vectors, module.bank.video)
        pointcpsc_loss(prediction, target, video, history, recipe.loss, module.tables).total.backward()
        optimiser.step()
        module.bank.push(target, video, video)

    return step, module.superpoints(Clip(xyz[:1]))


def main(rounds: int = 3, clips: int = 4) -> None:
    step, superpoints = stepper(clips)
    if superpoints != SUPERPOINTS:
        raise ValueError(f"superpoints: got {superpoints} a segment, expected {SUPERPOINTS}")
    sizes = {"superpoints": SUPERPOINTS, "width": WIDTH}
    calls = {
        "training step": step,
        "neighbours and negatives": selection(clips, entries=ENTRIES, **sizes),
        "local contrast, forward + backward": contrast("cpu", clips, entries=ENTRIES, **sizes).ours,
    }
    times = interleave(calls, rounds)
    whole = times["training step"].cpu
    print(f"{clips} clips of {SUPERPOINTS} superpoints against {ENTRIES}, width {WIDTH}; CPU time, {rounds} rounds")
    for name, timing in times.items():
        print(f"{name:36}{1e3 * timing.cpu:10.1f} ms{100 * timing.cpu / whole:8.2f} % of a step")
    share = times["neighbours and negatives"].cpu / whole
    print(f"the choice takes {100 * share:.2f} % of a step, wanted below {100 * GOAL:.0f} %")
    full = interleave({"choice": selection(BATCH, entries=ENTRIES, **sizes)}, rounds)["choice"].cpu
    steps = BATCH / clips
    print(f"{BATCH} clips: the choice takes {full:.2f} s, {steps:.0f} such steps {steps * whole:.0f} s")
    print(f"\na bank of whole clips, contrast of {clips} clips, forward + backward")
    for bank in BANKS:
        ours = contrast("cpu", clips, entries=bank * SUPERPOINTS, **sizes).ours
        cpu = interleave({"ours": ours}, rounds)["ours"].cpu
        title = next(case.title() for case in CASES if case.sizes.get("entries") == bank * SUPERPOINTS)
        extra = measure(title, quick=False, threads=torch.get_num_threads())["ours"]
        said = "unknown" if extra is None else f"{extra:.0f} MiB"
        vectors = f"{bank:6} clips, {bank * SUPERPOINTS:6} vectors"
        print(f"{vectors}{1e3 * cpu:10.0f} ms{100 * cpu / whole:8.1f} % of a step, {said}", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
