"""Run recipes: look in the ledger, else train, and leave a record.

A recipe that starts from another one (``init``) has that one run first. The weights of a pre-training stay in its run
folder; where only its committed record is at hand and the weights are needed, it is trained again.
"""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from ..data import resolve
from ..data.layout import cache_dir
from ..data.store import Store
from ..recipe import Job
from .keys import identity, key_of, recipe_dict
from .ledger import Ledger, Record
from .trainer import CHECKPOINT, Fitted, fit, make_fabric, read_tensors, write_tensors

WEIGHTS = "weights.safetensors"
VERSIONS = ("numpy", "numba", "lightning-fabric", "safetensors")


def project_root() -> Path:
    """The clone that the package runs from; the working folder where it is installed elsewhere."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "figures").is_dir() or (root / "Makefile").is_file() else Path.cwd()


def default_ledger() -> Ledger:
    """The cache's runs, and the records committed under ``figures/<profile>``, given-up recipes among them."""
    figures = project_root() / "figures"
    folders = ("*/records", "*/simulated/records", "*/superseded")
    return Ledger(cache_dir(), [path for pattern in folders for path in sorted(figures.glob(pattern))])


@lru_cache(maxsize=8)
def store_of(dataset: str) -> Store:
    """The data set's store, opened once a process."""
    return resolve(dataset)


def fingerprint_of(dataset: str) -> str:
    """Content hash of the data set that ``dataset`` means here."""
    return store_of(dataset).fingerprint


def run(recipe, ledger: Ledger | None = None, *, progress: bool = False) -> Record:
    """The record of ``recipe``: out of the ledger, or made now (resuming where a killed run stopped).

    Args:
        recipe: a recipe; it is checked when it is made, so a bad one never gets here.
        ledger: :func:`default_ledger` when left out.
        progress: show bars with the time left.
    """
    ledger = ledger or default_ledger()
    key = key_of(identity(recipe, fingerprint_of))
    record = ledger.get(key)
    return record if record is not None else _train(recipe, key, ledger, progress)


def pretrained_weights(recipe, ledger: Ledger | None = None, *, progress: bool = False) -> dict[str, Tensor]:
    """State dict of the backbone that ``recipe`` (a pre-training) leaves; trained now if it is not at hand."""
    ledger = ledger or default_ledger()
    key = key_of(identity(recipe, fingerprint_of))
    path = ledger.run_directory(key) / WEIGHTS
    if not path.is_file():
        _train(recipe, key, ledger, progress)
    return read_tensors(path)[0]


def _train(recipe, key: str, ledger: Ledger, progress: bool) -> Record:
    store = store_of(recipe.dataset)
    fabric = make_fabric()
    weights = None if recipe.init is None else pretrained_weights(recipe.init, ledger, progress=progress)
    folder = ledger.run_directory(key)
    job, fitted, result = trained(recipe, store, weights, folder, fabric=fabric, progress=progress, title=recipe.title)
    if getattr(recipe, "pretraining", False):  # its backbone is what others start from
        write_tensors(folder / WEIGHTS, job.module.backbone.state_dict(), {"key": key})
    about = identity(recipe, fingerprint_of)
    record = {
        "key": key,
        "recipe": recipe_dict(recipe),
        "title": recipe.title,
        "dataset": {"name": store.name, "source": store.source, "fingerprint": store.fingerprint},
        "init": about["init"],
        "sources": about["sources"],
        "torch": about["torch"],
        "seed": recipe.seed,
        "device": _device_name(fabric.device),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__}
        | {name: version(name) for name in VERSIONS},
        "commit": commit(),
        "seconds": fitted.seconds,
        "timing": {"seconds_per_step": fitted.seconds_per_step, "steps": fitted.steps}
        | ({"view_seconds": job.view_seconds} if hasattr(job, "view_seconds") else {}),
        "result": result,
    }
    ledger.put(record)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return ledger.get(key)


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


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


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
