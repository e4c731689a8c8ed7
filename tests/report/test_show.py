"""Pictures of the data itself: their stamp, and the committed ones of recorded data."""

from types import SimpleNamespace

import pytest

from pointvideo.report.figures.show import data_stamp, recorded_picture, show_figure
from pointvideo.report.stamps import read_stamp


def store(source: str) -> SimpleNamespace:
    return SimpleNamespace(source=source, name="some set", fingerprint="abc", sequences=(1, 2))


def draw(store):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(2, 1))
    axes.plot([0, 1])
    return figure


def never(store):
    raise AssertionError("nothing is drawn without recorded data")


def test_the_stamp_names_the_set_and_what_chose_the_clips():
    stamp = data_stamp(store("recorded"), action="wave")
    assert (stamp.source, stamp.dataset) == ("recorded", "some set")
    assert stamp.parameters == {"fingerprint": "abc", "sequences": 2, "action": "wave"}


def test_a_shown_figure_is_the_stamped_file(tmp_path):
    from matplotlib import pyplot

    picture = show_figure(draw(None), tmp_path / "a.png", data_stamp(store("simulated")))
    assert picture.data == (tmp_path / "a.png").read_bytes()
    assert read_stamp(tmp_path / "a.png").source == "simulated"
    assert not pyplot.get_fignums()


def test_recorded_data_is_drawn_and_kept(tmp_path):
    picture, said = recorded_picture("a", store("recorded"), draw, tmp_path, action="wave")
    assert read_stamp(tmp_path / "a.png").parameters["action"] == "wave"
    assert "just now" in said.data


def test_without_recorded_data_the_kept_picture_is_shown_with_its_caption(tmp_path):
    recorded_picture("a", store("recorded"), draw, tmp_path)
    picture, said = recorded_picture("a", store("simulated"), never, tmp_path)
    assert picture.data == (tmp_path / "a.png").read_bytes()
    assert read_stamp(tmp_path / "a.png").caption() in said.data and "POINTVIDEO_DATA" in said.data


def test_a_missing_picture_is_said(tmp_path):
    (said,) = recorded_picture("a", store("simulated"), never, tmp_path)
    assert "a.png" in said.data and "POINTVIDEO_DATA" in said.data


def test_a_simulated_picture_never_passes_for_a_recorded_one(tmp_path):
    show_figure(draw(None), tmp_path / "a.png", data_stamp(store("simulated")))
    with pytest.raises(ValueError, match="its stamp says simulated data, expected recorded"):
        recorded_picture("a", store("simulated"), never, tmp_path)
