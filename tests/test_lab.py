"""The kernel of `make lab`, started as Jupyter starts it: our package is there, with the settings of the Makefile."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "THP_MEM_ALLOC_ENABLE", "HF_HUB_OFFLINE", "POINTVIDEO_CACHE")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_its_kernel_runs_with_the_settings_of_the_makefile(tmp_path, monkeypatch):
    client = pytest.importorskip("jupyter_client")
    environment = tmp_path / "an env"
    venv.create(environment, with_pip=False)  # its packages are ours, its kernels are its own
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text("\n".join([str(ROOT / "lib"), *site.getsitepackages()]))
    (environment / ".installed").touch()
    for name in (*NAMES, "PYTHONPATH", "POINTVIDEO_DATA", "POINTVIDEO_GOLDENS", "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)
    wanted = {"POINTVIDEO_CACHE": str(tmp_path / "a cache")}
    command = ["make", "--no-print-directory", "kernel", f"VENV={environment}", f"PYTHON={sys.executable}"]
    made = subprocess.run(command, cwd=ROOT, env=os.environ | wanted, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr

    found = client.kernelspec.KernelSpecManager(kernel_dirs=[str(environment / "share" / "jupyter" / "kernels")])
    assert found.get_kernel_spec("pointvideo").display_name == "PointVideo"
    manager = client.KernelManager(kernel_name="pointvideo", kernel_spec_manager=found)
    manager.start_kernel(cwd=str(tmp_path))
    kernel, said = manager.blocking_client(), []
    try:
        kernel.start_channels()
        kernel.wait_for_ready(timeout=120)
        code = (
            f"import os, sys, torch, pointvideo\nprint([os.environ[name] for name in {NAMES}], torch.get_num_threads())"
        )
        code += "\nprint(pointvideo.__file__, sys.prefix)"
        reply = kernel.execute_interactive(code, timeout=120, output_hook=said.append)
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", reply["content"]
    first, second = "".join(one["content"].get("text", "") for one in said).splitlines()
    assert first == f"{['PASSIVE', '1', '1', '1', wanted['POINTVIDEO_CACHE']]} 1"
    assert second == f"{ROOT / 'lib' / 'pointvideo' / '__init__.py'} {environment}"
