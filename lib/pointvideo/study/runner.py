"""Run recipes: look in the ledger, else train, and leave a record.

A recipe that starts from another one (``init``) has that one run first. The weights of a pre-training stay in its run
folder, those of its backbone and, apart, those of all else that was trained; where only its committed record is at hand
and the weights are needed, it is trained again. A recipe starts from the backbone, or from what its class names in
``starts_from``: another part, such as "image_tower", or the whole "module".
"""

from __future__ import annotations

import logging
import platform
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..data import NOT_PREPARED, resolve
from ..data import fingerprint_of as known_fingerprint
from ..data.layout import cache_dir
from ..data.locks import lock_file, locked
from ..data.store import Store
from ..files import Damaged, clear_leftovers, set_aside
from ..recipe import Job
from .device import device_name, devices, make_fabric
from .keys import identity, is_recipe, key_of, recipe_dict
from .ledger import Ledger, Record
from .logs import log_curve, make_logger
from .ranks import launched
from .tensors import read_tensors, write_tensors
from .trainer import CHECKPOINT, Fitted, fit

WEIGHTS, HEAD = "weights.safetensors", "head.safetensors"
BACKBONE, MODULE = "backbone", "module"  # what a recipe may start from, beside the names of other parts
# What a record names; a package may be installed under its other name.
VERSIONS = (("numpy",), ("numba",), ("lightning-fabric", "lightning"), ("safetensors",))
Made = TypeVar("Made")
logger = logging.getLogger(__name__)


def project_root() -> Path:
    """The clone that the package runs from; the working folder where it is installed elsewhere."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "figures").is_dir() or (root / "Makefile").is_file() else Path.cwd()


def default_ledger() -> Ledger:
    """The cache's runs, and the records committed under ``figures/<profile>``, given-up recipes among them."""
    figures = project_root() / "figures"
    folders = ("*/records", "*/simulated/records", "*/superseded")
    return ledger_of(cache_dir(), tuple(path for pattern in folders for path in sorted(figures.glob(pattern))))


@lru_cache(maxsize=4)
def ledger_of(root: Path, committed: tuple[Path, ...]) -> Ledger:
    """The one ledger of this process for these folders: it keeps what it has read."""
    return Ledger(root, committed)


@lru_cache(maxsize=8)
def store_of(dataset: str) -> Store:
    """The data set's store, opened once a process."""
    return resolve(dataset)


@lru_cache(maxsize=8)
def fingerprint_of(dataset: str) -> str:
    """Fingerprint of the data set that ``dataset`` means here; no world is made for it, recorded files are prepared."""
    known = known_fingerprint(dataset)
    return store_of(dataset).fingerprint if known == NOT_PREPARED else known


class Busy(Exception):
    """Another process is at work on this run."""


def run(
    recipe, ledger: Ledger | None = None, *, progress: bool = False, log: str | None = None, wait: bool = True
) -> Record:
    """The record of ``recipe``: out of the ledger, or made now (resuming where a killed run stopped).

    Args:
        recipe: a recipe; it is checked when it is made, so a bad one never gets here.
        ledger: :func:`default_ledger` when left out.
        progress: show bars with the time left.
        log: "csv" or "tensorboard" writes the curve below ``logs/<key>`` of the cache, too.
        wait: for another process that trains it; otherwise :class:`Busy` is raised.
    """
    ledger = ledger or default_ledger()
    key = key_of(identity(recipe, fingerprint_of))
    record = ledger.get(key)
    if record is None:
        return _once(recipe, key, ledger, lambda: ledger.get(key), progress, log, wait)
    _tidy(ledger.folder_of(key))
    log_curve(log, ledger.root / "logs" / key, record["result"]["curve"])
    start = getattr(recipe, "init", None)
    if is_recipe(start) and ledger.own(key) is not None:
        run(start, ledger, progress=progress, log=log, wait=wait)  # its record may have been damaged
    return record


def pretrained_weights(
    recipe,
    ledger: Ledger | None = None,
    *,
    progress: bool = False,
    log: str | None = None,
    wait: bool = True,
    part: str = BACKBONE,
) -> dict[str, Tensor]:
    """State dict of what ``recipe`` (a pre-training) leaves; trained now if it is not at hand.

    The other arguments are those of :func:`run`, ``part`` is that of :func:`kept_weights`.
    """
    ledger = ledger or default_ledger()
    key = key_of(identity(recipe, fingerprint_of))

    def at_hand() -> dict[str, Tensor] | None:
        # without its record the run was killed between the two, and goes on from its checkpoint
        return None if ledger.own(key) is None else kept_weights(ledger, key, part)

    found = at_hand()
    if found is None:
        return _once(recipe, key, ledger, at_hand, progress, log, wait)
    _tidy(ledger.folder_of(key))
    return found


def keeps_weights(ledger: Ledger, key: str, part: str = BACKBONE) -> bool:
    """Whether this cache has the run's record and weights; whether those are sound is seen when they are read."""
    folder = ledger.folder_of(key)
    return all((folder / name).is_file() for name in _files(part)) and ledger.own(key) is not None


def kept_weights(ledger: Ledger, key: str, part: str = BACKBONE) -> dict[str, Tensor] | None:
    """The weights that a run of this cache left, or None; damaged ones are moved aside.

    Args:
        ledger, key: which run.
        part: of a pre-training its backbone, another part by its name in the module, or the whole module, in which
            each weight's name begins with that of its part.

    Raises:
        ValueError: the module has no such part.
    """
    found: dict[str, Tensor] = {}
    for name in _files(part):
        path = ledger.folder_of(key) / name
        if not path.is_file():
            return None
        try:
            tensors = read_tensors(path, key)[0]
        except Damaged as error:
            set_aside(path, error)
            return None
        inside = f"{BACKBONE}." if part == MODULE and name == WEIGHTS else ""
        found |= {inside + own: value for own, value in tensors.items()}
    if part in (BACKBONE, MODULE):
        return found
    known = sorted({name.partition(".")[0] for name in found})
    if part not in known:
        raise ValueError(f"run {key}: has no part {part!r} to start from, it has {', '.join([BACKBONE, *known])}")
    return {name.removeprefix(f"{part}."): value for name, value in found.items() if name.startswith(f"{part}.")}


def _files(part: str) -> tuple[str, ...]:
    return (WEIGHTS,) if part == BACKBONE else (WEIGHTS, HEAD) if part == MODULE else (HEAD,)


def _once(
    recipe,
    key: str,
    ledger: Ledger,
    found: Callable[[], Made | None],
    progress: bool,
    log: str | None,
    wait: bool,
) -> Made:
    """What ``found`` finds, after a training if it finds nothing; of several processes one trains, the others wait."""
    folder = ledger.run_directory(key)
    for patient in (False, True):
        with locked(folder, wait=patient) as free:
            if free:
                result = found()
                if result is None:
                    clear_leftovers(folder)
                    _train(recipe, key, ledger, progress, log, wait)
                    result = found()
                return result
        if not wait:
            raise Busy(f"{recipe.title}: another process trains it")
        logger.warning("%s: another process trains it, waiting for that one", recipe.title)


def _tidy(folder: Path) -> None:
    """Remove what a run left that was killed after its record was written."""
    if lock_file(folder).exists() or (folder / CHECKPOINT).exists() or any(folder.glob(".*")):
        with suppress(OSError, ValueError), locked(folder, wait=False) as free:  # a cache may be read-only
            if free:
                clear_leftovers(folder)
                (folder / CHECKPOINT).unlink(missing_ok=True)


def _train(recipe, key: str, ledger: Ledger, progress: bool, log: str | None, wait: bool) -> None:
    store, number = store_of(recipe.dataset), devices()
    fabric = make_fabric(number=number)
    about = identity(recipe, fingerprint_of)
    versions, code, device = _versions(), commit(), device_name(fabric.device)  # before, so that they cannot end a run
    curves = make_logger(log, ledger.root / "logs" / key)
    weights, origin = _start(recipe, ledger, progress, log, wait)
    folder = ledger.run_directory(key)
    options = {"progress": progress, "title": recipe.title, "logger": curves}
    train = partial(_leave, recipe=recipe, weights=weights, folder=folder, options=options)
    fitted, result, view_seconds = train(fabric) if number == 1 else launched(fabric, train)
    record = {
        "key": key,
        "recipe": recipe_dict(recipe),
        "title": recipe.title,
        "dataset": {"name": store.name, "source": store.source, "fingerprint": store.fingerprint},
        "init": about["init"],
        "sources": about["sources"],
        "torch": about["torch"],
        "seed": recipe.seed,
        "device": device,
        "threads": torch.get_num_threads(),
        **({} if number == 1 else {"devices": number}),
        "versions": versions,
        "commit": code,
        "seconds": fitted.seconds,
        "cpu_seconds": fitted.cpu_seconds,
        "timing": {"seconds_per_step": fitted.seconds_per_step, "steps": fitted.steps}
        | ({} if view_seconds is None else {"view_seconds": view_seconds}),
        "result": result,
    } | origin
    ledger.put(record)  # last: what has a record is finished
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if curves is not None:
        curves.finalize("success")


def _leave(
    fabric, recipe, weights: dict[str, Tensor] | None, folder: Path, options: dict
) -> tuple[Fitted, dict, float | None]:
    """Train, in each process of a launched fabric, and write the weights: how it went, what the record keeps of it,
    and the seconds that its views took."""
    store = store_of(recipe.dataset)
    job, fitted, result = trained(recipe, store, weights, folder, fabric=fabric, **options)
    if getattr(recipe, "pretraining", False):  # its backbone is what others start from
        kept, note = job.module.backbone, {"holds": "backbone"}
        if fabric.is_global_zero:
            head = {name: part for name, part in job.module.state_dict().items() if not name.startswith(f"{BACKBONE}.")}
            write_tensors(folder / HEAD, head, {"key": folder.name, "holds": "head"})
    else:
        kept, note = job.module, {"holds": "module", "classes": list(getattr(job, "output_names", store.classes))}
    if fabric.is_global_zero:
        write_tensors(folder / WEIGHTS, kept.state_dict(), {"key": folder.name} | note)
    return fitted, result, getattr(job, "view_seconds", None)


def trained(
    recipe, store: Store, weights: dict[str, Tensor] | None, folder: Path | None = None, **options
) -> tuple[Job, Fitted, dict]:
    """A run itself: what the keys of all recipes rest on. The job, how it went, and what the record keeps of it.

    Args:
        recipe: what to train.
        store: its data.
        weights: of what it starts from; None without.
        folder: of the checkpoint.
        options: of :func:`~pointvideo.study.trainer.fit`.
    """
    torch.manual_seed(recipe.seed)
    job = recipe.job(store) if weights is None else recipe.job(store, weights)
    fitted = fit(job, folder, **options)
    return job, fitted, job.result() | {"curve": fitted.curve}


def _start(
    recipe, ledger: Ledger, progress: bool = False, log: str | None = None, wait: bool = True
) -> tuple[dict[str, Tensor] | None, dict]:
    """The weights of the recipe's ``init``, and what the record says of them where they come from a file."""
    if recipe.init is None:
        return None, {}
    if is_recipe(recipe.init):
        options = {"progress": progress, "log": log, "wait": wait, "part": getattr(recipe, "starts_from", BACKBONE)}
        return pretrained_weights(recipe.init, ledger, **options), {}
    torch.manual_seed(recipe.seed)  # for what the file does not have
    backbone = recipe.backbone.build()
    report = recipe.init.load_into(backbone)
    return backbone.state_dict(), {"weights": {"file": Path(recipe.init.file).name} | report._asdict()}


def _versions() -> dict[str, str]:
    """Versions of what a run rests on, by the name under which they are installed; what is missing is left out."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for names in VERSIONS:
        for name in names:
            try:
                found[name] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found


@lru_cache(maxsize=1)
def commit() -> str:
    """The project's commit, with "+" behind it where files differ; "unknown" outside a clone."""
    git = ["git", "-C", str(project_root())]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "lib"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
