"""Where a page that trains nothing puts its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence import figures_folder
from .show import data_stamp, recorded_picture, show_figure
from .style import use_style

if TYPE_CHECKING:
    from IPython.display import DisplayObject
    from matplotlib.figure import Figure

    from ...data.store import Store


@dataclass(frozen=True)
class Gallery:
    """Saves each picture with the stamp of the store that it shows, and gives it back for the page.

    Args:
        profile: of the page.
        name: of the page, which the files begin with.
        about: what chose the clips, such as action and subject; it stands in every stamp.
    """

    profile: str
    name: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        use_style()

    def path(self, name: str) -> Path:
        return figures_folder(self.profile) / f"{self.name}_{name}.png"

    def show(self, figure: Figure, name: str, store: Store, **about: Any) -> DisplayObject:
        """A picture of a store's clips. about: further parameters for its stamp."""
        return show_figure(figure, self.path(name), data_stamp(store, **{**self.about, **about}))

    def recorded(self, name: str, store: Store, draw: Callable[..., Figure], **options: Any) -> None:
        """Display a picture of recorded data: ``draw(store, **options)`` where the store at hand is recorded, else the
        one that is kept in the repository, with a line that says which."""
        from IPython.display import display

        def drawn(store: Store) -> Figure:
            return draw(store, **options)

        folder = figures_folder("recorded")
        display(*recorded_picture(name, store, drawn, folder, **self.about))
