"""One clip to turn by hand inside a notebook, small and without anything from the network; a picture of it where
scripts do not run.

Points are kept as three bytes and a colour of at most 256 each, see :func:`pack`; ``viewer.js`` draws them.
"""

from __future__ import annotations

import base64
import html
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer, UInt8

from ..stamps import Stamp
from .clouds import bounds, draw_cloud, extent
from .png import small_png
from .style import DEPTH_MAP, PALETTE, PART_COLOURS

if TYPE_CHECKING:
    from IPython.display import HTML

Cloud = Float[np.ndarray, "_ 3"]
Colours = str | Integer[np.ndarray, " _"] | Float[np.ndarray, "_ 3"]

LIMIT = 150_000  # bytes of the whole
POINTS = 24_000  # of all frames together: what keeps the whole below LIMIT
STEPS = 255  # along the longest side of the box


def clip_viewer(
    frames: Sequence[Cloud],
    colours: Sequence[Colours] | None = None,
    *,
    stamp: Stamp,
    title: str = "",
    legend: Mapping[str, str] | None = None,
    turn: float | int = 20.0,
    tilt: float | int = 8.0,
    size: float | int = 3.0,
    rate: float | int = 8.0,
    seed: int = 0,
) -> HTML:
    """A clip that plays, with a slider for its frames; dragging turns it, a double click turns it back.

    Args:
        frames: clouds (points, 3), x right, y down, z away. Where they have more than :data:`POINTS` together, each
            shows as many of its points, drawn at random.
        colours: one entry a frame as in :func:`pointvideo.report.figures.clouds.draw_cloud`: a colour name, a label a
            point, or RGB in 0 to 1; without, depth.
        stamp: where the clip is from, such as ``data_stamp(store)``; it stands below, SIMULATED above.
        title: above the clip.
        legend: what is what -> colour.
        turn, tilt: the first viewpoint, degrees.
        size: of a point, pixels at a width of 640.
        rate: frames per second.
        seed: of the points shown.

    Raises:
        ValueError: no frame, one without points or that is not (points, 3), or colours that do not fit them.
    """
    from IPython.display import HTML

    frames = [np.asarray(frame, dtype=float) for frame in frames]
    if not frames or any(frame.ndim != 2 or frame.shape[1] != 3 or not len(frame) for frame in frames):
        raise ValueError(f"a clip is frames of (points, 3) with points, found {[frame.shape for frame in frames]}")
    if not all(np.isfinite(frame).all() for frame in frames):
        raise ValueError("a clip to turn has finite points only, found some that are not")
    shades = _rgb(frames, colours)
    room, rng = POINTS // len(frames), np.random.default_rng(seed)
    kept = [np.sort(rng.permutation(len(frame))[:room]) for frame in frames]
    frames = [frame[chosen] for frame, chosen in zip(frames, kept, strict=True)]
    shades = [shade[chosen] for shade, chosen in zip(shades, kept, strict=True)]

    low, high = box = bounds(*frames)
    step = max(float((high - low).max()), 1e-9) / STEPS
    places, table = _palette(shades)
    across, up = extent(box, turn, tilt)
    ratio = float(np.clip(up / across, 0.4, 0.8))
    data = {
        "counts": [len(frame) for frame in frames],
        "palette": [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in table.tolist()],
        "centre": np.round((high - low) / 2 / step, 3).tolist(),
        "across": round(across / step, 2),
        "up": round(up / step, 2),
        "ratio": round(ratio, 3),
        "turn": turn,
        "tilt": tilt,
        "size": size,
        "rate": rate,
    }
    points = pack([np.rint((frame - low) / step).astype(np.uint8) for frame in frames], places)
    middle = len(frames) // 2
    still = _still(frames[middle], table[places[middle]] / 255, box, turn, tilt, ratio, size)
    words = f"{title or 'a clip'}, frame {middle + 1} of {len(frames)}; open this page in Jupyter to turn it"
    text = (
        f'<figure data-clip="{html.escape(json.dumps(data, separators=(",", ":")))}" data-points="{points}" '
        'style="margin:0;max-width:640px;border:1px solid #ddd;background:#fff;color:#222;font-family:sans-serif">'
        f"{_heading(title, legend or {}, stamp)}"
        f'<img src="data:image/png;base64,{still}" alt="{html.escape(words)}" style="width:100%;display:block">'
        f'<figcaption style="font-size:12px;color:#666;padding:2px 8px 6px">{html.escape(stamp.caption())}'
        f"</figcaption></figure>\n<script>{files(__package__).joinpath('viewer.js').read_text('utf-8')}</script>"
    )
    if len(text) > LIMIT:
        raise ValueError(f"a clip to turn takes at most {LIMIT:,} bytes, found {len(text):,}")
    return HTML(text)


def pack(frames: Sequence[UInt8[np.ndarray, "_ 3"]], places: Sequence[UInt8[np.ndarray, " _"]]) -> str:
    """Points and the places of their colours as base64: four planes (x, y, z, colour) of all frames one after
    another, each the differences modulo 256 from point to point, deflated together. The points of a frame are put in
    an order in which neighbours stand together."""
    planes = []
    for points, shade in zip(frames, places, strict=True):
        planes.append(np.column_stack([points, shade])[np.argsort(_along(points), kind="stable")])
    table = np.concatenate(planes).T
    differences = np.diff(table, axis=1, prepend=np.uint8(0)).astype(np.uint8)
    return base64.b64encode(zlib.compress(differences.tobytes(), 9)).decode("ascii")


def _along(points: UInt8[np.ndarray, "points 3"]) -> Integer[np.ndarray, " points"]:
    """Places along a curve that fills space (Morton's), so that what follows is near."""
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(8):
        for axis in range(3):
            code |= ((points[:, axis].astype(np.int64) >> bit) & 1) << (3 * bit + axis)
    return code


def _rgb(frames: Sequence[Cloud], colours: Sequence[Colours] | None) -> list[Float[np.ndarray, "_ 3"]]:
    """RGB in 0 to 1 of every point. ``ValueError`` for colours that do not fit the frames."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if colours is None:
        low, high = bounds(*frames)
        shades = colormaps[DEPTH_MAP]
        width = max(high[2] - low[2], 1e-9)  # 64 steps of depth keep the palette small
        return [shades(np.floor((high[2] - frame[:, 2]) / width * 63.99) / 63)[:, :3] for frame in frames]
    if len(colours) != len(frames):
        raise ValueError(f"{len(colours)} colours for {len(frames)} frames")
    parts, found = np.array([to_rgb(shade) for shade in PART_COLOURS]), []
    for frame, colour in zip(frames, colours, strict=True):
        shade = np.tile(to_rgb(colour), (len(frame), 1)) if isinstance(colour, str) else np.asarray(colour)
        if len(shade) != len(frame):
            raise ValueError(f"{len(shade)} colours for {len(frame)} points")
        found.append(parts[shade.astype(int) % len(parts)] if shade.ndim == 1 else shade[:, :3].astype(float))
    return found


def _palette(shades: Sequence[Float[np.ndarray, "_ 3"]]) -> tuple[list[UInt8[np.ndarray, " _"]], Any]:
    """Places of colours in a table of at most 256, and the table (colours, 3) in bytes; where there are more colours
    they lose their lower bits together."""
    every = np.rint(255 * np.clip(np.concatenate(shades), 0, 1)).astype(np.uint8)
    for lost in range(8):
        coarse = (every >> lost << lost) | (1 << lost >> 1)
        table, places = np.unique(coarse, axis=0, return_inverse=True)
        if len(table) <= 256:
            break
    split = np.cumsum([len(shade) for shade in shades])[:-1]
    return np.split(places.reshape(-1).astype(np.uint8), split), table


def _still(points, shades, box, turn, tilt, ratio, size) -> str:
    """The picture that stands where scripts do not run, as base64."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        figure = Figure(figsize=(6.4, 6.4 * ratio), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        draw_cloud(axes, points, colour=shades, box=box, turn=turn, tilt=tilt, size=(0.72 * size) ** 2)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=100)
    return base64.b64encode(small_png(stream.getvalue())).decode("ascii")


def _heading(title: str, legend: Mapping[str, str], stamp: Stamp) -> str:
    from matplotlib.colors import to_hex

    parts = [f"<b>{html.escape(title)}</b>"] if title else []
    if stamp.source == "simulated":
        strip = f"background:{PALETTE['simulated']};color:#000;padding:0 6px;letter-spacing:2px;font-weight:600"
        parts.append(f'<span style="{strip}">SIMULATED</span>')
    parts += [
        f'<span><span style="color:{to_hex(shade)}">&#9632;</span> {html.escape(name)}</span>'
        for name, shade in legend.items()
    ]
    parts.append('<span style="color:#666">drag to turn</span>')
    style = "display:flex;flex-wrap:wrap;gap:4px 14px;padding:6px 8px 2px;font-size:13px"
    return f'<div style="{style}">{"".join(parts)}</div>'
