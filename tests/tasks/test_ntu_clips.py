"""Clips of NTU RGB+D: the released loaders' clips, their two units, both protocols, what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.clips import FrameBatch, enumerate_clips, sample_points
from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.ntu60 import parse_name
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter
from pointvideo.stream import ClipReader
from pointvideo.study.keys import sources_of
from pointvideo.tasks.ntu_clips import NTUClips
from pointvideo.tasks.recognition import Finetune

from ..unchecked import check_again

FIELDS = {"pixels": {"dtype": "uint16", "shape": [3], "unit": "u, v, mm"}}
SIZES = {"pstnet": "divisor", "p4": "ball"}


def frames_of(golden: dict, name: str, wanted: list[int]) -> FrameBatch:
    """Frames of one of the golden videos, in millimetres: the files have shares of 65,535."""
    counts = golden[f"in/{name}/counts"]
    edges = np.concatenate([[0], np.cumsum(counts)])
    xyz = torch.zeros(1, len(wanted), int(counts[wanted].max()), 3)
    for place, frame in enumerate(wanted):
        points = golden[f"in/{name}/points"][edges[frame] : edges[frame + 1]] * 65535
        xyz[0, place, : len(points)] = torch.from_numpy(points)
    return FrameBatch(xyz, torch.from_numpy(counts[wanted])[None])


@pytest.mark.parametrize("author", SIZES)
@pytest.mark.parametrize(("frames", "step"), [(5, 2), (4, 1), (6, 3)])
def test_clips_and_points_equal_the_authors(goldens, author, frames, step):
    golden = goldens("data_ntu_clips")
    meta = json.loads(str(golden["meta"]))
    data = NTUClips(frames=frames, step=step, hop=step, points=meta["num_points"], size=SIZES[author])
    for split in ("train", "test"):
        videos = [parse_name(name, "") for name, _ in meta["list"] if parse_name(name, "").split == split]
        counts = [count for name, count in meta["list"] if parse_name(name, "").split == split]
        key = f"out/{author}_fpc{frames}_step{step}_{split}"
        clips = enumerate_clips(counts, data.frames, data.step, hop=data.hop)
        np.testing.assert_array_equal(np.stack([clips.sequence, clips.start], 1), golden[f"{key}/index_map"])
        assert [video.label for video in videos] == golden[f"{key}/labels"].tolist()
        if split == "test":
            wanted = [int(clips.start[0]) + step * frame for frame in range(frames)]
            batch = frames_of(golden, videos[int(clips.sequence[0])].name, wanted)
            ours = data.in_unit(sample_points(batch, data.points, seed=0))[0].numpy()
            # float32 millimetres against float64 shares: 2 roundings of the farthest coordinate
            np.testing.assert_allclose(ours, golden[f"{key}/clip0"], rtol=2e-7, atol=2e-7)


def test_the_defaults_are_the_released_loaders():
    data = NTUClips()
    assert (data.frames, data.step, data.hop, data.points, data.short, data.centre) == (24, 2, 2, 2048, "drop", "none")
    assert data.in_unit(torch.full((1, 1, 1, 3), 655.35))[0, 0, 0].tolist() == pytest.approx([1, 1, 1], rel=1e-7)


def test_a_ball_is_centred_and_reaches_to_one():
    xyz = torch.randn(3, 4, 50, 3, generator=torch.Generator().manual_seed(0)) * 500 + 3000
    ball = NTUClips(size="ball").in_unit(xyz)
    assert ball.dtype == torch.float32 and ball.mean(dim=(1, 2)).abs().max() < 1e-6
    np.testing.assert_allclose(ball.norm(dim=-1).amax(dim=(1, 2)).numpy(), 1.0, rtol=1e-6)
    shifted = NTUClips(size="ball").in_unit(xyz, torch.full((3, 3), 3000.0))
    assert shifted.mean(dim=(1, 2)).abs().max() > 1e-3 and shifted.norm(dim=-1).max() <= 1 + 1e-6
    assert not NTUClips(size="ball").in_unit(torch.ones(1, 1, 4, 3)).isnan().any()


def store_of(folder, places: list[tuple[int, int, int]]) -> Store:
    """Videos of (label, subject, camera)."""
    camera = DepthCamera(512, 424, 280.0, 256.0, 212.0)
    options = {"name": "ntu60", "source": "simulated", "unit": "millimetre", "camera": camera, "fields": FIELDS}
    generator = np.random.default_rng(0)
    with StoreWriter(folder, **options, classes=("wave", "bow", "sit")) as writer:
        for number, (label, subject, where) in enumerate(places):
            frames = [
                {"pixels": generator.integers([200, 100, 2500], [300, 300, 3500], (80, 3)).astype(np.uint16)}
                for _ in range(50)
            ]
            split = "train" if subject in (1, 2) else "test"
            writer.add(Sequence(f"v{number}", label, subject, split, len(frames), where), frames)
        return writer.finish()


PLACES = [(label, subject, camera) for label in range(3) for subject in (1, 2, 3) for camera in range(3)]


def test_both_protocols(tmp_path):
    store = store_of(tmp_path / "ntu", PLACES)
    for split, subjects in (("train", {1, 2}), ("test", {3})):
        chosen = [store.sequences[video] for video in NTUClips().split(store, split)]
        assert {video.subject for video in chosen} == subjects and {video.camera for video in chosen} == {0, 1, 2}
    for split, cameras in (("train", {1, 2}), ("test", {0})):
        chosen = [store.sequences[video] for video in NTUClips(protocol="view").split(store, split)]
        assert {video.camera for video in chosen} == cameras and {video.subject for video in chosen} == {1, 2, 3}
    chosen = NTUClips(held_out=(2,)).split(store, "test")
    assert {store.sequences[video].subject for video in chosen} == {2}


def test_clips_of_a_store_begin_at_every_second_frame(tmp_path):
    store = store_of(tmp_path / "ntu", PLACES)
    clips = NTUClips(points=16).clips(store, "test")
    assert clips.start[:3].tolist() == [0, 2] + [0] and clips.frames == 24 and clips.step == 2
    for size in ("divisor", "ball"):
        data = NTUClips(points=16, size=size)
        xyz = ClipReader(store, data).clip(clips.sequence[:2], clips.start[:2], seed=0).xyz
        assert xyz.shape == (2, 24, 16, 3) and (xyz.norm(dim=-1).max() <= 1 + 1e-6) == (size == "ball")


def test_a_class_without_a_labelled_video_is_refused(tmp_path):
    store = store_of(tmp_path / "ntu", [place for place in PLACES if place[0] != 1 or place[1] == 3])
    with pytest.raises(ValueError, match=r"ntu60: class 1 \(bow\) is tested and has no training video"):
        NTUClips().split(store, "train")
    assert len(NTUClips(protocol="view").split(store, "train")) == 14
    one = store_of(tmp_path / "one", [(0, 1, 0), (1, 3, 0)])
    with pytest.raises(ValueError, match="ntu60: no train video by NTUClips.protocol 'view'"):
        NTUClips(protocol="view").split(one, "test")


def test_settings_that_do_not_go_together():
    with pytest.raises(ValueError, match="NTUClips.centre: got 'clip' with size 'ball'"):
        NTUClips(size="ball", centre="clip")
    with pytest.raises(ValueError, match="NTUClips.held_out: got subjects with protocol 'view'"):
        NTUClips(protocol="view", held_out=(1,))
    with pytest.raises(ValueError, match="NTUClips.protocol: got 'setup', expected"):
        check_again(NTUClips(), protocol="setup")
    with pytest.raises(ValueError, match="NTUClips.step: got 0"):
        replace(NTUClips(), step=0)


def test_a_key_covers_the_protocol():
    plain, ours = sources_of(Finetune()), sources_of(Finetune(data=NTUClips()))
    assert {name for name in ours if name not in plain} >= {"NTUClips", "TEST_CAMERA"}
