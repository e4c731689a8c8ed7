"""Where a figure or a table comes from: a stamp in the picture, in its caption and in a file beside it.

``python -m pointvideo.report.stamps FIGURE`` prints the stamp of a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..burn import made_folder
from ..data.catalogue import title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .layout import Table

_FIELD = "pointvideo"
_DIGEST = "content_sha256"


@dataclass(frozen=True)
class Stamp:
    """Origin of a file. keys: ledger keys of the runs. seconds: run time of all of them. source: recorded or
    simulated data. dirty commits end in "+changes"."""

    source: str
    dataset: str
    commit: str
    keys: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    device: str = "cpu"
    seconds: float | int = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.source not in ("recorded", "simulated"):
            raise ValueError(f"a stamp's source is {self.source!r}, expected recorded or simulated")

    def caption(self, *, data: bool = True) -> str:
        """One line for below a figure. data: with the data that it is from."""
        source = self.source.upper() if self.source == "simulated" else self.source
        parts = [f"{source} {', '.join(map(title_of, self.dataset.split(', ')))}"] if data else []
        if self.keys:
            first, count = self.keys[0][:8], len(self.keys)
            parts.append(f"1 run {first}" if count == 1 else f"{count} runs {first} …")
        if self.seeds:
            parts.append(f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}")
        parts += [f"commit {self.commit[:7]}{'+changes' if self.commit.endswith('+changes') else ''}", self.device]
        parts += [f"torch {self.versions['torch']}"] if "torch" in self.versions else []
        parts += (
            [f"{self.seconds / 60:.0f} min" if self.seconds >= 120 else f"{self.seconds:.0f} s"] if self.seconds else []
        )
        return " · ".join(parts)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, indent=1)


def current_commit(folder: str | os.PathLike[str] | None = None) -> str:
    """Commit of the checkout that holds this code, with "+changes" if the library's tracked files differ from it;
    "unknown" outside a checkout. Figures and notebooks do not count: they are what is being made."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder or Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/lib")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def stamp_from_records(records: Iterable[Mapping[str, Any]], *, parameters: Mapping[str, Any] | None = None) -> Stamp:
    """The stamp of something made from runs in the ledger. ``TypeError`` if it mixes recorded and simulated data,
    ``ValueError`` without a record. Where runs differ in commit, device or version, all are named."""
    records = list(records)
    if not records:
        raise ValueError("a stamp needs at least one record; without runs, make a Stamp of the data itself")
    if len(sources := {record["dataset"]["source"] for record in records}) > 1:
        raise TypeError("a figure or table shows recorded or simulated results, found both")

    def all_of(read: Callable[[Mapping[str, Any]], str]) -> str:
        return ", ".join(dict.fromkeys(read(record) for record in records))

    names = sorted({name for record in records for name in record.get("versions", {})})
    versions = {name: all_of(lambda record, name=name: str(record["versions"].get(name, "unknown"))) for name in names}
    versions.setdefault("torch", all_of(lambda record: str(record["torch"])))
    return Stamp(
        source=sources.pop(),
        dataset=all_of(lambda record: record["dataset"]["name"]),
        commit=all_of(lambda record: record["commit"]),
        keys=tuple(dict.fromkeys(record["key"] for record in records)),
        seeds=tuple(sorted({int(record["seed"]) for record in records})),
        device=all_of(
            lambda record: (
                f"{record['device']}, {record['threads']} threads" if "threads" in record else record["device"]
            )
        ),
        seconds=float(sum({record["key"]: float(record["seconds"]) for record in records}.values())),
        versions=versions,
        parameters=dict(parameters or {}),
    )


def sidecar(path: str | os.PathLike[str]) -> Path:
    """The file beside a figure or table that holds its stamp: ``name.png.json``."""
    path = Path(path)
    return path.with_name(path.name + ".json")


@contextmanager
def _replacing(path: Path):
    """Yield a temporary file that takes the place of ``path`` only if the block succeeds."""
    made_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(name)
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write(path: Path, stamp: Stamp, write: Callable[[Path], None]) -> Path:
    with _replacing(path) as temporary, _replacing(sidecar(path)) as beside:
        write(temporary)
        record = {_DIGEST: hashlib.sha256(temporary.read_bytes()).hexdigest(), **asdict(stamp)}
        beside.write_text(json.dumps(record, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    return path


def save_figure(figure: Figure, path: str | os.PathLike[str], stamp: Stamp) -> Path:
    """Write a figure with its stamp as caption, PNG metadata and sidecar; a simulated one gets its strips. Atomic.

    ``ValueError`` for a file type other than .png, or for text too small to be read.
    """
    from .figures.png import figure_png
    from .figures.style import caption, mark_simulated, shows_data

    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(f"a stamped figure is a .png file, found {path.name!r}")
    if stamp.source == "simulated":
        mark_simulated(figure)
    said = stamp.caption() if shows_data(figure) else stamp.caption(data=False)
    caption(figure, said)
    picture = figure_png(figure, {_FIELD: stamp.to_json(), "Description": said})
    return _write(path, stamp, lambda temporary: temporary.write_bytes(picture))


def save_table(table: Table, path: str | os.PathLike[str], stamp: Stamp) -> Path:
    """Write a table as .csv, .md or .html with a sidecar, and its caption in the text of the last two. Atomic.

    ``TypeError`` if stamp and table differ in source, ``ValueError`` for another file type or a stamp without the
    table's runs.
    """
    path = Path(path)
    if table.source != stamp.source:
        raise TypeError(f"a {table.source} table cannot have the stamp of {stamp.source} data")
    if missing := set(table.keys) - set(stamp.keys):
        raise ValueError(
            f"the stamp lacks {len(missing)} of the table's {len(table.keys)} runs, such as {sorted(missing)[0]}"
        )
    writers = {
        ".csv": table.to_csv,
        ".md": lambda: f"{table.to_markdown()}\n*{stamp.caption()}*\n",
        ".html": lambda: f'<meta charset="utf-8">{table.to_html()}<p><small>{stamp.caption()}</small></p>\n',
    }
    if path.suffix not in writers:
        raise ValueError(f"a table is a {', '.join(writers)} file, found {path.name!r}")
    return _write(path, stamp, lambda temporary: temporary.write_text(writers[path.suffix](), encoding="utf-8"))


def read_stamp(path: str | os.PathLike[str]) -> Stamp:
    """The stamp of a figure or table: from the PNG itself, else from the sidecar.

    ``ValueError`` if there is none, if it cannot be read, or if the sidecar belongs to other content than the file has.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no figure or table {path}")
    embedded = None
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as picture:
            embedded = picture.info.get(_FIELD)
    beside = sidecar(path)
    if embedded is None and not beside.is_file():
        raise ValueError(f"{path} carries no stamp, and there is no {beside.name} beside it")
    try:
        record = json.loads(embedded if embedded is not None else beside.read_text(encoding="utf-8"))
        if beside.is_file():
            found = json.loads(beside.read_text(encoding="utf-8"))
            if found.get(_DIGEST) != hashlib.sha256(path.read_bytes()).hexdigest():
                raise ValueError(f"{beside.name} belongs to other content than {path} has; make the file again")
        values = {name.name: record[name.name] for name in fields(Stamp)}
    except (json.JSONDecodeError, KeyError) as error:
        raise ValueError(f"the stamp of {path} cannot be read: {error}") from error
    return Stamp(**{**values, "keys": tuple(values["keys"]), "seeds": tuple(values["seeds"])})


def main(arguments: list[str]) -> int:
    """Print the stamps of the named files."""
    if not arguments:
        print("name a figure or a table, such as figures/quick/table_1.png", file=sys.stderr)
        return 2
    try:
        for path in arguments:
            stamp = read_stamp(path)
            print(f"{path}\n{stamp.caption()}\n{stamp.to_json()}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
