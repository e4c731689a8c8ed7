"""Contrasts that are kept: found again as long as nothing that they rest on has changed, computed anew otherwise."""

from __future__ import annotations

import json

import pytest

from pointvideo import papers
from pointvideo.report import kept as module
from pointvideo.report.claims import contrast_of
from pointvideo.report.evidence import committed_ledger, evidence
from pointvideo.report.kept import FILE, computed, write_kept
from pointvideo.study.ledger import sealed

from ..edited_source import edited
from .made_up import made_up_record, result_from_record

CACHED = (module._known, module.statistics_digest)


@pytest.fixture
def anew(tmp_path, monkeypatch):
    """`anew()`: a process that has used nothing yet, in a project of its own."""
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)

    def begin() -> None:
        module._used.clear()
        module._computed.clear()
        for cached in CACHED:
            cached.cache_clear()

    begin()
    yield begin
    begin()


def rows(right: int = 50, digest: bool = True) -> dict:
    def runs(name: str, right: int) -> list:
        records = [made_up_record(f"{name}{seed}", seed=seed, right=right + seed) for seed in range(3)]
        return [result_from_record(sealed(record) if digest else record) for record in records]

    return {"a": runs("a", right), "b": runs("b", 30)}


def difference(results: dict, metric: str = "accuracy"):
    return contrast_of({"a": 1.0, "b": -1.0}, results, metric)


def test_a_contrast_is_found_again(anew, tmp_path):
    file = tmp_path / "figures/laptop" / FILE
    first = difference(rows())
    assert computed() == 1 and difference(rows()) == first and computed() == 1
    assert write_kept(file) and not write_kept(file)
    anew()
    assert difference(rows()) == first and computed() == 0
    kept = json.loads(file.read_text())
    (key,) = kept
    kept[key]["estimate"] = 0.125
    file.write_text(json.dumps(kept))
    anew()
    assert difference(rows()).estimate == 0.125, "a kept contrast is not computed"


def test_a_changed_record_or_other_rows_are_computed(anew, tmp_path):
    first = difference(rows())
    write_kept(tmp_path / "figures/laptop" / FILE)
    anew()
    assert difference(rows(60)) != first and computed() == 1
    assert contrast_of({"b": 1.0, "a": -1.0}, rows(), "accuracy").estimate == -first.estimate and computed() == 2
    assert contrast_of({"a": 1.0, "b": -1.0}, rows(), "accuracy", confidence=0.9) != first and computed() == 3
    assert difference(rows()) == first and computed() == 3
    write_kept(tmp_path / "figures/laptop" / FILE)
    assert len(json.loads((tmp_path / "figures/laptop" / FILE).read_text())) == 4


def test_a_run_without_a_digest_is_never_kept(anew):
    difference(rows(digest=False))
    assert computed() == 0 and not module._used


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("report.statistics", "LARGER = 0.25", "LARGER = 0.35"),
        ("report.statistics", "videos < 2", "videos < 3"),
        ("tasks.scoring.recognition", "float(hit)", "float(not hit)"),
    ],
)
def test_changed_statistics_are_computed(anew, tmp_path, name, old, new):
    difference(rows())
    write_kept(tmp_path / "figures/laptop" / FILE)
    anew()
    with edited({name: (old, new)}):
        difference(rows())
    assert computed() == 1


def test_the_committed_ones_are_those_of_the_committed_records(monkeypatch):
    """What `make readme` has kept is all that a table needs, and is what its records give."""
    for cached in CACHED:
        cached.cache_clear()
    module._used.clear()
    module._computed.clear()
    found = evidence(papers.get("c2p"), "4", "laptop", committed_ledger())
    table = found._table()  # without the verdicts of other tables
    assert computed() == 0, "run `make readme`"
    assert any(finding.contrast for finding in table.findings)
    kept = dict(module._used)
    module._used.clear()
    monkeypatch.setattr(module, "_known", lambda root: {})
    assert found._table().findings == table.findings
    assert kept and kept == module._used
