"""Cases for the GPU launchers, as data: arguments and the comparison with the specification.

``TOY`` cases are small enough for Triton's interpreter on a CPU, ``FULL`` ones have the shapes that the benchmarks use
and want a GPU. Both kinds run on either; a case is (launcher, arguments, comparison) and knows no device.
"""

from __future__ import annotations

from . import feature_cases, index_cases, splat_cases, tube_cases

MODULES = (index_cases, feature_cases, tube_cases, splat_cases)
TOY = [case for module in MODULES for case in module.TOY]
FULL = [case for module in MODULES for case in module.FULL]
