"""Equality comes before speed: what differs has no ratio, and the exit status says so."""

import csv
import json
import math
import os
import time
from dataclasses import replace

import pytest
import torch

import benchmarks.__main__ as command
from benchmarks import memory, peers
from benchmarks.case import Bench, Case, Check, Contender, difference
from benchmarks.cases import CASES
from benchmarks.machine import Machine, measure
from benchmarks.memory import extra_bytes
from benchmarks.runner import grow, run_case
from benchmarks.timing import interleave
from pointvideo.report.speed import COLUMNS, GROWTH_COLUMNS, read_rows
from pointvideo.report.stamps import read_stamp

MACHINE = Machine("a machine", 1, bandwidth=1e10, peak=1e11)


def absent():
    raise peers.NotInstalled("absent")


def broken():
    raise ZeroDivisionError("division by zero")


def doubling(device, numbers: int, *, wrong: bool = False) -> Bench:
    """Doubles some numbers; ``wrong``: and adds one."""
    values = torch.arange(float(numbers), device=device)
    return Bench(
        ours=lambda: values * 2 + wrong,
        contenders={
            "sum": Contender(lambda: lambda: values + values),
            "square": Contender(lambda: lambda: values * values),
            "absent": Contender(absent),
            "broken": Contender(lambda: broken),
        },
        checks=(Check("numbers", lambda: values * 2 + wrong, lambda: values + values),),
        work=lambda ours: (8.0 * ours.numel(), 1.0 * ours.numel()),
        note="floats",
    )


def case_of(make=doubling, **targets: float) -> Case:
    return Case("doubling", make, "{numbers} numbers", {"numbers": 1000}, {"numbers": 10}, targets)


def run(case: Case, **options):
    return run_case(case, MACHINE, rounds=3, with_memory=False, **options)


def test_a_case_has_ratios_for_equal_contenders_and_for_no_other():
    rows, passed = run(case_of(sum=1e-9))
    by_name = {row["contender"]: row for row in rows}
    assert not passed
    assert all(tuple(row) == COLUMNS for row in rows)
    good = by_name["sum"]
    assert good["gate"] == "bit-equal" and good["target"] == 1e-9
    assert good["ratio_cpu"] == pytest.approx(good["theirs_cpu_ms"] / good["ours_cpu_ms"])
    assert good["ratio_wall"] == pytest.approx(good["theirs_wall_ms"] / good["ours_wall_ms"])
    assert good["roof"] == "memory" and 0 < good["roof_fraction"] < 1
    assert good["gb_per_s"] == pytest.approx(8000 / good["ours_wall_ms"] / 1e6)
    assert by_name["square"]["gate"].startswith("differs by")
    assert by_name["absent"]["gate"] == "not installed (absent)"
    assert "ZeroDivisionError" in by_name["broken"]["gate"]
    for name in ("square", "absent", "broken"):
        assert by_name[name]["ratio_cpu"] is None and by_name[name]["theirs_wall_ms"] is None


def test_a_wrong_operator_has_no_speed_at_all():
    rows, passed = run(case_of(lambda device, numbers: doubling(device, numbers, wrong=True)))
    assert not passed and len(rows) == 1
    assert rows[0]["gate"].startswith("numbers differs by")
    assert all(rows[0][name] is None for name in ("ours_wall_ms", "ratio_cpu", "ratio_wall", "gb_per_s", "peak_mib"))


def test_a_missing_peer_alone_is_no_failure():
    def make(device, numbers):
        bench = doubling(device, numbers)
        kept = {name: bench.contenders[name] for name in ("sum", "absent")}
        return Bench(bench.ours, kept, bench.checks, bench.work)

    assert run(case_of(make))[1]


def test_speed_of_the_specification_is_refused(monkeypatch):
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    with pytest.raises(ValueError, match="POINTVIDEO_KERNELS"):
        run(case_of())


def test_growth_has_a_row_for_each_size_and_form_and_stops_at_a_difference():
    def make(device, numbers, power=1):
        bench = doubling(device, numbers**power)
        return Bench(bench.ours, {"plain torch": bench.contenders["sum"]}, bench.checks, bench.work)

    plan = (make, {"numbers": 4, "power": 1}, {"numbers N": ("numbers", (8, 16, 32)), "power": ("power", (1, 2))})
    rows = list(grow("doubling", plan, MACHINE, rounds=3))
    assert all(tuple(row) == GROWTH_COLUMNS for row in rows)
    sizes = [(row["parameter"], row["value"], row["contender"]) for row in rows]
    expected = [("numbers N", n) for n in (8, 16, 32)] + [("power", p) for p in (1, 2)]
    assert sizes == [(*size, name) for size in expected for name in ("ours", "plain torch")]
    with pytest.raises(RuntimeError, match="differs"):
        list(grow("doubling", (lambda device, numbers: doubling(device, numbers, wrong=True), {}, plan[2]), MACHINE))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 5], dtype=torch.int32), 0.25),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]), 0.5),
        (torch.tensor([math.inf, 1.0]), torch.tensor([math.inf, 1.0]), 0.0),
        (torch.tensor([math.inf, 1.0]), torch.tensor([2.0, 1.0]), math.inf),
        (torch.tensor([math.nan]), torch.tensor([1.0]), math.inf),
        (torch.zeros(2), torch.zeros(3), math.inf),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int64), math.inf),
        ((torch.zeros(2), torch.ones(1)), (torch.zeros(2), torch.zeros(1)), 1e30),
        ((torch.zeros(2),), torch.zeros(2), 0.0),
        ((torch.zeros(2), torch.zeros(2)), torch.zeros(2), math.inf),
    ],
)
def test_difference(ours, theirs, expected):
    assert difference(ours, theirs) == pytest.approx(expected)


def test_contenders_take_turns_and_the_first_calls_do_not_count():
    order = []

    def caller(name, seconds):
        def call():
            order.append(name)
            time.sleep(seconds)

        return call

    times = interleave({"a": caller("a", 0.006), "b": caller("b", 0.012)}, 4)
    assert order == ["a", "a", "b", "b"] + ["a", "b"] * 4
    assert 0.006 <= times["a"].wall < times["b"].wall and times["b"].cpu < 0.01
    order.clear()
    interleave({"a": caller("a", 0.006), "b": caller("b", 0.012)}, 50, budget=0.08)
    # three rounds at least, and no more than fit: four of 18 ms, fewer where sleep takes longer
    assert order.count("a") == order.count("b") and 2 + 3 <= order.count("a") <= 2 + 4
    order.clear()
    interleave({"a": caller("a", 0.001)}, 3)
    assert 2 + 3 * 3 <= len(order) <= 2 + 3 * 5  # a call below 5 ms is repeated within a round


def test_peak_memory_is_what_a_call_needs_beyond_its_result():
    def call():
        table = torch.ones(64, 2**20)  # 256 MiB, beside which what the rest of this process frees is little
        return table.sum(dim=0)  # 4 MiB

    call()
    found = extra_bytes(call)
    if found is None:
        pytest.skip("needs Linux: the peak of the resident set is read from /proc")
    assert 232 * 2**20 < found < 280 * 2**20


def test_the_machine_is_measured():
    machine = measure(megabytes=12, repeats=2)
    assert machine.threads == torch.get_num_threads()
    assert 1e8 < machine.bandwidth < 1e13 and 1e8 < machine.peak < 1e14
    assert machine.least_seconds(machine.bandwidth, 0) == (1.0, "memory")
    assert machine.least_seconds(0, 2 * machine.peak) == (2.0, "arithmetic")


@pytest.fixture
def one_case(monkeypatch):
    def use(make):
        plan = {"doubling": (make, {"numbers": 4}, {"numbers N": ("numbers", (8, 16))})}
        monkeypatch.setattr(command, "CASES", (case_of(make),))
        monkeypatch.setattr(command, "GROWTH", plan)
        monkeypatch.setattr(command, "measure", lambda *_, **__: MACHINE)

    yield use
    torch.set_num_threads(1)


def test_the_command_writes_tables_and_figures_with_stamps(one_case, tmp_path, capsys):
    def make(device, numbers):
        bench = doubling(device, numbers)
        return Bench(bench.ours, {"plain torch": bench.contenders["sum"]}, bench.checks, bench.work)

    one_case(make)
    assert command.main(["--quick", "--threads", "1", "--device", "cpu", "--output", str(tmp_path)]) == 0
    names = {"ratios.csv", "growth.csv", "ratios.png", "growth_doubling.png"}
    assert {path.name for path in tmp_path.iterdir()} == names | {f"{name}.json" for name in names}
    with (tmp_path / "ratios.csv").open() as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    (row,) = read_rows(tmp_path / "ratios.csv")
    assert row["contender"] == "plain torch" and row["threads"] == 1 and row["target"] is None
    stamp = json.loads((tmp_path / "ratios.csv.json").read_text())
    assert stamp["device"] == "a machine" and stamp["parameters"]["quick"] is True
    assert "plain torch" in capsys.readouterr().out


def test_rows_measured_now_take_the_place_of_their_own_and_of_no_other(monkeypatch, tmp_path, capsys):
    def make(device, numbers):
        bench = doubling(device, numbers)
        return Bench(bench.ours, {"plain torch": bench.contenders["sum"]}, bench.checks, bench.work)

    def plan(*names):
        monkeypatch.setattr(command, "CASES", tuple(replace(case_of(make), operator=name) for name in names))

    monkeypatch.setattr(command, "GROWTH", {})
    monkeypatch.setattr(command, "measure", lambda *_, **__: MACHINE)
    monkeypatch.setattr(memory, "measure", lambda *_, **__: {"ours": 1.0})
    place = ["--threads", "1", "--device", "cpu", "--rounds", "1", "--output", str(tmp_path)]
    plan("first", "gone", "last")
    assert command.main(place) == 0
    before = {row["operator"]: row for row in read_rows(tmp_path / "ratios.csv")}
    plan("first", "middle", "last")
    assert command.main([*place, "--only", "middle", "--merge"]) == 0
    after = read_rows(tmp_path / "ratios.csv")
    assert [row["operator"] for row in after] == ["first", "middle", "last"]
    assert after[0] == before["first"] and after[2] == before["last"]
    assert command.main([*place, "--only", "last", "--merge"]) == 0
    again = read_rows(tmp_path / "ratios.csv")
    assert again[:2] == after[:2] and again[2] != after[2] and len(again) == 3
    assert set(read_stamp(tmp_path / "ratios.csv").parameters["merged"]) == {"middle", "last"}
    torch.set_num_threads(1)
    with pytest.raises(SystemExit, match="2"):
        command.main(["--merge"])


def test_beside_other_processes_nothing_is_said_of_the_roof(one_case, monkeypatch, tmp_path, capsys):
    def make(device, numbers):
        bench = doubling(device, numbers)
        return Bench(bench.ours, {"plain torch": bench.contenders["sum"]}, bench.checks, bench.work)

    one_case(make)
    place = ["--quick", "--threads", "1", "--device", "cpu", "--output", str(tmp_path)]
    for load, found in ((0.0, True), (100.0 * os.cpu_count(), False)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, load, load))
        assert command.main(place) == 0
        (row,) = read_rows(tmp_path / "ratios.csv")
        assert (row["roof_fraction"] is not None) == found == ("other processes" not in row["note"])
        assert row["ratio_cpu"] is not None


def test_a_training_step_is_what_has_its_memory_measured(monkeypatch):
    case = next(case for case in CASES if "PPTr for action segmentation" in case.operator)
    found = memory.measure(case.title(quick=True), quick=True, threads=1)
    if found["ours"] is None:
        pytest.skip("needs Linux: the peak of the resident set is read from /proc")
    assert 100 < found["process"] < 4096 and found["process"] > found["ours"]
    monkeypatch.setattr(memory, "measure", lambda *_, **__: {"ours": 2.0, "process": 1234.0})
    rows, passed = run_case(case, MACHINE, rounds=1, budget=0.1, quick=True)
    assert passed and all("process holds 1234 MiB" in row["note"] for row in rows)


def test_the_command_fails_where_an_equality_fails(one_case, tmp_path, capsys):
    one_case(lambda device, numbers: doubling(device, numbers, wrong=True))
    assert command.main(["--quick", "--threads", "1", "--device", "cpu", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "numbers differs by" in said and "FAILED" in said
    (row,) = read_rows(tmp_path / "ratios.csv")
    assert row["ratio_cpu"] is None and row["ours_wall_ms"] is None
    assert not (tmp_path / "ratios.png").exists()


def test_the_command_refuses_what_it_does_not_know(monkeypatch, capsys):
    assert command.main(["--only", "no such operator"]) == 2
    assert "expected a part of one of" in capsys.readouterr().err
    for wrong in (["--rounds", "0"], ["--threads", "none"]):
        with pytest.raises(SystemExit, match="2"):
            command.main(wrong)
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    with pytest.raises(SystemExit, match="2"):
        command.main([])


def test_partial_runs_leave_the_committed_results_alone(tmp_path):
    whole = command.folder_for(command.parse([]), "cpu")
    assert whole.parts[-3:] == ("figures", "bench", "cpu")
    for partial in (["--quick"], ["--only", "ball"]):
        assert command.folder_for(command.parse(partial), "cpu") != whole
    assert command.folder_for(command.parse(["--output", str(tmp_path)]), "cpu") == tmp_path
