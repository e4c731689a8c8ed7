"""Pictures of one video of a store: from the depth image to points, clips, draws of points, anchors and tubes.
matplotlib loads only inside the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...backbones.sizes import TubeSize
from ...data.clips import NORMALISE, ClipSampler
from ...data.sampling import sample_points, scale_augment
from ...kernels import ball_query, sample_farthest_points
from .clouds import bounds, draw_clip, draw_cloud, draw_depth
from .style import panels
from .videos import depth_image, draw_sensor_and_space, draw_tubes, window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store


def find_video(store: Store, action: str, subject: int) -> int:
    """The position of a subject's first video of an action.

    Raises:
        ValueError: no such action, or none by this subject.
    """
    if action not in store.classes:
        raise ValueError(f"action: got {action!r}, expected one of {', '.join(store.classes)}")
    label = store.classes.index(action)
    by_subject = {one.subject: place for place, one in reversed(list(enumerate(store.sequences))) if one.label == label}
    if subject not in by_subject:
        raise ValueError(f"subject: got {subject}, expected one of {', '.join(map(str, sorted(by_subject)))}")
    return by_subject[subject]


def third(store: Store, video: int) -> int:
    """The frame that stands for a video where only one is shown: after a third of it, where most actions move."""
    return store.sequences[video].frames // 3


def spread(store: Store, video: int, count: int) -> list[int]:
    """So many frames of a video, evenly apart, without its first and last one."""
    return np.linspace(0, store.sequences[video].frames - 1, count + 2)[1:-1].astype(int).tolist()


def draw_strip(store: Store, action: str, subject: int, frames: int = 8) -> Figure:
    """Some frames of a video: what the sensor measured, and the same frames as points from another side."""
    video = find_video(store, action, subject)
    shown = spread(store, video, frames)
    images = [depth_image(store.field("pixels", video, frame), store.camera) for frame in shown]
    clouds = [store.points(video, frame) for frame in shown]
    return draw_sensor_and_space(images, clouds, titles=[f"frame {frame}" for frame in shown])


def draw_parts(store: Store, action: str, subject: int, frames: int = 8) -> Figure:
    """Some frames of a simulated video, in colour and by body part."""
    from matplotlib import colormaps

    video = find_video(store, action, subject)
    shown, table = spread(store, video, frames), np.array(colormaps["tab20"].colors)
    clouds = [store.points(video, frame) for frame in shown]
    colours = [store.field("rgb", video, frame) / 255 for frame in shown]
    parts = [table[store.field("part", video, frame)] for frame in shown]
    titles = [f"frame {frame}" for frame in shown]
    return draw_clip([clouds, clouds], colours=[colours, parts], names=["colour", "body part"], titles=titles)


def draw_draws(store: Store, action: str, subject: int) -> Figure:
    """One frame whole, with fewer and fewer points drawn from it, and stretched as training stretches it."""
    video = find_video(store, action, subject)
    one = ClipSampler(store, frames=1, resident=False).load([video], [store.sequences[video].frames // 2])
    whole = one.xyz[0, 0].numpy()
    shown = {f"all {len(whole)} points": whole}
    shown |= {f"{count} points": sample_points(one, count, seed=0)[0, 0].numpy() for count in (512, 256)}
    stretched = [scale_augment(one.xyz, seed)[0, 0].numpy() for seed in (1, 3)]
    for cloud in stretched:
        factors = np.abs(cloud).sum(0) / np.abs(whole).sum(0)
        shown["× " + " ".join(f"{factor:.2f}" for factor in factors)] = cloud
    figure, axes = panels(len(shown), ratio=1.2)
    for panel, (title, cloud) in zip(axes, shown.items(), strict=True):
        size, box = 1.2 if len(cloud) > 2048 else 5, bounds(whole, *stretched)
        draw_cloud(panel, cloud, box=box, turn=0, tilt=0, size=size, title=title)
    return figure


def tubes_of(store: Store, action: str, subject: int, points: int = 2048) -> tuple[Tensor, Tensor, Tensor]:
    """Frames (window, points, 3), anchors of the middle one (anchors, 3) and their neighbours (anchors, window,
    neighbours), with the sizes of P4Transformer."""
    size, video = TubeSize(), find_video(store, action, subject)
    sampler = ClipSampler(store, frames=size.temporal_kernel, resident=False)
    frames = sampler.sample([video], [third(store, video)], points, seed=0)[0] / NORMALISE
    middle = size.temporal_kernel // 2
    chosen = sample_farthest_points(frames[middle : middle + 1], points // size.spatial_stride)  # (1, anchors)
    anchors = frames[middle : middle + 1, chosen[0]]
    index = ball_query(frames, anchors.expand(len(frames), -1, -1), size.radius, size.neighbours)
    return frames, anchors[0], index.transpose(0, 1)


def draw_two_tubes(store: Store, action: str, subject: int, points: int = 2048) -> Figure:
    """All anchors of a frame; the tubes of the highest and of the lowest of them in three frames."""
    frames, anchors, index = tubes_of(store, action, subject, points)
    height = anchors[:, 1]  # y points down
    shown = [int(height.argmin()), int(height.argmax())]
    return draw_tubes(frames.numpy(), anchors.numpy(), index.numpy(), shown)


def draw_way(store: Store, action: str, subject: int, points: int = 2048) -> Figure:
    """The way of this project in one row: depth image, points, clip, anchors, a tube."""
    video = find_video(store, action, subject)
    frame = third(store, video)
    image, cloud = depth_image(store.field("pixels", video, frame), store.camera), store.points(video, frame)
    frames, anchors, index = tubes_of(store, action, subject, points)
    figure, axes = panels(5, ratio=1.45)
    draw_depth(axes[0], image[window([image])], title="1 depth image")
    draw_cloud(axes[1], cloud, turn=25, title="2 a point for\neach pixel")
    apart = torch.tensor([0.55 * float(np.ptp(frames[..., 0].numpy())), 0.0, 0.0])
    for step, shade in enumerate(("#9ecae9", "#4292c6", "#084594")):
        moved = (frames[step] + (step - 1) * apart).numpy()
        box = bounds(*((frames[at] + (at - 1) * apart).numpy() for at in range(3)))
        draw_cloud(axes[2], moved, colour=shade, box=box, size=0.8, title="3 frames in a row:\na clip")
    view = {"box": bounds(frames.numpy()), "turn": 25}
    draw_cloud(axes[3], frames[1].numpy(), colour="#cccccc", size=1.2, **view)
    draw_cloud(axes[3], anchors.numpy(), colour="#222222", size=10, title="4 anchors", **view)
    highest = int(anchors[:, 1].argmin())
    draw_cloud(axes[4], frames[1].numpy(), colour="#cccccc", size=1.2, **view)
    for step, shade in enumerate(("#56B4E9", "#0072B2", "#D55E00")):
        near = frames[step][index[highest, step]].numpy()
        draw_cloud(axes[4], near, colour=shade, size=7, title="5 one anchor's tube:\nthree frames", **view)
    return figure


def successive(store: Store, action: str, subject: int, *, frames: int, points: int) -> tuple[Tensor, Tensor]:
    """The whole middle frame of some in a row, (its points, 3), and points drawn from each, (frames, points, 3)."""
    video = find_video(store, action, subject)
    middle, sampler = third(store, video), ClipSampler(store, frames=frames, resident=False)
    whole = torch.from_numpy(store.points(video, middle))
    return whole, sampler.sample([video], [middle - frames // 2], points, seed=0)[0]
