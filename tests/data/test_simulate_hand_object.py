"""The hand_object world: contents of its store, determinism, grammar, geometry, refusals, and that one frame does not
tell the action where motion does.
"""

import time

import numpy as np
import pytest
import torch

from pointvideo.data.layout import DepthCamera
from pointvideo.data.simulate import filming, hand_object
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.egocentric import HEAD_CAMERA, HeadNoise
from pointvideo.data.simulate.grammar import SHORTEST, State, choices, draw_plan, draw_start, follow, targets
from pointvideo.data.simulate.hand_object import ACTION_NAMES, CATEGORY_NAMES, SEMANTIC_NAMES
from pointvideo.data.simulate.interactions import Performance, part_pose
from pointvideo.data.simulate.objects import CATEGORIES
from pointvideo.data.simulate.shapes import Shapes

SMALL = {
    "camera": DepthCamera(width=80, height=60, focal=58.0, centre_u=39.5, centre_v=29.5, scale=0.001),
    "frames": 40,
    "points": 512,
    "subjects": 3,
}
EXACT = HeadNoise(step=0.0, disparity=0.0, waver=0.0, edge=0.0, grazing=0.0, mislabel=0.0)


def make(path=None, **changes):
    return build(hand_object.HandObject(**changes), path, progress=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("world") / "hand_object", sequences=6, **SMALL)


def plans(count=12, frames=150):
    """(category, thing, start, plan) of many plans, without filming."""
    for number, category in enumerate(sorted(CATEGORY_NAMES) * count):
        rng = np.random.default_rng(number)
        thing = CATEGORIES[category](Shapes(), rng)
        state = draw_start(thing, rng)
        start = State(opened=state.opened, inside=state.inside, depth=state.depth)
        yield category, thing, start, draw_plan(thing, state, frames, {}, rng.uniform(0.7, 1.1), rng)


def test_the_store_says_what_it_is(world):
    assert world.source == "simulated" and world.name == "hand_object" and world.unit == "m"
    assert world.classes == CATEGORY_NAMES and world.camera == SMALL["camera"]
    assert world.names("semantic") == SEMANTIC_NAMES and world.names("action") == ACTION_NAMES
    assert [s.name for s in world.sequences] == [f"r{i:04d}" for i in range(6)]
    assert [s.subject for s in world.sequences] == [1, 2, 3] * 2
    assert [s.split for s in world.sequences] == ["train", "test", "train"] * 2
    assert len({s.label for s in world.sequences}) == 6


def test_names_are_nineteen_actions_and_the_official_ids():
    assert len(set(ACTION_NAMES)) == len(ACTION_NAMES) == 19
    official = {2: "chair", 3: "table", 5: "ground", 11: "wall", 19: "locker", 27: "safe", 31: "knife", 47: "hand"}
    assert len(SEMANTIC_NAMES) == 49 and all(SEMANTIC_NAMES[i] == name for i, name in official.items())
    assert [i for i, name in enumerate(SEMANTIC_NAMES) if name == "unused"] == [6, 7, 8, 14, 18]


def test_every_frame_shows_a_hand_over_a_table_in_metres(world):
    hand, table = SEMANTIC_NAMES.index("hand"), SEMANTIC_NAMES.index("table")
    for i in range(len(world.sequences)):
        action = world.frame_field("action", i)
        assert action.shape == (40,) and action.dtype == np.uint8 and action.max() < 19
        for t in range(0, 40, 6):
            points, label = world.points(i, t), world.field("semantic", i, t)
            pixels = world.field("pixels", i, t).astype(int)
            assert len(points) == len(label) == 512
            assert np.all(np.diff(pixels[:, 1] * 80 + pixels[:, 0]) > 0), "row-major, each pixel once"
            assert np.mean(label == hand) > 0.02 and np.mean(label == table) > 0.1
            assert 0.25 < np.median(points[label == hand, 2]) < 0.9
            assert 0.2 <= points[:, 2].min() and points[:, 2].max() < 6.1


def test_the_things_and_the_room_use_many_of_the_official_ids():
    seen = set()
    for number in range(10):
        filmed = hand_object.record(number, frames=3)
        seen |= set(np.concatenate([frame["semantic"] for frame in filmed.frames]).tolist())
        assert SEMANTIC_NAMES.index(filmed.category) in seen
    assert not {SEMANTIC_NAMES[i] for i in seen} & {"unused"}
    assert {"no label", "noise", "hand", "table", "ground", "wall", "other objects"} <= {
        SEMANTIC_NAMES[i] for i in seen
    }
    assert 20 <= len(seen) <= 36


def test_edge_labels_are_a_little_wrong_and_exact_ones_are_not():
    blurred = np.concatenate([f["semantic"] for f in hand_object.record(3, frames=5).frames])
    exact = np.concatenate([f["semantic"] for f in hand_object.record(3, frames=5, noise=EXACT).frames])
    assert 0.001 < np.mean(blurred < 2) < 0.03
    assert exact.min() >= 2


def test_depth_is_the_camera_s_and_points_keep_shape_over_frames():
    """With exact depth the table top is one plane, to the millimetre in which depth is kept."""
    frame = hand_object.record(5, frames=1, points=HEAD_CAMERA.width * HEAD_CAMERA.height, noise=EXACT).frames[0]
    points = HEAD_CAMERA.back_project(frame["pixels"])[frame["semantic"] == SEMANTIC_NAMES.index("table")]
    centre = np.median(points, axis=0)
    top = points[np.abs(points - centre).max(1) < 0.12]
    away = np.linalg.svd(top - top.mean(0))[2][2]
    assert len(top) > 200 and np.abs((top - top.mean(0)) @ away).max() < 0.002


def test_the_same_number_gives_the_same_bytes_and_another_seed_does_not(world, tmp_path):
    again = make(tmp_path / "again", sequences=6, **SMALL)
    assert again.content == world.content
    other = hand_object.record(0, seed=1, **SMALL)
    assert not np.array_equal(other.frames[0]["pixels"], world.field("pixels", 0, 0))


def test_the_number_of_threads_does_not_matter():
    threads = torch.get_num_threads()
    try:
        filmed = []
        for count in (1, 2):
            torch.set_num_threads(count)
            filmed.append(hand_object.record(2, **(SMALL | {"frames": 9})).frames)
    finally:
        torch.set_num_threads(threads)
    for one, two in zip(*filmed, strict=True):
        assert np.array_equal(one["pixels"], two["pixels"]) and np.array_equal(one["semantic"], two["semantic"])


def test_a_smaller_world_is_a_part_of_a_larger_one_and_is_opened_when_built(world, tmp_path, monkeypatch):
    part = make(tmp_path / "part", sequences=2, **SMALL)
    assert np.array_equal(part.field("pixels", 1, 5), world.field("pixels", 1, 5))
    assert np.array_equal(part.frame_field("action", 1), world.frame_field("action", 1))
    monkeypatch.setattr(hand_object, "record", lambda *a, **k: pytest.fail("recorded again"))
    assert len(make(tmp_path / "part", sequences=2, **SMALL).sequences) == 2


def test_an_interrupted_world_is_continued_to_the_same_bytes(world, tmp_path, monkeypatch):
    honest, filmed = hand_object.record, []

    def breaking(number, **options):
        if number == 3:
            raise KeyboardInterrupt
        return honest(number, **options)

    monkeypatch.setattr(filming, "cores", lambda: 1)  # in this process, where the test can count
    monkeypatch.setattr(hand_object, "record", breaking)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "broken", sequences=6, **SMALL)
    assert not (tmp_path / "broken").exists()

    def counting(number, **options):
        filmed.append(number)
        return honest(number, **options)

    monkeypatch.setattr(hand_object, "record", counting)
    store = make(tmp_path / "broken", sequences=6, **SMALL)
    assert filmed == [3, 4, 5] and store.content == world.content


def test_plans_make_sense():
    """Replays every plan against the rules of the world, which are written down here a second time."""
    for category, thing, start, plan in plans():
        where, held, lifted, opened, inside, depth = "", "", False, start.opened, start.inside, start.depth
        for step in plan:
            about = f"{category}: {step} in {[s.action for s in plan]}"
            match step.action:
                case "rest":
                    assert not where, about
                case "reach out":
                    assert not held and where != step.target, about
                    assert step.target != "item" or thing.joint is None or opened, about
                    where = step.target
                case "grasp":
                    assert where == step.target != "button" and not held, about
                    held = where
                case "release":
                    assert held == step.target and not lifted, about
                    held = ""
                case "withdraw":
                    assert where and not held, about
                    where = ""
                case "press button":
                    assert where == "button" and not held, about
                case "pick up" | "take out":
                    assert held in ("object", "item") and not lifted, about
                    assert (step.action == "take out") == (held == "item" and inside), about
                    lifted, inside = True, inside and held != "item"
                case "put down" | "put in":
                    assert lifted and (step.action == "put down" or held == "item"), about
                    lifted, inside = False, inside or step.action == "put in"
                case "carry" | "pour" | "cut":
                    assert lifted, about
                case "push" | "pull":
                    assert held == "object" and not lifted, about
                    depth += 1 if step.action == "pull" else -1
                    assert abs(depth) <= 1, about
                case "open" | "close":
                    assert held == "joint" and opened == (step.action == "close"), about
                    opened = not opened
                case "turn":
                    assert held == ("dial" if thing.dial else "object"), about
                case "stop":
                    assert where, about


def test_a_walk_never_gets_stuck_and_never_has_one_action_twice_in_a_row():
    rng = np.random.default_rng(0)
    for category in CATEGORY_NAMES:
        thing = CATEGORIES[category](Shapes(), rng)
        state = draw_start(thing, rng)
        for _ in range(400):
            names = choices(thing, state)
            assert names and len(set(names)) == len(names), (category, state)
            assert state.last not in names, (category, state)
            action = names[rng.integers(len(names))]
            found = targets(thing, state)
            follow(state, action, found[rng.integers(len(found))] if action == "reach out" else state.target)


def test_durations_are_plausible():
    lengths, counts, used = [], [], set()
    for *_, plan in plans():
        assert sum(step.frames for step in plan) == 150
        counts.append(len(plan))
        lengths += [step.frames for step in plan]
        used |= {step.action for step in plan}
    assert min(lengths) >= SHORTEST and max(lengths) < 75
    assert 8 <= np.mean(counts) <= 14 and np.mean(np.array(counts) > 17) < 0.03
    assert used == set(ACTION_NAMES)


def test_a_hand_that_holds_keeps_its_grip():
    for category, thing, start, plan in plans(2):
        performance = Performance(thing, start, 1.0, np.random.default_rng(1))
        held, reference = [], None
        for step in plan:
            performance.play(step)
            if step.action == "grasp":
                reference = performance.scenes[-1]
            elif step.action in ("pick up", "carry", "push", "pull", "open", "close", "turn", "pour", "cut", "put in"):
                part = performance.grip.part
                rotation, origin = part_pose(thing, performance.scenes[-1], part)
                first, begin = part_pose(thing, reference, part)
                now, then = rotation.T @ (performance.scenes[-1].palm - origin), first.T @ (reference.palm - begin)
                held.append(np.linalg.norm(now - then))
        jumps = np.diff([scene.palm for scene in performance.scenes], axis=0)
        assert max(held, default=0.0) < 1e-9, category
        assert np.linalg.norm(jumps, axis=1).max() < 0.2, f"{category}: a hand moves at most 1.5 m/s"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequences": 0}, "sequences is 0"),
        ({"frames": 0}, "frames is 0"),
        ({"points": -1}, "points is -1"),
        ({"subjects": True}, "subjects is True"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_counts_are_refused_by_name(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "no", **changes)
    assert not list(tmp_path.iterdir())


def test_a_recording_is_fast():
    hand_object.record(0, frames=2)
    begin = time.process_time()
    hand_object.record(1, frames=40)
    assert (time.process_time() - begin) / 40 < 0.05, "seconds of processor a frame"
