"""PointCPSC's silences and misprints: all filled, switches and tests there, with the defaults that are stated."""

import dataclasses
import re
from pathlib import Path

import pytest

from pointvideo import papers
from pointvideo.report.deviations import KINDS, deviation, deviations

from ..report.test_deviations import FIELD, owners

ROOT = Path(__file__).resolve().parents[2]
PAPER = papers.get("pointcpsc")
ENTRIES = deviations(PAPER)
DEFAULT = r"([A-Z]\w+)\.(\w+)=(\"\w+\"|\([^)]*\)|[\w.-]+)"
SILENCES = (  # one a line of the list that was made from the paper before anything was built
    "anchor", "weighting", "normalised", "segments", "segments-alone", "where-read", "sizes", "entry", "bank-update",
    "own-video", "negatives-of-the-batch", "no-selection", "assignment-temperature", "tables", "other-prototypes",
    "divergence", "weights", "pretrain-schedule", "finetune-optimiser", "pieces", "probe", "half", "ntu-unit",
    "pretrain-videos", "synthia-segments", "seeds",
)  # fmt: skip
MISPRINTS = ("anchor", "weighting", "missing-ratio", "radius", "counts", "score-of-scratch")


def test_every_silence_and_every_misprint_that_matters_is_there():
    assert len(SILENCES) == 26
    assert {*SILENCES, *MISPRINTS} <= {entry.id for entry in ENTRIES}
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        empty = [field.name for field in dataclasses.fields(entry) if not getattr(entry, field.name)]
        assert empty in ([], ["test"]), entry.id


def test_no_code_of_the_paper_is_claimed():
    for entry in ENTRIES:
        assert entry.code.startswith("Not released"), entry.id
        named = entry.paper + entry.ours + entry.statement
        assert not re.search(r"Query|PointCMP|SlotCon|SNCLR", named), entry.id
    assert {entry.kind for entry in ENTRIES} == set(KINDS[2:])
    assert deviation(PAPER, "segments").kind == "neither says"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_switches_exist_with_the_stated_default(entry):
    for owner, name in re.findall(r"([A-Z]\w+)\.(\w+)", entry.switch):
        known = owners()[owner]
        assert name in {field.name for field in dataclasses.fields(known)} or hasattr(known, name), (owner, name)
    for owner, name, default in re.findall(DEFAULT, entry.switch):
        fields = {field.name: field.default for field in dataclasses.fields(owners()[owner])}
        assert fields[name] == eval(default, {}), (owner, name)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.test], ids=lambda entry: entry.id)
def test_a_switch_is_used_by_the_test_that_it_names(entry):
    text = (ROOT / entry.test).read_text(encoding="utf-8")
    fields = [name for _, name in re.findall(FIELD, entry.switch)]
    used = [name for name in fields if re.search(rf"\b{name}\b", text)]
    assert "def test_" in text and (used or not fields), f"{entry.test} says nothing of {', '.join(fields)}"
