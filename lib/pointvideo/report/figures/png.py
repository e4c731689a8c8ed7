"""Figures as PNG: one width, twice as many dots as are shown, a palette instead of three bytes a dot."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .style import PAGE, SAVED, small_texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 0.05  # inches above and below
OFF = 16  # levels of 255 in red, green or blue
LONG = 500  # letters of a text, such as a stamp that lists runs, from which on the file has it compressed


def figure_png(figure: Figure, text: Mapping[str, str] | None = None) -> bytes:
    """A figure as it is kept: :data:`PAGE` wide, as high as what it holds. text: for the file.

    ``ValueError`` for text too small to be read.
    """
    from matplotlib.transforms import Bbox

    if small := small_texts(figure):
        raise ValueError(f"{len(small)} texts are too small to be read, such as {small[0]}")
    stream = io.BytesIO()
    with _at_rest(figure):
        box = figure.get_tightbbox(figure.canvas.get_renderer())
        whole = Bbox([[min(0, box.x0), box.y0 - MARGIN], [max(PAGE, box.x1), box.y1 + MARGIN]])
        figure.savefig(
            stream,
            format="png",
            dpi=SAVED,
            bbox_inches=whole,
            facecolor="white",
            metadata={"Software": None, **(text or {})},
        )
    return small_png(stream.getvalue())


@contextmanager
def _at_rest(figure: Figure):
    """Lay the figure out once, and hold everything where it is while it is cut to what it holds: legends beside the
    panels would move with the cut."""
    figure.draw_without_rendering()
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")
    beside = [legend for legend in figure.legends if legend.get_bbox_to_anchor() is figure.bbox]
    for legend in beside:
        legend.set_bbox_to_anchor((0, 0, 1, 1), figure.transFigure)
    try:
        yield
    finally:
        figure.set_layout_engine(engine)
        for legend in beside:
            legend.set_bbox_to_anchor(None)


def small_png(picture: bytes) -> bytes:
    """The same PNG on white with a palette of at most 256 colours, its text (a stamp among it) kept.

    Colours are chosen so that rare ones, such as those of a few marks, stay: none is off by more than :data:`OFF` where
    256 allow it.
    """
    import numpy
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    with Image.open(io.BytesIO(picture)) as opened:
        text = PngInfo()
        for key, value in opened.text.items():
            text.add_text(key, value, zip=len(value) > LONG)
        whole = Image.new("RGB", opened.size, "white")
        whole.paste(opened, mask=opened.getchannel("A") if opened.mode == "RGBA" else None)
    dots = numpy.asarray(whole, dtype=numpy.int16)
    for colours in (16, 24, 32, 64, 128, 256):
        few = whole.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        if numpy.abs(numpy.asarray(few.convert("RGB"), dtype=numpy.int16) - dots).max() <= OFF:
            break
    stream = io.BytesIO()
    few.save(stream, format="png", optimize=True, pnginfo=text)
    return stream.getvalue()
