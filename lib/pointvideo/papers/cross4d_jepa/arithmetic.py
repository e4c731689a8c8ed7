"""What the paper's own numbers say about each other. matplotlib loads only inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...report.figures.style import fit, panels
from ...report.reported import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.experiments import Paper

RANGE = range(255, 301)  # numbers of test videos that are tried
ROUNDING = 0.05 + 1e-9  # per cent: half of the last printed digit
_SINGLE = {"Table 10": None, "Table 12": "MSR", "Table 18": "P4TRANSFORMER", "Table 19": None}  # table -> column
STATED, FOUND = 297, 275  # test videos


def single_runs(paper: Paper) -> tuple[str, ...]:
    """The accuracies of single runs on MSR-Action3D with three decimals, in per cent as printed, each once."""
    found = (
        cell.printed
        for cell in cells(paper)
        if cell.table in _SINGLE and _SINGLE[cell.table] in (None, cell.column) and "." in cell.printed
    )
    return tuple(dict.fromkeys(found))


def denominators(paper: Paper) -> dict[int, int]:
    """For each number of test videos, how many of :func:`single_runs` are whole counts of it."""
    values = [float(printed) for printed in single_runs(paper)]

    def fits(total: int, value: float) -> bool:
        return abs(100 * round(value * total / 100) / total - value) < ROUNDING

    return {total: sum(fits(total, value) for value in values) for total in RANGE}


def draw_denominators(paper: Paper) -> Figure:
    """Bars: how many of the printed accuracies are whole counts of so many videos."""
    counts = denominators(paper)
    figure, axes = panels(1, ratio=0.3)
    colours = ["#0072B2" if total == FOUND else "#D55E00" if total == STATED else "#bbbbbb" for total in counts]
    axes.bar(counts.keys(), counts.values(), color=colours, width=0.8)
    for total, words, above in ((FOUND, "275, the even subjects", 4), (STATED, "297, as stated", 52)):
        arrow = {"arrowstyle": "-", "linewidth": 0.6, "color": "#555555"}
        axes.annotate(
            words, (total, counts[total]), (0, above), textcoords="offset points", ha="center", fontsize=8,
            arrowprops=arrow if above > 10 else None,
        )  # fmt: skip
    axes.set_xlabel("videos in the test set, n")
    axes.set_ylabel(f"accuracies that are k of n,\nof {len(single_runs(paper))}")
    fit(axes, [[0, max(counts.values()) + 1]], ends=(0, 100))
    return figure


def contradictions() -> tuple[str, ...]:
    """Where the paper says two things, in our words."""
    return (
        "The untrained encoder on MSR-Action3D has 0.42 in Tables 1 and 7, 0.40 in Tables 11 and 13, and 0.59 in "
        "Tables 5 and 12. The last is exactly what Table 11 prints with standardised features, which the text says are "
        "not used anywhere.",
        "So the transfer tables probably mix two probes, and from MSR-Action3D to NTU RGB+D (0.46) is better than "
        "pre-training on NTU RGB+D itself (0.40), without a comment.",
        "The same default run is 0.81 (Table 1), 0.813 (20), 0.826 (12), 0.828 (15), 0.836 (14), 0.80 (11) and "
        "0.85 (13).",
        "The variance term is called small and kept for completeness only, with a weight of 1.",
        "Every setting of Table 10 is said to lie between 0.81 and 0.85; two rows are 0.807.",
        "The method is said to beat other pre-trainings on four benchmarks; Table 7 has one.",
        "Zero-shot segmentation trains a linear layer on labels of HOI4D; only the encoder has not seen it.",
        "HOI4D's official split is given as 1,776 and 445 sequences of 2,221; other papers have 2,971 and 892.",
        "2,221 sequences cut 80 to 20 are no official split of 3,863.",
        "Table 16 is announced as the correspondence probe of the main paper, which has none.",
        "In Table 16 accuracy rises with the gap between frames, for every encoder: animations loop, so the last frame "
        "is close to the first again.",
        "Supplement C speaks of four variants of P4Transformer; Table 20 has three.",
        "100 epochs in the text, about 60 on two sets in Table 8.",
        "Re-implemented Uni4D (0.25) and MaST-Pre (0.33) are worse than no training at all (0.42).",
        "All results are said to be 16 to 20 times chance; that holds for the dense column alone, and with rounded "
        "chances.",
        "The kept targets of MSR-Action3D are said to take 7 MB; 384 channels of 16 bits a token would take hundreds.",
        "The matched comparison gives each pretext its own number of epochs.",
        "NTU RGB+D is called real RGB; no colour is used.",
        "The stated 270 and 297 videos do not fit the printed accuracies; 275 does (above).",
        "Leaving out standardisation is called conservative because it only lowers the baseline; lowering the baseline "
        "is what makes a gain look larger.",
        "DINOv2 is kept for its clean patches, although two other teachers are 6 and 7 points better in Table 2.",
    )
