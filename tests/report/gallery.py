"""One picture of every kind that the report can draw, of made-up data about as large as that on the pages."""

import functools
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from pointvideo.data.layout import DepthCamera
from pointvideo.losses.c2p import C2PLoss
from pointvideo.papers.c2p import figures as c2p
from pointvideo.report.claims import judge
from pointvideo.report.deviations import deviations_table
from pointvideo.report.figures import (
    ablations,
    backbones,
    cameras,
    classes,
    clouds,
    deviations,
    diagram,
    eight_points,
    films,
    forest,
    labels,
    matching,
    one_video,
    operators,
    orbits,
    pretraining,
    ribbons,
    runs,
    search,
    shares,
    speed,
    style,
    videos,
    whole_set,
)

from .made_up import (
    ACTIONS,
    C2P,
    METHODS,
    build_table,
    claims,
    made_up_actions,
    made_up_row,
    made_up_segmentation,
    made_up_semantic,
    made_up_videos,
    result_from_record,
    row,
)
from .small_store import make_store

STARTS = ("scratch", "strl", "videomae", "c2p")
CLASSES = [
    *("high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x"),
    *("draw tick", "draw circle", "hand clap", "two hand wave", "side-boxing", "bend", "forward kick", "side kick"),
    *("jogging", "tennis swing", "tennis serve", "golf swing", "pick up & throw"),
]


def videos_table(*more: str, source: str = "recorded"):
    """Action recognition: eight seeds of two rows, others not run."""
    dataset = "msr_action3d" if source == "recorded" else "people"
    records = {}
    for name, right in (("pptr-scratch-24", 84), ("pptr-c2p-24", 89)):
        records[name] = made_up_row(name, [right + seed % 3 for seed in range(8)], source=source, dataset=dataset)
        for record in records[name]:
            record["result"]["labels"] = made_up_videos(100)
            record["result"]["curve"] = [
                {"epoch": epoch, "loss": 3 / epoch} | ({"accuracy": (right + epoch) / 100} if epoch % 2 == 0 else {})
                for epoch in range(1, 9)
            ]
    return build_table("made up", [*records, "pptr-strl-24", "p4transformer-c2p-24", *more], records)


def frames_table(*names: str, seeds: int = 3):
    """Action segmentation on a simulated world; the last row has not been run."""
    records = {
        name: [
            made_up_segmentation(
                f"{name}{seed}", seed=seed, quality=0.4 + 0.1 * place, source="simulated", dataset="hand_object"
            )
            for seed in range(seeds)
        ]
        for place, name in enumerate(names[:-1])
    }
    return build_table("made up", names, records)


def points_table():
    """Semantic segmentation of streets."""
    names = [f"synthia-p4transformer-{start}" for start in ("scratch-1", "scratch-3", "c2p-3")]
    records = {
        name: [made_up_semantic(f"{name}{seed}", seed=seed, quality=quality) for seed in range(3)]
        for name, quality in zip(names, (0.6, 0.7, 0.75), strict=True)
    }
    return build_table("made up", names, records)


def findings(source: str = "recorded") -> list:
    """Every claim of C2P, few of them run."""
    dataset = "msr_action3d" if source == "recorded" else "people"
    rights = {"pptr-scratch-24": 70, "pptr-c2p-24": 85, "pptr-scratch-24-labels-10": 40, "pptr-c2p-24-labels-10": 60}
    made = {
        name: [
            result_from_record(record)
            for record in made_up_row(name, [count] * 5, source=source, dataset=dataset)
        ]
        for name, count in rights.items()
    }  # fmt: skip
    return [judge(claim, made) for claim in claims()]


def cloud(seed: int = 0, points: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(points, 3)) * [0.3, 0.8, 0.2] + [0, 0, 3]


def frames(count: int = 6) -> list[np.ndarray]:
    return [cloud(seed) + [0.1 * seed, 0, 0] for seed in range(count)]


def depth_images(count: int = 5) -> list[np.ndarray]:
    camera = DepthCamera(width=48, height=64, focal=60.0, centre_u=24.0, centre_v=32.0)
    pixels = [np.stack([np.arange(10, 34), np.arange(20, 44), np.full(24, 500 + place)], 1) for place in range(count)]
    return [videos.depth_image(shown, camera) for shown in pixels]


class Actions(SimpleNamespace):
    """Sequences of labelled frames and points."""

    name, fields, frame_fields = "made up", {"semantic": {}}, {"action": {}}
    actions = list(made_up_actions(4).values())
    sequences = (0, 1, 2, 3)
    parts = ("no label", "hand", "table", "mug", "bowl", "kettle", "noise")
    frame_offsets, sequence_offsets = np.arange(5) * 100, np.arange(5)

    def indices(self, split):
        return np.array([0, 1, 2]) if split == "train" else np.array([3])

    def frame_field(self, name, sequence):
        return self.actions[sequence]

    def names(self, field):
        return ACTIONS if field == "action" else self.parts

    def points(self, sequence, frame):
        return cloud(frame)

    def field(self, name, sequence, frame):
        return np.random.default_rng(frame).integers(0, 7, 400)

    def array(self, name):
        return np.random.default_rng(0).integers(0, 7, 400)


def camera_paths():
    position = np.stack([np.linspace(-2, 2, 12), np.zeros(12), np.linspace(0, 0.5, 12)], 1)
    screen = {"focal": 150, "width": 120, "height": 180}
    figure, axes = style.panels(3, ratio=0.9)
    turned = np.stack([np.eye(3)] * 12)
    cameras.draw_camera_path(axes[0], cloud(), position, turned, np.array([0, 0, 3.0]), title="the path", **screen)
    for axis, view in zip(axes[1:], orbits.VIEWS, strict=True):
        orbits.draw_orbit(axis, cloud(), position, turned, view=view, title=view, **screen)
    return figure


def one_cloud():
    figure, axes = style.panels(3, ratio=1.2)
    clouds.draw_cloud(axes[0], cloud(), title="a cloud")
    clouds.draw_depth(axes[1], depth_images(1)[0], title="a depth image")
    videos.draw_motion(axes[2], frames(3), still=0.05, title="a movement")
    return figure


def person():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(600, 3, generator=draw) * torch.tensor([60.0, 120.0, 20.0]) + torch.tensor([0.0, 0.0, 550.0])


@functools.cache
def small_store():
    return make_store(Path(tempfile.mkdtemp()) / "store")


def method():
    figure, axes = style.panels(1, ratio=0.25)
    boxes = {
        "clip": (0, 0, "clip", "#56B4E9"), "view": (0, 1, "partial view", "#0072B2"),
        "teacher": (1, 0, "teacher", "#56B4E9"), "student": (1, 1, "student", "#0072B2"),
    }  # fmt: skip
    arrows = [("clip", "teacher", "", "flow"), ("view", "student", "", "flow")]
    diagram.draw_diagram(axes, boxes, [*arrows, ("teacher", "student", "slow copy", "compared")])
    return figure


def pretrainings():
    def record(losses, rank, chance=None):
        curve = [
            {"epoch": n + 1, "loss": loss, "effective_rank": rank + n, "feature_std": 0.1}
            for n, loss in enumerate(losses)
        ]
        return {"result": {"curve": curve, "chance": chance}}

    ours, strl, videomae = (METHODS[name] for name in STARTS[:0:-1])
    made = {
        ours: [record([4.2, 3.9, 3.8], 12, 4.3), record([4.3, 4.0, 3.7], 11, 4.3)],
        strl: [],
        videomae: [record([1.4, 1.3, 1.2], 20)],
    }
    return pretraining.draw_pretraining(made)


def matrices():
    side = np.random.default_rng(0).normal(size=(4, 24, 16))
    shown = matching.choices(matching.similarity(side, side), 0.3)
    return matching.draw_matrices(
        {"before": {"teacher": shown, "student": shown}, "after": {"teacher": shown, "student": shown}},
        boundaries=[8, 15],
    )


def ratios(growth: bool = False):
    names = list(speed.LOOKS)
    if growth:
        sizes = "batch 2, frames 8, points 512, anchors 16, neighbours 32, inputs 32, channels 64"
        made = [
            {"operator": "ball_query", "fixed": sizes, "parameter": parameter, "value": value,
             "contender": name, "cpu_ms": value * (1 + place), "device": "a machine"}
            for parameter in ("points N", "clouds G", "radius r")
            for value in (64.0, 256.0, 1024.0) for place, name in enumerate(names[:5])
        ]  # fmt: skip
        return speed.draw_growth(made, "ball_query")
    made = [
        {"operator": operator, "shape": shape, "contender": name, "ratio_cpu": 1.7**place, "target": 2.0,
         "device": "a machine"}
        for operator in ("ball_query", "farthest_points") for shape in ("16 × 2,048", "32 × 1,024")
        for place, name in enumerate(names[1:])
    ]  # fmt: skip
    return speed.draw_ratios(made)


def printed(draw):
    figure, axes = style.panels(1, ratio=0.4)
    draw(axes)
    return figure


PRINTED = (
    c2p.draw_printed_accuracies, c2p.draw_printed_shares, c2p.draw_printed_actions, c2p.draw_printed_miou,
    c2p.draw_printed_classes,
)  # fmt: skip


def searched():
    table = videos_table()
    return search.draw_search(table, ["pptr-c2p-24"])


def label_film():
    store, shown = Actions(), frames(4)
    kept = [np.arange(400) % 3 == 0] * 4
    values = [store.field("semantic", 0, frame) for frame in range(4)]
    return films.draw_label_film(
        shown, values, store.parts, titles=[f"frame {n}" for n in range(1, 5)], kept=kept,
        rows=("as given", "class", "partial"),
    )  # fmt: skip


def tubes():
    window = np.stack(frames(3))
    index = np.arange(20 * 3 * 8).reshape(20, 3, 8) % 400
    return videos.draw_tubes(window, window[1, :20], index, [0, 4, 7])


def data_efficiency(draw=c2p.draw_shares_beside_printed):
    names = [f"pptr-{start}-24-labels-{share}" for share in (10, 20, 40) for start in ("scratch", "c2p")]
    records = {name: made_up_row(name, [50 + 7 * place, 52 + 7 * place]) for place, name in enumerate(names)}
    return draw(build_table("made up", [*names, "pptr-scratch-24", "pptr-c2p-24"], records))


def labelled():
    return shares.draw_labelled({10: np.arange(0, 60, 9), 40: np.arange(0, 60, 3), 100: np.arange(60)}, 60, [0, 20, 45])


def tokens(stages: int = 1):
    """Films of a clip, and of tokens at each of so many stages: places (3, 8, 3) and features (3, 8, 16)."""
    clip = frames(6)
    places = np.stack([frame[:: len(frame) // 8][:8] for frame in clip[::2]])
    features = np.random.default_rng(1).normal(size=(stages, 3, 8, 16))
    return clip, {f"stage {number}": (places, found) for number, found in enumerate(features, 1)}


def sampling():
    cloud = frames(1)[0]
    return backbones.draw_sampling(cloud, cloud[::64][:8], np.arange(0, 64, 2), 1, 0.4)


def radii():
    cloud, grid = frames(1)[0], np.linspace(0.1, 1.2, 9)
    return backbones.draw_radii(
        cloud, cloud[0], (0.2, 0.6), tuple(map(list, (grid, grid / 1.2, 1 - grid / 2))), used=0.6
    )


def attention():
    clip, found = tokens()
    weights = np.random.default_rng(2).dirichlet(np.ones(24)).reshape(3, 8)
    return backbones.draw_attention_film(clip[::2], found["stage 1"][0], weights, (1, 3), range(3))


def token_films():
    clip, found = tokens(3)
    return backbones.draw_token_films(clip[::2], found, range(3))


EXPLAINING = ("diagram", "deviations", "windows", "stages")  # show no data
FIGURES = {
    "accuracies": lambda: runs.draw_accuracies(videos_table()),
    "accuracies of segmentation": lambda: runs.draw_accuracies(
        frames_table(*(f"as-pptr-{start}" for start in STARTS)), "edit"
    ),
    "curves": lambda: runs.draw_curves({"PPTr, 24 frames": videos_table().rows}),
    "curves in two columns": lambda: runs.draw_curves(
        {name: frames_table("as-pptr-scratch", "as-pptr-c2p", "as-pptr-strl").rows for name in ("PPTr", "PPTr again")}
    ),
    "confusion": lambda: runs.draw_classes(videos_table().rows, CLASSES, shown="pptr-c2p-24"),
    "confusion of frames": lambda: runs.draw_classes(
        frames_table("as-pptr-scratch", "as-pptr-c2p", "as-pptr-strl").rows, ACTIONS, shown="as-pptr-c2p"
    ),
    "forest": lambda: forest.draw_findings(findings(), names=[one.claim.statement[:60] for one in findings()]),
    "forest of few": lambda: forest.draw_findings(findings("simulated")[:5]),
    "ablations": lambda: ablations.draw_ablations(
        frames_table("as-pptr-c2p", "as-pptr-symmetric", "as-pptr-window-1", "as-pptr-released"), "as-pptr-c2p"
    ),
    "classes": lambda: classes.draw_class_ious(points_table(), printed=True),
    "rarity": lambda: classes.draw_gains_by_rarity(
        points_table(), "synthia-p4transformer-scratch-3", ("synthia-p4transformer-c2p-3",)
    ),
    "ribbons": lambda: ribbons.draw_ribbons(
        frames_table(*(f"as-pptr-{start}" for start in STARTS), "as-pptr-released").rows,
        ["sequence 000", "sequence 003"],
    ),
    "shares": data_efficiency,
    "shares without the paper's": lambda: data_efficiency(shares.draw_data_efficiency),
    "labelled": labelled,
    "pretraining": pretrainings,
    "matrices": matrices,
    "clip": lambda: clouds.draw_clip(
        [frames(), frames()], names=["complete", "partial"], titles=[f"frame {n}" for n in range(1, 7)]
    ),
    "cloud": one_cloud,
    "cameras": camera_paths,
    "label film": label_film,
    "action film": lambda: films.draw_action_film(Actions(), 0),
    "sensor and space": lambda: videos.draw_sensor_and_space(
        depth_images(), frames(5), titles=[f"frame {n}" for n in range(1, 6)]
    ),
    "contact sheet": lambda: videos.draw_contact_sheet({name: frames(3) for name in CLASSES[:9]}, still=0.05),
    "tubes": tubes,
    "action statistics": lambda: labels.draw_action_statistics(Actions()),
    "class statistics": lambda: labels.draw_class_statistics(Actions()),
    "stages": lambda: backbones.draw_stages(
        {
            "P4Transformer": ["clip\n24 x 1024", "tubes\n12 x 64", "one transformer\n768 tokens"],
            "PPTr": ["clip\n24 x 1024", "tubes\n12 x 64", "groups\n12 x 8", "two transformers\n96 tokens"],
        },
        shared=2,
    ),
    "sampling": sampling,
    "radii": radii,
    "frames seen": lambda: backbones.draw_frames_seen(
        {"after the tubes": np.eye(4, 8, dtype=bool), "at the end": np.ones((4, 8), bool)}
    ),
    "token films": token_films,
    "attention film": attention,
    "primitives": lambda: backbones.draw_primitives(frames(1)[0], frames(1)[0][::32][:16], 4, np.full((4, 4), 0.25)),
    "diagram": method,
    "deviations": lambda: deviations.draw_kinds(deviations_table(C2P)),
    "windows": lambda: c2p.draw_windows({"3": C2PLoss(), "one": C2PLoss(predictors="one")}),
    "printed ablations": lambda: c2p.draw_printed_ablations(
        [row(name) for name in ("as-pptr-symmetric", "as-pptr-window-1")], "as-pptr-c2p"
    ),
    "search": searched,
    "ratios": ratios,
    "growth": lambda: ratios(growth=True),
}
ABOUT = {"action": "bend", "subject": 6}
FIGURES |= {
    "eight points": eight_points.draw_eight_points,
    "farthest points": lambda: operators.draw_farthest_points(person()),
    "neighbours": lambda: operators.draw_neighbours(person(), 0, 45, 32),
    "interpolation": lambda: operators.draw_interpolation(person(), person().sigmoid()),
    "tube max": lambda: operators.draw_tube_max(torch.stack([person()] * 3), torch.tensor([0.8, -0.6, 0.0, 8.0])),
    "splat": lambda: operators.draw_splat(person(), 70),
    "way": lambda: one_video.draw_way(small_store(), **ABOUT, points=128),
    "strip": lambda: one_video.draw_strip(small_store(), **ABOUT),
    "parts": lambda: one_video.draw_parts(small_store(), **ABOUT),
    "draws": lambda: one_video.draw_draws(small_store(), **ABOUT),
    "two tubes": lambda: one_video.draw_two_tubes(small_store(), **ABOUT, points=128),
    "lengths": lambda: whole_set.draw_lengths(small_store(), (8, 16)),
    "distributions": lambda: whole_set.draw_distributions(small_store(), beside=small_store()),
    "actions": lambda: whole_set.draw_actions(small_store()),
}
FIGURES |= {draw.__name__.removeprefix("draw_").replace("_", " "): partial(printed, draw) for draw in PRINTED}
