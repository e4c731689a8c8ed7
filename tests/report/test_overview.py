"""All tables at a glance: what they are on and what their claims have come to, recorded and simulated apart."""

import pytest

from pointvideo.report.overview import claims_not_run, data_of, findings_by_source, overview, overview_html

from .made_up import build_table, made_up_row, made_up_segmentation


def recorded(name: str = "Table 4"):
    rows = {"pptr-scratch-24": [70, 71, 69, 70, 70], "pptr-c2p-24": [85, 86, 84, 85, 85]}
    records = {row: made_up_row(row, right) for row, right in rows.items()}
    return build_table(name, list(rows), records)


def simulated(name: str = "Table 1"):
    rows = ("as-pptr-scratch", "as-pptr-c2p")
    records = {
        row: [
            made_up_segmentation(f"{row}{seed}", seed=seed, quality=quality, source="simulated", dataset="hand_object")
            for seed in range(5)
        ]
        for row, quality in zip(rows, (0.3, 0.9), strict=True)
    }
    return build_table(name, list(rows), records)


def not_run(name: str = "Table 3"):
    return build_table(name, ["synthia-p4transformer-scratch-3", "synthia-p4transformer-c2p-3"], {})


def test_each_table_has_a_line_with_data_runs_and_verdicts():
    tables = [recorded(), simulated(), not_run()]
    lines = overview(tables, [10, 12, 9])
    assert lines[0] == ("Table 4", "recorded msr_action3d", "10 of 10", "1 larger than printed")
    assert lines[1][:3] == ("Table 1", "SIMULATED hand_object", "10 of 12")
    assert lines[1][3].endswith(f"{len(tables[1].findings)} same direction")
    assert lines[2] == ("Table 3", "not run", "0 of 9", f"{len(tables[2].findings)} not run")
    text = overview_html("All", tables, [10, 12, 9])
    assert text.count("<tr>") == 4 and "SIMULATED hand_object" in text
    with pytest.raises(ValueError, match="shorter"):
        overview(tables, [10, 12])


def test_a_table_without_claims_says_so():
    table = build_table("alone", ["pptr-c2p-24"], {"pptr-c2p-24": made_up_row("pptr-c2p-24", [80])})
    assert overview([table], [1])[0][3] == "none" and data_of(table) == "recorded msr_action3d"


def test_findings_are_apart_by_source_and_each_claim_stands_once():
    found = findings_by_source([recorded(), simulated(), not_run(), recorded("again")])
    assert [finding.claim.id for finding in found["recorded"]] == ["c2p-pptr-24"]
    assert found["simulated"] and {finding.source for finding in found["simulated"]} == {"simulated"}
    assert all(finding.contrast is not None for findings in found.values() for finding in findings)


def test_claims_without_evidence_are_named_once():
    missing = claims_not_run([not_run(), recorded(), not_run("again")])
    assert "c2p-synthia-miou" in missing and "c2p-pptr-24" not in missing and len(set(missing)) == len(missing)
