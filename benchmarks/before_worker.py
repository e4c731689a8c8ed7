"""The child of ``python -m benchmarks.before``: trains a recipe at laptop size when told to, with whatever source tree
is on its path. It imports only what both versions have.

Lines in: recipe and number of updates. Lines out: CPU seconds an update, the views' share of them, the last loss.
"""

from __future__ import annotations

import sys
import time

import torch

from pointvideo.backbones import P4TransformerSize, PPTrActionSegmentationSize, PPTrSize, TransformerSize, TubeSize
from pointvideo.data.augment import Augment
from pointvideo.data.store import Store
from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.pretexts.views import Camera
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.trainer import build_optimiser
from pointvideo.tasks.action_segmentation import SegmentActions
from pointvideo.tasks.recognition import Finetune

ADAMW = Optimiser(name="adamw", rate=1e-3, weight_decay=0.05)
MSR = ClipData(frames=24, points=512, divisor=300.0)
MSR_TUBE = TubeSize(radius=0.5)
MSR_TRANSFORMER = TransformerSize(width=128, depth=2, heads=2, head_width=64, hidden=256)
HANDS = ClipData("hoi4d_action", frames=75, step=2, hop=2, points=256, divisor=1.0)
HANDS_SIZE = PPTrActionSegmentationSize(
    TubeSize(radius=0.3, temporal_stride=1, temporal_padding=(1, 1)),
    TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128),
    primitives=4,
    time_unit=15.0,
)
HANDS_CAMERA = Camera(focal=9.0, width=16, height=16, tolerance=0.02)
HANDS_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre")


def training(batch: int, clips_per_video: int) -> Training:
    """AdamW for as long as anybody asks."""
    return Training(epochs=10**6, batch=batch, clips_per_video=clips_per_video, optimiser=ADAMW)


RECIPES = {
    "recognition": Finetune(backbone=PPTrSize(MSR_TUBE, MSR_TRANSFORMER), data=MSR, training=training(8, 3)),
    "recognition-p4": Finetune(
        backbone=P4TransformerSize(MSR_TUBE, MSR_TRANSFORMER), data=MSR, training=training(16, 3)
    ),
    "recognition-c2p": C2PPretrain(
        backbone=PPTrSize(MSR_TUBE, MSR_TRANSFORMER), data=MSR, training=training(16, 3), predictor_hidden=256
    ),
    "action": SegmentActions(backbone=HANDS_SIZE, data=HANDS, training=training(4, 1)),
    "action-c2p": C2PPretrain(
        backbone=HANDS_SIZE, data=HANDS, training=training(4, 1), predictor_hidden=256, camera=HANDS_CAMERA,
        augment=HANDS_AUGMENT,
    ),
}  # fmt: skip


class Run:
    """A recipe's job and where it stands."""

    def __init__(self, name: str, stores: dict[str, Store]):
        recipe = RECIPES[name]
        torch.manual_seed(0)
        self.job = recipe.job(stores[recipe.data.dataset])
        self.job.module.train()
        self.optimiser = build_optimiser(self.job.module, recipe.training.optimiser)
        self.done = 0

    def update(self) -> float:
        """One update; its loss."""
        parts = self.job.loss(*self.job.batch(*divmod(self.done, self.job.steps_per_epoch)))
        parts["loss"].backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.done += 1
        return float(parts["loss"].detach())


def main(msr: str, hands: str) -> None:
    torch.set_num_threads(1)
    if not torch.cpu._is_amx_tile_supported():
        torch.set_float32_matmul_precision("medium")  # as the trainer has it
    stores = {"msr_action3d": Store.open(msr), "hoi4d_action": Store.open(hands)}
    runs: dict[str, Run] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name, updates = line.split()
        run = runs.setdefault(name, Run(name, stores) if name not in runs else None)
        views, wall, cpu = getattr(run.job, "view_seconds", 0.0), time.perf_counter(), time.process_time()
        for _ in range(int(updates)):
            loss = run.update()
        views, wall = getattr(run.job, "view_seconds", 0.0) - views, time.perf_counter() - wall
        print((time.process_time() - cpu) / int(updates), views / wall, loss, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
