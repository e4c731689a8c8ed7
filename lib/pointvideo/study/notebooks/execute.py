"""Strict execution of a notebook with papermill.

Parameters are checked before a kernel starts, and the kernel is always this interpreter's. The output appears only when
every cell has run; what a failed run had so far lies beside it as `<name>.failed.ipynb`.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from ...burn import made_folder
from ...data.layout import one_line
from ..runner import project_root
from .fingerprint import store_fingerprint
from .pages import clean, read, write
from .parameters import to_inject
from .watch import KernelWatch

# Seconds that one cell may take.
CELL_LIMIT = {"quick": 600, "laptop": 6 * 3600, "gpu": 24 * 3600, "paper": 14 * 24 * 3600}
FOLDERS = ("POINTVIDEO_DATA", "POINTVIDEO_CACHE", "POINTVIDEO_GOLDENS")


class NotebookFailed(RuntimeError):
    """A cell failed, took too long, or lost its kernel; the message is one line."""


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel, this interpreter's: what is installed as "python3" somewhere may be another one's."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


class _WatchedClient(PapermillNotebookClient):
    watch: KernelWatch
    environment: dict[str, str]

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        manager.kernel_spec_manager = _ThisInterpreter()
        return manager

    def start_new_kernel(self, **kwargs: Any) -> None:
        super().start_new_kernel(env=self.environment, **kwargs)
        self.watch.add(self.km.provisioner.pgid)


class _StrictEngine(NBClientEngine):
    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        watch: KernelWatch,
        environment: dict[str, str],
        limit: int,
        say: Callable[[str], None],
        page: list[nbformat.NotebookNode],
        **_: Any,
    ) -> None:
        page[:] = [nb_man.nb]
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # it logs the traceback of what is reported below
        index, started = 0, 0.0

        def begin(cell: nbformat.NotebookNode, cell_index: int) -> None:
            nonlocal index, started
            index, started = cell_index, time.monotonic()

        def end(cell: nbformat.NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
            say(f"  cell {cell_index:2d} {time.monotonic() - started:7.1f} s  {_first_line(cell.source)[:80]}")

        client = _WatchedClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=limit,
            startup_timeout=120,
            # it warns that it talks to us in plain text, and calls its end, which we ask for, an error
            extra_arguments=["--log-level=CRITICAL"],
            on_cell_execute=begin,
            on_cell_executed=end,
        )
        client.watch, client.environment = watch, environment
        try:
            client.execute()
        except CellTimeoutError as error:
            raise NotebookFailed(f"cell {index} took longer than its limit of {limit} s") from error
        except DeadKernelError as error:
            raise NotebookFailed(f"cell {index} lost its kernel") from error
        except (RuntimeError, OSError) as error:
            where = f"cell {index}" if started else f"the kernel of {sys.executable} does not start"
            raise NotebookFailed(f"{where}: {one_line(error)}") from error


papermill_engines.register("pointvideo-strict", _StrictEngine)


def kernel_environment() -> dict[str, str]:
    """This process's environment, with whole paths (a kernel runs in the notebook's folder) and inline figures."""
    environment = dict(os.environ)
    environment.pop("MPLBACKEND", None)
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in FOLDERS:
        if environment.get(name):
            environment[name] = str(Path(environment[name]).absolute())
    if environment.get("PYTHONPATH"):
        parts = [str(Path(part).absolute()) for part in environment["PYTHONPATH"].split(os.pathsep) if part]
        environment["PYTHONPATH"] = os.pathsep.join(parts)
    return environment


def execute(
    notebook: Path | str,
    output: Path | str,
    parameters: dict[str, Any] | None = None,
    profile: str = "quick",
    timeout: int | None = None,
    say: Callable[[str], None] = print,
) -> float:
    """Execute a notebook into `output` and return the seconds that it took.

    parameters: name -> value, for parameters that the notebook declares.
    profile: its name is injected as the parameter `profile`; what equals the notebook's own value is not injected.
    timeout: seconds that one cell may take; None: the profile's limit.
    Raises ValueError before a kernel starts (unknown or ill-typed parameter, unknown profile, no notebook) and
    NotebookFailed when a cell fails, takes too long or loses its kernel; `output` is then as it was before.
    """
    notebook, output = Path(notebook).absolute(), Path(output).absolute()
    if timeout is not None and timeout <= 0:
        raise ValueError(f"timeout: found {timeout}, expected a positive whole number of seconds")
    page = read(notebook)
    try:
        inject = to_inject(page, profile, parameters or {})
    except ValueError as error:
        raise ValueError(f"{notebook.name}: {error}") from error
    if find_spec("ipykernel_launcher") is None:
        raise ValueError(f"{sys.executable} has no ipykernel: pip install 'pointvideo[notebooks]' there")
    try:
        made_folder(output.parent)
    except OSError as error:
        raise ValueError(f"{output.parent}: cannot be made ({error.strerror}), expected a writable folder") from error
    begun = time.monotonic()
    failed = output.with_name(f"{output.stem}.failed.ipynb")
    so_far: list[nbformat.NotebookNode] = []  # in memory: a full folder of temporary files costs no computed cell
    try:
        with KernelWatch() as watch:
            execute_notebook(
                notebook,
                None,
                parameters=inject,
                engine_name="pointvideo-strict",
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=notebook.parent,
                watch=watch,
                environment=kernel_environment(),
                limit=timeout or CELL_LIMIT[profile],
                say=say,
                page=so_far,
            )
        done = clean(so_far[0])
        if not inject:
            store_fingerprint(done, project_root())
        write(done, output)
    except (PapermillExecutionError, NotebookFailed, OSError) as error:
        kept = ""
        if so_far:
            write(so_far[0], failed)
            kept = f"; see {failed}"
        raise NotebookFailed(f"{notebook.name}: {_one_line(error)}{kept}") from error
    failed.unlink(missing_ok=True)
    return time.monotonic() - begun


def _first_line(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")


def _one_line(error: Exception) -> str:
    if isinstance(error, PapermillExecutionError):
        value = (error.evalue or "").splitlines()
        return f"cell {error.cell_index} failed with {error.ename}: {value[0] if value else ''}"
    return one_line(error)
