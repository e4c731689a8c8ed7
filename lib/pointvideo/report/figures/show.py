"""How a notebook shows a figure: all at one width; the stamp of pictures of the data itself, and committed ones of
recorded data.

A page that draws recorded data shows the committed picture where that data is absent, and says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..stamps import Stamp, current_commit, read_stamp, save_figure
from .png import figure_png
from .style import PAGE, SHOWN

if TYPE_CHECKING:
    from IPython.display import DisplayObject
    from matplotlib.figure import Figure

    from ...data.store import Store


def data_stamp(store: Store, **parameters: Any) -> Stamp:
    """The stamp of a picture that shows clips of a store as they are. parameters: what chose the clips."""
    about = {"fingerprint": store.fingerprint, "sequences": len(store.sequences), **parameters}
    return Stamp(store.source, store.name, current_commit(), versions={"numpy": np.__version__}, parameters=about)


def show_figure(figure: Figure, path: str | os.PathLike[str], stamp: Stamp) -> DisplayObject:
    """Save a figure with its stamp, close it, and give back the saved picture for a notebook to show."""
    from matplotlib import pyplot

    save_figure(figure, path, stamp)
    pyplot.close(figure)
    return _picture(filename=os.fspath(path))


def show_plain(figure: Figure) -> DisplayObject:
    """Close a figure that shows neither runs nor data, such as what a paper prints, and give it back to be shown."""
    from matplotlib import pyplot

    picture = figure_png(figure)
    pyplot.close(figure)
    return _picture(data=picture)


def _picture(**png: Any) -> DisplayObject:
    """A PNG at the width of all."""
    from IPython.display import Image

    return Image(**png, format="png", width=round(PAGE * SHOWN))


def recorded_picture(
    name: str,
    store: Store,
    draw: Callable[[Store], Figure],
    folder: str | os.PathLike[str],
    **parameters: Any,
) -> list[DisplayObject]:
    """A picture of recorded data, and a line that says whether it was drawn now.

    store: the data at hand. Where it is recorded, ``draw(store)`` makes the picture anew in ``folder``, to be
    committed; where it is simulated, the committed picture is shown. name: of the PNG, without suffix. parameters: for
    the stamp. Show the result with ``display(*recorded_picture(...))``.

    ``ValueError`` if the committed picture's stamp does not belong to it or says that it shows simulated data.
    """
    from IPython.display import Markdown

    path = Path(folder) / f"{name}.png"
    if store.source == "recorded":
        picture = show_figure(draw(store), path, data_stamp(store, **parameters))
        return [picture, Markdown("*Drawn just now from the recorded data.*")]
    if not path.is_file():
        return [
            Markdown(
                f"**Not shown: the recorded picture `{path.name}`.** "
                "It is drawn where `POINTVIDEO_DATA` names a folder with the recorded set."
            )
        ]
    stamp = read_stamp(path)
    if stamp.source != "recorded":
        raise ValueError(f"{path}: its stamp says {stamp.source} data, expected recorded")
    said = "`POINTVIDEO_DATA` names no recorded set here, so this is the picture kept in the repository"
    return [_picture(filename=os.fspath(path)), Markdown(f"*{said}: {stamp.caption()}.*")]
