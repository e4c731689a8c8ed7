"""What the networks of a pretext may see of a clip: all of it, what a moving camera sees, as many random points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...pretexts.views import random_view
from .clouds import draw_clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store


def draw_three_views(store: Store, pretext: Any, *, frames: int = 6) -> Figure:
    """Complete, partial and random views of the first test clip.

    Args:
        store: the data.
        pretext: a C2P pre-training, whose camera and points count.
        frames: so many of the clip's, evenly apart.
    """
    job, clips = pretext.job(store), pretext.data.clips(store, "test")
    clip = job.stream.reader.load(clips.sequence[:1], clips.start[:1])
    seen = job.visible(clip, 0)
    views = {
        "complete": torch.arange(clip.xyz.shape[2]) < clip.lengths[..., None],
        "partial": seen,
        "random": random_view(seen, clip.lengths, 0),
    }
    shown = np.linspace(0, clip.xyz.shape[1] - 1, frames).astype(int)
    strip = [[clip.xyz[0, frame][mask[0, frame]].numpy() for frame in shown] for mask in views.values()]
    titles = [f"frame {1 + pretext.data.step * frame}" for frame in shown]
    return draw_clip(strip, names=list(views), titles=titles, turn=20, tilt=12, size=4)
