"""The README's picture: whole clip, partial view, a line a finding."""

import numpy as np
import pytest

from pointvideo.report.figures.cover import draw_cover

from .made_up import build_table, made_up_row


def findings():
    rows = {"pptr-scratch-24": [70, 71, 69, 70, 70], "pptr-c2p-24": [85, 86, 84, 85, 85]}
    return build_table("Table 4", list(rows), {row: made_up_row(row, right) for row, right in rows.items()}).findings


def test_it_shows_every_point_above_and_what_is_seen_below():
    random = np.random.default_rng(0)
    frames = [random.normal(size=(30 + frame, 3)) for frame in range(3)]
    seen = [np.arange(len(points)) < 10 for points in frames]
    figure = draw_cover(frames, seen, findings())
    assert len(figure.axes) == 7
    drawn = [[len(dots.get_offsets()) for dots in axes.collections] for axes in figure.axes]
    assert drawn == [[30], [31], [32], [30, 10], [31, 10], [32, 10], []]
    words = " ".join(text.get_text().replace("\n", " ") for text in figure.axes[-1].texts)
    for finding in findings():
        assert finding.claim.statement in words and finding.word in words and finding.difference in words


def test_it_does_without_findings_and_refuses_what_does_not_fit():
    frames, seen = [np.eye(3)], [np.array([True, False, True])]
    assert len(draw_cover(frames, seen, ()).axes) == 2
    with pytest.raises(ValueError, match="1 frames and 0 masks"):
        draw_cover(frames, [], ())
