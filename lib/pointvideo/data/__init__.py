"""Point cloud videos: stores, recorded formats, simulated worlds, clips.

:func:`resolve` turns a data set's name into a store, made on first use; :func:`fingerprint_of` makes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layout import PRIMITIVES, StoreError

if TYPE_CHECKING:
    from .primitives import PlaneGrowing
    from .store import Store

NOT_PREPARED = "not prepared"
"""In the place of the fingerprint of recorded files that are not prepared yet."""


def resolve(name: str, progress: bool = True) -> Store:
    """The store of data set ``name``, built into the cache on first use.

    A recorded set comes from the folder of its name in ``POINTVIDEO_DATA``: its official files, which are prepared (and
    prepared again when files changed), or a finished store; else from the cache. :func:`pointvideo.data.places.locate`
    says when a simulated world stands in instead; ``store.source`` says which it is. The name of a world always means
    the world. With "-small" behind a name, a world has a small size; a recorded set is the same. With "+primitives-4"
    behind that, planes are fitted to every frame, once, and the points have the field "primitive".

    Raises:
        StoreError: an unknown name, a set that is not there, a ``POINTVIDEO_DATA`` that is no folder, and everything
            that :func:`~pointvideo.data.prepare.prepare` refuses.
    """
    from .places import locate
    from .prepare import prepare
    from .store import Store

    plain, count = _primitives(name)
    if count is not None:
        from .primitive_labels import prepare_primitives

        store = resolve(plain, progress)
        return prepare_primitives(store, count, _growing(store.divisor), progress=progress)
    place = locate(plain)
    if place.world is not None:
        from .simulate.building import build

        return build(place.world, place.store, progress=progress)
    if place.files is not None:
        return prepare(place.entry.name, place.files, partial=False, progress=progress)
    return Store.open(place.store)


def fingerprint_of(name: str) -> str:
    """The fingerprint of the store that :func:`resolve` would give; nothing is prepared, made or fitted.

    It is :data:`NOT_PREPARED` for recorded files of which there is no store yet, or that changed since.

    Raises:
        StoreError: as :func:`resolve`.
    """
    from .layout import divisor_of
    from .places import locate
    from .store import Store

    plain, count = _primitives(name)
    place = locate(plain)
    if place.world is not None:
        from .simulate.building import fingerprint_of_world

        unit, fingerprint = place.world.unit, fingerprint_of_world(place.world)
    elif place.files is not None:
        from .prepare import prepared

        store = prepared(place.entry, place.files, place.store)
        unit, fingerprint = (place.entry.unit, NOT_PREPARED) if store is None else (store.unit, store.fingerprint)
    else:
        store = Store.open(place.store)
        unit, fingerprint = store.unit, store.fingerprint
    if count is None or fingerprint == NOT_PREPARED:
        return fingerprint
    from .primitive_labels import labels_fingerprint

    return labels_fingerprint(fingerprint, count, _growing(divisor_of(unit)))


def _primitives(name: str) -> tuple[str, int | None]:
    """A name without primitives, and how many of them it asks for."""
    plain, fitted, count = name.partition(PRIMITIVES)
    if fitted and not (count.isascii() and count.isdecimal()):
        raise StoreError(f"{name}: expected a whole number of primitives behind {fitted!r}")
    return plain, int(count) if fitted else None


def _growing(divisor: int) -> PlaneGrowing:
    """Planes are thick by 0.1 of what networks are given."""
    from .primitives import PlaneGrowing

    return PlaneGrowing(divisor=divisor)
