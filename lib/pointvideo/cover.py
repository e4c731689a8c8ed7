"""The README's picture, drawn where the recorded clips are at hand and kept where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .data import StoreError
from .data.places import locate
from .papers.c2p import recognition
from .report.evidence import Evidence
from .report.figures.cover import draw_cover
from .report.figures.style import use_style
from .report.overview import headlines
from .report.stamps import read_stamp, save_figure, stamp_from_records
from .study.ledger import Record
from .study.runner import store_of

DATASET, ACTION, FRAMES, CLAIMS = "msr_action3d", "tennis serve", 5, 3
FILE = Path("figures") / "recorded" / "cover.png"


def records_behind(found: Sequence[Evidence]) -> list[Record]:
    """The records of the findings that the picture shows."""
    records: dict[str, Record] = {}
    for finding in headlines([one.table for one in found], CLAIMS):
        one = next(one for one in found if set(finding.claim.rows) <= set(one.records) and one.source == "recorded")
        records |= {record["key"]: record for row in finding.claim.rows for record in one.records[row]}
    return list(records.values())


def behind(root: Path, found: Sequence[Evidence]) -> bool:
    """Whether the picture is missing, or shows other runs than those that are committed."""
    path, keys = root / FILE, {record["key"] for record in records_behind(found)}
    return bool(keys) and (not path.is_file() or set(read_stamp(path).keys) != keys)


def at_hand() -> bool:
    """Whether the recorded clips are."""
    try:
        return locate(DATASET).world is None
    except StoreError:
        return False


def write_cover(root: Path, found: Sequence[Evidence]) -> Path:
    """Draw the picture from a recorded test clip and the committed findings, with its stamp."""
    from matplotlib import pyplot

    use_style()
    recipe, store = recognition.pretrain("laptop", "pptr"), store_of(DATASET)
    job, clips = recipe.job(store), recipe.data.clips(store, "test")
    (chosen, *_) = np.flatnonzero(store.labels[clips.sequence] == store.classes.index(ACTION))
    clip = job.stream.reader.load(clips.sequence[[chosen]], clips.start[[chosen]])
    seen = job.visible(clip, 0)
    shown = np.linspace(0, clip.xyz.shape[1] - 1, FRAMES).astype(int)
    lengths = [int(clip.lengths[0, frame]) for frame in shown]
    figure = draw_cover(
        [clip.xyz[0, frame, :length].numpy() for frame, length in zip(shown, lengths, strict=True)],
        [seen[0, frame, :length].numpy() for frame, length in zip(shown, lengths, strict=True)],
        headlines([one.table for one in found], CLAIMS),
    )
    about = {"action": ACTION, "sequence": store.sequences[int(clips.sequence[chosen])].name}
    save_figure(figure, root / FILE, stamp_from_records(records_behind(found), parameters=about))
    pyplot.close(figure)
    return root / FILE
