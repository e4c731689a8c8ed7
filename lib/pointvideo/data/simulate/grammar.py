"""What a hand does with a thing: 19 actions, and the walk through them that a recording follows.

HOI4D has 19 action classes whose names are published in none of its files; the names here are ours, in its manner. A
plan is a random walk: from the state that the last action left (hand, target, thing, lid, item) only the actions that
make sense can follow: grasp before pick up, open before put in, no push at the far edge. Most actions have a
counterpart that looks the same in one frame and runs backwards, and lids, drawers and items start either way, so one
frame does not tell which it is.
"""

from dataclasses import dataclass

import numpy as np

from .objects import Thing

RATE = 7.5  # frames a second: 150 frames are HOI4D's 20 seconds
_SECONDS = {  # usual length of each action
    "rest": (0.9, 2.2), "reach out": (0.9, 1.9), "grasp": (0.7, 1.2), "release": (0.7, 1.2), "withdraw": (0.9, 1.9),
    "pick up": (0.9, 1.8), "put down": (0.9, 1.8), "carry": (1.2, 2.8), "push": (1.1, 2.4), "pull": (1.1, 2.4),
    "open": (1.3, 2.8), "close": (1.3, 2.8), "press button": (0.8, 1.8), "turn": (1.1, 2.4), "pour": (2.2, 4.2),
    "cut": (2.2, 4.6), "put in": (1.3, 2.4), "take out": (1.3, 2.4), "stop": (0.8, 1.8),
}  # fmt: skip
ACTION_NAMES: tuple[str, ...] = tuple(_SECONDS)
SHORTEST = 5  # frames of one action
_WEIGHT = {
    "reach out": 3.0, "release": 1.2, "withdraw": 2.4, "carry": 1.3, "pour": 2.0, "cut": 2.6, "put in": 4.0,
    "take out": 4.0, "open": 4.0, "close": 2.5, "stop": 0.6, "put down": 1.2, "pick up": 2.5, "turn": 1.0,
    "push": 0.9, "pull": 0.9, "rest": 0.9, "press button": 3.0, "grasp": 1.0,
}  # fmt: skip
_COUNTERPARTS = (("pick up", "put down"), ("push", "pull"), ("open", "close"), ("put in", "take out"))
_UNDONE = {a: b for pair in _COUNTERPARTS for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Step:
    """One action of a plan: its name, what the hand is at (``target``) and how many frames it takes."""

    action: str
    target: str
    frames: int


@dataclass
class State:
    """Where a plan stands. ``hand`` is "away", "at" the target, or "holding" it; ``depth`` -1 far, 0, 1 near."""

    opened: bool
    inside: bool
    depth: int
    hand: str = "away"
    target: str = ""
    lifted: bool = False
    used: bool = False  # whether the target was used since the hand came to it
    last: str = ""


def draw_start(thing: Thing, rng: np.random.Generator) -> State:
    """A state to begin with: lid, item and place either way."""
    opened, inside, depth = rng.random() < 0.5, rng.random() < 0.5, int(rng.integers(-1, 2))
    return State(opened=thing.joint is not None and opened, inside=thing.inside is not None and inside, depth=depth)


def targets(thing: Thing, state: State) -> list[str]:
    """What the hand may reach for: grips of the thing, and the item where it can be got at."""
    found = [name for name in thing.grips if name != state.target]
    if "press button" in thing.uses and thing.grips["button"].part == "joint" and state.opened:
        found = [name for name in found if name != "button"]
    if thing.inside and state.target != "item" and (not thing.joint or state.opened):
        found.append("item")
    return found


def choices(thing: Thing, state: State) -> list[str]:
    """The actions that can follow."""
    if state.hand == "away":
        return ["reach out"] if state.last == "rest" else ["reach out", "rest"]
    if state.hand == "at":
        if not state.used:
            return ["press button"] if state.target == "button" else ["grasp"]
        onwards = ["reach out"] if targets(thing, state) else []
        return [name for name in ("withdraw", *onwards, "stop") if name != state.last]
    if state.target == "joint":
        found = ["close" if state.opened else "open"]
    elif state.target == "dial":
        found = ["turn"]
    elif state.target == "item":
        if state.lifted:
            found = ["put in", "put down", "carry"]
        else:
            found = ["take out"] if state.inside else ["pick up"]
    elif state.lifted:
        found = [name for name in ("carry", "pour", "cut", "put down") if name in thing.uses]
    else:
        found = [name for name in ("pick up", "push", "pull") if name in thing.uses]
        found += ["turn"] if "turn" in thing.uses and "dial" not in thing.grips else []
        found = [name for name in found if name != {-1: "push", 1: "pull"}.get(state.depth)]
    found = [name for name in found if name != state.last]
    if state.used and not state.lifted and not (state.target == "item" and state.last == "pick up"):
        found.append("release")
    return found + ["stop"] if state.last not in ("stop", "grasp") and found != ["release"] else found or ["release"]


def follow(state: State, action: str, target: str) -> None:
    """Change ``state`` as ``action`` does."""
    if action in ("reach out", "rest", "withdraw"):
        state.hand = "at" if action == "reach out" else "away"
        state.target, state.used = (target if action == "reach out" else ""), False
    elif action in ("grasp", "release"):
        state.hand = "holding" if action == "grasp" else "at"
        state.used = action == "release"
    elif action != "stop":
        state.used = True
    if action in ("pick up", "take out", "put down", "put in"):
        state.lifted = action in ("pick up", "take out")
    if action in ("put in", "take out"):
        state.inside = action == "put in"
    if action in ("open", "close"):
        state.opened = action == "open"
    if action in ("push", "pull"):
        state.depth += 1 if action == "pull" else -1
    state.last = action


def draw_plan(
    thing: Thing, start: State, frames: int, taste: dict[str, float], tempo: float, rng: np.random.Generator
) -> list[Step]:
    """A plan of exactly ``frames`` frames (at 7.5 a second) from ``start``, which is changed as the plan goes.

    ``taste`` multiplies the chance of each action, ``tempo`` divides its length. The last action may be broken off,
    but no action is shorter than 5 frames, unless ``frames`` is. To undo what was just done is rare.
    """
    steps: list[Step] = []
    counts = dict.fromkeys(ACTION_NAMES, 0)
    left = frames
    while left > 0:
        action = "rest" if not steps and rng.random() < 0.75 else ""
        if not action:
            names = choices(thing, start)
            weight = np.array([_WEIGHT[name] * taste.get(name, 1.0) * 0.7 ** counts[name] for name in names])
            weight = weight * np.where([_UNDONE.get(start.last) == name for name in names], 0.25, 1.0)
            action = names[rng.choice(len(names), p=weight / weight.sum())]
        target = start.target
        if action == "reach out":
            found = targets(thing, start)
            target = found[rng.integers(len(found))]
        low, high = _SECONDS[action]
        seconds = rng.uniform(low, high) * np.exp(rng.normal(0.0, 0.15)) / tempo
        length = min(max(SHORTEST, round(seconds * RATE)), left)
        if left - length < SHORTEST:
            length = left
        follow(start, action, target)
        steps.append(Step(action, target, length))
        counts[action] += 1
        left -= length
    return steps
