"""The semantic label ids of HOI4D (HOI4D-Instructions, semantic segmentation): 49 ids, some of them unused."""

_NAMED = {
    0: "no label", 1: "noise", 2: "chair", 3: "table", 4: "water dispenser", 5: "ground", 9: "bucket",
    10: "garbage can", 11: "wall", 12: "sofa", 13: "bag", 15: "bowl", 16: "bottled drinks", 17: "mug", 19: "locker",
    20: "express box", 21: "kettle", 22: "hammer", 23: "pliers", 24: "toy car", 25: "laptop", 26: "refrigerator",
    27: "safe", 28: "stapler", 29: "desk lamp", 30: "trolley case", 31: "knife", 32: "cupboard", 33: "bed",
    34: "bedside table", 35: "door", 36: "window", 37: "mural", 38: "counter", 39: "curtain", 40: "pool", 41: "pillow",
    42: "carpet", 43: "television", 44: "ceiling", 45: "other furniture", 46: "other objects", 47: "hand",
    48: "scissors",
}  # fmt: skip
SEMANTIC_NAMES: tuple[str, ...] = tuple(_NAMED.get(i, "unused") for i in range(49))
NO_LABEL, NOISE = 0, 1


def label_of(name: str) -> int:
    """The id of a name; ValueError for a name that HOI4D does not have."""
    if name == "unused" or name not in SEMANTIC_NAMES:
        raise ValueError(f"semantic name {name!r} is unknown, expected one of: {', '.join(_NAMED.values())}")
    return SEMANTIC_NAMES.index(name)
