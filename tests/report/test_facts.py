"""Statements that a page checks."""

from pointvideo.report.facts import fact_lines


def test_a_fact_that_does_not_hold_is_said_loudly():
    assert fact_lines({"loss falls": True, "weights moved": False}) == "loss falls: yes\nweights moved: NO"
