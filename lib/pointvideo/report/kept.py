"""Contrasts kept beside the committed records: a table of which no record and no statistic has changed is made without
reading a prediction.

What a contrast is kept under says all that it rests on: the definitions of the statistics and of the tasks' scores, the
content of every record in it, rows, weights and metric. A kept one is never wrong, at worst it is never found again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..definitions import digest_of
from ..files import write_text
from ..study.runner import project_root
from .statistics import Contrast

if TYPE_CHECKING:
    from ..tasks.task import Task
    from .results import Result

FILE = "contrasts.json"
_FUNCTIONS = ("claims:contrast_of", "gate:over", "folds:pooled_folds", "results:result_from_record")
ROOTS = tuple(f"{__package__}.{name}" for name in _FUNCTIONS)
# What reads source and files says what a contrast rests on; it is no part of a contrast.
_READERS = ("definitions", "source", "source_files", "source_text", "files")
OUTSIDE = tuple(f"{__package__.rpartition('.')[0]}.{name}" for name in _READERS)
_used: dict[str, Contrast | None] = {}  # of this process, by key; what `write_kept` writes
_computed: set[str] = set()


def kept(
    about: Mapping[str, Any], runs: Iterable[Iterable[Result]], compute: Callable[[], Contrast | None]
) -> Contrast | None:
    """A contrast that is kept, or else computed now.

    Args:
        about: what of the runs is compared, as JSON data.
        runs: all runs that it rests on, row after row; a run without the digest of its record is computed.
        compute: gives the contrast.
    """
    runs = [list(row) for row in runs]
    digests = [[result.digest for result in row] for row in runs]
    if not all(all(row) for row in digests):
        return compute()
    tasks = {result.task.name: result.task for row in runs for result in row}
    content = [statistics_digest(tuple(tasks[name] for name in sorted(tasks))), about, digests]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    if key not in _used:
        known = _known(project_root())
        if key in known:
            _used[key] = None if known[key] is None else Contrast(**known[key])
        else:
            _computed.add(key)
            _used[key] = compute()
    return _used[key]


def write_kept(path: Path) -> bool:
    """Keep the contrasts that this process has used, and no others; whether the file changed."""
    values = {key: found and dataclasses.asdict(found) for key, found in sorted(_used.items())}
    lines = (f'"{key}": {json.dumps(found)}' for key, found in values.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    changed = not path.is_file() or path.read_text(encoding="utf-8") != text
    if changed:
        write_text(path, text)
        _known.cache_clear()
    return changed


def computed() -> int:
    """How many contrasts this process has computed because none was kept."""
    return len(_computed)


@functools.lru_cache(maxsize=4)
def _known(root: Path) -> dict[str, dict[str, Any] | None]:
    found: dict[str, dict[str, Any] | None] = {}
    for path in sorted((root / "figures").glob(f"*/{FILE}")):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


@functools.lru_cache(maxsize=16)
def statistics_digest(tasks: tuple[Task, ...]) -> str:
    """Of the definitions that contrasts of these tasks rest on."""
    readers = (f"{task.read.__module__}:{task.read.__qualname__}" for task in tasks)
    found = digest_of(*ROOTS, *readers, outside=OUTSIDE)
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
