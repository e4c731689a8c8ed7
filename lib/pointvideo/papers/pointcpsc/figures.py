"""What PointCPSC's result pages draw: its tables as printed, steps of an ablation in test videos, balls of two radii,
and what a memory bank costs. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ...report.figures.clouds import draw_cloud, project
from ...report.figures.printed import beside, draw_class_marks, draw_lengths, draw_rows, gains, interval_of
from ...report.figures.style import PALETTE, REPORTED, SMALL, explains, fit, panels
from ...report.reported import ReportedCell, cells, reported
from ...study.experiments import SCRATCH, Method
from .. import get
from .bank_cost import MIB, SIZES, Arithmetic, StepCost, printed_growth
from .methods import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
ABOUT = {
    "Table 5": "negatives of the bank",
    "Table 6": "how neighbours count",
    "Table 7": "neighbours",
    "Table 8": "size of the bank",
    "Table 9": "prototypes",
    "Table 10": "parts",
}
KIND_COLOURS = {"superpoint": "#0072B2", "clip": "#E69F00"}


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
        for level in levels:
            panel.add_patch(Circle(at[:2], level * radius, fill=False, color="#D55E00", linewidth=1.2))
            panel.annotate(
                f"{level:g} r", (at[0], at[1] - level * radius), ha="center", va="bottom", fontsize=SMALL,
                color="#8a3a00", annotation_clip=True,
            )  # fmt: skip
        panel.plot(*at[:2], "x", color="#D55E00")
        reach = min(widest, 1.1 * float(np.ptp(points, axis=0).max()))
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach))
        panel.set_title(f"{title}: {inside.mean():.0%} of the points in the first ball", loc="center")
    return figure


def draw_bank_costs(costs: Sequence[StepCost]) -> Figure:
    """Left, the time of a step, right its memory, both over the size of the bank and in multiples of the smallest bank;
    a line a kind of entry, measured here, and what Table 8 prints.

    ``ValueError`` without a measurement.
    """
    if not costs:
        raise ValueError("costs of a bank need at least one measurement, found none")
    figure, axes = panels(2, ratio=0.75)
    sides = (("Time", "time of a step", "seconds"), ("Memory", "memory of a step", "peak"))
    for panel, (column, title, field) in zip(axes, sides, strict=True):
        seen = []
        for kind in dict.fromkeys(cost.kind for cost in costs):
            mine = sorted((cost for cost in costs if cost.kind == kind), key=lambda cost: cost.entries)
            values = np.array([getattr(cost, field) for cost in mine]) / getattr(mine[0], field)
            panel.plot([cost.entries for cost in mine], values, "-o", color=KIND_COLOURS[kind], label=f"{kind}s, here")
            seen.append(values)
        found = [_cell("Table 8", row, column, 16).value for row in SIZES.values()]
        values = np.array(found) / found[0]
        panel.plot(list(SIZES), values, REPORTED, linestyle="--", color=PALETTE["reported"], label="printed")
        seen.append(values)
        panel.set_xscale("log", base=2)
        panel.set_xticks(list(SIZES), [str(entries) for entries in SIZES])
        panel.minorticks_off()
        panel.set(xlabel="entries of the bank", title=title, ylabel="times the smallest bank's")
        fit(panel, seen, ends=(0, np.inf))
    axes[0].legend(loc="upper left")
    return figure


def draw_bank_memory(kinds: Sequence[Arithmetic]) -> Figure:
    """MiB that a bank has beyond that of 256 entries: printed, and by arithmetic for each kind of entry, as a band from
    one matrix of similarities to three of them, with the entries themselves."""
    figure, axes = panels(1, ratio=0.5)
    sizes = np.array(list(SIZES))
    more = sizes - sizes[0]
    for kind in kinds:
        low, high = ([(kind.stored(n) + times * kind.compared(n)) / MIB for n in more] for times in (1, 3))
        label = f"{kind.kind}s: entries and one to three matrices of similarities"
        axes.fill_between(sizes, low, high, color=KIND_COLOURS[kind.kind], alpha=0.35, linewidth=0, label=label)
        axes.plot(sizes, low, color=KIND_COLOURS[kind.kind], linewidth=1.2)
    printed = printed_growth("Memory")
    axes.plot(list(printed), list(printed.values()), REPORTED, linestyle="--", color="black", label="printed, Table 8")
    axes.set_xticks(sizes, [str(entries) for entries in sizes])
    axes.set(xlabel="entries of the bank", ylabel="MiB more than with 256 entries")
    axes.set_ylim(-60, None)
    axes.legend(loc="upper left")
    explains(axes)
    return figure
