"""A measurement is made again when its world or its test changes, and only then."""

from __future__ import annotations

import json
import warnings
from types import SimpleNamespace

from pointvideo.source import Library

from .measured import measured, source_of

WORLD = "pointvideo.data.simulate.people:People"


def config(again: bool) -> SimpleNamespace:
    return SimpleNamespace(getoption=lambda name: again)


def test_a_measurement_is_kept_by_its_source(tmp_path):
    made, file = [], tmp_path / "measured.json"

    def measure() -> dict[str, float]:
        made.append(1)
        return {"share": 0.123456}

    steps = [("a", False, 1, True), ("a", True, 2, False), ("a", False, 2, False), ("b", False, 3, True)]
    for source, again, times, told in steps:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert measured("world", source, measure, config(again), file) == {"share": 0.1235}
        assert len(made) == times
        assert ["'world' has changed" in str(warning.message) for warning in said] == [True] * told
    assert json.loads(file.read_text()) == {"world": {"share": 0.1235, "source": "a"}}


def test_the_source_is_the_world_and_the_test(tmp_path, monkeypatch):
    test = tmp_path / "test_world.py"
    test.write_text("LIMIT = 0.4\n")
    first = source_of(test, WORLD)
    test.write_text("# said otherwise\nLIMIT = 0.4\n")
    assert source_of(test, WORLD) == first
    test.write_text("LIMIT = 0.5\n")
    assert source_of(test, WORLD) != first
    test.write_text("LIMIT = 0.4\n")
    read = Library._source

    def source(self: Library, asked: str):
        text, file = read(self, asked)
        if asked == "pointvideo.data.simulate.people":
            assert "subject" in text
            text = text.replace("subject", "subject_")
        return text, file

    monkeypatch.setattr(Library, "_source", source)
    Library._of.cache_clear()
    changed = source_of(test, WORLD)
    Library._of.cache_clear()
    assert changed != first
