"""How long each page took here the last time: so that the long ones can begin first."""

import json
import math
from contextlib import suppress
from pathlib import Path

from ...burn import made_folder
from ...data.layout import cache_dir
from ...files import write_json


def longest_first(profile: str, names: list[str]) -> list[str]:
    """Pages by the seconds that they took the last time, the longest first; before them, in the order given, those of
    which nothing is known."""
    known = _read().get(profile, {})
    return sorted(names, key=lambda name: -known.get(name, math.inf))


def remember(profile: str, name: str, seconds: float) -> None:
    """Keep a page's seconds. It serves the order alone: where the cache cannot be written nothing is kept."""
    known = _read()
    known.setdefault(profile, {})[name] = round(seconds, 1)
    with suppress(OSError, ValueError):
        made_folder(_file().parent)
        write_json(_file(), known)


def _file() -> Path:
    return cache_dir() / "notebooks" / "seconds.json"


def _read() -> dict[str, dict[str, float]]:
    with suppress(OSError, ValueError):
        found = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(isinstance(pages, dict) for pages in found.values()):
            return {
                profile: {name: seconds for name, seconds in pages.items() if isinstance(seconds, (int, float))}
                for profile, pages in found.items()
            }
    return {}
