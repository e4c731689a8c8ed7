"""The line that says what a page's claims have come to, and the list of pages that has it."""

import pytest

from pointvideo import contents as module
from pointvideo.contents import contents
from pointvideo.report.findings import Finding
from pointvideo.report.lines import answer_line, source_answers

from .test_findings import ASKED, CLAIM, finding


def test_decided_undecided_not_learnt_and_not_run_are_counted():
    several = [
        finding(2.2, 0.5),
        finding(0.1, 0.2),
        finding(-6.3, 1.0, claim=ASKED),
        finding(1.5, 1.0),
        finding(1.5, 1.0, seeds=10),
        Finding(CLAIM, "recorded", None, not_learnt=("a",)),
        Finding(CLAIM, None, None, missing=("b",)),
    ]
    assert [one.decided for one in several] == [True, True, True, False, False, False, False]
    assert [one.direction for one in several[:3]] == [True, False, True]
    line = answer_line(several)
    assert line.startswith("3 of 7 decided: 1 same direction, 1 equivalent, 1 other higher; ")
    assert f"the largest difference is {several[2].difference} points ({ASKED.statement}); " in line
    assert line.endswith("1 NOT LEARNT; 2 undecided: none would be decided by 20 seeds; 1 not run")


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        ([], "no claim stands here"),
        ([Finding(CLAIM, None, None, missing=("b",))] * 2, "not run yet (2 claims and questions)"),
        (
            [finding(9.0, 0.1, seeds=4)],
            "none of 1 decided; 1 undecided",  # before the first look nothing is headlined
        ),
        (
            [finding(1.5, 1.0, video_error=0.99)],
            "none of 1 decided; the largest difference so far is "
            f"{finding(1.5, 1.0, video_error=0.99).difference} points ({CLAIM.statement}); 1 undecided",
        ),
        ([finding(0.1, 0.2)], "1 of 1 decided: 1 equivalent"),
    ],
)
def test_few_words_where_there_is_little(findings, line):
    assert answer_line(findings) == line


def test_each_page_stands_with_its_heading_and_its_answer(tmp_path, monkeypatch):
    (tmp_path / "index.yaml").write_text(
        "- {name: 00_a, title: A}\n- {name: 14_b, title: B, tables: [toy, 1]}\n- {name: 15_c, title: C}\n"
    )
    page = '{"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Does it?\\n\\nYes."}], '
    page += '"metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (tmp_path / "14_b.ipynb").write_text(page)
    (tmp_path / "15_c.ipynb").write_text(page.replace("# Does", "Does"))

    class Found:
        source, findings = "recorded", (finding(2.2, 0.5),)

    asked = []
    monkeypatch.setattr(module.papers, "get", lambda name: name)
    monkeypatch.setattr(module, "evidence", lambda *what: asked.append(what) or Found)
    assert contents(tmp_path, "laptop").splitlines() == [
        "- [A (missing)](00_a.ipynb)",
        "- [Does it?](14_b.ipynb)",
        f"  - recorded data: {answer_line(Found.findings)}",
        "- [C](15_c.ipynb)",
    ]
    assert asked == [("toy", "1", "laptop")]
    Found.source, Found.findings = None, (Finding(CLAIM, None, None, missing=("b",)),)
    assert "  - not run yet (1 claim or question)" in contents(tmp_path, "laptop")


def test_sources_have_a_line_each_and_a_claim_counts_once():
    recorded, made_up = finding(2.2, 0.5), finding(-6.3, 1.0, source="simulated")
    missing = Finding(ASKED, None, None, missing=("b",))
    assert source_answers({"recorded": [recorded, recorded], "simulated": [made_up], None: [missing]}) == [
        f"recorded data: {answer_line([recorded])}",
        f"SIMULATED data, directions only: {answer_line([made_up])}",
        "not run yet (1 claim or question)",
    ]
    assert source_answers({"recorded": [], "simulated": []}) == []
