"""Figure 3, counted: whose a superpoint's neighbours are, after PointCPSC, after nothing, and without any encoder."""

from __future__ import annotations

from ...study.experiments import Row
from ...tasks.frame_statistics import PointStatisticsSize
from ...tasks.neighbours import Neighbours
from ...tasks.point_probe import PlaceSize
from .methods import METHODS
from .recognition import pretrain
from .settings import PIECE_FRAMES, encoder, sizes
from .tables import BACKBONE

SUPERPOINTS = 32  # of a clip, as many as a small encoder gives
_HAND_MADE = {"geometry": PointStatisticsSize(), "place": PlaceSize()}
_ROWS = (
    ("cpsc", False), ("noise", False), ("random", False), ("geometry", False), ("place", False), ("any", False),
    ("cpsc", True), ("any", True),
)  # fmt: skip


def search(profile: str, name: str, seed: int = 0, *, own_video: bool = False) -> Neighbours:
    """Neighbours by an arm's features, by the untrained encoder's for "random", by what is hand-made, or "any".

    The balls are those of the pre-training, whose neighbours these are; so are the clips.
    """
    chosen, like = sizes(profile), pretrain(profile, "cpsc" if name in ("random", "any", *_HAND_MADE) else name, seed)
    return Neighbours(
        backbone=_HAND_MADE.get(name, encoder(profile)),
        data=like.data,
        training=chosen.solved,
        init=None if name in ("random", "any", *_HAND_MADE) else like,
        piece_frames=PIECE_FRAMES,
        superpoints=SUPERPOINTS,
        bank=chosen.heads.bank,
        neighbours=like.loss.local.neighbours,
        own_video=own_video,
        chosen="any" if name == "any" else "similar",
        standardised=name in _HAND_MADE,
        seed=seed,
    )


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``<arm>-neighbours``, with ``-own`` where the own video is allowed."""
    return tuple(
        Row(
            id=f"{name}-neighbours" + "-own" * own,
            title=METHODS[name].short + ", own video allowed" * own,
            recipes=tuple(search(profile, name, seed, own_video=own) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone=BACKBONE if name in ("cpsc", "noise", "random") else "",
            because="nothing is counted in the paper",
            control=name == "noise",
        )
        for name, own in _ROWS
    )
