"""The plan: every case with its sizes and the ratio that is wanted, and how cost is followed as sizes grow."""

from __future__ import annotations

from benchmarks import contrast, operators, point4d, pst, segmentation, step, tubes, views
from benchmarks.case import Case
from benchmarks.operators import AUTHORS, PLAIN

FPSAMPLE = {"fpsample": 8.0, "fpsample, buckets": 1.2}
SEARCHES = {name: 1.3 for name in ("Open3D for torch", "Open3D fixed radius", "Open3D hybrid", "scipy cKDTree")}
CLOUDS = ((192, 1024, 32), (192, 1024, 512), (24, 2048, 64), (3, 16384, 1024), (10, 8192, 256))
TUBE = {"batch": 4, "frames": 24, "points": 1024, "anchors": 32, "neighbours": 32}
SMALL_TUBE = {"batch": 2, "frames": 4, "points": 128, "anchors": 8, "neighbours": 8, "channels": 32}
TUBES = "{batch} × {frames} × {points}"
SEQUENCE = {"batch": 1, "frames": 150, "points": 2048}
SMALL_SEQUENCE = {"batch": 1, "frames": 6, "points": 256, "width": 32, "depth": 1}
SEGMENTING = "{name} for action segmentation, forward + backward"

CASES = (
    *(
        Case(
            "tube_max, forward + backward", tubes.tube_max, TUBES + ", C {channels}",
            {**TUBE, "channels": channels}, SMALL_TUBE, {AUTHORS: target}, {PLAIN: 10.0},
        )
        for channels, target in ((1024, 130.0), (128, 60.0))
    ),
    *(
        Case(
            "P4DConv with features, forward + backward", tubes.group_route,
            TUBES + ", {inputs} to {channels} channels",
            {**TUBE, "inputs": 64, "channels": channels},
            {**SMALL_TUBE, "inputs": 8}, {AUTHORS: target},
        )
        for channels, target in ((128, 8.0), (1024, 5.0))
    ),
    *(
        Case(
            "sample_farthest_points", operators.farthest_points, "{clouds} × {points} to {samples}",
            {"clouds": clouds, "points": points, "samples": samples}, {"clouds": 4, "points": 256, "samples": 32},
            {PLAIN: 24.0 if points >= 2048 else 13.0, **FPSAMPLE}, {PLAIN: 20.0},
        )
        for clouds, points, samples in CLOUDS
    ),
    *(
        Case(
            "ball_query", operators.ball_query, "{clouds} × {points}, {anchors} anchors, k {neighbours}",
            {"clouds": clouds, "points": points, "anchors": anchors, "neighbours": 32},
            {"clouds": 4, "points": 256, "anchors": 16, "neighbours": 8},
            {PLAIN: 30.0 if points >= 8192 else 9.0, **SEARCHES}, {PLAIN: 20.0},
        )
        for clouds, points, anchors in CLOUDS
    ),
    Case(
        "nearest_neighbors + interpolate", operators.interpolation, "{clouds} × {queries} from {known}, C {channels}",
        {"clouds": 3, "known": 4096, "queries": 16384, "channels": 64},
        {"clouds": 2, "known": 64, "queries": 256, "channels": 8}, {PLAIN: 12.0},
    ),
    *(
        Case(
            "visible_points", operators.visibility, "{frames} × {points} at {width} × {height}",
            {"frames": frames, "points": points, "width": width, "height": height},
            {"frames": 4, "points": 256, "width": 32, "height": 24}, {PLAIN: target},
        )
        for frames, points, width, height, target in ((24, 8192, 160, 120, 1.8), (150, 2048, 640, 480, 25.0))
    ),
    Case(
        "chamfer, forward + backward", operators.chamfer, "{clouds} × {first} and {second}",
        {"clouds": 24, "first": 2048, "second": 2048}, {"clouds": 2, "first": 128, "second": 128},
    ),
    Case("tube_moments", tubes.tube_moments, TUBES, TUBE, {k: v for k, v in SMALL_TUBE.items() if k != "channels"}),
    Case(
        "P4Transformer, training step", step.training_step, "{batch} × {frames} × {points}, width {width}",
        {"batch": 4, "frames": 24, "points": 2048, "width": 1024, "depth": 5},
        {"batch": 2, "frames": 6, "points": 256, "width": 32, "depth": 2}, {PLAIN: 3.0},
    ),
    Case(
        "draw_points", point4d.drawing, "{frames} × {points} at {side} × {side}, squares of {size}",
        {"frames": 24, "points": 2048, "side": 144, "size": 2},
        {"frames": 2, "points": 128, "side": 16, "size": 2}, {PLAIN: 10.0},
    ),
    Case(
        "draw a clip, pixels to patches", point4d.showing, "{frames} × {points} at {side} × {side}, {grid} a side",
        {"frames": 24, "points": 2048, "side": 144, "size": 2, "grid": 9},
        {"frames": 2, "points": 128, "side": 16, "size": 2, "grid": 4}, {PLAIN: 10.0},
    ),
    Case(
        "pixels and correspondences of two views", views.pairs, "{clouds} × {points} at {side} × {side}",
        {"clouds": 16, "points": 8192, "side": 56}, {"clouds": 2, "points": 256, "side": 12},
    ),
    *(
        Case(
            "Point4D, training step", point4d.training_step, TUBES + ", width {width}",
            {"batch": 16, "frames": 24, "points": points, "width": 64, "near": near, "far": far, "hidden": 128},
            {"batch": 2, "frames": 2, "points": 64, "width": 16, "near": 8, "far": 4, "hidden": 16}, {PLAIN: 3.0},
        )
        for points, near, far in ((256, 32, 12), (2048, 128, 64))
    ),
    *(
        Case(
            "local contrast, forward + backward", contrast.contrast,
            "{clips} × {superpoints} superpoints against {entries}, width {width}",
            {"clips": clips, "superpoints": 64, "entries": entries, "width": 1024},
            {"clips": 4, "superpoints": 8, "entries": 64, "width": 16}, {PLAIN: 1.5},
        )
        for clips, entries in ((88, 1024), (4, 16384), (4, 32768), (4, 65536))
    ),
    *(
        Case(
            "PSTNet, forward + backward", pst.pstnet, TUBES + ", width 2048 / {narrower}",
            {"batch": batch, "frames": 16, "points": 2048, "neighbours": 9, "narrower": narrower},
            {"batch": 2, "frames": 4, "points": 64, "neighbours": 4, "narrower": 16}, {AUTHORS: 5.0},
        )
        for batch, narrower in ((1, 1), (4, 4))
    ),
    *(
        Case(
            SEGMENTING.format(name=name), make, TUBES + ", width {width}", {**SEQUENCE, "width": width, "depth": depth},
            SMALL_SEQUENCE, {AUTHORS: 10.0},
        )
        for name, make, width, depth in (
            ("P4Transformer", segmentation.p4transformer, 2048, 5),
            ("P4Transformer", segmentation.p4transformer, 64, 1),
            ("PPTr", segmentation.pptr, 512, 5),  # at the authors' 2048 one call takes a minute of CPU time
            ("PPTr", segmentation.pptr, 64, 1),
        )
    ),
)  # fmt: skip


def steps(first: int, count: int, factor: int = 2) -> tuple[int, ...]:
    """A geometric row of sizes."""
    return tuple(first * factor**step for step in range(count))


# operator -> (case's maker, sizes that stay, {what the axis is called: (name of the size, its values)})
GROWTH = {
    "sample_farthest_points": (
        operators.farthest_points,
        {"clouds": 8, "points": 2048, "samples": 64},
        {
            "points N": ("points", steps(256, 4, 4)),
            "samples M": ("samples", steps(16, 5)),
            "clouds G": ("clouds", steps(1, 4, 4)),
        },
    ),
    "ball_query": (
        operators.ball_query,
        {"clouds": 8, "points": 2048, "anchors": 64, "neighbours": 32},
        {
            "points N": ("points", steps(256, 4, 4)),
            "neighbours k": ("neighbours", steps(4, 5)),
            "clouds G": ("clouds", steps(1, 4, 4)),
        },
    ),
    "nearest_neighbors + interpolate": (
        operators.interpolation,
        {"clouds": 4, "known": 512, "queries": 2048, "channels": 64},
        {
            "known points N": ("known", steps(64, 4, 4)),
            "channels C": ("channels", steps(16, 5)),
            "clouds G": ("clouds", steps(1, 4, 2)),
        },
    ),
    "tube_max": (
        tubes.tube_max,
        {"batch": 2, "frames": 8, "points": 512, "anchors": 16, "neighbours": 32, "channels": 128},
        {
            "points N": ("points", steps(256, 4)),
            "neighbours k": ("neighbours", steps(4, 5)),
            "channels C": ("channels", steps(32, 6)),
            "clips B": ("batch", steps(1, 4)),
        },
    ),
    "P4DConv with features": (
        tubes.group_route,
        {"batch": 2, "frames": 8, "points": 512, "anchors": 16, "neighbours": 32, "inputs": 32, "channels": 64},
        {
            "points N": ("points", steps(256, 4)),
            "neighbours k": ("neighbours", steps(4, 5)),
            "channels C": ("channels", steps(32, 5)),
            "clips B": ("batch", steps(1, 4)),
        },
    ),
    "visible_points": (
        operators.visibility,
        {"frames": 8, "points": 4096, "width": 160, "height": 120},
        {"points N": ("points", steps(256, 4, 4)), "frames G": ("frames", steps(1, 4, 4))},
    ),
    "chamfer": (
        operators.chamfer,
        {"clouds": 4, "first": 1024, "second": 1024},
        {"points N of one cloud": ("first", steps(128, 5)), "clouds G": ("clouds", steps(1, 4))},
    ),
    "tube_moments": (
        tubes.tube_moments,
        {"batch": 2, "frames": 8, "points": 512, "anchors": 16, "neighbours": 32},
        {"neighbours k": ("neighbours", steps(4, 5)), "clips B": ("batch", steps(1, 4))},
    ),
}
