"""A data set, a network and a pretext task of one's own, from frames on disk to a table, a figure and a claim."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pointvideo.backbones import Clip, Tokens, frame_features
from pointvideo.data.plain import import_folder
from pointvideo.pretexts.job import PretextJob, Pretraining
from pointvideo.recipe import Optimiser, Training
from pointvideo.report.claims import Claim
from pointvideo.report.evidence import draw, figures_folder, run_experiment, write
from pointvideo.stream import ClipData
from pointvideo.study.experiments import SCRATCH, Experiment, Method, Paper, Row
from pointvideo.tasks.recognition import Finetune

folder, random = Path(sys.argv[1]), np.random.default_rng(0)
for number in range(28):  # 1 a data set: <split>/<class>/<sequence>/<frame>.npy, coordinates (points, 3) in metres
    place = folder / ("train" if number < 16 else "test") / ("rises", "falls")[number % 2] / f"cloud{number}"
    place.mkdir(parents=True, exist_ok=True)
    for frame in range(8):
        np.save(place / f"{frame}.npy", random.normal([0, 0.05 * frame * (-1) ** number, 2], 0.2, (96, 3)))
import_folder(folder, "my_clouds", "metre", progress=False)

@dataclass(frozen=True)
class MySize:  # 2 a backbone: its size, and a network with a width, stages and tokens
    width: int = 32
    name: str = "my network"
    def build(self):
        return MyNetwork(self.width)

class MyNetwork(nn.Module):
    stages = ("whole",)
    def __init__(self, width):
        super().__init__()
        self.width, self.layer = width, nn.Linear(6, width)
    def tokens(self, xyz, stage="whole"):
        middle = xyz.mean(2, keepdim=True)  # one token a frame: where its middle is, and how far that has moved
        return Tokens(middle, self.layer(torch.cat([middle, middle - middle.roll(1, 1)], dim=-1)).relu())

@dataclass(frozen=True)
class OrderPretrain(Pretraining):  # 3 a pretext task: does the clip run forwards or backwards?
    backbone: MySize = MySize()
    data: ClipData = ClipData("my_clouds", frames=8, points=64, divisor=1)
    training: Training = Training(6, 4, 1, Optimiser("adamw", 1e-2, schedule="cosine", warmup_epochs=0))
    init: None = None
    seed: int = 0

    def job(self, store, pretrained=None):
        head = nn.Linear(self.backbone.width, 2)
        return OrderJob(self, store, nn.ModuleDict({"backbone": self.backbone.build(), "head": head}), pretrained)

class OrderJob(PretextJob):
    def batch(self, epoch, step):
        sequence, start, seed = self.stream.draw(epoch, step)
        clip = self.stream.reader.clip(sequence, start, seed)
        turned = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, len(sequence)))
        return turned, Clip(torch.where(turned[:, None, None, None] == 1, clip.xyz.flip(1), clip.xyz))
    def loss(self, turned, clip):
        self.features = frame_features(self.module["backbone"], clip)
        return {"loss": nn.functional.cross_entropy(self.module["head"](self.features.amax(1)), turned)}

def rows(profile):  # 4 an experiment: a row from scratch and a row after the pretext, five seeds each
    start, ours = OrderPretrain(), Method("after Order", "#117733", "s", "Order")
    plain = Finetune(start.backbone, start.data, replace(start.training, epochs=4))
    scratch = tuple(replace(plain, seed=seed) for seed in range(5))
    order = tuple(replace(recipe, init=replace(start, seed=recipe.seed)) for recipe in scratch)
    pairs = (("scratch", scratch, SCRATCH), ("order", order, ours))
    return tuple(Row(name, method.label, recipes, method, "my network") for name, recipes, method in pairs)

experiment = Experiment("1", "Rising and falling clouds", rows, "my_clouds")
mine = Paper("mine", "Order helps", "Mine", "", "", {}, {"1": experiment}, folder)
ask = Claim("order", "Order helps", "here", None, {"order": 1, "scratch": -1}, metric="accuracy", higher=("yes", "no"))
found = replace(run_experiment(mine, "1", "quick"), claims=(ask,))  # trains what is missing; a killed run resumes
print(found.table.to_markdown(), *write(found), draw(found, figures_folder("quick") / "mine_table_1.png"), sep="\n")
