"""What a memory bank costs: a step of a pre-training measured, and the arithmetic of Table 8 at the authors' sizes."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
    """One training step with a full bank.

    entries, kind, vectors: how many the bank has, what one is, and how many vectors that makes. anchors: superpoints of
    the batch that are compared with them. seconds: of CPU, or of the wall beside a GPU; the best of several. peak:
    :func:`peak_bytes`.
    """

    entries: int
    kind: str
    vectors: int
    anchors: int
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
    anchors = job.pending[0].shape[:2].numel()
    return StepCost(recipe.bank, recipe.entry, len(job.module.bank.vectors), anchors, seconds, peak_bytes(step, device))


def kept_numbers(costs: Sequence[StepCost]) -> dict[int, float]:
    """Entries -> how many numbers more than with the smallest bank a step keeps, for each superpoint of the batch and
    each further entry; of one kind of entry. Sizes of batch and bank cancel, and so does what the encoder needs."""
    least = min(costs, key=lambda cost: cost.entries)
    return {
        cost.entries: (cost.peak - least.peak) / FLOAT / cost.anchors / (cost.entries - least.entries)
        for cost in costs
        if cost.entries > least.entries
    }


def cost_table(costs: Sequence[StepCost]) -> str:
    """Measurements line by line, as Markdown."""
    body = [
        (one.kind, f"{one.entries:,}", f"{one.vectors:,}", f"{1e3 * one.seconds:.0f} ms", f"{one.peak / MIB:.1f} MiB")
        for one in costs
    ]
    return markdown_table(("an entry is a", "entries", "vectors", "time of a step", "most memory at once"), body)


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
    """The most bytes that tensors made by a call have at once, beyond what was there before it.

    On the CPU what operators give is counted, and not what they need inside: the same on every machine, whatever else
    runs there. On a GPU it is what its allocator tells.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with _Counted() as counted:
        call()
    return counted.peak


class _Counted(TorchDispatchMode):
    """Counts the storages that operators make, each once, until they are gone."""

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_storage(leaf)._cdata for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if torch.is_tensor(leaf):
                storage = _storage(leaf)
                if storage._cdata not in self.known | given:
                    self._new(storage)
        return found

    def _new(self, storage: torch.UntypedStorage) -> None:
        self.known.add(storage._cdata)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.live -= size


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


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


def printed_numbers(recipe: PointCPSCPretrain) -> dict[int, float]:
    """:func:`kept_numbers` of Table 8, if the recipe's batch is the authors'."""
    anchors, least = arithmetic(recipe, "superpoint").anchors, min(SIZES)
    return {
        entries: grown * MIB / FLOAT / anchors / (entries - least)
        for entries, grown in printed_growth("Memory").items()
        if entries > least
    }


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
