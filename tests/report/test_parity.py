"""The comparison of fast forms with their specifications holds, and says so where a kernel goes wrong."""

import os

import pytest
import torch

from pointvideo import kernels
from pointvideo.kernels.dispatch import VARIABLE, specified
from pointvideo.report import parity as module
from pointvideo.report.parity import CLOSE, Parity, kernel_parity, parity_table, specification


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(3, 200, 3, generator=draw) + torch.tensor([0.0, 0.0, 4.0])


def test_every_operator_agrees_with_its_specification(clip):
    found = kernel_parity(clip)
    functions = {name for name in kernels.__all__ if name != "inverse_distances"}  # which has one form only
    assert {one.operator for one in found} == functions
    assert [one.line for one in found if not one.holds] == []
    assert {one.word for one in found} == {"equal", f"within {CLOSE:g}"}
    for one in found:
        assert one.exact == (one.result in ("indices", "visible")), one.line


@pytest.mark.parametrize(
    ("operator", "wrong", "results"),
    [
        ("ball_query", lambda found: found.roll(1, -1), {"indices"}),
        ("group_max", lambda found: 1.01 * found, {"values", "gradient"}),
        ("visible_points", lambda found: ~found, {"visible"}),
        ("chamfer", lambda found: found[:2], {"values", "gradient"}),
    ],
)
def test_a_kernel_that_errs_is_named(clip, monkeypatch, operator, wrong, results):
    right = getattr(kernels, operator)

    def errs(*arguments, **options):
        found = right(*arguments, **options)
        return found if specified() else wrong(found)

    monkeypatch.setattr(module.kernels, operator, errs)
    found = {(one.operator, one.result): one for one in kernel_parity(clip)}
    assert {result for name, result in found if name == operator and not found[name, result].holds} == results
    assert all("DIFFERENT" in found[operator, result].word for result in results)
    assert "DIFFERENT" in parity_table(list(found.values()))


def test_the_specification_holds_inside_alone(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with specification():
        assert specified()
    assert not specified() and VARIABLE not in os.environ


def test_words():
    assert Parity("a", "indices", (2, 3), True, 0.0).line == ("a", "indices", "2 × 3", "equal")
    assert Parity("a", "indices", (2,), True, 0.1).word == "DIFFERENT (0.1)"
    assert Parity("a", "values", (2,), False, CLOSE / 2).holds and not Parity("a", "values", (2,), False, 2e-4).holds
