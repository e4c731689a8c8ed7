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
POINTS = 36_000  # of all frames together at most; fewer where they do not fit into LIMIT
STEPS = 255  # along each side of the box


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
        frames: clouds (points, 3), x right, y down, z away. Each shows as many of its points, drawn at random,
            as fit into :data:`LIMIT` together.
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
    shades, room, text = _rgb(frames, colours), POINTS // len(frames), ""
    while not text or len(text) > LIMIT:
        order = [np.random.default_rng([seed, place]).permutation(len(frame)) for place, frame in enumerate(frames)]
        kept = [np.sort(places[:room]) for places in order]
        text = _page(
            [frame[chosen] for frame, chosen in zip(frames, kept, strict=True)],
            [shade[chosen] for shade, chosen in zip(shades, kept, strict=True)],
            _heading(title, legend or {}, stamp),
            {"title": title or "a clip", "caption": stamp.caption()},
            {"turn": turn, "tilt": tilt, "size": size, "rate": rate},
        )
        room = int(0.9 * room)
    return HTML(text)


def _page(frames, shades, heading: str, words: Mapping[str, str], look: Mapping[str, float]) -> str:
    """The whole as HTML."""
    low, high = box = bounds(*frames)
    longest = max(float((high - low).max()), 1e-9)
    step = np.maximum((high - low) / STEPS, 1e-9 * longest)
    places, table = _palette(shades)
    across, up = extent(box, look["turn"], look["tilt"])
    ratio = float(np.clip(up / across, 0.4, 0.8))
    data = {
        "counts": [len(frame) for frame in frames],
        "palette": [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in table.tolist()],
        "steps": np.round(step / longest, 7).tolist(),
        "across": round(across / longest, 4),
        "up": round(up / longest, 4),
        "ratio": round(ratio, 3),
        **look,
    }
    points = pack([np.rint((frame - low) / step).astype(np.uint8) for frame in frames], places)
    middle = len(frames) // 2
    still = _still(frames[middle], table[places[middle]] / 255, box, ratio, look)
    said = f"{words['title']}, frame {middle + 1} of {len(frames)}; in Jupyter and on the web it can be turned"
    return (
        f'<figure data-clip="{html.escape(json.dumps(data, separators=(",", ":")))}" data-points="{points}" '
        'style="margin:0;max-width:640px;border:1px solid #ddd;background:#fff;color:#222;font-family:sans-serif">'
        f'{heading}<img src="data:image/png;base64,{still}" alt="{html.escape(said)}" style="width:100%;display:block">'
        f'<figcaption style="font-size:12px;color:#666;padding:2px 8px 6px">{html.escape(words["caption"])}'
        f"</figcaption></figure>\n<script>{files(__package__).joinpath('viewer.js').read_text('utf-8')}</script>"
    )


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
    """Places of colours in a table of at most 256, and the table (colours, 3) in bytes."""
    every = np.rint(255 * np.clip(np.concatenate(shades), 0, 1)).astype(np.uint8)
    table, places = np.unique(every, axis=0, return_inverse=True)
    if len(table) > 256:
        from PIL import Image

        few = Image.fromarray(every[None]).quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        table, places = np.array(few.getpalette(), np.uint8).reshape(-1, 3), np.asarray(few)
    split = np.cumsum([len(shade) for shade in shades])[:-1]
    return np.split(places.reshape(-1).astype(np.uint8), split), table


def _still(points, shades, box, ratio: float, look: Mapping[str, float]) -> str:
    """The picture that stands where scripts do not run, as base64."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4 * ratio))
    axes = figure.add_axes((0, 0, 1, 1))
    view = {"turn": look["turn"], "tilt": look["tilt"], "size": (0.72 * look["size"]) ** 2}
    draw_cloud(axes, points, colour=shades, box=box, **view)
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
    style = "display:flex;flex-wrap:wrap;gap:4px 14px;padding:6px 8px 2px;font-size:13px"
    return f'<div style="{style}">{"".join(parts)}</div>'
