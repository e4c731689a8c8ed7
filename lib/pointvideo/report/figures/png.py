"""PNG files of figures, small: a palette of 256 colours instead of three bytes a pixel."""

from __future__ import annotations

import io


def small_png(picture: bytes) -> bytes:
    """The same PNG with at most 256 colours on white, its text (a stamp among it) kept."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    with Image.open(io.BytesIO(picture)) as opened:
        text = PngInfo()
        for key, value in opened.text.items():
            text.add_text(key, value)
        whole = Image.new("RGB", opened.size, "white")
        whole.paste(opened, mask=opened.getchannel("A") if opened.mode == "RGBA" else None)
    few = whole.getcolors(256)
    palette = whole.quantize(
        256 if few is None else max(len(few), 2), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    stream = io.BytesIO()
    palette.save(stream, format="png", optimize=True, pnginfo=text)
    return stream.getvalue()
