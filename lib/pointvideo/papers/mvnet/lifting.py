"""Experiment 3: is a 3D network that has learnt from images better than the images' features themselves, lifted?

The abstract sets the method against "predicting 2D features first and then obtaining 3D features through dimensionality
lifting". Both are frozen here, and a class is read from the mean feature of an object's points by the same solved
probe. Lifting sees an object from one, four or twelve sides whenever it is asked; the 3D network sees points alone.
"""

from __future__ import annotations

from dataclasses import replace

from ...study.experiments import Row
from ...tasks.object_recognition import ObjectProbe
from ...teachers.lifted import LiftedSize
from ...teachers.ring import Cameras
from .methods import ARMS, METHODS, SILENT
from .objects import NETWORK, probe
from .settings import levels, sizes

VIEWS = (1, 4, 12)
_NETWORKS = ("random", "transfer", "both", "noise")


def lifted(profile: str, views: int, seed: int = 0) -> ObjectProbe:
    """The probe of lifted features."""
    size = LiftedSize(teachers=levels(profile, "imagenet"), cameras=Cameras(poses=max(VIEWS), down="-y"), views=views)
    return replace(probe(profile, "random", seed), backbone=size)


def distilled(profile: str, name: str, seed: int = 0) -> ObjectProbe:
    """The probe of the features of points that a 3D network has after an arm; of the untrained one for "random"."""
    return replace(probe(profile, name, seed), output="points")


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``lifted-<views>`` and ``points-<start>``."""
    wanted = VIEWS[:2] if profile == "quick" else VIEWS
    seeds = sizes(profile).few_seeds
    lifting = (
        Row(
            id=f"lifted-{views}",
            title=METHODS[f"lifted-{views}"].short,
            recipes=tuple(lifted(profile, views, seed) for seed in seeds),
            method=METHODS[f"lifted-{views}"],
            backbone="none",
            because=SILENT,
        )
        for views in wanted
    )
    networks = (
        Row(
            id=f"points-{name}",
            title=f"3D network, {METHODS[name].short}",
            recipes=tuple(distilled(profile, name, seed) for seed in seeds),
            method=METHODS[name],
            backbone=NETWORK,
            because=SILENT,
            control=name in ARMS and ARMS[name].control,
        )
        for name in _NETWORKS
    )
    return (*lifting, *networks)
