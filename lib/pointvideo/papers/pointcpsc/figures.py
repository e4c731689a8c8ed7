"""What PointCPSC's result pages draw: its tables as printed, steps of an ablation in test videos, films, balls of two
radii. matplotlib loads only inside the functions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from ...report.figures.clouds import draw_clip, draw_cloud, project
from ...report.figures.one_video import spread, third
from ...report.figures.printed import beside, draw_class_marks, draw_lengths, draw_rows, gains, interval_of
from ...report.figures.style import SMALL, fit, panels
from ...report.reported import ReportedCell, cells, reported
from ...stream import ClipData
from ...study.experiments import SCRATCH, Method
from .. import get
from .methods import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.store import Store

TEST_VIDEOS, LENGTHS = 297, (8, 12, 16, 24)  # of MSR-Action3D; frames of a clip
NTU_TEST, GESTURE_TEST = 16_560, 482  # videos (section 4.1)
OURS, PROBE, OTHER = ARMS["cpsc"].method, Method("linear probe", "#56B4E9", "D", "linear probe"), "#9a9a9a"
_OTHERS = {"Kinet": "^", "PST-Transformer": "h", "P4Transformer": "v"}
ABLATIONS = {  # table -> column on MSR-Action3D
    "Table 5": "Accuracy",
    "Table 6": "Accuracy",
    "Table 7": "Accuracy",
    "Table 8": "Accuracy",
    "Table 9": "MSR-Action3D",
    "Table 10": "MSR-Action3D",
}
DEFAULTS = {  # table -> row of the default
    "5": "ratio-default",
    "6": "weighting-default",
    "7": "neighbours-default",
    "8": "bank-default",
    "9": "prototypes-default",
    "10": "parts-default",
    "parts": "parts-ours",
    "anchor": "anchor-ours",
}
ABOUT = {
    "Table 5": "negatives of the bank",
    "Table 6": "how neighbours count",
    "Table 7": "neighbours",
    "Table 8": "size of the bank",
    "Table 9": "prototypes",
    "Table 10": "parts",
}


def _cell(table: str, row: str, column: str | None = None, frames: int | None = None) -> ReportedCell:
    return reported(get("pointcpsc"), table, row=row, column=column, frames=frames)


def draw_printed_accuracies(axes: Axes) -> None:
    """Table 1: video accuracy over the frames of a clip. Bars are ours: Wilson's 95 % interval on the test videos."""
    for row, marker in _OTHERS.items():
        method = Method(row, OTHER, marker, row)
        draw_lengths(axes, [_cell("Table 1", row, frames=frames) for frames in LENGTHS], method, row, line=":")
    for row, method, shift in (
        ("PSTNet", SCRATCH, -0.2),
        ("PointCPSC, linear probe", PROBE, 0.0),
        ("PointCPSC, fine-tuned", OURS, 0.2),
    ):
        found = [_cell("Table 1", row, frames=frames) for frames in LENGTHS]
        draw_lengths(axes, found, method, row, shift=shift, videos=TEST_VIDEOS)
    axes.set(xlabel="frames of a clip", ylabel="test videos right, %", xticks=LENGTHS)
    axes.set_title("printed: PointCPSC, Table 1, MSR-Action3D")
    axes.legend(loc="lower right", ncols=2)


def draw_printed_half(axes: Axes) -> None:
    """Table 3: NTU RGB+D; all rows but the last have all labels."""
    _draw_other_rows(axes, "Table 3", NTU_TEST, "PointCPSC, 50 % of the labels")
    axes.set(xlabel="test videos right, %", title="printed: PointCPSC, Table 3, NTU RGB+D, cross-subject")


def draw_printed_gestures(axes: Axes) -> None:
    """Table 4: NvGesture."""
    _draw_other_rows(axes, "Table 4", GESTURE_TEST, "PointCPSC")
    axes.set(xlabel="test videos right, %", title="printed: PointCPSC, Table 4, NvGesture")


def _draw_other_rows(axes: Axes, table: str, videos: int, ours: str) -> None:
    """All rows of a table: ours, its own backbone, others in grey."""
    other = Method("other", OTHER, "o", "other")
    known = {ours: OURS, "PSTNet": SCRATCH}
    found = [cell for cell in cells(get("pointcpsc")) if cell.table == table]
    draw_rows(axes, [(cell, known.get(cell.row, other)) for cell in found], videos)


def draw_printed_classes(axes: Axes) -> None:
    """Table 2: intersection over union of each class on Synthia 4D, P4Transformer and PointCPSC."""
    rows = [("P4Transformer", 1, SCRATCH, True), ("P4Transformer", 3, SCRATCH, False), ("PointCPSC", 3, OURS, False)]
    draw_class_marks(axes, get("pointcpsc"), "Table 2", rows)
    axes.set_title("printed: PointCPSC, Table 2, Synthia 4D")


def draw_printed_gains(axes: Axes) -> None:
    """Table 2: PointCPSC less P4Transformer with as many frames, class by class, and what a class adds to the mean."""
    found = gains(
        get("pointcpsc"),
        "Table 2",
        {"row": "PointCPSC", "frames": 3},
        {"row": "P4Transformer", "frames": 3},
    )
    mean = found.pop("mIoU")
    order = sorted(found, key=lambda name: -found[name])
    axes.axvline(0, color="#999999", linewidth=1)
    for place, name in enumerate(order):
        value = found[name]
        shade = OURS.colour if value >= 0 else "#D55E00"
        axes.barh(place, value, color=shade, height=0.62)
        beside(axes, place, f"{value:+.2f}: {round(value / len(found), 2) + 0.0:+.2f} of the mean's {mean:+.2f}")
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set(xlabel="intersection over union, points more than P4Transformer with three frames")
    axes.set_title("printed: PointCPSC, Table 2, Synthia 4D")


@dataclass(frozen=True)
class Step:
    """A printed row of an ablation. videos: how many more of the test videos are right than in the default's row;
    whole where the number is a count of them."""

    cell: ReportedCell
    videos: float

    @property
    def words(self) -> str:
        """Such as "4 videos fewer"; a number with a decimal where the accuracy is no count of the videos."""
        count = abs(self.videos)
        said = f"{count:.0f}" if abs(count - round(count)) < 0.06 else f"{count:.1f}"
        if said == "0":
            return "the default"
        return f"{said} video{'' if said == '1' else 's'} {'more' if self.videos > 0 else 'fewer'}"


def ablation_steps(tables: Iterable[str] = tuple(ABLATIONS)) -> dict[str, list[Step]]:
    """Table -> its rows on MSR-Action3D, each beside the default, which is the row with the printed 92.26."""
    default = _cell("Table 1", "PointCPSC, fine-tuned", frames=16)
    return {
        table: [
            Step(cell, (cell.value - default.value) / 100 * TEST_VIDEOS)
            for cell in cells(get("pointcpsc"))
            if cell.table == table and cell.column == ABLATIONS[table]
        ]
        for table in tables
    }


def draw_printed_ablations(axes: Axes, tables: Sequence[str] = tuple(ABLATIONS)) -> None:
    """Rows of the ablations as printed, each with its difference in test videos; the band is Wilson's 95 % interval of
    the default, one run on 297 videos."""
    found = ablation_steps(tables)
    default = _cell("Table 1", "PointCPSC, fine-tuned", frames=16)
    bound = interval_of(default, TEST_VIDEOS)
    axes.axvspan(100 * bound.low, 100 * bound.high, color=OURS.colour, alpha=0.1, linewidth=0)
    axes.axvline(default.value, color=OURS.colour, linewidth=1.2)
    place, names, seen = 0, {}, [[100 * bound.low, 100 * bound.high]]
    for table, steps in found.items():
        for step in steps:
            same = step.words == "the default"
            axes.plot(step.cell.value, place, "s" if same else "o", color=OURS.colour if same else "#444444")
            beside(axes, place, f"{step.cell.printed}: {step.words}")
            names[place] = f"{ABOUT[table]}: {step.cell.row}"
            seen.append([step.cell.value])
            place += 1
        place += 0.6
    axes.set_yticks(list(names), list(names.values()))
    axes.set_ylim(place - 0.8, -0.8)
    fit(axes, seen, along="x")
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set(xlabel="test videos right, %; one video is 0.34 points")
    axes.set_title("printed: PointCPSC, section 4.6, MSR-Action3D, 16 frames")


def draw_two_balls(store: Store, data: ClipData, radii: Mapping[str, float]) -> Figure:
    """:func:`draw_balls` around the highest point of a frame of the first test video, a hand or the head.

    Args:
        store: recorded or simulated people.
        data: has the unit of the radii.
        radii: title of a panel -> radius of the first level's balls.
    """
    video = int(store.indices("test")[0])
    frame = torch.from_numpy(store.points(video, third(store, video)))
    points = data.in_unit(frame[None, None])[0, 0].numpy()
    return draw_balls(points, radii, int(points[:, 1].argmin()))


def draw_balls(
    points: Float[np.ndarray, "points 3"], radii: Mapping[str, float], centre: int, levels: Sequence[float] = (1, 2, 4)
) -> Figure:
    """One frame, and the balls around one of its points: those of the encoder's levels as circles, the points in the
    first one dark.

    Args:
        points: x right, y down, z away, in the unit of the radii.
        radii: title of a panel -> radius of the first level's balls.
        centre: which point.
        levels: radii of the levels' balls, in those of the first.
    """
    if not 0 <= centre < len(points):
        raise ValueError(f"centre: got {centre}, expected one of {len(points)} points")
    from matplotlib.patches import Circle

    widest = max(levels) * max(radii.values())
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    box = middle - 0.5 * np.ptp(points, axis=0), middle + 0.5 * np.ptp(points, axis=0)
    figure, axes = panels(len(radii), ratio=0.95, squeeze=False)
    for panel, (title, radius) in zip(axes[0], radii.items(), strict=True):
        inside = np.linalg.norm(points - points[centre], axis=1) <= radius
        shade = np.where(inside[:, None], np.array([[0.0, 0.447, 0.698]]), np.array([[0.78, 0.78, 0.78]]))
        draw_cloud(panel, points, colour=shade, box=box, size=3.0, turn=0, tilt=0)
        at = project(points[centre][None], middle, 0, 0)[0]
        # each name in a direction of its own, so that those of small circles do not meet
        for level, turn in zip(levels, np.linspace(0, -np.pi / 2, len(levels)), strict=True):
            panel.add_patch(Circle(at[:2], level * radius, fill=False, color="#D55E00", linewidth=1.2))
            edge = at[0] + level * radius * np.cos(turn), at[1] + level * radius * np.sin(turn)
            panel.annotate(
                f"{level:g} r", edge, (2, -2), textcoords="offset points", va="top", fontsize=SMALL, color="#8a3a00",
                annotation_clip=True,
            )  # fmt: skip
        panel.plot(*at[:2], "x", color="#D55E00")
        reach = min(widest, 1.1 * float(np.ptp(points, axis=0).max()))
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach))
        panel.set_title(f"{title}: {inside.mean():.0%} of the points in the first ball", loc="center")
    return figure


def same_action(store: Store, count: int = 3) -> list[int]:
    """The first test videos of one person doing one thing, such as those of several cameras."""
    test = store.indices("test")
    first = store.sequences[test[0]]
    alike = [v for v in test if (store.sequences[v].subject, store.sequences[v].label) == (first.subject, first.label)]
    return alike[:count]


def different_actions(store: Store, count: int = 3) -> list[int]:
    """The first test video of each of some actions, spread over all of them."""
    first: dict[int, int] = {}
    for video in store.indices("test"):
        first.setdefault(store.sequences[video].label, int(video))
    labels = sorted(first)
    return [first[labels[place]] for place in np.linspace(0, len(labels) - 1, count).round().astype(int)]


def draw_films(store: Store, videos: Sequence[int], frames: int = 7) -> Figure:
    """A film strip a video, as its sensor saw it, with the name of its action; where the action is one, with the number
    of its camera."""
    rows = [[store.points(video, frame) for frame in spread(store, video, frames)] for video in videos]
    shown = [store.sequences[video] for video in videos]
    names = ["\n".join(textwrap.wrap(store.classes[one.label], 18)) for one in shown]
    if len(set(names)) < len(names) == len({one.camera for one in shown}):
        names = [f"{name}\ncamera {one.camera + 1}" for name, one in zip(names, shown, strict=True)]
    return draw_clip(rows, names=names, turn=0, tilt=0)
