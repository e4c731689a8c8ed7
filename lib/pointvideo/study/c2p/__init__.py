"""C2P's experiments as recipes: which runs make which row of which table, at each profile; one task a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import action, recognition, semantic, synthia
from .profiles import PROFILES

__all__ = ["PROFILES", "TABLES", "PaperTable", "action", "recognition", "semantic", "synthia"]


class PaperTable(NamedTuple):
    """A table of the paper, or a set of numbers that stand in its text: title, rows at a profile, the set it is on."""

    title: str
    rows: Callable[[str], Mapping[str, Sequence[Any]]]
    dataset: str


TABLES = {
    "1": PaperTable("C2P, Table 1: action segmentation on HOI4D", action.table1, "hoi4d_action"),
    "2": PaperTable("C2P, Table 2: semantic segmentation on HOI4D", semantic.table2, "hoi4d_semantic"),
    "3": PaperTable("C2P, Table 3: semantic segmentation on Synthia 4D", synthia.table3, "synthia4d"),
    "4": PaperTable("C2P, Table 4: action recognition on MSR-Action3D", recognition.table4, "msr_action3d"),
    "5": PaperTable("C2P, Table 5: who sees partial views", action.table5, "hoi4d_action"),
    "text": PaperTable("C2P, section 4.6: teacher and views", action.text, "hoi4d_action"),
    "6": PaperTable("C2P, Table 6: data efficiency on HOI4D action segmentation", action.table6, "hoi4d_action"),
    "6-msr": PaperTable("C2P, Table 6's protocol on MSR-Action3D", recognition.table6, "msr_action3d"),
    "7": PaperTable("C2P, Table 7: the time window", action.table7, "hoi4d_action"),
    "8": PaperTable("C2P, Table 8: one prediction head or several", action.table8, "hoi4d_action"),
    "longer": PaperTable("C2P, Table 1 with three times the fine-tuning", action.longer, "hoi4d_action"),
    "released": PaperTable("C2P, paper against released code", action.released, "hoi4d_action"),
}
