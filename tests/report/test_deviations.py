import dataclasses
import importlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pointvideo.data.augment import Augment
from pointvideo.report.deviations import KINDS, DeviationsTable, deviation, deviations, deviations_table
from pointvideo.study import c2p

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = {
    "C2PLoss": "pointvideo.losses.c2p",
    "C2PPretrain": "pointvideo.pretexts.c2p",
    "Trajectory": "pointvideo.pretexts.views",
    "Camera": "pointvideo.pretexts.views",
    "PPTrSize": "pointvideo.backbones",
    "TubeSize": "pointvideo.backbones",
    "Finetune": "pointvideo.tasks.recognition",
    "SegmentActions": "pointvideo.tasks.action_segmentation",
    "SegmentPoints": "pointvideo.tasks.semantic_segmentation",
    "P4TransformerSize": "pointvideo.backbones",
    "PPTrActionSegmentationSize": "pointvideo.backbones",
    "RunSegmentationSize": "pointvideo.backbones",
    "PlaneGrowing": "pointvideo.data.primitives",
    "Augment": "pointvideo.data.augment",
    "STRLPretrain": "pointvideo.pretexts.strl",
    "SpatialViews": "pointvideo.pretexts.strl_views",
    "VideoMAEPretrain": "pointvideo.pretexts.videomae",
    "Training": "pointvideo.recipe",
    "Optimiser": "pointvideo.recipe",
    "ClipData": "pointvideo.stream",
}


def test_every_field_is_filled():
    entries = deviations("c2p")
    assert len({entry.id for entry in entries}) == len(entries) >= 60
    for entry in entries:
        for field in dataclasses.fields(entry):
            value = getattr(entry, field.name)
            assert isinstance(value, str) and (value or field.name == "test"), (entry.id, field.name)


def test_named_tests_exist():
    missing = {entry.test for entry in deviations("c2p") if entry.test and not (ROOT / entry.test).is_file()}
    assert not missing, f"deviations.yaml names tests that do not exist: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("entry", deviations("c2p"), ids=lambda entry: entry.id)
def test_switches_exist_with_the_stated_default(entry):
    for owner, name, default in re.findall(r"([A-Z]\w+)\.(\w+)=(\"\w+\"|\([^)]*\)|[\w.-]+)", entry.switch):
        fields = {
            field.name: field.default
            for field in dataclasses.fields(getattr(importlib.import_module(SWITCHES[owner]), owner))
        }
        assert name in fields, f"{owner} has no {name}; it has {', '.join(fields)}"
        assert fields[name] == eval(default, {}), (owner, name)


@pytest.mark.parametrize("entry", deviations("c2p"), ids=lambda entry: entry.id)
def test_recipes_named_in_a_switch_are_there(entry):
    for file, names in re.findall(r"(study/\w+/\w+\.py): ([A-Z_]+(?: and [A-Z_]+)*|decoder_for|camera)", entry.switch):
        text = (ROOT / "lib" / "pointvideo" / file).read_text(encoding="utf-8")
        for name in names.split(" and "):
            assert re.search(rf"^({name} =|def {name}\()", text, re.MULTILINE), (file, name)


def test_task_recipes_are_what_the_ledger_says():
    action, synthia = c2p.action.camera(512), c2p.synthia.CAMERA
    assert (action.focal, action.width, action.height, action.tolerance) == (9, 16, 16, 0.02)
    assert c2p.action.camera(2048).width == 32
    assert (synthia.focal, synthia.width, synthia.height, synthia.tolerance) == (40, 64, 48, 0.5)
    path = c2p.synthia.TRAJECTORY
    assert (path.radius, path.elevation_degrees, path.sweep_degrees) == (50, -20, 360)
    for profile in ("quick", "laptop"):
        assert c2p.action.backbone_size(profile, "pptr").time_unit * c2p.action.clip_data(profile).step == 30
    assert c2p.action.VARIANTS["window-5"]["loss"].time_weight / 4 == 1 / 8
    for method in ("scratch", "c2p"):
        recipe = c2p.synthia.finetune("paper", method=method)
        assert recipe.backbone.pyramid.radius == 0.9 and recipe.evaluate_hop is None
        semantic = c2p.semantic.finetune("paper", method=method)
        assert semantic.training.optimiser.gamma == 0.5 and semantic.training.clips_per_video == 20
    assert c2p.semantic.pretrain("paper").training.epochs == 40


def test_augmentation_is_what_the_ledger_says():
    one_factor = Augment(0.8, 1.2, per_axis=False, around="centre")
    for module, turn, mirror in ((c2p.action, 0, "x"), (c2p.semantic, 9, "none"), (c2p.synthia, 180, "x")):
        recipe = module.finetune("paper", method="c2p")
        assert recipe.augment == replace(one_factor, turn_degrees=turn, mirror=mirror)
        assert recipe.init.augment == one_factor


def test_groups_and_kinds():
    table = deviations_table("c2p")
    groups = table.by_group()
    assert sum(map(len, groups.values())) == len(table) and all(entry.group for entry in table)
    assert [entry.id for part in groups.values() for entry in part] == [entry.id for entry in table]
    kinds = {name: deviation("c2p", name).kind for name in ("negatives", "clock", "predictor-sharing", "random-points")}
    assert kinds == dict(zip(kinds, KINDS, strict=True))
    assert deviation("c2p", "negatives").switched and not deviation("c2p", "loss-mean").switched
    page = groups["Loss"].to_page()
    assert page.count("<tr>") == len(groups["Loss"]) + 1 and "tests/losses/test_c2p.py" in page


def test_picture_has_a_square_an_entry():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.patches import Rectangle

    from pointvideo.report.figures.deviations import SHADES, draw_kinds

    table = deviations_table("c2p")
    axes = draw_kinds(table).axes[0]
    squares = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(squares) == len(table)
    for kind, shade in SHADES.items():
        drawn = sum(matplotlib.colors.same_color(square.get_facecolor(), shade) for square in squares)
        assert drawn == sum(entry.kind == kind for entry in table)
    dots = [line for line in axes.lines if len(line.get_xdata())]
    assert len(dots) == sum(entry.switched for entry in table)
    matplotlib.pyplot.close("all")
    with pytest.raises(ValueError, match="no deviations of c2p"):
        draw_kinds(DeviationsTable("c2p", ()))


def test_table_for_a_page():
    table = deviations_table("c2p")
    page = table._repr_html_()
    assert (
        page.startswith("<details><summary") and f"{len(table)} places" in page and page.count("<tr>") == len(table) + 1
    )
    assert deviations_table("c2p", "teacher").to_dataframe().index.tolist() == ["teacher"]
    assert table.to_markdown().count("\n") == len(table) + 2
    with pytest.raises(ValueError, match="there is: c2p"):
        deviations_table("mae")
    with pytest.raises(ValueError, match="there is: trajectory, .*, stand-ins"):
        deviation("c2p", "teechar")
