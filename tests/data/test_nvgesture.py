"""NvGesture: depth videos and lists in the official layout, points of the hand, what is rejected and refused."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pointvideo.data import depth_video, nvgesture
from pointvideo.data.depth_video import read_grey
from pointvideo.data.layout import StoreError
from pointvideo.data.nvgesture import CLASSES, foreground, key_frames, list_sources, otsu_threshold
from pointvideo.data.prepare import prepare
from pointvideo.data.store import Store

av = pytest.importorskip("av", reason="PyAV is not installed: videos can be neither written nor read")

CODECS = {"ffv1": ("gray", 0), "mpeg4": ("yuv420p", 6), "mjpeg": ("yuvj420p", 6)}  # shades that a codec may be off


def shades(frames: int, seed: int = 0, height: int = 240, width: int = 320) -> np.ndarray:
    """A bright hand that moves to the right over a dark background; a smaller bright thing stays in a corner."""
    generator = np.random.default_rng(seed)
    video = np.full((frames, height, width), 20, np.uint8)
    video[:, 10:20, 10:20] = 230
    for number, image in enumerate(video):
        left = 60 + number % 100
        image[100:160, left : left + 40] = 150 + 10 * generator.integers(0, 5)
    return video


def write_avi(file: Path, video: np.ndarray, codec: str = "ffv1") -> Path:
    """A depth video, (frames, height, width) uint8."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w", format="avi") as container:
        stream = container.add_stream(codec, rate=Fraction(30))
        stream.height, stream.width = video.shape[1:]
        stream.pix_fmt, stream.bit_rate = CODECS[codec][0], 20_000_000
        for image in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())
    return file


def line(label: int = 1, subject: int = 13, first: int = 3, last: int = 43, take: int = 0) -> str:
    place = f"./Video_data/class_{label:02d}/subject{subject}_r{take}"
    return f"path:{place} depth:sk_depth:{first}:{last} color:sk_color:0:9 duo_left:duo_left:1:8 label:{label}"


def fill(folder: Path, train=("",), test=("",), version: str = "_v2", frames: int = 50) -> Path:
    """The official layout: a list each, and the videos that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, lines in (("train", train), ("test", test)):
        (folder / f"nvgesture_{split}_correct_cvpr2016{version}.lst").write_text("".join(f"{text}\n" for text in lines))
        for number, text in enumerate(filter(None, lines)):
            write_avi(folder / text.split()[0].removeprefix("path:") / "sk_depth.avi", shades(frames, number))
    return folder


TRAIN, TEST = (line(1), line(25, 4, 0, 40)), (line(25, 7),)


def run(source: Path, path: Path) -> Store:
    return prepare("nvgesture", source, path=path, progress=False)


def test_a_store_of_it(tmp_path):
    store = run(fill(tmp_path / "nv", TRAIN, TEST), tmp_path / "store")
    assert [(s.name, s.label, s.subject, s.split, s.frames) for s in store.sequences] == [
        ("class_01_subject13_r0", 0, 13, "train", 32), ("class_25_subject4_r0", 24, 4, "train", 32),
        ("class_25_subject7_r0", 24, 7, "test", 32),
    ]  # fmt: skip
    assert store.classes == CLASSES and len(set(CLASSES)) == 25 and store.unit.startswith("depth count")
    video = shades(50, 0)[3:43]
    for place, frame in enumerate(key_frames(40)):
        pixels, (v, u) = store.field("pixels", 0, place), np.nonzero(foreground(video[frame]))
        np.testing.assert_array_equal(pixels, np.stack([u, v, video[frame][v, u]], 1))
    left = [int(store.field("pixels", 0, place)[:, 0].min()) for place in range(32)]
    assert left == [60 + 3 + frame + 1 for frame in key_frames(40)], "frames of the range, in order, one pixel eroded"


def test_points_are_those_of_the_released_preparation(tmp_path):
    store = run(fill(tmp_path / "nv", TRAIN, TEST), tmp_path / "store")
    u, v, grey = store.field("pixels", 0, 5).astype(float).T
    expected = np.stack([(u - 320) * grey / 463.889, (v - 240) * grey / 463.889, grey], 1)
    np.testing.assert_allclose(store.points(0, 5), expected, rtol=1e-6)


@pytest.mark.parametrize("codec", CODECS)
def test_frames_are_the_ones_that_were_written(tmp_path, codec):
    video = shades(40)
    found = read_grey(write_avi(tmp_path / "a.avi", video, codec), 7, 30, 320, 240)
    assert found.shape == (23, 240, 320) and found.dtype == np.uint8
    away = np.abs(found.astype(int) - video[7:30])
    inner = away[:, 110:150, :]  # a lossy codec rings at edges
    assert np.percentile(inner, 95) <= CODECS[codec][1] and (codec != "ffv1" or not away.any())
    for frame, image in zip(found, video[7:30], strict=True):
        assert abs(int((frame[130] > 90).argmax()) - int((image[130] > 90).argmax())) <= 2, "no frame is another's"


def test_the_hand_is_the_largest_piece_above_the_threshold_eroded():
    image = shades(1)[0]
    hand = foreground(image)
    assert hand.sum() == 58 * 38 and hand[101:159, 61:99].all() and not hand[:50].any()
    touching = image.copy()
    touching[99, 59] = 200  # by a corner only: 4 neighbours make a piece
    assert foreground(touching).sum() == 58 * 38
    thin = np.zeros((20, 20), np.uint8)
    thin[5, 3:9] = 200
    assert foreground(thin).sum() == 6  # an erosion would leave nothing
    edge = np.zeros((20, 20), np.uint8)
    edge[0:4, 0:4] = 200
    assert foreground(edge).sum() == 9  # what lies beyond the image does not erode


def test_the_threshold_against_a_search():
    generator = np.random.default_rng(0)
    for image in [generator.integers(0, 256, (30, 30)), generator.choice([7, 9, 200], (30, 30)), shades(1)[0]]:
        grey, best = image.astype(np.uint8), (-1.0, 0)
        for threshold in range(255):
            low, high = grey[grey <= threshold], grey[grey > threshold]
            if len(low) and len(high):
                between = len(low) * len(high) / grey.size**2 * (low.mean() - high.mean()) ** 2
                best = max(best, (between, -threshold))
        ours = otsu_threshold(grey)
        assert np.array_equal(grey > ours, grey > -best[1])


def test_key_frames_are_those_of_the_released_preparation():
    assert key_frames(80)[:5] == [0, 2, 5, 7, 10] and key_frames(80)[-1] == 77 and len(key_frames(80)) == 32
    assert key_frames(32) == list(range(32)) and key_frames(16) == [place // 2 for place in range(32)]


def test_lists_without_v2_are_read_where_there_are_no_others(tmp_path):
    source = fill(tmp_path / "nv", TRAIN, TEST, version="")
    assert len(list_sources(source).sources) == 3
    fill(source, TRAIN[:1], TEST, version="_v2")
    listing = list_sources(source)
    assert [each.name() for each in listing.sources] == ["class_01_subject13_r0", "class_25_subject7_r0"]
    reasons = {str(file.relative_to(source)): reason for file, reason in listing.rejected}
    assert reasons["Video_data/class_25/subject4_r0/sk_depth.avi"] == "not named by the lists"


def test_every_video_that_is_missing_or_too_much_is_said(tmp_path):
    source = fill(tmp_path / "nv", (*TRAIN, line(2, 5)), (*TEST, line(25, 9, 20, 60)))
    (source / "Video_data/class_02/subject5_r0/sk_depth.avi").unlink()
    write_avi(source / "Video_data/class_03/subject5_r0/sk_depth.avi", shades(5))
    (source / "Video_data/class_03/subject5_r0/sk_color.avi").write_bytes(b"passed over")
    reasons = {entry["file"]: entry["reason"] for entry in run(source, tmp_path / "store").rejected}
    place = "Video_data/class_{:02d}/subject{}_r0/sk_depth.avi".format
    assert reasons == {
        place(2, 5): "named by the list of split 'train', not found",
        place(3, 5): "not named by the lists",
        place(25, 9): "50 frames can be read, expected 60: frames 20 to 59 are asked",
        ".": "22 of 25 classes have no train video, first 3 (move hand up); expected at least one of each",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path:./Video_data/class_01/subject13_r0 label:1", "line 1 is 'path:./Video_data.*, expected path:./Video"),
        (line().replace("label:1", "label:x"), "line 1 is .*, expected path:"),
        (line().replace("subject13_r0", "anna"), "line 1 is .*, expected path:"),
        (line().replace("label:1", "label:0"), "line 1 has label 0, expected 1 to 25"),
        (line().replace("label:1", "label:26"), "line 1 has label 26, expected 1 to 25"),
        (line().replace("label:1", "label:2"), "line 1 has label 2 for a video in the folder of class 1"),
        (line(first=9, last=9), "line 1 has frames 9 to 9, expected the last one behind the first"),
        (f"{line()}\n\n{line()}", "line 3 names Video_data/class_01/subject13_r0 again"),
        ("", "names no video, expected a line a video"),
    ],
)
def test_lists_that_are_refused(tmp_path, text, message):
    source = fill(tmp_path / "nv", TRAIN, TEST)
    (source / "nvgesture_train_correct_cvpr2016_v2.lst").write_text(text + "\n")
    with pytest.raises(StoreError, match=f"nvgesture_train_correct_cvpr2016_v2.lst: {message}") as caught:
        list_sources(source)
    assert "\n" not in str(caught.value)


def test_a_video_in_both_lists_and_lists_that_are_missing_or_there_twice(tmp_path):
    source = fill(tmp_path / "nv", TRAIN, TEST)
    lists = [source / f"nvgesture_{split}_correct_cvpr2016_v2.lst" for split in ("train", "test")]
    lists[1].write_text(line() + "\n")
    with pytest.raises(StoreError, match="class_01/subject13_r0 is also in nvgesture_train"):
        list_sources(source)
    lists[1].unlink()
    with pytest.raises(StoreError, match="nv: no list nvgesture_test_correct_cvpr2016_v2.lst, expected it here"):
        list_sources(source)
    lists[1].write_text(line(3) + "\n")
    (source / "copy").mkdir()
    (source / "copy" / lists[0].name).write_text(line() + "\n")
    with pytest.raises(StoreError, match=f"{lists[0].name}: there is also .*copy"):
        list_sources(source)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.write_bytes(b""), "not a whole video"),
        (lambda file: file.write_bytes(b"RIFF0000AVI LIST" + bytes(400)), "not a whole video"),
        (lambda file: write_avi(file, shades(50, height=480, width=640)), "frames of 640 x 480 pixels, expected 320"),
        (lambda file: write_avi(file, shades(30)), "30 frames can be read, expected 43"),
        (lambda file: write_avi(file, shades(50) * 0 + 7), "frame 3 has one shade of grey, 7"),
        (lambda file: (file.unlink(), file.mkdir()), "is no regular file"),
    ],
)
def test_videos_that_are_refused(tmp_path, write, message):
    source = fill(tmp_path / "nv", TRAIN, TEST)
    write(source / "Video_data/class_01/subject13_r0/sk_depth.avi")
    store = run(source, tmp_path / "store")
    reasons = [entry["reason"] for entry in store.rejected if entry["file"].startswith("Video_data/class_01")]
    assert len(reasons) == 1 and message in reasons[0] and "\n" not in reasons[0]
    assert len(store.sequences) == 2


def test_a_video_cut_short_loses_no_frame_without_a_word(tmp_path):
    file = write_avi(tmp_path / "a.avi", shades(40))
    whole, expected = file.read_bytes(), shades(40)
    for share in (0.2, 0.5, 0.9):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(StoreError, match="a.avi: (not a whole video|.* frames can be read, expected 40)"):
            read_grey(file, 0, 40, 320, 240)
    file.write_bytes(whole)
    np.testing.assert_array_equal(read_grey(file, 0, 40, 320, 240), expected)


def test_without_the_library_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(depth_video, "find_spec", lambda name: None)
    source = fill(tmp_path / "nv", TRAIN, TEST)
    for read in (lambda: nvgesture.list_sources(source), lambda: read_grey(source / "a.avi", 0, 1, 320, 240)):
        with pytest.raises(StoreError, match=r'PyAV, which is not installed; pip install "pointvideo\[video\]"'):
            read()
