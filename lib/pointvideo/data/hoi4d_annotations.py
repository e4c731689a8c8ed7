"""HOI4D's annotation of actions (Liu et al., CVPR 2022): which action each moment of a recording is of.

    action/color.json     {"info": {"duration": 20.0}, "events": [{"event": "Reachout", "startTime": …, "endTime": …}]}
                          {"info": {"Duration": 20.0}, "markResult": {"marks": [{"event": …, "hdTimeStart": …,
                          "hdTimeEnd": …}]}}

Both forms occur. Some recordings are timed on a clock of 10 seconds, though all have 300 frames at 15 a second: times
are stretched by what ``duration`` says, or, where it says nothing, by whether the last event ends before 12 seconds.
The words of the actions are published in no list; these are the ones that users of the release report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from .layout import StoreError, one_line
from .recorded import open_regular

ACTIONS = (
    "rest", "Reachout", "Grasp", "Stop", "Pickup", "putdown", "carry", "Carrywithbothhands", "open", "close", "push",
    "pull", "pushin", "pullout", "Press", "turn&on&the&switch", "dump", "cut", "paper-cut", "binding", "go",
    "Lookaround",
)  # fmt: skip
SECONDS = 20.0  # of every recording
GAP = 1.0  # seconds between a frame and the nearest action, above which it is said to be without one
_NUMBER = {name.lower(): number for number, name in enumerate(ACTIONS)}
_FORM = 'expected {"events": [{"event", "startTime", "endTime"}]} or {"markResult": {"marks": […]}}'


def read_actions(file: Path) -> list[tuple[int, float, float]]:
    """The actions of a recording: number in :data:`ACTIONS`, begin and end in seconds of the video, by begin.

    Raises:
        StoreError: one line: not JSON, another form, a word that is unknown, no event, an event that ends before it
            begins.
    """
    with open_regular(file) as stream:
        content = stream.read()
    try:
        data = json.loads(content)
        if "events" in data:
            found = [(each["event"], float(each["startTime"]), float(each["endTime"])) for each in data["events"]]
        else:
            marks = data["markResult"]["marks"]
            found = [(each["event"], float(each["hdTimeStart"]), float(each["hdTimeEnd"])) for each in marks]
        stretch = SECONDS / _duration(data, found)
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise StoreError(f"{file}: {type(error).__name__} ({one_line(error)}), {_FORM}") from error
    if not found:
        raise StoreError(f"{file}: no event, expected at least one")
    events = []
    for word, begin, end in found:
        number = _NUMBER.get(str(word).strip().lower())
        if number is None:
            raise StoreError(f"{file}: event {word!r}, expected one of {', '.join(ACTIONS)}")
        if not 0 <= begin <= end < np.inf:
            raise StoreError(f"{file}: event {word!r} from {begin} to {end} s, expected an end behind the begin")
        events.append((number, begin * stretch, end * stretch))
    return sorted(events, key=lambda event: event[1:])


def _duration(data: Any, found: list[tuple[str, float, float]]) -> float:
    info = data.get("info") or {}
    said = info.get("duration") or info.get("Duration")
    if said:
        return float(said)
    return 10.0 if max((end for _, _, end in found), default=SECONDS) < 12.0 else SECONDS


def action_at(
    where: str, events: list[tuple[int, float, float]], times: Float[np.ndarray, " frames"]
) -> UInt8[np.ndarray, " frames"]:
    """The action of each moment: that of the event around it, the last one begun of several, or the nearest one.

    Raises:
        StoreError: one line that begins with ``where``: moments more than a second from any event, how many, which
            first.
    """
    number, begin, end = (np.array(column) for column in zip(*events, strict=True))
    away = np.maximum(0, np.maximum(begin[None] - times[:, None], times[:, None] - end[None]))
    nearest = away.shape[1] - 1 - np.argmin(away[:, ::-1], axis=1)
    far = away.min(axis=1) > GAP
    if far.any():
        first = int(np.flatnonzero(far)[0])
        raise StoreError(
            f"{where}: {far.sum()} of {len(times)} frames are more than {GAP:g} s from any event, first frame {first} "
            f"at {times[first]:.2f} s"
        )
    return number[nearest].astype(np.uint8)
