"""Every Triton kernel compiled for sm_80 and sm_90 as its launcher would launch it at the sizes we use, without a GPU.

What is read off the machine code: registers, spills, shared memory, and that no product and sum were contracted and no
division approximated where a last bit decides an index.
"""

from __future__ import annotations

import itertools
import re
from importlib.util import find_spec

import pytest

from .case import Case, moved
from .cases import FULL, TOY

if find_spec("triton") is None:
    pytest.skip("needs triton to compile the GPU kernels: pip install triton", allow_module_level=True)

from .compiled import assembly, compile_launch, launches, occupied

REGISTERS = 128  # a thread; 512 threads of one block or four blocks of 128 then fill a multiprocessor
FILE = 65536  # registers of a multiprocessor, sm_80 and sm_90
SHARED = 48 * 1024  # bytes a block has without asking the driver for more
CAPABILITIES = (80, 90)

# Variants of the kernels that no full-size case launches.
VARIANTS = {
    "farthest_points border kept",
    "nearest_neighbors grid 2",
    "nearest_neighbors grid 4",
    "nearest_neighbors lengths 3",
    "nearest_neighbors lengths 16",
    "interpolate many channels",
    "interpolate_backward many channels",
    "group_max float64 uniform",
    "group_max_backward float64",
    "tube_max window 1",
}
CASES = FULL + [case for case in TOY if case.name in VARIANTS]

# kernels in which some number is an input to a comparison that decides an index
SEARCHING = {"arrange", "sample_resident", "sample_streaming", "first_hits", "nearest_few", "nearest_many"}
DIVIDING = {"fill_depth", "see"}  # whose IEEE division is itself made of fused multiply-adds
EXACT = SEARCHING | DIVIDING


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Compile afresh, and leave nothing behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


@pytest.fixture(scope="module")
def seen() -> dict:
    """Kernels that a case before has compiled already."""
    return {}


def made(case: Case, seen: dict):
    """(kernel name, capability, compiled) of everything that the case launches, each kind of launch once."""
    with case.prepared() as launcher:
        recorded = launches(launcher, *moved(case.arguments(), "meta"))
    assert recorded, f"{case.name}: launched nothing"
    for launch, capability in itertools.product(recorded, CAPABILITIES):
        types = [str(getattr(value, "dtype", type(value))) for value in launch.arguments]
        key = (launch.kernel.__module__, launch.kernel.__name__, *types, str(launch.options), capability)
        if key not in seen:
            seen[key] = compile_launch(launch, capability)
            yield launch.kernel.__name__, capability, seen[key]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fits_the_card(case, seen):
    for name, capability, compiled in made(case, seen):
        used = occupied(compiled)
        found = f"{name} on sm_{capability}: {used}"
        assert used.stack == 0 and used.local == 0, f"{found}, expected no spills"
        assert used.registers <= REGISTERS, f"{found}, expected at most {REGISTERS} registers a thread"
        assert used.registers * used.threads <= FILE, f"{found}, expected at most {FILE} registers a block"
        assert used.shared <= SHARED, f"{found}, expected at most {SHARED} bytes of shared memory"
        code = compiled.asm["ptx"]
        assert "div.full" not in code and "div.approx" not in code, f"{name}: approximate division"
        if name in EXACT:
            assert not re.search(r"\bfma\.", code), f"{name}: contracted before the assembler"
        if name in SEARCHING:
            assert not re.search(r"\b[DF]FMA\b", assembly(compiled)), f"{name}: contracted by the assembler"


def test_every_exact_kernel_is_named():
    """A kernel renamed must not slip out of the check above."""
    from pointvideo.kernels.gpu import ball_query, farthest_points, nearest_neighbors, splat

    for name in EXACT:
        assert any(hasattr(module, name) for module in (ball_query, farthest_points, nearest_neighbors, splat)), name


def test_variants_exist():
    assert {case.name for case in TOY} >= VARIANTS


@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_the_readings_can_fail(capability):
    """A launch that must spill, and must contract, is seen to."""
    from pointvideo.kernels.gpu import farthest_points

    case = next(case for case in FULL if case.name == "farthest_points 3x16384 1024 uniform")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(farthest_points, "KEPT", farthest_points.RESIDENT)  # all coordinates in 1024 threads' registers
        patch.setattr(farthest_points, "EXACT", {})
        recorded = launches(farthest_points.farthest_points, *moved(case.arguments(), "meta"))
    sample = next(launch for launch in recorded if launch.kernel.__name__ == "sample_resident")
    compiled = compile_launch(sample, capability)
    assert occupied(compiled).stack > 0
    assert "FFMA" in assembly(compiled)
