"""The benchmark of today's step against an earlier commit's: what it prints, and what it refuses."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import before
from pointvideo.study.runner import project_root


class Pretended:
    """A version whose updates take what it is told, and give these losses."""

    def __init__(self, seconds: list[float], losses: list[float]):
        self.answers = [(0.0, 0.0, 0.0), *((cpu, 0.25, loss) for cpu, loss in zip(seconds, losses, strict=True))]

    def train(self, recipe: str, updates: int) -> tuple[float, float, float]:
        return self.answers.pop(0)


def test_a_line_has_the_median_of_the_pairs_and_says_whether_the_losses_are_the_same():
    old, losses = [0.2, 0.3, 0.9], [1.0, 0.5, 0.25]
    line = before.compare("r", Pretended(old, losses), Pretended([0.1, 0.1, 0.1], losses), 3)
    assert "200.0 ms" in line and "100.0 ms" in line and "3.00x" in line and "25 %" in line and "same losses" in line
    line = before.compare("r", Pretended(old, losses), Pretended(old, [1.0, 0.5, 0.25 * (1 + 1e-6)]), 3)
    assert "1.00x" in line and "losses within 1e-06" in line


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--sequences", "-1"]])
def test_counts_below_one_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        before.parse(arguments)
    assert f"{arguments[0]}: got {arguments[1]}, expected at least 1" in capsys.readouterr().err


def test_a_commit_that_does_not_exist_is_one_line():
    if not (project_root() / ".git").exists():
        pytest.skip("needs the project's history")
    with pytest.raises(SystemExit, match="^--commit: .*no-such-commit[^\n]*$"), before.tree_of("no-such-commit"):
        pass


def test_the_tree_of_a_commit_goes_when_it_is_not_needed():
    if not (project_root() / ".git").exists():
        pytest.skip("needs the project's history")
    with before.tree_of("HEAD") as tree:
        assert (tree / "lib" / "pointvideo").is_dir()
    assert not tree.exists()
    trees = subprocess.run(["git", "-C", str(project_root()), "worktree", "list"], capture_output=True, text=True)
    assert str(tree) not in trees.stdout
