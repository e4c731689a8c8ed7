"""The command line on the kinds of stores that there are."""

from __future__ import annotations

import numpy as np
import pytest

from pointvideo import cli
from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.store import StoreWriter

COORDINATES = {"xyz": {"dtype": "float32", "shape": [3], "unit": "m"}, "rgb": {"dtype": "uint8", "shape": [3]}}
PIXELS = {"pixels": {"dtype": "uint16", "shape": [3]}}
ACTION = {"action": {"dtype": "uint8", "shape": []}, "centre": {"dtype": "float32", "shape": [3]}}


def make_store(path, *, camera: bool, frame_fields: bool):
    options = {
        "camera": DepthCamera(160, 120, 100.0, 80.0, 60.0, scale=0.001) if camera else None,
        "fields": PIXELS if camera else COORDINATES,
        "frame_fields": ACTION if frame_fields else {},
    }
    with StoreWriter(path, name="tiny", source="recorded", unit="m", classes=["cup", "box"], **options) as writer:
        for number, (split, length) in enumerate((("train", 3), ("train", 5), ("test", 4))):
            frames = [
                {name: np.ones((6, *field["shape"]), dtype=field["dtype"]) for name, field in options["fields"].items()}
                for _ in range(length)
            ]
            values = {"action": np.zeros(length, np.uint8), "centre": np.zeros((length, 3), np.float32)}
            given = values if frame_fields else {}
            writer.add(Sequence(f"v{number}", number % 2, number, split, length), frames, frame_values=given)
        writer.reject("broken.h5", "the third\nframe is missing")
        return writer.finish()


def info(path, capsys) -> dict[str, str]:
    assert cli.main(["data", "info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  broken.h5: the third frame is missing"
    return dict((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[:-1]))


@pytest.mark.parametrize("frame_fields", [True, False])
@pytest.mark.parametrize("camera", [True, False])
def test_data_info_of_every_kind_of_store(tmp_path, capsys, camera, frame_fields):
    store = make_store(tmp_path / "s", camera=camera, frame_fields=frame_fields)
    said = info(tmp_path / "s", capsys)
    assert said["name"] == "tiny (recorded)" and said["fingerprint"] == store.fingerprint
    assert said["sequences"] == "3 (test 1, train 2)" and said["frames"] == "12 (3 to 5 a sequence)"
    assert said["points"] == "72 (6 a frame)" and said["classes"] == "2: cup, box" and said["unit"] == "m"
    if camera:
        assert said["camera"] == "160 x 120 pixels, focal length 100 pixels, centre 80, 60"
        assert said["fields"] == "pixels uint16 [3]"
    else:
        assert said["camera"] == "none, points are coordinates"
        assert said["fields"] == "xyz float32 [3], rgb uint8 [3]"
    assert said["of frames"] == ("action uint8 [], centre float32 [3]" if frame_fields else "none")
    assert said["rejected"] == "1"


def test_damaged_stores_are_one_line(tmp_path, capsys):
    make_store(tmp_path / "s", camera=False, frame_fields=True)
    (tmp_path / "s" / "action.npy").unlink()
    assert cli.main(["data", "info", str(tmp_path / "s")]) == 2
    error = capsys.readouterr().err
    assert "action.npy: missing; prepare the store again" in error and error.count("\n") == 1
