"""What a memory bank costs: a step of a pre-training measured, and the arithmetic of Table 8 at the authors' sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ...data.store import Store
from ...pretexts.pointcpsc import PointCPSCJob, PointCPSCPretrain
from ...recipe import to_device
from ...report.render import markdown_table
from ...report.reported import reported
from ...study.device import choose_device
from .. import get
from .recognition import pretrain

SIZES = {256: "D1, 256", 512: "D2, 512", 1024: "D3 (Ours), 1024"}  # entries -> row of Table 8
FLOAT = 4  # bytes
MIB = 2**20
KINDS = {"superpoint": "cpsc", "clip": "bank-clips"}  # what an entry is -> arm


@dataclass(frozen=True)
class StepCost:
    """One training step with a full bank. entries: of the bank. kind: what one is. vectors: in all. seconds: of CPU, or
    of the wall beside a GPU; the best of several. peak: bytes of tensors at once, beyond what was there before."""

    entries: int
    kind: str
    vectors: int
    seconds: float
    peak: int


def measured(profile: str, store: Store, entries: Sequence[int] = tuple(SIZES), rounds: int = 3) -> list[StepCost]:
    """:func:`step_cost` of a profile's pre-training for both kinds of entry and several sizes of the bank."""
    return [
        step_cost(replace(pretrain(profile, arm), bank=count), store, rounds)
        for arm in KINDS.values()
        for count in entries
    ]


def step_cost(recipe: PointCPSCPretrain, store: Store, rounds: int = 3) -> StepCost:
    """Time and memory of loss and gradients of one batch, all entries of the bank filled by videos that do not exist.

    ``ValueError`` for fewer than one round.
    """
    if rounds < 1:
        raise ValueError(f"rounds: got {rounds}, expected at least 1")
    device = choose_device()
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    job.module.to(device).train()
    fill(job)
    batch = to_device(job.batch(0, 0), device)

    def step() -> None:
        job.module.zero_grad(set_to_none=True)
        job.loss(*batch)["loss"].backward()

    step()
    seconds = min(_seconds(step, device) for _ in range(rounds))
    return StepCost(recipe.bank, recipe.entry, len(job.module.bank.vectors), seconds, peak_bytes(step, device))


def fill(job: PointCPSCJob) -> None:
    """Random vectors in all entries of a job's bank, of videos with numbers that no store has."""
    bank = job.module.bank
    kept = bank.kept
    drawn = torch.randn(bank.size, bank.rows, kept.shape[-1], device=kept.device)
    video = torch.arange(bank.size, device=kept.device) + 1_000_000
    bank.push(drawn, video, torch.zeros_like(video))


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
        begin = time.perf_counter()
        step()
        torch.cuda.synchronize()
        return time.perf_counter() - begin
    begin = time.process_time()
    step()
    return time.process_time() - begin


def peak_bytes(call: Callable[[], Any], device: torch.device | str = "cpu") -> int:
    """The most bytes that a call's tensors have at once, beyond what was there before it; what the call leaves counts.

    On the CPU it is summed from what the profiler sees of torch's allocator, so other processes do not disturb it.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    changes = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


@dataclass(frozen=True)
class Arithmetic:
    """One kind of entry at a recipe's sizes, in bytes and numbers.

    anchors: superpoints of a batch that are compared with the bank. rows: vectors of an entry. width: of a vector.
    """

    kind: str
    anchors: int
    rows: int
    width: int

    def stored(self, entries: int) -> int:
        """Bytes of so many entries."""
        return entries * self.rows * self.width * FLOAT

    def compared(self, entries: int) -> int:
        """Bytes of one matrix of similarities between a batch's superpoints and so many entries."""
        return self.anchors * entries * self.rows * FLOAT

    def products(self, entries: int) -> int:
        """Multiplications of one such matrix."""
        return self.anchors * entries * self.rows * self.width


def arithmetic(recipe: PointCPSCPretrain, kind: str) -> Arithmetic:
    """Of a recipe with PSTNet as its encoder, whose levels say how many superpoints a segment has."""
    levels = recipe.backbone.levels
    anchors = recipe.data.points // math.prod(level.spatial_stride for level in levels)
    times = recipe.segment_frames // math.prod(level.temporal_stride for level in levels)
    superpoints = anchors * times
    rows = superpoints if kind == "clip" else 1
    return Arithmetic(kind, recipe.training.batch * superpoints, rows, recipe.autoregressor.width)


def printed_growth(column: str) -> dict[int, float]:
    """Entries -> Table 8's number less that of the smallest bank, in the column's unit."""
    found = {
        entries: reported(get("pointcpsc"), "Table 8", row=row, column=column, frames=16).value
        for entries, row in SIZES.items()
    }
    least = found[min(found)]
    return {entries: value - least for entries, value in found.items()}


def arithmetic_table(recipe: PointCPSCPretrain) -> str:
    """What 768 further entries (256 to 1,024) cost at a recipe's sizes, by kind, beside what is printed; Markdown."""
    first, last = min(SIZES), max(SIZES)
    more, grown = last - first, printed_growth("Memory")[last]
    body = []
    for kind in KINDS:
        one = arithmetic(recipe, kind)
        stored, compared = one.stored(more) / MIB, one.compared(more) / MIB
        body.append(
            (
                kind,
                f"{one.anchors:,}",
                f"{more * one.rows:,}",
                f"{stored:,.0f} MiB",
                f"{compared:,.1f} MiB",
                f"{(grown - stored) / compared:.1f}",
                f"{one.products(more) / 1e9:,.1f} G",
            )
        )
    header = (
        "an entry is a",
        "superpoints of a batch",
        f"vectors of {more} more entries",
        "to store them",
        "one matrix of similarities",
        f"such matrices in the printed {grown:,.0f} MiB",
        "multiplications of one",
    )
    return markdown_table(header, body)
