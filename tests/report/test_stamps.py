import json
import os

import pytest

from pointvideo.report import stamps
from pointvideo.report.stamps import (
    Stamp,
    current_commit,
    main,
    read_stamp,
    save_figure,
    save_table,
    sidecar,
    stamp_from_records,
)

from .made_up import build_table, made_up_record, made_up_row

PAIR = ("pptr-scratch-24", "pptr-c2p-24")


@pytest.fixture
def figure():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(figsize=(6, 1))
    axes.plot([0, 1])
    yield figure
    pyplot.close(figure)


@pytest.fixture
def stamp():
    return stamp_from_records(made_up_row("run", [70, 71]), parameters={"frames": 24, "name": "é"})


def test_stamp_from_records(stamp):
    assert (stamp.keys, stamp.seeds, stamp.source, stamp.dataset) == (
        ("run-0", "run-1"),
        (0, 1),
        "recorded",
        "msr_action3d",
    )
    assert (stamp.seconds, stamp.device, stamp.versions["torch"]) == (120.0, "cpu, 2 threads", "2.13.0")
    parts = (
        "recorded MSR-Action3D",
        "2 runs run-0 …",
        "seeds 0, 1",
        "commit c0ffee1",
        "cpu, 2 threads",
        "torch 2.13.0",
    )
    assert stamp.caption() == " · ".join((*parts, "2 min"))
    both = stamp_from_records([made_up_record("a"), made_up_record("b", commit="beef"), made_up_record("a")])
    assert both.commit == "c0ffee1234567, beef" and both.keys == ("a", "b") and both.seconds == 120.0
    with pytest.raises(TypeError, match="found both"):
        stamp_from_records([made_up_record("a"), made_up_record("b", source="simulated")])
    with pytest.raises(ValueError, match="at least one record"):
        stamp_from_records([])
    with pytest.raises(ValueError, match="expected recorded or simulated"):
        Stamp(source="real", dataset="x", commit="y")


def test_a_figure_keeps_its_stamp(figure, stamp, tmp_path):
    path = save_figure(figure, tmp_path / "pictures" / "one.png", stamp)
    assert read_stamp(path) == stamp
    assert json.loads(sidecar(path).read_text())["parameters"] == {"frames": 24, "name": "é"}
    assert sorted(os.listdir(path.parent)) == ["one.png", "one.png.json"]
    assert stamp.caption().split(" · ")[0] in " ".join(text.get_text() for text in figure.texts)
    sidecar(path).unlink()
    assert read_stamp(path) == stamp  # out of the picture alone


def test_a_simulated_figure_gets_one_strip_a_panel(figure, stamp, tmp_path):
    import dataclasses

    figure.add_subplot(133).plot([1, 0])
    for _ in range(2):
        save_figure(figure, tmp_path / "one.png", dataclasses.replace(stamp, source="simulated", dataset="people"))
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["SIMULATED"]] * 2
    assert [text.get_text().split(" · ")[0] for text in figure.texts] == ["SIMULATED people"]
    assert read_stamp(tmp_path / "one.png").source == "simulated"


def test_tables_keep_their_stamp(tmp_path):
    records = {name: made_up_row(name, [70, 71, 72]) for name in PAIR}
    table = build_table("Table 4", PAIR, records)
    stamp = stamp_from_records([record for row in records.values() for record in row])
    for suffix in (".csv", ".md", ".html"):
        path = save_table(table, tmp_path / f"table{suffix}", stamp)
        assert read_stamp(path) == stamp
    assert stamp.caption() in (tmp_path / "table.md").read_text()
    path.write_text(path.read_text() + " ")
    with pytest.raises(ValueError, match="other content"):
        read_stamp(path)
    with pytest.raises(ValueError, match="lacks 3 of the table's 6 runs, such as pptr-c2p-24-0"):
        save_table(table, tmp_path / "other.csv", stamp_from_records(records[PAIR[0]]))
    with pytest.raises(ValueError, match="found 'table.xls'"):
        save_table(table, tmp_path / "table.xls", stamp)
    simulated = stamp_from_records(made_up_row("k", [70], source="simulated", dataset="people"))
    with pytest.raises(TypeError, match="recorded table cannot have the stamp of simulated"):
        save_table(table, tmp_path / "other.csv", simulated)
    assert not (tmp_path / "other.csv").exists()


def test_nothing_half_written(figure, stamp, tmp_path, monkeypatch):
    path = save_figure(figure, tmp_path / "one.png", stamp)
    before = path.read_bytes()

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stamps.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_figure(figure, path, stamp)
    assert (
        path.read_bytes() == before
        and sorted(os.listdir(tmp_path)) == ["one.png", "one.png.json"]
        and read_stamp(path) == stamp
    )
    with pytest.raises(ValueError, match="found 'one.jpg'"):
        save_figure(figure, tmp_path / "one.jpg", stamp)


def test_reading_refuses(tmp_path):
    (tmp_path / "plain.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="carries no stamp"):
        read_stamp(tmp_path / "plain.csv")
    (tmp_path / "plain.csv.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        read_stamp(tmp_path / "plain.csv")
    with pytest.raises(ValueError, match="no figure or table"):
        read_stamp(tmp_path / "absent.png")


def test_which(figure, stamp, tmp_path, capsys):
    path = save_figure(figure, tmp_path / "one.png", stamp)
    assert main([str(path)]) == 0
    assert stamp.caption() in capsys.readouterr().out
    assert main([str(tmp_path / "absent.png")]) == 1 and main([]) == 2
    assert "no figure or table" in capsys.readouterr().err


def test_commit_of_a_folder_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_commit(tmp_path) == "unknown"
