"""Pictures of rooms, boxes, walks and average precision by class, from a small simulated set."""

from types import SimpleNamespace

import numpy as np
import pytest

from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.furnished_rooms import CLASSES, FurnishedRooms
from pointvideo.papers.mvnet import rooms
from pointvideo.papers.mvnet.room_figures import draw_walk_views
from pointvideo.report.figures.rooms import (
    draw_boxes,
    draw_class_precisions,
    draw_found,
    draw_room,
    looked_at,
    open_to_viewer,
)
from pointvideo.report.figures.style import panels, small_texts
from pointvideo.report.layout import Table
from pointvideo.study.experiments import Method
from pointvideo.tasks.boxes import Boxes
from pointvideo.tasks.cluster_boxes import ClusterBoxes
from pointvideo.tasks.room_segmentation import SCANNET
from pointvideo.tasks.scoring.detection import DETECTION


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    world = FurnishedRooms(train=2, test=2, points=1500, poses=6)
    return build(world, tmp_path_factory.mktemp("data") / "rooms", progress=False, workers=1)


def test_a_room_is_open_to_the_viewer_and_drawn_three_times(store):
    xyz, semantic = store.points(0, 0), store.field("semantic", 0, 0)
    kept = open_to_viewer(xyz, semantic, CLASSES)
    wall = semantic == CLASSES.index("wall")
    assert 0.2 < kept[wall].mean() < 0.8 and kept[semantic == CLASSES.index("floor")].all()
    figure = draw_room(store, 0)
    assert [axes.get_title() for axes in figure.axes] == ["colours", "classes", "things and their boxes"]
    assert {len(axes.collections[0].get_offsets()) for axes in figure.axes} == {int(kept.sum())}
    pieces = len(np.unique(store.field("instance", 0, 0))) - 1
    assert len(figure.axes[2].lines) == 12 * pieces


def test_a_box_is_twelve_edges_around_its_middle():
    figure, axes = panels(1)
    draw_boxes(
        axes, Boxes(np.array([[1.0, 0, 0]]), np.array([[2.0, 1, 1]]), np.zeros(1, int)), (-np.ones(3), np.ones(3)), "k"
    )
    ends = np.concatenate([line.get_xydata() for line in axes.lines])
    assert len(axes.lines) == 12 and len(np.unique(ends.round(6), axis=0)) == 8
    one = np.array([[1.0, 2.0, 3.0]])
    assert looked_at(one).tolist() == [[1.0, -2.0, -3.0]]


def test_true_and_found_boxes_of_several_rooms(store):
    job = ClusterBoxes(SCANNET).job(store)
    tested = job.test.sequence.tolist()
    found = [job.detect(room)[0] for room in tested]
    figure = draw_found(store, tested, found, "clusters")
    assert [axes.get_title() for axes in figure.axes] == [store.sequences[room].name for room in tested]
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert colours == {"#222222", "#D55E00"}
    with pytest.raises(ValueError, match="found: got boxes of 1 rooms, expected those of 2"):
        draw_found(store, tested, found[:1], "clusters")


def test_two_views_of_a_walk_with_their_partners(store, monkeypatch):
    recipe = rooms.pretrain("quick", "both")
    figure = draw_walk_views(recipe, store, 0)
    plan, first, second = figure.axes
    assert first.images[0].get_array().shape == (64, 64) and "of the first" in second.get_title()
    assert len(first.collections[0].get_offsets()) == len(second.collections[0].get_offsets()) > 4
    assert len(plan.lines[0].get_xdata()) == 6
    monkeypatch.setattr(store, "frame_fields", {})
    assert len(draw_walk_views(recipe, store, 0).axes[0].lines[0].get_xdata()) == 12  # a walk of its own


def test_precision_by_class_is_a_mark_a_row_and_a_class_without_things_has_none():
    def row(title, marker, *runs):
        results = [SimpleNamespace(last=SimpleNamespace(classes=("bed", "sofa", "lamp"), ap=ap)) for ap in runs]
        about = SimpleNamespace(title=title, method=Method(title, "#0072B2", marker), task=DETECTION)
        return SimpleNamespace(row=about, results=results)

    def table_of(rows):
        table = object.__new__(Table)  # only its rows are drawn
        object.__setattr__(table, "rows", tuple(rows))
        return table

    rows = [
        row("votes", "s", (0.2, None, 0.4), (0.4, None, 0.6)),
        row("clusters", "o", (0.1, None, 0.0)),
        row("idle", "^"),
    ]
    figure = draw_class_precisions(table_of(rows))
    (axes,) = figure.axes
    votes, clusters = (line for line in axes.lines if line.get_label() in ("votes", "clusters"))
    assert votes.get_xdata()[[0, 2]] == pytest.approx([30, 50]) and np.isnan(votes.get_xdata()[1])
    assert clusters.get_xdata()[[0, 2]] == pytest.approx([10, 0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["bed", "sofa", "lamp"]
    assert small_texts(figure) == []
    with pytest.raises(ValueError, match="no row has a run"):
        draw_class_precisions(table_of(rows[2:]))
