"""PointVideo: self-supervised learning from point cloud videos, rebuilt in notebooks."""

import os
import sys

__version__ = "0.1.0"

# libgomp reads its wait policy once, when torch is loaded: with the default (spinning) a second
# process on the same cores slows small operators by one to two orders of magnitude.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str):
    """``pointvideo.load``, which brings torch in, only when it is asked for."""
    if name == "load":
        from .loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
