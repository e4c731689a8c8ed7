"""A clip to turn by hand: what it holds, and that it stands by itself."""

import base64
import html
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("IPython")

from pointvideo.report.figures.style import PART_COLOURS  # noqa: E402
from pointvideo.report.figures.viewer import LIMIT, STEPS, clip_viewer  # noqa: E402
from pointvideo.report.stamps import Stamp  # noqa: E402

STAMP = Stamp("recorded", "some set", "c0ffee1")
VOID = {"img", "input"}


def clip(frames: int = 3, points: int = 50) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.normal(size=(points + place, 3)) * [1, 2, 0.5] + [0, 0, 4] for place in range(frames)]


def read(page: str) -> tuple[dict, list[np.ndarray], list[np.ndarray]]:
    """What the script is given: its data, then the points (in steps) and the places of the colours of each frame."""
    data = json.loads(html.unescape(re.search(r'data-clip="(.*?)"', page)[1]))
    packed = zlib.decompress(base64.b64decode(re.search(r'data-points="(.*?)"', page)[1]))
    planes = np.cumsum(np.frombuffer(packed, np.uint8).reshape(4, -1), axis=1, dtype=np.uint8)
    ends = np.cumsum(data["counts"])[:-1]
    return data, np.split(planes[:3].T.astype(float), ends), np.split(planes[3], ends)


def test_points_come_back_within_half_a_step():
    frames = clip()
    data, found, _ = read(clip_viewer(frames, stamp=STAMP).data)
    every = np.concatenate(frames)
    low, step = every.min(axis=0), np.ptp(every, axis=0) / STEPS
    assert data["counts"] == [50, 51, 52]
    np.testing.assert_allclose(data["steps"], step / np.ptp(every, axis=0).max(), atol=1e-7)
    for points, frame in zip(found, frames, strict=True):
        near = np.linalg.norm((low + step * points)[:, None] - frame, axis=2)
        assert near.min(axis=1).max() <= np.linalg.norm(step) / 2 and len(set(near.argmin(axis=1))) == len(frame)


@pytest.mark.parametrize("kind", ["labels", "rgb", "name"])
def test_every_point_keeps_its_colour(kind: str):
    frames = clip(1)
    labels = np.arange(50) % 3
    given = {"labels": labels, "rgb": np.eye(3)[labels], "name": "#0072B2"}[kind]
    data, (points,), (places,) = read(clip_viewer(frames, [given], stamp=STAMP).data)
    wanted = {
        "labels": [PART_COLOURS[label].lower() for label in labels],
        "rgb": [("#ff0000", "#00ff00", "#0000ff")[label] for label in labels],
        "name": ["#0072b2"] * 50,
    }[kind]
    low, step = frames[0].min(axis=0), np.ptp(frames[0], axis=0) / STEPS
    nearest = np.linalg.norm((low + step * points)[:, None] - frames[0], axis=2).argmin(axis=1)
    assert [data["palette"][place] for place in places] == [wanted[place] for place in nearest]


def test_many_colours_are_kept_nearly():
    frames = clip(1, 3000)
    rgb = np.random.default_rng(0).uniform(size=(3000, 3))
    data, (points,), (places,) = read(clip_viewer(frames, [rgb], stamp=STAMP).data)
    assert len(data["palette"]) <= 256
    low, step = frames[0].min(axis=0), np.ptp(frames[0], axis=0) / STEPS
    palette = np.array([[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in data["palette"]]) / 255
    nearest = np.linalg.norm((low + step * points)[:, None] - frames[0], axis=2).argmin(axis=1)
    assert np.median(np.abs(palette[places] - rgb[nearest]).max(axis=1)) <= 0.1


def test_a_large_clip_loses_points_and_not_frames():
    page = clip_viewer(clip(24, 4000), [np.random.default_rng(n).uniform(size=(4000 + n, 3)) for n in range(24)],
                       stamp=STAMP).data  # fmt: skip
    assert 0.85 * LIMIT < len(page) <= LIMIT
    assert len(read(page)[0]["counts"]) == 24 and min(read(page)[0]["counts"]) > 500


class Tags(HTMLParser):
    """Refuses what is not closed, and anything from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.open += [] if tag in VOID else [tag]
        for name, value in attributes:
            assert name not in ("src", "href") or value.startswith("data:")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert "http" not in data and "import(" not in data


def test_it_stands_by_itself_and_escapes_what_it_is_given():
    page = clip_viewer(clip(), stamp=STAMP, title="<b>&", legend={"seen & kept": "#D55E00"}).data
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and tags.seen.count("img") == 1 and tags.seen[-1] == "script"
    assert "&lt;b&gt;&amp;" in page and "seen &amp; kept" in page and STAMP.caption() in page
    assert "SIMULATED" not in page
    assert "SIMULATED</span>" in clip_viewer(clip(), stamp=Stamp("simulated", "people", "c0ffee1")).data


def test_the_picture_for_pages_without_scripts_is_a_png_of_the_cloud():
    Image = pytest.importorskip("PIL.Image")
    page = clip_viewer([np.array([[0.0, 0, 1], [1, 1, 2]])], ["#D55E00"], stamp=STAMP, size=20).data
    import io

    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,(.*?)\"", page)[1]))).convert("RGB")
    assert picture.width == 640 and (213, 94, 0) in {shade for _, shade in picture.getcolors(1 << 20)}


@pytest.mark.parametrize(
    ("frames", "colours", "said"),
    [
        ([], None, "frames of"),
        ([np.zeros((0, 3))], None, "frames of"),
        ([np.full((2, 3), np.nan)], None, "finite points only"),
        (clip(2), ["red"], "1 colours for 2 frames"),
        (clip(1), [np.zeros((3, 3))], "3 colours for 50 points"),
    ],
)
def test_what_is_no_clip_is_refused(frames, colours, said: str):
    with pytest.raises(ValueError, match=said):
        clip_viewer(frames, colours, stamp=STAMP)
