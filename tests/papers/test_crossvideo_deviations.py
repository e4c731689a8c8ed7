"""CrossVideo's silences and contradictions: all filled, by switches that there are, with the defaults they state."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from pointvideo.papers import __file__ as package
from pointvideo.report.deviations import KINDS, deviation, deviations
from pointvideo.study.experiments import Paper

from ..report.test_deviations import owners

ROOT = Path(__file__).resolve().parents[2]
PAPER = Paper("crossvideo", "", "CrossVideo", "", "", {}, {}, Path(package).with_name("crossvideo"))
ENTRIES = deviations(PAPER)
# one a line of the lists that were made from the paper before anything was built
SILENCES = (
    "two-views", "frame-negatives", "pairing", "direction", "ranges", "frame-feature", "heads", "image-tower", "i3d",
    "rate", "warm-up", "schedule", "which-scenes", "which-share", "fusion", "batch-norm", "weights",
)  # fmt: skip
CONTRADICTIONS = ("two-views", "feature-dimension", "warm-up", "time-window", "image-tower", "rate", "caption")


def test_every_silence_and_every_contradiction_is_there_and_filled():
    names = [entry.id for entry in ENTRIES]
    assert len(set(names)) == len(names) and {*SILENCES, *CONTRADICTIONS} <= set(names)
    for entry in ENTRIES:
        assert [name for name, value in asdict(entry).items() if not value] in ([], ["test"]), entry.id
        assert entry.code.startswith("Not released"), entry.id
    assert {entry.kind for entry in ENTRIES} == set(KINDS[2:])
    assert deviation(PAPER, "time-window").kind == "the code is not released"


def test_every_switch_exists_with_the_default_that_is_stated():
    stated = 0
    for entry in ENTRIES:
        for owner, name, default in re.findall(r"([A-Z]\w+)\.(\w+)(?:=(\"\w+\"|[\w.-]+))?", entry.switch):
            field = owners()[owner].__dataclass_fields__[name]
            if default:
                assert field.default == eval(default, {}), (entry.id, owner, name)
                stated += 1
    assert stated >= 20


def test_the_test_that_is_named_uses_the_switch():
    for entry in ENTRIES:
        if entry.test:
            text = (ROOT / entry.test).read_text(encoding="utf-8")
            names = re.findall(r"\.(\w+)", entry.switch)
            assert "def test_" in text and (not names or any(re.search(rf"\b{name}\b", text) for name in names))
