"""Packages that a machine lacks, carried along as wheels: ``make gpu-wheels`` collects them, here they are unpacked.

Only wheels without compiled code, since the machine may have another Python; and only what cannot be imported there.
``python -m pointvideo.gpu_evidence.carried FOLDER`` collects them with pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

# What the study and the kernel tests need beyond torch, Triton, numba, h5py and the like, and is pure Python.
WANTED = ("jaxtyping", "wadler-lindig", "beartype", "tqdm", "lightning-fabric", "lightning-utilities", "pytest",
          "pluggy", "iniconfig", "packaging", "typing-extensions")  # fmt: skip


def collect(folder: Path, constraints: Path) -> int:
    """Fetch the wheels into a folder; pip's exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    only = ["--only-binary", ":all:", "--platform", "any", "--python-version", "3.12", "--implementation", "py"]
    place = ["--dest", str(folder), "--constraint", str(constraints)]
    status = subprocess.run([*command, *only, *place, *WANTED], check=False).returncode
    wheels = sorted(folder.glob("*.whl"))
    print(f"{len(wheels)} wheels, {sum(wheel.stat().st_size for wheel in wheels) / 1e6:.1f} MB -> {folder}")
    return status


def unpacked(wheels: Path | None, target: Path) -> Path | None:
    """A folder for the import path with what of the wheels cannot be imported here; None where that is nothing."""
    shutil.rmtree(target, ignore_errors=True)
    taken = []
    for wheel in sorted(wheels.glob("*.whl")) if wheels is not None and wheels.is_dir() else ():
        try:
            with zipfile.ZipFile(wheel) as archive:
                names = archive.namelist()
                if missing(names):
                    archive.extractall(target)
                    taken.append(wheel.name.partition("-")[0])
        except (OSError, zipfile.BadZipFile) as error:
            print(f"{wheel}: no wheel ({error}), left out")
    if taken:
        print(f"not installed here, taken from the wheels: {', '.join(taken)}")
    return target if taken else None


def missing(names: list[str]) -> bool:
    """Whether a package or module of a wheel cannot be imported here; the standard library's way of looking."""
    tops = {name.partition("/")[0].removesuffix(".py") for name in names if name.endswith(".py")}
    if "lightning_fabric" in tops and find_spec("lightning") is not None:
        return False  # it has Fabric as a part of it
    return any(find_spec(top) is None for top in tops if top.isidentifier())


if __name__ == "__main__":
    sys.exit(collect(Path(sys.argv[1]), Path(__file__).resolve().parents[3] / "constraints.txt"))
