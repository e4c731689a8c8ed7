"""What Cross4D-JEPA's pages look at, and their pictures, on dots that move and a teacher that can be checked by eye."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo import papers  # noqa: E402
from pointvideo.papers.cross4d_jepa import arithmetic, figures, inspection  # noqa: E402
from pointvideo.papers.cross4d_jepa.feature_figure import draw_painted  # noqa: E402
from pointvideo.papers.cross4d_jepa.method_figure import draw_steps  # noqa: E402
from pointvideo.report.figures.style import small_texts, use_style  # noqa: E402
from pointvideo.report.tables import build_table  # noqa: E402
from pointvideo.teachers.render import HIDDEN, patch_of  # noqa: E402

from ..pretexts.test_cross4d import recipe  # noqa: E402
from ..study.dots import make_store  # noqa: E402

PAPER = papers.get("cross4d_jepa")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTVIDEO_CACHE", str(place / "cache"))
        yield make_store(place / "msr_action3d")


def test_a_point_is_shown_with_the_vector_of_its_patch(store):
    seen = inspection.look_at(recipe(), store, 3)
    frame = 4
    patch = patch_of(seen.drawn.pixel[0, frame], 36, 9)
    assert torch.equal(patch != HIDDEN, seen.visible[frame])
    for point in seen.visible[frame].nonzero()[:5, 0].tolist():
        row, column = divmod(int(patch[point]), 9)
        assert torch.allclose(seen.targets[frame, point], seen.maps[frame, row, column])
    assert 0 < seen.coverage <= 1 and seen.coverage == pytest.approx(float(seen.visible.double().mean()))
    assert seen.anchors.shape[:2] == seen.taught.shape == (10, 4)
    known = {tuple(vector) for vector in seen.targets[frame][seen.visible[frame]].tolist()}
    assert {tuple(vector) for vector in seen.answers[frame][seen.taught[frame]].tolist()} <= known


def test_colours_are_principal_components_whichever_way_they_point():
    random = np.random.default_rng(0)
    main = torch.from_numpy(random.normal(size=(200, 1))).float()
    rows = main @ torch.tensor([[3.0, 1.0, 0.0, 2.0]]) + 0.01 * torch.from_numpy(random.normal(size=(200, 4))).float()
    colours = inspection.colours_of(rows)
    assert colours.shape == (200, 3) and colours.min() == 0 and colours.max() == 1
    assert abs(np.corrcoef(colours[:, 0], main[:, 0])[0, 1]) > 0.95
    part = inspection.colours_of(rows[:50], rows)
    np.testing.assert_allclose(part, colours[:50])
    assert inspection.colours_of(rows[:, :2]).shape == (200, 3)


def test_the_share_of_place_tells_a_linear_map_of_the_place_from_noise(store, monkeypatch):
    found = {}
    for name, features in {
        "place": lambda xyz: xyz @ torch.ones(3, 5),
        "noise": lambda xyz: torch.randn(*xyz.shape[:3], 5, generator=torch.Generator().manual_seed(0)),
    }.items():

        def tokens(backbone, clip, features=features):
            xyz = clip.xyz[:, :, ::8]
            return inspection.Tokens(xyz, features(xyz))

        monkeypatch.setattr(inspection, "tokens_of", tokens)
        found[name] = inspection.share_of_place(recipe(), store, [0, 5], trained=False)
    assert found["place"] == pytest.approx(1) and found["noise"] < 0.1


def test_points_take_the_colour_of_their_nearest_token(store):
    xyz, colours = inspection.painted(recipe(), store, [0, 5], trained=False)
    assert xyz.shape == colours.shape == (2, 10, 64, 3)
    assert len(np.unique(colours[0, 0], axis=0)) <= 4  # tokens of a frame
    use_style()
    figure = draw_painted({"untrained": (xyz, colours), "again": (xyz, colours)}, ["left", "up"], 2)
    assert len(figure.axes) == 8 and not small_texts(figure)


def test_the_steps_are_drawn_for_each_frame(store):
    use_style()
    figure = draw_steps(inspection.look_at(recipe(), store, 3), (1, 5))
    assert [axes.get_title(loc="left") for axes in figure.axes[:5]][-1] == "tokens that learn"
    assert len(figure.axes) == 10 and not small_texts(figure)


def record(recipe, right: float, spread: float, key: str) -> dict:
    """A finished probe as the ledger keeps it."""
    names = [f"a{1 + video % 4:02d}_s06_e{video:02d}" for video in range(40)]
    predictions = {
        name: int(name[1:3]) - 1 if place < right * 40 else (int(name[1:3]) % 4) for place, name in enumerate(names)
    }
    hits = sum(int(name[1:3]) - 1 == guess for name, guess in predictions.items())
    last = {"correct": hits, "videos": 40, "accuracy": hits / 40, "videos_total": 40}
    return {
        "key": key, "seed": recipe.seed, "commit": "c0ffee1", "seconds": 1.0, "digest": key,
        "dataset": {"name": "msr_action3d", "source": "recorded"},
        "result": {"last": last, "predictions": predictions, "curve": [{"loss": 1.0, "raw_std": spread}]},
    }  # fmt: skip


@pytest.fixture
def tables():
    """Rows of three arms by both probes, and of two grains."""
    found = {}
    for number, kind in (("1", "printed"), ("fair", "solved"), ("granularity", "solved")):
        rows = [row for row in PAPER.experiment(number).rows("quick")]
        records = {
            row.id: [record(row.recipes[0], 0.3 + 0.05 * place, 0.01 * (place + 1), f"{number}{place}")]
            for place, row in enumerate(rows)
        }
        found[number] = build_table(PAPER, kind, rows, records, claims=())
    return SimpleNamespace(**{"printed": found["1"], "solved": found["fair"], "grains": found["granularity"]})


def test_both_probes_stand_beside_each_other_and_the_printed_number_with_them(tables):
    use_style()
    for figure in (
        figures.draw_pair(tables.printed, tables.solved),
        figures.draw_scales(tables.printed, tables.solved),
    ):
        assert not small_texts(figure)
    axes = figures.draw_pair(tables.printed, tables.solved).axes[0]
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "x"]
    assert crosses == [42, 64, 81]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:3] == ["untrained", "global target", "dense targets"]


def test_granularity_is_drawn_over_the_number_of_targets(tables):
    use_style()
    axes = figures.draw_granularity(tables.grains, 8).axes[0]
    assert axes.get_xscale() == "log" and "8\nframe" in [label.get_text() for label in axes.get_xticklabels()]
    curves = [line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_label() == "targets as they are"]
    assert list(curves[0].get_xdata()) == [1, 8, 81 * 8]


def test_an_arm_is_read_from_a_row():
    assert figures.arm_of(SimpleNamespace(row=PAPER.row("dense-centred-solved"))) == "dense-centred"
    with pytest.raises(ValueError, match="row 'other' is of no arm"):
        figures.arm_of(SimpleNamespace(row=SimpleNamespace(id="other")))


def test_the_arithmetic_finds_the_even_subjects():
    counts = arithmetic.denominators(PAPER)
    assert len(arithmetic.single_runs(PAPER)) == 13
    assert max(counts, key=counts.get) == arithmetic.FOUND and counts[arithmetic.FOUND] == 11
    assert len(arithmetic.contradictions()) == 21
    use_style()
    assert not small_texts(arithmetic.draw_denominators(PAPER))
