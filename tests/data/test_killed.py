"""A preparation that is killed at any step on the disk: the same command ends with the same store and leaves nothing.

The steps are counted in a child process, which dies at the n-th of them as a killed one does: at once, nothing flushed,
nothing cleaned up.
"""

import builtins
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pointvideo.data import msr_action3d
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import prepare
from pointvideo.data.recorded import Listing, Reading, Recording, Source
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.people import People
from pointvideo.data.store import Sequence, Store

STEPS = ("rename", "replace", "mkdir", "unlink", "rmdir", "fsync")


class DyingFile(io.FileIO):
    """A file whose every write is a step; half of what is written reaches the disk when the process dies in it."""

    step = None

    def write(self, data) -> int:
        type(self).step(lambda: super(DyingFile, self).write(bytes(data)[: len(data) // 2]))
        return super().write(data)


def die_at(number: int) -> None:
    """Let this process die at its step ``number``, counted from 1."""
    taken = [0]

    def step(last_words=lambda: None) -> None:
        taken[0] += 1
        if taken[0] == number:
            last_words()
            os._exit(7)

    DyingFile.step = staticmethod(step)
    opened = builtins.open

    def dying_open(file, mode="r", *arguments, **options):
        if "w" not in mode:
            return opened(file, mode, *arguments, **options)
        step()
        raw = io.BufferedWriter(DyingFile(file, "w"), 512)
        return raw if "b" in mode else io.TextIOWrapper(raw)

    builtins.open = dying_open
    for name in STEPS:
        honest = getattr(os, name)

        def dying(*arguments, honest=honest, **options):
            step()
            return honest(*arguments, **options)

        setattr(os, name, dying)


def killed(number: int, work) -> bool:
    """Whether a child process that does ``work`` died at step ``number``; False when it was done before."""
    child = os.fork()
    if not child:
        try:
            die_at(number)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 7), "the work itself failed"
    return code == 7


def list_numbers(folder: Path) -> Listing:
    """A small set: a text file a sequence, a number of points a line."""
    files = sorted(folder.glob("*.txt"))

    def source(file: Path) -> Source:
        def read() -> Reading:
            counts = [int(line) for line in file.read_text().split()]
            frames = [{"pixels": np.full((count, 3), count, np.uint16)} for count in counts]
            return Reading([Recording(Sequence(file.stem, 0, 1, "train", len(counts)), frames)])

        return Source((file,), lambda: file.stem, read)

    return Listing([source(file) for file in files], files, ("one",))


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(msr_action3d, "list_sources", list_numbers)
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.txt").write_text("3 2")
    (folder / "b.txt").write_text("4")
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("before", ["nothing", "a store", "another partial"])
def test_killed_at_any_step_a_preparation_is_continued(tmp_path, source, before):
    def work(path=tmp_path / "s"):
        prepare("msr_action3d", source, path=path, progress=False)

    expected = tmp_path / "expected"
    work(expected)
    whole = bytes_of(expected)
    number = 0
    while True:
        number += 1
        for left in tmp_path.glob("s*"):
            if left != source:
                shutil.rmtree(left)
        if before == "a store":  # of files that changed since
            (source / "b.txt").write_text("5 5")
            work()
            (source / "b.txt").write_text("4")
            os.utime(source / "b.txt", ns=(0, 1))
        os.utime(source / "b.txt", ns=(0, 2))
        if before == "another partial":
            (tmp_path / "s.partial").mkdir()
            (tmp_path / "s.partial" / "writer.json").write_text('{"half": "wri')
        died = killed(number, work)
        work()
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["expected", "s", "source"], f"step {number}"
        store = Store.open(tmp_path / "s")
        store.verify()
        arrays = {name: content for name, content in bytes_of(store.path).items() if name != "store.json"}
        assert arrays == {name: content for name, content in whole.items() if name != "store.json"}
        if not died:
            break
    assert number > 40


def test_killed_while_it_replaces_a_store_the_old_one_is_there_again(tmp_path, source):
    path, number = tmp_path / "s", 0
    prepare("msr_action3d", source, path=path, progress=False)
    old = Store.open(path).fingerprint
    (source / "c.txt").write_text("9 9 9")
    while killed(number := number + 1, lambda: prepare("msr_action3d", source, path=path, progress=False)):
        if path.exists() and Store.open(path).fingerprint != old:
            break  # the new one is whole
        (source / "d.txt").write_text("not a number")
        with pytest.raises(ValueError, match="invalid literal"):  # a defect of the reader, not of the file
            prepare("msr_action3d", source, path=path, progress=False)
        assert Store.open(path).fingerprint == old, f"step {number}"
        (source / "d.txt").unlink()
    assert number > 20


def test_a_world_that_is_killed_is_continued(tmp_path):
    world = People(subjects=1, repeats=1, actions=("bend",), fields=("pixels",))
    content = build(world, tmp_path / "whole", progress=False).content
    for number in (1, 3, 9, 15, 21, 27, 30, 33):
        assert killed(number, lambda: build(world, tmp_path / "w", progress=False))
        assert build(world, tmp_path / "w", progress=False).content == content
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["w", "whole"], f"step {number}"
        shutil.rmtree(tmp_path / "w")


def test_a_damaged_part_is_made_again(tmp_path, source, monkeypatch):
    def stop(self, only=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pointvideo.data.writer.StoreWriter.finish", stop)
        prepare("msr_action3d", source, path=tmp_path / "s", progress=False)
    part = tmp_path / "s.partial" / "a.part"
    content = part.read_bytes()
    place = content.index(b"field_pixels.npy") + 180  # in the values, behind the headers
    part.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(StoreError, match="a.part: damaged .*deleted; the same command continues"):
        prepare("msr_action3d", source, path=tmp_path / "s", progress=False)
    assert len(prepare("msr_action3d", source, path=tmp_path / "s", progress=False).sequences) == 2


def test_parts_of_another_set_are_never_deleted(tmp_path, source):
    assert killed(25, lambda: prepare("msr_action3d", source, path=tmp_path / "s", progress=False))
    parts = bytes_of(tmp_path / "s.partial")
    assert {"writer.json", "a.part"} <= set(parts)
    with pytest.raises(StoreError, match=r"s.partial: holds parts of an interrupted 'msr_action3d' \(recorded\), expe"):
        build(People(subjects=1, repeats=1, actions=("bend",), fields=("pixels",)), tmp_path / "s", progress=False)
    assert bytes_of(tmp_path / "s.partial") == parts


def test_a_file_with_the_name_of_the_lock_is_never_emptied(tmp_path, source):
    (tmp_path / "yarn.lock").write_text("pinned")
    with pytest.raises(StoreError, match="yarn.lock: is a file with content, expected a lock"):
        prepare("msr_action3d", source, path=tmp_path / "yarn", progress=False)
    assert (tmp_path / "yarn.lock").read_text() == "pinned" and not (tmp_path / "yarn").exists()


@pytest.mark.parametrize("place", ["s", "s.partial"])
def test_what_is_not_ours_is_never_deleted(tmp_path, source, place):
    prepare("msr_action3d", source, path=tmp_path / "s", progress=False)
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "thesis.tex").write_text("years of work")
    (source / "c.txt").write_text("9")
    with pytest.raises(StoreError, match=f"{place}: thesis.tex is no part of a store"):
        prepare("msr_action3d", source, path=tmp_path / "s", progress=False)
    assert (tmp_path / place / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"name": "hoi4d_action", "source": "recorded"}', "holds a store of 'hoi4d_action' \\(recorded\\), expected"),
        ('{"name": "msr_action3d", "source": "simulated"}', "holds a store of 'msr_action3d' \\(simulated\\), expec"),
        ('{"shop": "open"}', "holds a store of None \\(None\\), expected one of 'msr_action3d' \\(recorded\\)"),
        ("[1, 2", "holds a store.json of no store, expected one of 'msr_action3d'"),
    ],
)
def test_a_store_goes_only_onto_one_of_the_same_set_and_source(tmp_path, source, content, message):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "store.json").write_text(content)
    (folder / "pixels.npy").write_text("mine")
    for replace in (False, True):
        with pytest.raises(StoreError, match=message):
            prepare("msr_action3d", source, path=folder, replace=replace, progress=False)
    assert bytes_of(folder) == {"store.json": content.encode(), "pixels.npy": b"mine"}
