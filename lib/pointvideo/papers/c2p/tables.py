"""Small tables that the pages show beside results, as Markdown: what is scored, how long is trained, who sees what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from ...report.render import markdown_table
from ...report.reported import reported
from ...study.experiments import Paper
from .. import get

if TYPE_CHECKING:
    from ...data.store import Store
    from ...losses.c2p import C2PLoss
    from ...pretexts.c2p import C2PPretrain
    from ...report.layout import Table
    from ...tasks.downstream import Downstream


def scored_videos(table: Table) -> str:
    """How many test videos of MSR-Action3D are long enough for a clip, as printed in Table 4 and in our runs."""
    lines = []
    for frames in (8, 16, 24):
        cells = [reported(get("c2p"), "Table 4", row=row, frames=frames) for row in ("P4Transformer", "PPTr+C2P")]
        scores = [run.last for line in table.rows if line.row.frames == frames for run in line.results]
        ours = f"{scores[0].videos} of {scores[0].available}" if scores else "not run"
        lines.append((str(frames), *(str(cell.scored or "no count fits") for cell in cells), ours))
    return markdown_table(("frames", "P4Transformer as printed", "PPTr+C2P as printed", "ours"), lines)


def share_updates(recipes: Sequence[Downstream], store: Store) -> str:
    """Labelled videos, clips of each in an epoch, epochs and updates of fine-tunings with shares of the labels."""
    lines = []
    for recipe in recipes:
        job, training = recipe.job(store), recipe.training
        clips = "every clip" if training.clips_per_video is None else str(training.clips_per_video)
        updates = training.epochs * job.steps_per_epoch
        videos = len(job.stream.videos)
        lines.append((f"{recipe.label_percent} %", str(videos), clips, str(training.epochs), str(updates)))
    return markdown_table(("labels", "videos that have them", "clips a video and epoch", "epochs", "updates"), lines)


def loss_windows(paper: Paper, numbers: Sequence[str], profile: str) -> dict[str, C2PLoss]:
    """Title -> loss of the rows of ablations that differ in it, each loss once."""
    found: dict[str, C2PLoss] = {}
    for number in numbers:
        for row in paper.experiment(number).rows(profile):
            if row.recipes[0].init.loss not in found.values():
                found[row.title.removeprefix("PPTr, ")] = row.recipes[0].init.loss
    return found


def sight_of(paper: Paper, numbers: Sequence[str], profile: str) -> str:
    """What teacher and student see in the rows of ablations, and how far the teacher goes."""
    rows = {row.id: row for number in numbers for row in paper.experiment(number).rows(profile)}
    lines = []
    for row in rows.values():
        start = row.recipes[0].init
        lines.append((row.title, start.teacher_sees, start.student_sees, start.teacher))
    return markdown_table(("row", "the teacher sees", "the student sees", "the teacher is"), lines)


def switches(ours: C2PPretrain, released: C2PPretrain) -> str:
    """The fields of a pre-training, and of its loss and camera path, in which two differ."""
    lines = []
    for part in fields(ours):
        pair = getattr(ours, part.name), getattr(released, part.name)
        if pair[0] == pair[1]:
            continue
        if is_dataclass(pair[0]) and type(pair[0]) is type(pair[1]):
            names = [one.name for one in fields(pair[0])]
            inner = [(f"{part.name}.{name}", *(repr(getattr(side, name)) for side in pair)) for name in names]
            lines += [line for line in inner if line[1] != line[2]]
        else:
            lines.append((part.name, *map(repr, pair)))
    return markdown_table(("field", "as in the paper", "as released"), lines)
