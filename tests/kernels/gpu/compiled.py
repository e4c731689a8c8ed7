"""Compile for a GPU that is not there exactly what a launcher would launch, and read what it would occupy.

A launcher is run with Triton's ``run`` replaced by a recorder: the tensors may then be of the meta device, and the
kernels, block sizes and options are the launcher's own. Each recorded launch goes through Triton's own binder (which
decides what is specialised) and compiler.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend
from triton.runtime.jit import JITFunction, create_function_from_signature

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


@dataclass(frozen=True)
class Launch:
    kernel: JITFunction
    grid: tuple
    arguments: tuple
    options: dict


@dataclass(frozen=True)
class Occupied:
    """What one program of a compiled kernel occupies; bytes but for the registers, which are a thread's."""

    registers: int
    stack: int
    local: int
    shared: int
    threads: int


def launches(launcher: Callable, *arguments, **named) -> list[Launch]:
    """The launches that ``launcher`` would make."""
    recorded = []

    def record(self, *arguments, grid, warmup, **options):
        recorded.append(Launch(self, grid, arguments, options))

    with patch.object(JITFunction, "run", record):
        launcher(*arguments, **named)
    return recorded


def compile_launch(launch: Launch, capability: int):
    """The compiled kernel of a recorded launch for one compute capability (80, 90)."""
    target = GPUTarget("cuda", capability, 32)
    backend = make_backend(target)
    binder = create_function_from_signature(launch.kernel.signature, launch.kernel.params, backend)
    bound, specialization, _ = binder(*launch.arguments, **launch.options)
    # with debug off, as a launch would have it
    options = {**launch.options, "debug": False}
    options, signature, constants, attributes = launch.kernel._pack_args(
        backend, options, bound, specialization, options
    )
    source = ASTSource(launch.kernel, signature, constants, attributes)
    return triton.compile(source, target=target, options=options.__dict__)


def tool(name: str, option: str, compiled) -> str:
    """What one of the tools in Triton's wheel prints about the machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        command = [str(TOOLS / name), option, file.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def assembly(compiled) -> str:
    """The machine code, disassembled."""
    return tool("nvdisasm", "--print-code", compiled)


def occupied(compiled) -> Occupied:
    """Registers, stack and spills of a compiled kernel, from its machine code."""
    report = tool("cuobjdump", "--dump-resource-usage", compiled)
    numbers = {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL|SHARED):(\d+)", report)}
    return Occupied(
        registers=numbers["REG"],
        stack=numbers["STACK"],
        local=numbers["LOCAL"],
        shared=max(compiled.metadata.shared, numbers["SHARED"]),
        threads=32 * compiled.metadata.num_warps,
    )
