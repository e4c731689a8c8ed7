"""HOI4D's colour and depth videos: the official folders, how frames are paired and labelled, what is refused."""

import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pointvideo.data import hoi4d_rgbd
from pointvideo.data.hoi4d_annotations import ACTIONS, action_at, read_actions
from pointvideo.data.hoi4d_rgbd import COLUMNS, LENS, ROWS, list_sources, read_list, voxels
from pointvideo.data.images import ImageData
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare
from pointvideo.data.rgbd_frames import read_colour, read_depth

ONE, TWO = "ZY20210800001/H1/C2/N01/S5/s01/T1", "ZY20210800004/H4/C20/N46/S304/s05/T4"
EVENTS = [
    {"event": "Reachout", "startTime": 0.0, "endTime": 0.19},
    {"event": "pickup", "startTime": 0.19, "endTime": 9},
]


def depth_image(number: int) -> np.ndarray:
    """A wall at 2 m, and a box before it that comes nearer with the number of the frame; a border without return."""
    depth = np.full((LENS.height, LENS.width), 2000, np.uint16)
    depth[400:700, 800:1100] = 800 - 20 * number
    depth[:60] = 0
    return depth


def colour_image(number: int) -> np.ndarray:
    """Red where the box is, green elsewhere, as light as the number of the frame says."""
    image = np.zeros((LENS.height, LENS.width, 3), np.uint8)
    image[..., 1] = 40 + 12 * number
    image[400:700, 800:1100] = [180, 20, 20]
    return image


def write_frames(folder, place, frames=4, colour=None):
    """What the official decode.py leaves, with the action file."""
    for kind, ending, make in (("align_rgb", "jpg", colour or colour_image), ("align_depth", "png", depth_image)):
        (folder / place / kind).mkdir(parents=True)
        for number in range(frames):
            Image.fromarray(make(number)).save(folder / place / kind / f"{number:05d}.{ending}", quality=95)
    write_actions(folder, place)


def write_actions(folder, place, content=None):
    (folder / place / "action").mkdir(parents=True, exist_ok=True)
    content = content or {"info": {"duration": 20.0}, "events": EVENTS}
    (folder / place / "action" / "color.json").write_text(json.dumps(content))


def write_video(file, images, rate, codec, pixels, form):
    av = pytest.importorskip("av", reason="PyAV is not installed: videos can be neither written nor read")
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = LENS.height, LENS.width, pixels
        stream.bit_rate = 60_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=form)))
        container.mux(stream.encode())


def write_videos(folder, place, colours=4, depths=4, colour_rate=15, depth_rate=15):
    """Three trees, as they are downloaded."""
    colour = folder / "HOI4D_release" / place / "align_rgb" / "image.mp4"
    write_video(colour, [colour_image(n) for n in range(colours)], colour_rate, "mpeg4", "yuv420p", "rgb24")
    depth = folder / "HOI4D_depth_video" / place / "align_depth" / "depth_video.avi"
    write_video(depth, [depth_image(n) for n in range(depths)], depth_rate, "ffv1", "gray16le", "gray16le")
    write_actions(folder / "HOI4D_annotations", place)


def write_lists(folder, train=(ONE,), test=(TWO,)):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "release.txt").write_text("\n".join(train))
    (folder / "testset.txt").write_text("\n".join(test) + "\n")


def run(folder, path):
    return prepare("hoi4d_rgbd", folder, path=path, progress=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One recording in frames and one in videos."""
    folder = tmp_path_factory.mktemp("hoi4d")
    write_lists(folder)
    write_frames(folder / "HOI4D_release", ONE)
    write_videos(folder, TWO)
    return run(folder, tmp_path_factory.mktemp("stores") / "hoi4d_rgbd")


def test_a_store_of_it(made):
    assert [(s.name, made.classes[s.label], s.subject, s.split, s.frames) for s in made.sequences] == [
        (ONE.replace("/", "_"), "mug", 1, "train", 2), (TWO.replace("/", "_"), "chair", 4, "test", 2),
    ]  # fmt: skip
    assert made.source == "recorded" and not made.rejected and made.names("action") == ACTIONS
    for sequence in (0, 1):
        assert [ACTIONS[number] for number in made.frame_field("action", sequence)] == ["Reachout", "Reachout"]
        assert made.frame_field("images", sequence).shape == (2, ROWS, COLUMNS, 3)


@pytest.mark.parametrize("sequence", [0, 1])
def test_points_and_images_are_of_every_second_frame_and_fit_each_other(made, sequence):
    for place, number in enumerate((0, 2)):
        pixels, image = made.field("pixels", sequence, place), made.frame_field("images", sequence)[place]
        assert len(pixels) <= 2048 and len(np.unique(pixels, axis=0)) == len(pixels)
        box = (pixels[:, 0] >= 800) & (pixels[:, 0] < 1100) & (pixels[:, 1] >= 400) & (pixels[:, 1] < 700)
        assert set(pixels[box, 2]) == {800 - 20 * number} and set(pixels[~box, 2]) == {2000}
        assert 8 < box.sum() and pixels[:, 1].min() >= 60
        assert abs(int(image[20, 20, 1]) - (40 + 12 * number)) < 10, "the image is of this frame"
        red = image[..., 0].astype(int) - image[..., 1] > 60
        rows, columns = np.nonzero(red)
        assert np.allclose([rows.min(), columns.min()], [400 * ROWS / 1080, 800 * COLUMNS / 1920], atol=2)
    assert ImageData(size=32).reader(made, 4).clip([sequence], [0]).shape == (1, 4, 32, 32, 3)


def test_a_voxel_has_one_point_and_the_draw_is_the_recording_s_own():
    pixels = voxels("a", 3, depth_image(0))
    cells = np.floor(LENS.back_project(pixels) / 0.02)
    assert len(np.unique(cells, axis=0)) == len(pixels) == 2048
    assert np.array_equal(pixels, voxels("a", 3, depth_image(0)))
    assert not np.array_equal(pixels, voxels("b", 3, depth_image(0)))
    with pytest.raises(StoreError, match="a: depth frame 3 is all zero"):
        voxels("a", 3, np.zeros((1080, 1920), np.uint16))


def test_videos_of_other_rates_are_paired_by_time(tmp_path):
    """Twice as many images as depth frames: of depth frames 0 and 2 the images are 0 and 4."""
    write_lists(tmp_path / "in", train=(ONE,), test=())
    write_videos(tmp_path / "in", ONE, colours=6, depths=3, colour_rate=30)
    store = run(tmp_path / "in", tmp_path / "out")
    shades = store.frame_field("images", 0)[:, 20, 20, 1].astype(int)
    assert np.abs(shades - [40, 40 + 12 * 4]).max() < 10


def test_point_frames_without_an_image_are_said(tmp_path):
    write_lists(tmp_path / "in")
    write_frames(tmp_path / "in", ONE)
    write_videos(tmp_path / "in", TWO, colours=1, depths=6)
    store = run(tmp_path / "in", tmp_path / "out")
    assert len(store.sequences) == 1
    assert store.rejected[0]["reason"].startswith("2 of 3 point frames have none within 0.0333 s, first frame 1")


def test_what_the_lists_say_and_what_is_there(tmp_path):
    other = ONE.replace("/T1", "/T2")
    write_lists(tmp_path, train=(ONE, other), test=(TWO, TWO, ONE))
    write_frames(tmp_path / "HOI4D_release", ONE, frames=2)
    write_frames(tmp_path / "HOI4D_release", ONE.replace("/T1", "/T9"), frames=2)
    listing = list_sources(tmp_path)
    assert [source.name() for source in listing.sources] == [ONE.replace("/", "_")]
    assert listing.sources[0].read().recordings[0].sequence.split == "train"
    reasons = [reason for _, reason in listing.rejected]
    assert reasons == [
        f"1 of 2 recordings are in release.txt too and train, first {ONE}",
        f"1 of 2 recordings are not here, first {other}",
        f"1 of 2 recordings are not here, first {TWO}",
        "not named by the lists",
    ]


@pytest.mark.parametrize(
    "spoil,message",
    [
        (lambda f: (f / "align_rgb/00002.jpg").unlink(), "00002.jpg is missing before it"),
        (lambda f: (f / "align_depth/00001.png").write_bytes(b"\x89PNG"), "00001.png: not a whole image|not a whole"),
        (lambda f: _truncate(f / "align_rgb/00001.jpg"), "not a whole image"),
        (
            lambda f: Image.new("L", (1920, 1080)).save(f / "align_rgb/00001.jpg"),
            "8-bit grey, expected 1920 x 1080, RGB",
        ),
        (
            lambda f: Image.new("RGB", (640, 360)).save(f / "align_rgb/00003.jpg"),
            "640 x 360 pixels, RGB, expected 1920",
        ),
        (lambda f: Image.new("RGBA", (1920, 1080)).save(f / "align_depth/00001.png"), "colour with an alpha channel"),
        (lambda f: [file.unlink() for file in (f / "align_rgb").iterdir()], "colour missing, expected in one place"),
        (lambda f: (f / "action/color.json").write_text("{"), "JSONDecodeError"),
    ],
)
def test_a_recording_that_cannot_be_used_is_named_and_why(tmp_path, spoil, message):
    write_lists(tmp_path, train=(ONE,), test=())
    write_frames(tmp_path, ONE)
    spoil(tmp_path / ONE)
    with pytest.raises(StoreError, match=message):
        list_sources(tmp_path).sources[0].read()


def _truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_video_that_cannot_be_used_is_named(tmp_path):
    write_videos(tmp_path, ONE, colours=3, depths=3)
    depth = tmp_path / "HOI4D_depth_video" / ONE / "align_depth" / "depth_video.avi"
    colour = tmp_path / "HOI4D_release" / ONE / "align_rgb" / "image.mp4"
    with pytest.raises(StoreError, match=r"image.mp4: frames of 1920 x 1080 pixels of kind yuv420p, expected .* gray1"):
        read_depth([colour], 1920, 1080, 15.0, lambda number, frame: frame)
    with pytest.raises(
        StoreError, match="depth_video.avi: frames of 1920 x 1080 pixels of kind gray16le, expected 640"
    ):
        read_colour([depth], 640, 360, 15.0, (4, 4))
    _truncate(colour)
    with pytest.raises(StoreError, match="image.mp4: not a whole video"):
        read_colour([colour], 1920, 1080, 15.0, (4, 4))


def test_folders_and_lists_that_cannot_be_used(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        list_sources(tmp_path / "none")
    with pytest.raises(StoreError, match="no list release.txt"):
        list_sources(tmp_path)
    write_lists(tmp_path)
    with pytest.raises(StoreError, match="none of the 2 recordings that the lists name is here"):
        list_sources(tmp_path)
    write_lists(tmp_path / "again")
    with pytest.raises(StoreError, match="there is also .*, expected one release.txt"):
        list_sources(tmp_path)
    (tmp_path / "release.txt").write_text("ZY20210800001/H1/C10/N01/S5/s01/T1\n")
    with pytest.raises(StoreError, match="line 1 is 'ZY20210800001/H1/C10/.*', expected ZY"):
        read_list(tmp_path / "release.txt")


def test_both_forms_of_annotation_and_both_clocks(tmp_path):
    def read(content):
        write_actions(tmp_path, "x", content)
        return read_actions(tmp_path / "x/action/color.json")

    plain = [(1, 0.0, 0.19), (4, 0.19, 9.0)]
    assert read({"info": {"duration": 20.0}, "events": EVENTS}) == plain
    marks = [{"event": e["event"], "hdTimeStart": e["startTime"], "hdTimeEnd": e["endTime"]} for e in EVENTS]
    assert read({"info": {"Duration": 10}, "markResult": {"marks": marks}}) == [(1, 0.0, 0.38), (4, 0.38, 18.0)]
    assert read({"events": EVENTS}) == [(1, 0.0, 0.38), (4, 0.38, 18.0)], "an end before 12 s is of the 10 s clock"
    assert read({"events": [{"event": "rest", "startTime": 0, "endTime": 19.9}]}) == [(0, 0.0, 19.9)]
    for content, message in (
        ({"events": [{"event": "fly", "startTime": 0, "endTime": 1}]}, "event 'fly', expected one of rest, Reachout"),
        ({"events": []}, "no event, expected at least one"),
        ({"events": [{"event": "rest", "startTime": 3, "endTime": 1}]}, "event 'rest' from 3.0 to 1.0 s"),
        ({"marks": []}, "KeyError .'markResult'., expected"),
    ):
        with pytest.raises(StoreError, match=message):
            read(content)


def test_frames_have_the_action_of_their_time():
    events = [(0, 0.0, 1.0), (3, 1.0, 2.0), (5, 2.5, 4.0)]
    times = np.array([0.0, 0.9, 1.0, 1.9, 2.1, 2.4, 3.0])
    assert action_at("here", events, times).tolist() == [0, 0, 3, 3, 3, 5, 5]
    with pytest.raises(
        StoreError, match="here: 2 of 3 frames are more than 1 s from any event, first frame 1 at 5.10 s"
    ):
        action_at("here", events, np.array([0.0, 5.1, 9.0]))


def test_the_reader_has_what_the_catalogue_asks_for():
    assert hoi4d_rgbd.camera() == LENS and hoi4d_rgbd.UNIT == "metre"
