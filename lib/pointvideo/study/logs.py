"""Curves for the loggers of the ecosystem: CSV files or TensorBoard, through Lightning Fabric."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..burn import made_folder

if TYPE_CHECKING:
    from lightning_fabric.loggers import Logger

FORMS = ("csv", "tensorboard")


def make_logger(form: str | None, folder: Path) -> Logger | None:
    """A logger that writes one line an epoch below ``folder``, in a new ``version_N`` each time; None for None.

    Raises:
        ValueError: the form is unknown, or its package is not installed.
    """
    if form is None:
        return None
    if form not in FORMS:
        raise ValueError(f"log: got {form!r}, expected one of {', '.join(FORMS)}")
    loggers = _loggers()
    made_folder(folder.parent)
    if form == "csv":
        return loggers.CSVLogger(folder.parent, name=folder.name, flush_logs_every_n_steps=1)
    try:
        return loggers.TensorBoardLogger(folder.parent, name=folder.name)
    except ModuleNotFoundError:
        said = "log: tensorboard is not installed (pip install 'pointvideo[tensorboard]'), or take csv"
        raise ValueError(said) from None


def log_epoch(logger: Logger | None, entry: dict) -> None:
    """One entry of a curve, at its epoch; what is no number stays out."""
    if logger is not None:
        numbers = {name: value for name, value in entry.items() if isinstance(value, int | float)}
        logger.log_metrics(numbers, step=numbers.pop("epoch"))


def log_curve(form: str | None, folder: Path, curve: list[dict]) -> None:
    """The curve of a finished run, unless something of it is there already."""
    if form is not None and not folder.exists():
        logger = make_logger(form, folder)
        for entry in curve:
            log_epoch(logger, entry)
        logger.finalize("success")


def _loggers():
    try:
        return import_module("lightning_fabric.loggers")
    except ModuleNotFoundError:
        return import_module("lightning.fabric.loggers")
