"""Pictures of single videos and of whole sets, drawn from a small store; where recorded ones come from."""

import importlib

import pytest

from pointvideo.data.store import Store
from pointvideo.report.figures import gallery as gallery_module
from pointvideo.report.figures import normals, one_video, whole_set
from pointvideo.report.figures.gallery import Gallery
from pointvideo.report.stamps import read_stamp

from .small_store import ACTIONS, make_store

ABOUT = {"action": "bend", "subject": 6}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return make_store(tmp_path_factory.mktemp("six") / "store")


def test_a_video_is_found_by_action_and_subject(store):
    assert store.sequences[one_video.find_video(store, "bend", 6)].name == "bend_6"
    with pytest.raises(ValueError, match="action: got 'jump', expected one of wave, bend, sit"):
        one_video.find_video(store, "jump", 6)
    with pytest.raises(ValueError, match="subject: got 3, expected one of 1, 6"):
        one_video.find_video(store, "bend", 3)


def test_frames_shown_are_spread_over_the_video(store):
    assert one_video.spread(store, 0, 4) == [2, 4, 6, 8] and one_video.third(store, 0) == 4


def test_one_video_as_a_strip_in_parts_and_drawn_again(store):
    points = len(store.points(one_video.find_video(store, **ABOUT), 6))
    strip = one_video.draw_strip(store, **ABOUT, frames=3)
    assert [axes.get_title() for axes in strip.axes[:3]] == ["frame 2", "frame 5", "frame 8"]
    parts = one_video.draw_parts(store, **ABOUT, frames=2)
    assert len({tuple(shade) for shade in parts.axes[2].collections[0].get_facecolors()}) == 2
    draws = one_video.draw_draws(store, **ABOUT)
    counts = [len(axes.collections[0].get_offsets()) for axes in draws.axes]
    assert counts == [points, 512, 256, points, points]
    factors = [axes.get_title().removeprefix("× ").split() for axes in draws.axes[3:]]
    assert all(0.9 <= float(factor) <= 1.1 for three in factors for factor in three) and factors[0] != factors[1]


def test_tubes_are_those_of_p4transformer(store):
    frames, anchors, index = one_video.tubes_of(store, **ABOUT, points=128)
    assert (frames.shape, anchors.shape, index.shape) == ((3, 128, 3), (4, 3), (4, 3, 32))
    reach = (frames[1][index[0, 1]] - anchors[0]).norm(dim=1)
    assert float(reach.max()) < 0.7
    figure = one_video.draw_two_tubes(store, **ABOUT, points=128)
    assert figure.axes[0].get_title() == "4 anchors"
    way = one_video.draw_way(store, **ABOUT, points=128)
    assert [axes.get_title()[0] for axes in way.axes] == ["1", "2", "3", "4", "5"]
    assert [len(dots.get_offsets()) for dots in way.axes[4].collections] == [128, 32, 32, 32]


def test_frames_in_a_row_belong_to_the_whole_one(store):
    whole, frames = one_video.successive(store, **ABOUT, frames=3, points=64)
    assert frames.shape == (3, 64, 3) and whole.shape[1] == 3
    distances = (frames[1][:, None] - whole[None]).norm(dim=-1).min(dim=1).values
    assert (
        float(distances.max()) == 0 and float((frames[0][:, None] - whole[None]).norm(dim=-1).min(1).values.max()) > 0
    )


def test_short_videos_are_counted_out_or_padded(store):
    assert whole_set.scored_videos(store, (8, 16)) == [
        ("8 frames", str(5 + 5 + 14), "3 of 3", str(5 + 5 + 14), "3 of 3"),
        ("16 frames", "6", "1 of 3", "8", "3 of 3"),
    ]
    assert len(whole_set.COUNTED) == 5
    texts = [text.get_text() for text in whole_set.draw_lengths(store, (8, 16)).axes[0].texts]
    assert texts == ["8 frames\n3 of 3", "16 frames\n1 of 3"]


def test_numbers_of_a_set(store):
    found = whole_set.numbers(store)
    assert found["frames in a video"].tolist() == [12, 12, 12, 21, 12, 12]
    assert len(found["points in a frame"]) == 81 and 540 <= found["depth of a point, counts"].min()
    header, *lines = whole_set.quartiles(store)
    assert header == ("", "six (simulated)") and lines[1] == ("frames in a video", "12 (12 to 12)")
    figure = whole_set.draw_distributions(store, beside=store)
    assert [axes.get_xlabel() for axes in figure.axes] == list(found)


def test_each_action_has_a_panel(store):
    figure = whole_set.draw_actions(store, instants=3)
    assert [axes.get_title() for axes in figure.axes[:3]] == list(ACTIONS)


@pytest.mark.parametrize(("source", "said"), [("recorded", "Drawn just now"), ("simulated", "kept in the repository")])
def test_a_gallery_draws_recorded_pictures_where_the_data_is(tmp_path, monkeypatch, source, said):
    pytest.importorskip("IPython")
    monkeypatch.setattr(gallery_module, "figures_folder", lambda profile: tmp_path / profile)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *several: shown.append(several))
    recorded = make_store(tmp_path / "recorded_store", "recorded")
    gallery = Gallery("quick", "page", ABOUT)
    gallery.recorded("strip", recorded, one_video.draw_strip, **ABOUT, frames=2)
    if source == "simulated":
        gallery.recorded("strip", make_store(tmp_path / "store"), one_video.draw_strip, **ABOUT, frames=2)
    assert said in shown[-1][1].data and shown[-1][0].data[:4] == b"\x89PNG"
    stamp = read_stamp(tmp_path / "recorded" / "strip.png")
    assert stamp.source == "recorded" and {**ABOUT}.items() <= stamp.parameters.items()
    gallery.show(one_video.draw_draws(recorded, **ABOUT), "draws", recorded, frame=4)
    assert read_stamp(tmp_path / "quick" / "page_draws.png").parameters["frame"] == 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'open3d'", name="open3d"), "it is not installed"),
        (ModuleNotFoundError("No module named 'dash'", name="dash"), "needs the Python package dash"),
        (ImportError("libusb-1.0.so.0: cannot open shared object file"), "system library libusb-1.0-0 is missing"),
        (OSError("libGL.so.1: cannot open"), "does not load (libGL.so.1: cannot open)"),
        (None, ""),
    ],
)
def test_what_open3d_lacks_is_said_in_one_line(monkeypatch, error, said):
    def load(name):
        assert name == "open3d"
        if error is not None:
            raise error

    monkeypatch.setattr(importlib, "import_module", load)
    line = normals.open3d_missing()
    assert said in line and "\n" not in line and bool(line) == bool(said)
