import dataclasses
import functools
import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

import pytest

import pointvideo
from pointvideo.data.augment import Augment
from pointvideo.papers.c2p import action, semantic, synthia
from pointvideo.report.deviations import KINDS, DeviationsTable, deviation, deviations, deviations_table

from .made_up import C2P

ROOT = Path(__file__).resolve().parents[2]
FIELD = r"([A-Z]\w+)\.(\w+)="  # of a recipe, as a switch names it


@functools.cache
def owners() -> dict[str, type]:
    """Every frozen dataclass of the package by its name."""
    modules = pkgutil.walk_packages(pointvideo.__path__, "pointvideo.")
    parts = ("losses", "pretexts", "backbones", "tasks", "data", "recipe", "stream")
    loaded = [importlib.import_module(one.name) for one in modules if one.name.split(".")[1] in parts]
    return {
        name: value
        for module in loaded
        for name, value in vars(module).items()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }


def test_every_field_is_filled():
    entries = deviations(C2P)
    assert len({entry.id for entry in entries}) == len(entries) >= 60
    for entry in entries:
        for field in dataclasses.fields(entry):
            value = getattr(entry, field.name)
            assert isinstance(value, str) and (value or field.name == "test"), (entry.id, field.name)


@pytest.mark.parametrize("entry", deviations(C2P), ids=lambda entry: entry.id)
def test_a_switch_is_used_by_the_test_that_it_names(entry):
    if not entry.test:
        return
    text = (ROOT / entry.test).read_text(encoding="utf-8")
    fields = [name for _, name in re.findall(FIELD, entry.switch)]
    used = [name for name in fields if re.search(rf"\b{name}\b", text)]
    assert used or not fields, f"{entry.test} says nothing of {', '.join(fields)}"
    assert "def test_" in text


@pytest.mark.parametrize("entry", deviations(C2P), ids=lambda entry: entry.id)
def test_switches_exist_with_the_stated_default(entry):
    for owner, name, default in re.findall(r"([A-Z]\w+)\.(\w+)=(\"\w+\"|\([^)]*\)|[\w.-]+)", entry.switch):
        fields = {field.name: field.default for field in dataclasses.fields(owners()[owner])}
        assert name in fields, f"{owner} has no {name}; it has {', '.join(fields)}"
        assert fields[name] == eval(default, {}), (owner, name)


@pytest.mark.parametrize("entry", deviations(C2P), ids=lambda entry: entry.id)
def test_recipes_named_in_a_switch_are_there(entry):
    for file, names in re.findall(
        r"((?:papers|study)/[\w/]+\.py): ([A-Z_]+(?: and [A-Z_]+)*|decoder_for|camera)", entry.switch
    ):
        text = (ROOT / "lib" / "pointvideo" / file).read_text(encoding="utf-8")
        for name in names.split(" and "):
            assert re.search(rf"^({name} =|def {name}\()", text, re.MULTILINE), (file, name)


def test_task_recipes_are_what_the_ledger_says():
    hands, drives = action.camera(512), synthia.CAMERA
    assert (hands.focal, hands.width, hands.height, hands.tolerance) == (9, 16, 16, 0.02)
    assert action.camera(2048).width == 32
    assert (drives.focal, drives.width, drives.height, drives.tolerance) == (40, 64, 48, 0.5)
    path = synthia.TRAJECTORY
    assert (path.radius, path.elevation_degrees, path.sweep_degrees) == (50, -20, 360)
    for profile in ("quick", "laptop", "gpu"):
        data = action.clip_data(profile)
        assert action.backbone_size(profile, "pptr").time_unit == data.frames / 2
        assert (data.divisor, data.centre) == (0.34, "clip")
    assert (action.clip_data("paper").divisor, action.clip_data("paper").centre) == (1.0, "none")
    assert action.VARIANTS["window-5"].changes["loss"].time_weight / 4 == 1 / 8
    for method in ("scratch", "c2p"):
        recipe = synthia.finetune("paper", method=method)
        assert recipe.backbone.pyramid.radius == 0.9 and recipe.evaluate_hop is None
        rooms = semantic.finetune("paper", method=method)
        assert rooms.training.optimiser.gamma == 0.5 and rooms.training.clips_per_video == 20
    assert semantic.pretrain("paper").training.epochs == 40


def test_augmentation_is_what_the_ledger_says():
    one_factor = Augment(0.8, 1.2, per_axis=False, around="centre")
    for module, turn, mirror in ((action, 0, "x"), (semantic, 9, "none"), (synthia, 180, "x")):
        recipe = module.finetune("paper", method="c2p")
        assert recipe.augment == replace(one_factor, turn_degrees=turn, mirror=mirror)
        assert recipe.init.augment == one_factor


def test_groups_and_kinds():
    table = deviations_table(C2P)
    groups = table.by_group()
    assert sum(map(len, groups.values())) == len(table) and all(entry.group for entry in table)
    assert [entry.id for part in groups.values() for entry in part] == [entry.id for entry in table]
    kinds = {name: deviation(C2P, name).kind for name in ("negatives", "clock", "predictor-sharing", "random-points")}
    assert kinds == dict(zip(kinds, KINDS, strict=True))
    assert deviation(C2P, "negatives").switched and not deviation(C2P, "loss-mean").switched
    page = groups["Loss"].to_page()
    assert page.count("<tr ") == len(groups["Loss"]) + 1 and "tests/losses/test_c2p.py" in page


def test_picture_has_a_square_an_entry():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.patches import Rectangle

    from pointvideo.report.figures.deviations import SHADES, draw_kinds

    table = deviations_table(C2P)
    axes = draw_kinds(table).axes[0]
    squares = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(squares) == len(table)
    for kind, shade in SHADES.items():
        drawn = sum(matplotlib.colors.same_color(square.get_facecolor(), shade) for square in squares)
        assert drawn == sum(entry.kind == kind for entry in table)
    dots = [line for line in axes.lines if len(line.get_xdata())]
    assert len(dots) == sum(entry.switched for entry in table)
    with pytest.raises(ValueError, match="no deviations of C2P"):
        draw_kinds(DeviationsTable(C2P, ()))


def test_table_for_a_page():
    table = deviations_table(C2P)
    page = table._repr_html_()
    assert (
        page.startswith("<details><summary") and f"{len(table)} places" in page and page.count("<tr ") == len(table) + 1
    )
    assert deviations_table(C2P, "teacher").to_dataframe().index.tolist() == ["teacher"]
    assert table.to_markdown().count("\n") == len(table) + 2
    with pytest.raises(ValueError, match="there is: trajectory, .*, stand-ins"):
        deviation(C2P, "teechar")
