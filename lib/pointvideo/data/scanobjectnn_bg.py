"""ScanObjectNN's variant OBJ_BG: every object once, with the background in its box; see :mod:`.scanobjectnn`."""

from __future__ import annotations

from pathlib import Path

from .recorded import Listing
from .scanobjectnn import FIELDS, FRAME_FIELDS, UNIT, camera, list_variant

__all__ = ["FIELDS", "FRAME_FIELDS", "UNIT", "camera", "list_sources"]

NAME = "scanobjectnn_bg"
PLAIN = "objectdataset.h5"


def list_sources(folder: Path) -> Listing:
    """The clouds of OBJ_BG."""
    return list_variant(folder, PLAIN)
