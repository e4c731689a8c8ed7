"""Point cloud videos: stores, recorded formats, simulated worlds, clips.

:func:`resolve` turns a data set's name into a store, made on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointvideo.data.layout import PRIMITIVES, SMALL, set_of

if TYPE_CHECKING:
    from pointvideo.data.store import Store

# Recorded set -> simulated world that stands in where it is absent.
STAND_INS = {
    "msr_action3d": "people",
    "hoi4d_action": "hand_object",
    "hoi4d_semantic": "hand_object",
    "synthia4d": "street",
}
WORLDS = ("people", "hand_object", "street")
# How large a stand-in is: as a rule, and with "-small" behind its name. A world that is asked for by its own name has
# its own defaults. Where actions are the task, the head's camera reads to arm's length (metres), so that the few points
# that small networks see are of hands and things.
NEAR = 1.1
SIZES = {
    "hoi4d_action": ({"sequences": 480, "points": 512}, {"sequences": 24, "points": 256}),
    "hoi4d_semantic": ({"sequences": 200, "points": 1024}, {"sequences": 24, "points": 512}),
    "synthia4d": (
        {"frames": 40, "points": 4096, "tests": 4},
        {"frames": 12, "points": 1024, "weathers": 1, "tests": 3},
    ),
}


def resolve(name: str, progress: bool = True) -> Store:
    """The store of data set ``name``, built into the cache on first use.

    A recorded set comes from the folder of its name in ``POINTVIDEO_DATA``: its official files, which are
    prepared (and prepared again when files changed), or a finished store. Where that folder is absent the
    simulated world that stands in is made instead; ``store.source`` says which it is. The name of a world
    always means the world. With "-small" behind a name, a world has a small size; a recorded set is the same. With
    "+primitives-4" behind that, planes are fitted to every frame, once, and the points have the field "primitive".

    Raises ValueError (:class:`~pointvideo.data.store.StoreError`) for an unknown name, for a
    ``POINTVIDEO_DATA`` that is no folder, and for everything that :func:`~pointvideo.data.prepare.prepare` refuses.
    """
    from pointvideo.data.prepare import prepare
    from pointvideo.data.store import Store, StoreError, data_dir

    name, fitted, count = name.partition(PRIMITIVES)
    if fitted:
        from pointvideo.data.primitive_labels import prepare_primitives
        from pointvideo.data.primitives import PlaneGrowing

        if not count.isdecimal():
            raise StoreError(f"{name}{fitted}{count}: expected a whole number of primitives behind {fitted!r}")
        # planes are thick by 0.1 of what networks are given: metres, or MSR-Action3D's 300 depth counts
        counts = STAND_INS.get(set_of(name), set_of(name)) == "people"
        growing = PlaneGrowing(divisor=300 if counts else 1)
        return prepare_primitives(resolve(name, progress), int(count), growing, progress=progress)
    plain = set_of(name)
    known = sorted({*STAND_INS, *WORLDS})
    if plain not in known:
        raise StoreError(f"no data set {name!r}, known: {', '.join(known)}")
    recorded = data_dir()
    if plain in STAND_INS and recorded is not None:
        if not recorded.is_dir():
            raise StoreError(f"POINTVIDEO_DATA is {recorded}, expected a folder with one folder a recorded set")
        if (recorded / plain / "store.json").is_file():
            return Store.open(recorded / plain)
        if (recorded / plain).is_dir():
            return prepare(plain, recorded / plain, progress=progress)
    return _world(plain, name.endswith(SMALL), progress)


def _world(name: str, small: bool, progress: bool) -> Store:
    """The world that stands in for set ``name``, or world ``name``."""
    from dataclasses import replace

    from pointvideo.data.prepare import locked, store_path
    from pointvideo.data.simulate import hand_object, people, street

    make = {"people": people.make, "hand_object": hand_object.make, "street": street.make}[STAND_INS.get(name, name)]
    size = dict(SIZES[name][small]) if name in SIZES else {}
    if name == "hoi4d_action":
        size["noise"] = replace(hand_object.HEAD_NOISE, farthest=NEAR)
    # people are one world under both names, as large as MSR-Action3D
    path = store_path("people" if name == "msr_action3d" else name + SMALL * (small and bool(size)))
    with locked(path):
        return make(path, progress=progress, **size)
