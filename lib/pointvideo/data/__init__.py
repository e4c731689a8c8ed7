"""Point cloud videos: stores, recorded formats, simulated worlds, clips.

:func:`resolve` turns a data set's name into a store, made on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointvideo.data.store import Store

# Recorded set -> simulated world that stands in where it is absent.
STAND_INS = {"msr_action3d": "people"}
WORLDS = ("people",)


def resolve(name: str, progress: bool = True) -> Store:
    """The store of data set ``name``, built into the cache on first use.

    A recorded set comes from the folder of its name in ``POINTVIDEO_DATA``: its official files, which are
    prepared (and prepared again when files changed), or a finished store. Where that folder is absent the
    simulated world that stands in is made instead; ``store.source`` says which it is. The name of a world
    always means the world.

    Raises ValueError (:class:`~pointvideo.data.store.StoreError`) for an unknown name, for a
    ``POINTVIDEO_DATA`` that is no folder, and for everything that :func:`~pointvideo.data.prepare.prepare` refuses.
    """
    from pointvideo.data.prepare import prepare
    from pointvideo.data.store import Store, StoreError, data_dir

    known = sorted({*STAND_INS, *WORLDS})
    if name not in known:
        raise StoreError(f"no data set {name!r}, known: {', '.join(known)}")
    recorded = data_dir()
    if name in STAND_INS and recorded is not None:
        if not recorded.is_dir():
            raise StoreError(f"POINTVIDEO_DATA is {recorded}, expected a folder with one folder a recorded set")
        if (recorded / name / "store.json").is_file():
            return Store.open(recorded / name)
        if (recorded / name).is_dir():
            return prepare(name, recorded / name, progress=progress)
    return _world(STAND_INS.get(name, name), progress)


def _world(name: str, progress: bool) -> Store:
    from pointvideo.data.prepare import locked, store_path
    from pointvideo.data.simulate import people

    path = store_path(name)
    with locked(path):
        return people.make(path, progress=progress)
