"""The five pre-trainings and what stands beside them, as they are called and drawn."""

from __future__ import annotations

from ...study import trivial_rows
from ...study.experiments import SCRATCH, Method
from ...study.trivial_rows import UNTRAINED

PRETRAININGS: dict[str, Method] = {
    "c2p": Method("C2P", "#0072B2", "s", "C2P"),
    "pointcpsc": Method("PointCPSC", "#CC79A7", "D", "PointCPSC"),
    "crossvideo": Method("CrossVideo", "#009E73", "^", "CrossVideo"),
    "cross4d": Method("Cross4D-JEPA", "#E69F00", "o", "Cross4D-JEPA"),
    "mvnet": Method("MVNet", "#56B4E9", "h", "MVNet"),
}
# targets that know where a patch lies and nothing else: Cross4D-JEPA's cost without a teacher
CONTROL = {"position": Method("position alone", "#666666", "X", "position of the patch alone")}
METHODS: dict[str, Method] = (
    trivial_rows.METHODS
    | {
        "random": UNTRAINED,
        "scratch": SCRATCH,
        "longer": Method("from scratch, twice as long", "#444444", "v", "from scratch, twice as long"),
    }
    | PRETRAININGS
    | CONTROL
)
