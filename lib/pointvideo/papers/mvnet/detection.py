"""Boxes in rooms: VoteNet's head on the pre-trained network, its encoder taken over; the pre-trainings are those of
:mod:`.rooms`."""

from __future__ import annotations

from ...recipe import Training
from ...study.experiments import Row
from ...tasks.cluster_boxes import ClusterBoxes
from ...tasks.detection import DetectThings
from .methods import METHODS
from .rooms import network, room_data, rows_of, sizes, start_of


def detect(profile: str, name: str = "scratch", seed: int = 0, colours: bool = True) -> DetectThings:
    """Boxes from scratch ("scratch") or after an arm, whose encoder is taken over."""
    chosen, start = sizes(profile), start_of(profile, name, seed, colours)
    return DetectThings(
        backbone=network(profile, colours),
        data=room_data(profile, colours),
        training=chosen.detect,
        votes=chosen.votes,
        init=start,
        transfer="all" if start is None else "encoder",
        evaluate_every=chosen.detect.epochs,
        seed=seed,
    )


def detected(profile: str) -> tuple[Row, ...]:
    """Detection: rows ``boxes-<start>`` with colours, ``boxes-<start>-bare`` without."""
    return rows_of(profile, "boxes", detect)


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above detection: clusters of points, with their extent and with the mean size of a class."""
    data = room_data(profile)
    return tuple(
        Row(
            id=f"boxes-clusters-{box}",
            title=METHODS[f"clusters-{box}"].short,
            recipes=(ClusterBoxes(data, Training(epochs=1, batch=sizes(profile).detect.batch), box=box),),
            method=METHODS[f"clusters-{box}"],
            backbone="none",
            because="a baseline of ours",
            baseline="points",
        )
        for box in ("extent", "mean")
    )
