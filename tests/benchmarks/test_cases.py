"""Every case passes its gate at its small size, and the plan holds the ratios that are wanted."""

import pytest

from benchmarks.cases import CASES, GROWTH
from benchmarks.machine import Machine
from benchmarks.runner import run_case

MACHINE = Machine("a machine", 1, bandwidth=1e10, peak=1e11)
ONE_OF_EACH = list({case.operator: case for case in CASES}.values())


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.operator)
def test_every_operator_passes_its_gate_and_has_a_ratio(case):
    rows, passed = run_case(case, MACHINE, rounds=1, budget=0.1, quick=True, with_memory=False)
    assert passed, [row["gate"] for row in rows]
    timed = [row for row in rows if row["ratio_cpu"] is not None]
    assert {"plain torch", "authors' form"} & {row["contender"] for row in timed}
    assert all(row["gate"].startswith("not installed") for row in rows if row not in timed)


def test_titles_are_unique_and_targets_name_contenders():
    titles = [case.title() for case in CASES]
    assert len(set(titles)) == len(titles)
    for case in ONE_OF_EACH:
        assert set(case.targets) <= set(case.make(device="cpu", **case.pick(True)).contenders), case.operator


def test_growth_follows_sizes_that_the_makers_have():
    for operator, (make, fixed, sweeps) in GROWTH.items():
        names = set(make.__code__.co_varnames[: make.__code__.co_argcount])
        assert names == {"device", *fixed}, operator
        for size, values in sweeps.values():
            assert size in fixed and list(values) == sorted(set(values)) and len(values) >= 4
