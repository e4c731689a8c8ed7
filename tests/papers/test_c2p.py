"""C2P's recipes: a profile changes sizes only, the rows of a comparison differ in nothing but the start."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
import torch

from pointvideo.backbones import P4DConv
from pointvideo.data.layout import set_of
from pointvideo.losses.c2p import C2PLoss
from pointvideo.papers.c2p import action, recognition, released, semantic, synthia
from pointvideo.papers.c2p.paper import PAPER
from pointvideo.papers.c2p.settings import GRIDS, HELD_OUT
from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.study.experiments import PROFILES
from pointvideo.study.keys import recipe_dict

MODULES = {"recognition": recognition, "action": action, "semantic": semantic, "synthia": synthia}
MAIN = {
    f"{name}-{start}{end}" for name, end in (("pptr", "-24"), ("as-pptr", "")) for start in ("scratch", "longer", "c2p")
}
ONE_NETWORK = ("5", "text", "7", "8", "released")  # tables whose rows are one network after different pre-trainings


def rows_of(number: str, profile: str) -> dict:
    return {row.id: row.recipes for row in PAPER.experiment(number).rows(profile)}


def trained_rows_of(number: str, profile: str) -> dict:
    """The rows that are a network from scratch or after a pre-training, without the baselines that learn little."""
    return {name: recipes for name, recipes in rows_of(number, profile).items() if hasattr(recipes[0], "init")}


def every_table():
    return [(number, profile) for number in PAPER.experiments for profile in PROFILES]


@pytest.mark.parametrize("number,profile", every_table())
def test_every_table_has_recipes_of_known_rows(number, profile):
    table, rows = PAPER.experiment(number), trained_rows_of(number, profile)
    for name, recipes in rows.items():
        folds = PAPER.row(name).folds
        assert [recipe.seed for recipe in recipes] == [place // folds for place in range(len(recipes))], name
        for recipe in recipes:
            assert set_of(recipe.dataset) == table.dataset
            if recipe.init is not None:
                assert recipe.init.seed == recipe.seed and recipe.init.dataset == recipe.dataset
                assert recipe.init.pretraining and not getattr(recipe, "pretraining", False)
    written = [json.dumps(recipe_dict(recipe), sort_keys=True) for recipes in rows.values() for recipe in recipes]
    assert len(set(written)) == len(written)  # no row is another one under a second name


@pytest.mark.parametrize("number,profile", every_table())
def test_rows_that_a_claim_compares_have_the_same_seeds(number, profile):
    seeds = {name: [recipe.seed for recipe in recipes] for name, recipes in rows_of(number, profile).items()}
    main = {name for name in seeds if name in MAIN}
    for names in (main, set(seeds) - main - {name for name in seeds if len(seeds[name]) == 1}):
        assert len({tuple(seeds[name]) for name in names}) <= 1
    if profile in ("laptop", "gpu") and number not in ("units", "4-choice"):
        assert all(len(found) >= 5 for name, found in seeds.items() if name in trained_rows_of(number, profile))


@pytest.mark.parametrize("number,profile", every_table())
def test_scratch_and_c2p_differ_in_the_start_only(number, profile):
    rows = trained_rows_of(number, profile)
    pairs = [(name, other) for name in rows if "scratch" in name and (other := name.replace("scratch", "c2p")) in rows]
    assert pairs or number in ONE_NETWORK
    for scratch, pretrained in pairs:
        for a, b in zip(rows[scratch], rows[pretrained], strict=True):
            assert a.init is None and type(b.init) is C2PPretrain
            if number != "4-choice" and profile != "laptop":  # where each start has the setting chosen for it
                assert replace(b, init=None) == a
            same = replace(b, init=None, training=a.training)
            assert same == a and b.training.epochs == a.training.epochs
    unpaired = {name for name in rows if "scratch" in name} - {scratch for scratch, _ in pairs}
    # the paper pre-trains no network of a single frame
    known = {"3": {"synthia-p4transformer-scratch-1"}}.get(number, set())
    assert {name for name in unpaired if not name.startswith("units-p4transformer")} == known


@pytest.mark.parametrize("number", ONE_NETWORK)
@pytest.mark.parametrize("profile", PROFILES)
def test_ablations_are_one_network_after_different_pre_trainings(number, profile):
    rows = trained_rows_of(number, profile)
    plain = action.finetune(profile, "pptr", "c2p")
    for name, (first, *_) in rows.items():
        assert replace(first, init=plain.init) == plain, name
        if first.init is None:
            assert name == "as-pptr-scratch"
            continue
        differing = {field.name for field in fields(first.init)} - {
            field.name
            for field in fields(plain.init)
            if getattr(first.init, field.name) == getattr(plain.init, field.name)
        }
        method = name.removeprefix("as-pptr-")
        wanted = action.VARIANTS[method].changes if method in action.VARIANTS else ()
        assert differing == ({"loss", "trajectory", "teacher", "views"} if method == "released" else set(wanted)), name


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("task", ["recognition", "action", "semantic"])
def test_baselines_pre_train_the_same_network_on_the_same_data(task, profile):
    module = MODULES[task]
    ours = module.pretrain(profile, "pptr", method="c2p", seed=1)
    for method in ("strl", "videomae"):
        theirs = module.pretrain(profile, "pptr", method=method, seed=1)
        assert theirs.kind.lower() == f"{method}pretrain"
        assert (theirs.backbone, theirs.seed, theirs.dataset) == (ours.backbone, ours.seed, ours.dataset)
        assert theirs.data == ours.data
        rate = theirs.training.optimiser.rate
        slower = replace(ours.training, optimiser=replace(ours.training.optimiser, rate=rate))
        assert theirs.training == slower and rate <= ours.training.optimiser.rate


@pytest.mark.parametrize("profile", PROFILES)
def test_clip_lengths_fit_the_temporal_stride(profile):
    sizes = recognition.sizes(profile)
    layer = P4DConv(0, (4,), temporal_pool="max", **sizes.tube.arguments())
    times = {frames: len(layer.windows(frames)) for frames in sizes.frames}
    assert times == {frames: frames // 2 for frames in sizes.frames}  # stride 2 for pre-training and fine-tuning alike
    assert (sizes.points // sizes.tube.spatial_stride) % 8 == 0  # eight primitives a frame


@pytest.mark.parametrize("profile", PROFILES)
def test_action_segmentation_sees_every_frame_of_a_sequence(profile):
    sizes, data = action.sizes(profile), action.clip_data(profile)
    assert data.frames * data.step == 150 and data.hop == data.step
    layer = P4DConv(0, (4,), temporal_pool="max", **sizes.tube.arguments())
    assert len(layer.windows(data.frames)) == data.frames
    assert (sizes.points // sizes.tube.spatial_stride) % sizes.primitives == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_every_network_can_be_built(profile):
    sizes = {recipe.backbone for number in PAPER.experiments for several in trained_rows_of(number, profile).values()
             for recipe in several}  # fmt: skip
    # two of MSR-Action3D, the same in released units (P4Transformer with either and both), and five of other sets
    assert len(sizes) == (7 + 1 if profile == "paper" else 7 + 4)
    with torch.device("meta"):  # shapes without memory: the authors' networks are large
        for size in sizes:
            assert size.build().width > 0


def test_clips_of_the_segmentation_sets():
    for profile in PROFILES:
        hoi4d = semantic.finetune(profile, "pptr", "c2p")
        assert (hoi4d.data.frames, hoi4d.data.step, hoi4d.data.hop, hoi4d.data.features) == (3, 1, 3, ())
        before = hoi4d.init.data
        assert (before.frames, before.step, before.hop) == (10, 2, 3)
        drives = synthia.finetune(profile, 3, "c2p")
        assert (drives.data.frames, drives.data.step, drives.data.features) == (3, -1, ("rgb",))
        assert drives.init.data.frames == 12 and drives.init.data.step == 1
        assert drives.init.trajectory.spread == "full_turn" and drives.init.trajectory.radius == 50.0
        assert synthia.finetune(profile, 1).data.frames == 1


def test_a_share_of_the_labels_has_the_updates_of_all():
    whole = recognition.finetune("laptop", "pptr", 24).training
    for percent, clips in ((10, 30), (20, 15), (40, 8), (80, 4), (100, 3)):
        training = recognition.finetune("laptop", "pptr", 24, label_percent=percent).training
        assert training == replace(whole, clips_per_video=clips)
        assert percent * clips == pytest.approx(100 * whole.clips_per_video, rel=0.1)
    for module in (recognition, action):
        options = {"frames": 24} if module is recognition else {}
        paper = module.finetune("paper", "pptr", **options, label_percent=10).training
        assert paper.clips_per_video is None  # every sub-clip, as the authors do
    sequences = action.finetune("laptop", "pptr", label_percent=10).training.clips_per_video
    assert sequences == 10 * action.finetune("laptop", "pptr").training.clips_per_video


@pytest.mark.parametrize("profile", ["quick", "laptop", "gpu"])
def test_scratch_at_c2ps_cost_differs_in_the_length_only(profile):
    for module, number, name in ((recognition, "4", "pptr-{}-24"), (action, "1", "as-pptr-{}")):
        rows = rows_of(number, profile)
        for a, b in zip(rows[name.format("scratch")], rows[name.format("longer")], strict=True):
            sizes = module.sizes(profile)
            assert b.training.epochs == (sizes.longer if module is action else sizes.longer[24]) > a.training.epochs
            same = replace(b.training, epochs=a.training.epochs, optimiser=a.training.optimiser)
            assert replace(b, training=same, evaluate_every=a.evaluate_every) == a
            rates = replace(b.training.optimiser, milestones=a.training.optimiser.milestones)
            assert rates == a.training.optimiser


def test_six_settings_for_every_start_are_scored_on_training_subjects():
    rows = rows_of("4-choice", "laptop")
    assert {start: len(settings) for start, settings in GRIDS.items()} == dict.fromkeys(GRIDS, 6)
    assert len(rows) == 24 and set(GRIDS) == {"scratch", "strl", "videomae", "c2p"}
    for recipes in rows.values():
        for recipe in recipes:
            assert recipe.data.held_out == HELD_OUT and recipe.data.pool == "train"
            assert recipe.init is None or recipe.init.data.held_out == HELD_OUT


def test_units_rows_differ_in_units_only():
    rows = rows_of("units", "laptop")
    ours, theirs = (rows[f"units-p4transformer-scratch-{name}"][0] for name in ("clip", "coordinates-clock"))
    assert (ours.data.divisor, ours.data.centre, ours.backbone.time_unit) == (85.0, "clip", 6.0)
    assert (theirs.data.divisor, theirs.data.centre, theirs.backbone.time_unit) == (300.0, "none", 1.0)
    same = ours.data.divisor * ours.backbone.tube.radius
    assert theirs.data.divisor * theirs.backbone.tube.radius == pytest.approx(same)  # one tube, in depth counts
    assert replace(theirs, data=ours.data, backbone=ours.backbone) == ours


def test_the_papers_text_is_the_default_and_the_released_code_a_switch():
    recipe = recognition.finetune("paper", "pptr", 24, method="c2p")
    assert recipe.init.loss == C2PLoss() and recipe.init.teacher == "tube" and recipe.init.views == "fresh"
    switched = released.switched(recipe).init
    assert switched.loss == C2PLoss.as_released_msr()
    assert (switched.teacher, switched.trajectory.pattern, switched.views) == ("primitives", "released", "frozen")
    whole = rows_of("released-msr", "laptop")["released-c2p-all"][0]
    assert (whole.data.divisor, whole.training.optimiser.name) == (300.0, "sgd")
    assert (whole.init.data.divisor, whole.init.training.optimiser.name, whole.init.views) == (300.0, "sgd", "frozen")


@pytest.mark.parametrize(
    "recipe,teacher",
    [
        (action.pretrain("quick", "pptr"), "primitives"),
        (action.pretrain("quick", "p4transformer"), "tube"),
        (semantic.pretrain("quick", "pptr"), "primitives"),
        (semantic.pretrain("quick", "p4transformer"), "tube"),
        (synthia.pretrain("quick"), "tube"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dataset} {value.backbone.name}",
)
def test_released_code_of_the_segmentation_tasks(recipe, teacher):
    assert recipe.loss == C2PLoss() and recipe.teacher == "tube" and recipe.trajectory.pattern == "smooth"
    released = recipe.as_released()
    assert released.loss == C2PLoss.as_released() and released.loss.offsets == (-1, 1)
    assert (released.teacher, released.trajectory.pattern) == (teacher, "released")
    plain = replace(released, loss=recipe.loss, teacher=recipe.teacher, views="fresh")
    assert replace(plain, trajectory=replace(plain.trajectory, pattern="smooth")) == recipe


def test_released_row_is_all_switches_together():
    assert action.pretrain("laptop", method="released") == action.pretrain("laptop").as_released()


def test_authors_sizes():
    gpu = recognition.sizes("gpu")
    assert (gpu.points, gpu.pptr.width, gpu.p4transformer.width, gpu.predictor_hidden) == (2048, 2048, 1024, 4096)
    assert recognition.sizes("paper").finetune.optimiser.milestones == (20, 30)
    hands = action.sizes("paper")
    assert (hands.points, hands.pretrain.epochs, hands.finetune.epochs, hands.finetune.batch) == (2048, 100, 50, 8)
    assert semantic.sizes("paper").points == 8192 and synthia.sizes("paper").points == 16384


@pytest.mark.parametrize("task", ["recognition", "action", "semantic", "synthia"])
def test_unknown_profiles_are_refused(task):
    with pytest.raises(ValueError, match="profile: got 'huge', expected one of quick, laptop, gpu, paper"):
        MODULES[task].sizes("huge")


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: recognition.backbone_size("quick", "resnet"), "backbone: got 'resnet'"),
        (lambda: action.backbone_size("quick", "resnet"), "backbone: got 'resnet', expected one of pptr, p4transf"),
        (
            lambda: semantic.finetune("quick", "resnet"),
            "backbone: got 'resnet', expected one of p4transformer, pptr",
        ),
        (
            lambda: recognition.finetune("quick", "pptr", 24, "moco"),
            "method: got 'moco', expected one of c2p, strl",
        ),
        (
            lambda: action.finetune("quick", "pptr", "moco"),
            "method: got 'moco', expected one of c2p, strl, videomae,",
        ),
        (
            lambda: semantic.finetune("quick", "pptr", "window-1"),
            "method: got 'window-1', expected one of c2p, strl",
        ),
        (lambda: synthia.finetune("quick", 3, "strl"), "method: got 'strl', expected one of scratch, c2p"),
        (lambda: action.finetune("quick", label_percent=101), "SegmentActions.label_percent: got 101"),
    ],
)
def test_unknown_names_are_refused(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
