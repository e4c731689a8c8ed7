"""Validation notices: code that is broken on purpose fails a page's checked cell.

Each mutation is one that leaves every shape and every file as it is, so that nothing but the numbers can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pointvideo import page as pages
from pointvideo.backbones import TransformerSize
from pointvideo.data.layout import cache_dir
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.data.simulate.street import Street
from pointvideo.data.store import Store
from pointvideo.report import evidence
from pointvideo.study import rehearsal, runner, trainer
from pointvideo.study.rehearsal import rehearse
from pointvideo.tasks import action_segmentation, downstream, recognition, semantic_segmentation

from ..study import dots
from ..tasks import tiny
from ..toy_paper.test_toy_paper import HOME

TASKS = (recognition, action_segmentation, semantic_segmentation)
JOBS = (recognition.FinetuneJob, action_segmentation.SegmentActionsJob, semantic_segmentation.SegmentPointsJob)


def logits_times_zero(patch: pytest.MonkeyPatch) -> None:
    for module in (*TASKS, downstream):
        plain = module.call
        patch.setattr(module, "call", lambda network, inputs, plain=plain: 0 * plain(network, inputs))


def labels_shifted(patch: pytest.MonkeyPatch) -> None:
    """What is trained on is one class further than what is scored."""
    for job in JOBS:
        plain = job.batch

        def batch(self, epoch, step, plain=plain):
            labels, *rest = plain(self, epoch, step)
            classes = len(self.output_names)
            return ((labels + 1) % classes, *rest)

        patch.setattr(job, "batch", batch)


def frozen_backbone(patch: pytest.MonkeyPatch) -> None:
    """The optimiser gets the last layer alone."""
    plain = trainer.build_optimiser

    def head_alone(module, recipe):
        optimiser = plain(module, recipe)
        (group,) = optimiser.param_groups
        group["params"] = group["params"][-2:]
        return optimiser

    patch.setattr(trainer, "build_optimiser", head_alone)


def splits_swapped(patch: pytest.MonkeyPatch) -> None:
    plain = Store.indices
    other = {"train": "test", "test": "train"}
    patch.setattr(Store, "indices", lambda self, split: plain(self, other[split]))


def start_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A fine-tuning begins from scratch whatever its recipe says."""
    patch.setattr(recognition, "start_from", lambda *_, **__: None)


MUTATIONS = [logits_times_zero, labels_shifted, frozen_backbone, splits_swapped, start_forgotten]


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[str, Store]:
    folder = tmp_path_factory.mktemp("data")
    hands = build(HandObject(sequences=10, frames=20, points=64), folder / "hands", progress=False)
    street = build(Street(frames=4, points=128, weathers=1, tests=1), folder / "street", progress=False)
    dotted = dots.make_store(folder / "msr_action3d")
    return {"msr_action3d": dotted, "hoi4d_action": hands, "hoi4d_semantic": hands, "synthia4d": street}


WIDE = TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64)


def wider(recipe):
    return replace(recipe, backbone=replace(recipe.backbone, transformer=WIDE))


RECIPES = {
    "recognition": lambda: wider(dots.finetune()),
    "action segmentation": lambda: wider(tiny.segment_actions()),
    "semantic segmentation": tiny.segment_points,
    "semantic segmentation of streets": tiny.segment_street,
}


def rehearsed(kind: str, stores: dict[str, Store], patch: pytest.MonkeyPatch) -> list[str]:
    patch.setattr(rehearsal, "EPOCHS", (80,))
    recipe = RECIPES[kind]()
    return rehearse(recipe, stores[recipe.dataset]).faults()


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECIPES)
def test_a_rehearsal_of_every_task_comes_out(stores, monkeypatch, kind: str):
    assert rehearsed(kind, stores, monkeypatch) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["recognition", "action segmentation"])
@pytest.mark.parametrize(
    ("mutate", "word"),
    [
        (logits_times_zero, "1 class predicted"),
        (labels_shifted, "right after training on them"),
        (frozen_backbone, "weights did not move"),
    ],
)
def test_a_rehearsal_notices(stores, monkeypatch, kind: str, mutate, word: str):
    mutate(monkeypatch)
    faults = rehearsed(kind, stores, monkeypatch)
    assert any(word in fault for fault in faults), faults


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys) -> Callable[[], str]:
    """`checked()`: what the toy paper's checked cell prints, in a cache of its own each time, or why it fails."""
    monkeypatch.setenv("POINTVIDEO_PAPERS", str(HOME))
    monkeypatch.delenv("POINTVIDEO_DATA", raising=False)

    def run() -> str:
        run.number += 1
        place = tmp_path / str(run.number)
        monkeypatch.setenv("POINTVIDEO_CACHE", str(place / "cache"))
        for module in (evidence, runner):
            monkeypatch.setattr(module, "project_root", lambda: place)
        for cached in (runner.store_of, runner.fingerprint_of):
            cached.cache_clear()
        dots.make_store(cache_dir() / "stores" / "recorded" / "toy_dots", name="toy_dots", source="recorded")
        capsys.readouterr()
        try:
            pages.Page("toy", "1", "laptop").check()
        except AssertionError as error:
            return f"fails: {error}"
        return capsys.readouterr().out

    run.number = 0
    yield run
    runner.store_of.cache_clear()
    runner.fingerprint_of.cache_clear()


@pytest.mark.slow
def test_a_pages_checked_cell_notices_every_mutation(checked, monkeypatch):
    before = checked()
    assert before.startswith("this run: 2 rows, "), before
    assert checked() == before
    for mutate in MUTATIONS:
        with monkeypatch.context() as patch:
            mutate(patch)
            assert checked() != before, f"{mutate.__name__}: not noticed"
