"""ShapeNetPart (Yi et al., SIGGRAPH Asia 2016) with normals, as PointNet++ gives it out: 16,881 shapes, 50 parts.

    synsetoffset2category.txt                                  Airplane<tab>02691156, a line a category
    train_test_split/shuffled_{train,val,test}_file_list.json  ["shape_data/02691156/<id>", …]
    02691156/<id>.txt                                          x y z nx ny nz part, a line a point, about 2,600

Parts are numbered over all categories; a shape has those of its own category. Papers train on the lists ``train`` and
``val`` together, and so does the split "train" here; a recipe is chosen on ``val`` by ``held_out=(1,)``, since the
subject is 1 for ``val``, 2 for ``train``, 3 for ``test``. Shapes are centred and scaled here
(:func:`.cloud_files.in_unit_ball`); y is up. Coordinates are called metres.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .cloud_files import NORMALS, in_unit_ball, one_file, read_rows, unlisted, xyz_and_normals
from .h5_clouds import whole_numbers
from .layout import Sequence, StoreError, one_line
from .lists import bare_classes, read_lines
from .recorded import Listing, Reading, Recording, Source, open_regular, walk

NAME = "shapenet_part"
UNIT = "metre"
COLUMNS = ("x", "y", "z", "nx", "ny", "nz", "part")
CATEGORIES = {
    "Airplane": ("02691156", 4), "Bag": ("02773838", 2), "Cap": ("02954340", 2), "Car": ("02958343", 4),
    "Chair": ("03001627", 4), "Earphone": ("03261776", 3), "Guitar": ("03467517", 3), "Knife": ("03624134", 2),
    "Lamp": ("03636649", 4), "Laptop": ("03642806", 2), "Motorbike": ("03790512", 6), "Mug": ("03797390", 2),
    "Pistol": ("03948459", 3), "Rocket": ("04099429", 3), "Skateboard": ("04225987", 3), "Table": ("04379243", 3),
}  # fmt: skip
"""Category -> its folder, and how many parts it has; parts are numbered in this order."""
CLASSES = tuple(CATEGORIES)
PARTS = tuple(f"{category}: {part + 1}" for category, (_, count) in CATEGORIES.items() for part in range(count))
"""The release has no names for parts: they are counted within their category."""
SUBJECTS = {"train": ("train", 2), "val": ("train", 1), "test": ("test", 3)}
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "farthest point of a shape; y is up"},
    "normals": NORMALS,
    "part": {"dtype": "uint8", "shape": [], "unit": "part", "names": list(PARTS)},
}
FRAME_FIELDS: dict[str, dict] = {}


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def parts_of(where: str, part: np.ndarray, label: int) -> np.ndarray:
    """Parts as the store has them, uint8; StoreError for one that is not of the shape's own category."""
    first = sum(count for _, count in list(CATEGORIES.values())[:label])
    last = first + list(CATEGORIES.values())[label][1] - 1
    return whole_numbers(where, f"part in a shape of {CLASSES[label]}", part, first, last).astype(np.uint8)


def check_categories(file: Path) -> None:
    """StoreError, one line, unless the file names the official categories and their folders."""
    for number, line in read_lines(file):
        name, _, synset = line.partition("\t") if "\t" in line else line.partition(" ")
        if CATEGORIES.get(name, ("", 0))[0] != synset.strip():
            expected = "one of the 16 official categories with its folder, such as Airplane 02691156"
            raise StoreError(f"{file}: line {number} is {line[:60]!r}, expected {expected}")


def list_sources(folder: Path) -> Listing:
    """The shapes that the lists name; clouds that lie there and no list names are rejected, as are bare categories.

    Raises :class:`StoreError`, one line: missing folder, a list that is missing, there twice, empty or no list, an
    entry of another form or in two lists, other categories than the official ones.
    """
    files = walk(folder, "synsetoffset2category.txt, train_test_split and a folder a category")
    used = [one_file(folder, files, "synsetoffset2category.txt")]
    check_categories(used[0])
    categories = {synset: label for label, (synset, _) in enumerate(CATEGORIES.values())}
    sources, taken = [], {}
    labels: dict[str, set[int]] = {"train": set(), "test": set()}
    for name, (split, subject) in SUBJECTS.items():
        used.append(one_file(folder, files, f"shuffled_{name}_file_list.json"))
        for entry in read_list(used[-1]):
            _, synset, code = entry
            file = used[0].parent / synset / f"{code}.txt"
            if synset not in categories:
                raise StoreError(f"{used[-1]}: {'/'.join(entry)} is of no category, expected {', '.join(categories)}")
            if file in taken:
                raise StoreError(f"{used[-1]}: names {'/'.join(entry)}, which {taken[file]} names already")
            taken[file] = used[-1].name
            labels[split].add(categories[synset])
            sources.append(_source(file, categories[synset], split, subject, used[-1].name))
    rejected = unlisted([file for file in files if file.parent.name in categories], ".txt", set(taken))
    if bare := bare_classes(CLASSES, labels):
        rejected.append((folder, bare))
    return Listing(sources, [*used, *taken], CLASSES, "cloud", rejected)


def read_list(file: Path) -> list[tuple[str, str, str]]:
    """The entries of a list of shapes, each in its three pieces; StoreError, one line, for anything else."""
    try:
        with open_regular(file) as stream:
            entries = json.loads(stream.read())
    except ValueError as error:
        raise StoreError(f"{file}: no JSON ({one_line(error)}), expected a list of shapes") from error
    if not isinstance(entries, list) or not entries:
        raise StoreError(f"{file}: holds no list of shapes, expected entries like shape_data/02691156/<id>")
    pieces = [tuple(str(entry).split("/")) for entry in entries]
    if odd := next((entry for entry, each in zip(entries, pieces, strict=True) if len(each) != 3), None):
        raise StoreError(f"{file}: entry {str(odd)[:60]!r}, expected the form shape_data/02691156/<id>")
    return pieces


def _source(file: Path, label: int, split: str, subject: int, named: str) -> Source:
    name = f"{file.parent.name}_{file.stem}"

    def read() -> Reading:
        if not file.exists():
            raise StoreError(f"{file}: named by {named}, not found")
        rows = read_rows(file, COLUMNS)
        xyz, normals = xyz_and_normals(file, rows)
        frame = {"xyz": in_unit_ball(xyz), "normals": normals, "part": parts_of(str(file), rows[:, 6], label)}
        return Reading([Recording(Sequence(name, label, subject, split, frames=1), [frame])])

    return Source((file,), lambda: name, read)
