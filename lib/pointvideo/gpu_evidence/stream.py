"""Results as they come: a line of JSON each, on the disk before the next one is begun. The standard library alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

SKIPPED = 3  # exit status of a stage that could not be begun here


class Skip(Exception):
    """Why a stage, or a part of it, cannot run on this machine; one line."""


class Results:
    """The results of a stage, ``<name>.jsonl`` in a folder; those of an earlier call are replaced.

    A line with "say" is what the summary says of the stage; the last one counts.
    """

    def __init__(self, folder: Path, name: str):
        self.path, self.begin = folder / f"{name}.jsonl", time.monotonic()
        self.file = self.path.open("w", encoding="utf-8")

    def add(self, **values: Any) -> None:
        """Write one result, with the seconds since the stage began."""
        self.file.write(json.dumps({"at": round(time.monotonic() - self.begin, 2)} | values, default=str) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def say(self, words: str) -> None:
        """What the summary is to say of the stage so far."""
        print(words, flush=True)
        self.add(say=one_line(words))


def one_line(words: object) -> str:
    """Words without line breaks."""
    return " ".join(str(words).split())


def read(path: Path) -> list[dict[str, Any]]:
    """The results of a stage; a last line that was cut is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def write_json(path: Path, content: Any) -> None:
    """Write a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
