import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from pointvideo.report.deviations import deviation, deviations, deviations_table

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = {
    "C2PLoss": "pointvideo.losses.c2p",
    "C2PPretrain": "pointvideo.pretexts.c2p",
    "Trajectory": "pointvideo.pretexts.views",
    "Camera": "pointvideo.pretexts.views",
    "PPTrSize": "pointvideo.backbones",
    "TubeSize": "pointvideo.backbones",
    "Finetune": "pointvideo.tasks.recognition",
    "ClipData": "pointvideo.stream",
}


def test_every_field_is_filled():
    entries = deviations("c2p")
    assert len({entry.id for entry in entries}) == len(entries) >= 30
    for entry in entries:
        for field in dataclasses.fields(entry):
            value = getattr(entry, field.name)
            assert isinstance(value, str) and (value or field.name == "test"), (entry.id, field.name)


def test_named_tests_exist():
    missing = {entry.test for entry in deviations("c2p") if entry.test and not (ROOT / entry.test).is_file()}
    assert not missing, f"deviations.yaml names tests that do not exist: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("entry", deviations("c2p"), ids=lambda entry: entry.id)
def test_switches_exist_with_the_stated_default(entry):
    for owner, name, default in re.findall(r"([A-Z]\w+)\.(\w+)=(\"\w+\"|\([^)]*\)|[\w.-]+)", entry.switch):
        fields = {
            field.name: field.default
            for field in dataclasses.fields(getattr(importlib.import_module(SWITCHES[owner]), owner))
        }
        assert name in fields, f"{owner} has no {name}; it has {', '.join(fields)}"
        assert fields[name] == eval(default, {}), (owner, name)


def test_table_for_a_page():
    table = deviations_table("c2p")
    page = table._repr_html_()
    assert (
        page.startswith("<details><summary") and f"{len(table)} places" in page and page.count("<tr>") == len(table) + 1
    )
    assert deviations_table("c2p", "teacher").to_dataframe().index.tolist() == ["teacher"]
    assert table.to_markdown().count("\n") == len(table) + 2
    with pytest.raises(ValueError, match="there is: c2p"):
        deviations_table("mae")
    with pytest.raises(ValueError, match="there is: teacher"):
        deviation("c2p", "teechar")
