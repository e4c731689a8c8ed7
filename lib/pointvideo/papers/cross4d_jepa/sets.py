"""The sets on which an arm is distilled, and encoders are scored: MSR-Action3D, simulated people, animals.

The paper's other sets are licensed. Simulated people stand in for NTU RGB+D, simulated animals for DeformingThings4D,
where that is not at hand. Frames and epochs on animals are Table 8's.
"""

from __future__ import annotations

from dataclasses import replace

from ...data.layout import SMALL
from ...pretexts.cross4d import Cross4DPretrain
from ...stream import ClipData
from ...study.experiments import stretched
from .distillation import pretrain
from .settings import clip_data, sizes

SETS = {"msr": "MSR-Action3D", "people": "simulated people", "animals": "animals"}
ANIMALS, FRAMES = "deformingthings4d", 16
SHORTER = 0.6  # epochs on animals, beside those on MSR-Action3D
PEOPLE_RADIUS = 100.0  # of a clip of simulated people, in depth counts; the median is 99
# Points for the cameras, fewer than the simulated animals have: all of them would come in the same order in each frame.
_DRAWN = {"quick": 256, "laptop": 768}
_VIDEOS = {"laptop": 272}  # of animals, of each split: as many as MSR-Action3D has


def data_of(profile: str, where: str) -> ClipData:
    """The clips of one of :data:`SETS` at a profile, padded as a pre-training wants them, in units of their radius."""
    plain = clip_data(profile)
    if where == "people":
        return replace(plain, dataset="people", divisor=PEOPLE_RADIUS)
    if where == "animals":
        small, videos = SMALL if profile == "quick" else "", _VIDEOS.get(profile, plain.videos)
        return replace(plain, dataset=ANIMALS + small, frames=FRAMES, videos=videos).in_radii()
    return plain


def distilled(profile: str, name: str, where: str, seed: int = 0) -> Cross4DPretrain | None:
    """The distillation of an arm of :data:`.methods.ARMS` on one of :data:`SETS`; None for "random"."""
    if name == "random":
        return None
    plain, data = pretrain(profile, name, seed), data_of(profile, where)
    if where != "animals":
        return replace(plain, data=data)
    render = replace(plain.targets.render, points=_DRAWN.get(profile, sizes(profile).drawn))
    targets = replace(plain.targets, frames=FRAMES, render=render)
    return replace(plain, data=data, targets=targets, training=stretched(plain.training, SHORTER))
