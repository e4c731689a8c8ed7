"""Small tables of C2P's pages, and the picture of its search."""

import pytest

from pointvideo import papers
from pointvideo.papers.c2p import action, settings, tables
from pointvideo.report.evidence import committed_ledger, evidence
from pointvideo.report.figures.search import draw_search
from tests.report.made_up import build_table, made_up_record

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]


def test_videos_that_are_scored():
    table = build_table("t", ["pptr-c2p-24"], {"pptr-c2p-24": [made_up_record("a", videos=280, right=200, total=290)]})
    assert cells(tables.scored_videos(table))[2:] == [
        ["8", "297", "296", "not run"],
        ["16", "297", "296", "not run"],
        ["24", "287", "286", "280 of 290"],
    ]


def test_windows_and_sight_of_ablations():
    windows = tables.loss_windows(papers.get("c2p"), ("7", "8"), "quick")
    assert len(windows) == 6 and windows["window of 1"].offsets == ()
    lines = {line[0]: line[1:] for line in cells(tables.sight_of(papers.get("c2p"), ("5", "text"), "quick"))}
    assert lines["PPTr, partial to partial"] == ["partial", "partial", "tube"]
    assert lines["PPTr, symmetric teacher"] == ["complete", "partial", "full"]


def test_switches_name_what_differs_and_nothing_else():
    paper, code = action.pretrain("quick"), action.pretrain("quick", method="released")
    lines = {line[0]: line[1:] for line in cells(tables.switches(paper, code))[2:]}
    assert lines["views"] == ["'fresh'", "'frozen'"] and lines["loss.predictor_norm"] == ["'layer'", "'batch'"]
    assert "backbone" not in lines and not any(name.startswith("training") for name in lines)
    assert len(cells(tables.switches(paper, paper))) == 2


def test_the_search_is_drawn_with_what_was_chosen():
    table = evidence(papers.get("c2p"), "4-choice", "laptop", committed_ledger()).table
    axes = draw_search(table, settings.chosen_rows().values()).axes[0]
    filled = [line for line in axes.lines if line.get_markerfacecolor() != "white"]
    assert len(axes.lines) == 24 and len(filled) == 4
    assert max(line.get_xdata()[0] for line in axes.lines) == max(line.get_xdata()[0] for line in filled)
    assert axes.get_xlabel().replace("\n", " ") == "video accuracy on the held-out training subjects, % of 84 videos"
    with pytest.raises(ValueError, match="no run to draw"):
        draw_search(build_table("t", ["pptr-c2p-24"], {"pptr-c2p-24": []}), ())
    with pytest.raises(ValueError, match="no row 'choice-none'"):
        draw_search(table, ["choice-none"])
