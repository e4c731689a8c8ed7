"""What official lists of videos have in common: lines of text, and classes that no video is of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from .layout import StoreError, one_line
from .recorded import open_regular


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line that is not blank; :class:`StoreError` for a file that is no text."""
    try:
        with open_regular(file) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StoreError(f"{file}: cannot be read as a list ({one_line(error)})") from error
    yield from ((number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip())


def bare_classes(classes: tuple[str, ...], labels: Mapping[str, Collection[int]]) -> str:
    """A line on the classes of which a split has no video, empty where there is none.

    Args:
        classes: names of all.
        labels: of the videos, by split.
    """
    for split, present in labels.items():
        bare = [label for label in range(len(classes)) if label not in present]
        if bare:
            found = f"{len(bare)} of {len(classes)} classes have no {split} video, first {bare[0] + 1}"
            return f"{found} ({classes[bare[0]]}); expected at least one of each"
    return ""
