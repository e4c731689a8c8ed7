"""The package's source with a text replaced, as what reads source then sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import pytest

from pointvideo.source import Library


@contextmanager
def edited(edits: Mapping[str, tuple[str, str]], *, times: int = -1) -> Iterator[None]:
    """Within it modules of the package have another text; afterwards all that was read before is still there.

    Args:
        edits: name of a module below the package -> a text that must be there, and what stands in its place.
        times: how often it is replaced in a module, from its beginning; -1: wherever it stands.
    """
    read = Library._source

    def source(self: Library, asked: str):
        text, file = read(self, asked)
        if (name := asked.removeprefix("pointvideo.")) in edits:
            old, new = edits[name]
            assert old in text, (asked, old)
            text = text.replace(old, new, times)
        return text, file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Library, "_source", source)
        patch.setattr(Library, "_of", staticmethod(lru_cache(maxsize=16)(Library._of.__wrapped__)))
        yield
