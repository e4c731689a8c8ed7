"""Names of data sets: the worlds that stand in, their small sizes, planes fitted on top, unknown names."""

from importlib.util import find_spec

import pytest

from pointvideo.data import NEAR, SIZES, STAND_INS, WORLDS, resolve
from pointvideo.data.layout import StoreError
from pointvideo.data.prepare import store_path
from pointvideo.data.simulate import hand_object, people, street
from pointvideo.data.simulate.egocentric import HEAD_NOISE

from .conftest import build_store

MODULES = {"people": people, "hand_object": hand_object, "street": street}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The worlds that are asked for, (name, folder, size), in the place of making them."""
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("POINTVIDEO_DATA", raising=False)
    calls = []

    def stand_in(name):
        def make(path, progress, **size):
            calls.append((name, path, size))
            return build_store(path, {"a": [40, 50], "b": [45]}, name=name)

        return make

    for name, module in MODULES.items():
        monkeypatch.setattr(module, "make", stand_in(name))
    return calls


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_is_as_large_as_its_task_needs(asked, name):
    whole, small = (resolve(each, progress=False) for each in (name, f"{name}-small"))
    assert [call[0] for call in asked] == [STAND_INS[name]] * 2
    assert whole.source == small.source == "simulated"
    sizes = [dict(call[2]) for call in asked]
    for size in sizes:
        if name == "hoi4d_action":
            noise = size.pop("noise")
            assert noise.farthest == NEAR < HEAD_NOISE.farthest  # the camera reads to arm's length
    assert sizes == [dict(size) for size in SIZES.get(name, ({}, {}))]
    paths = [call[1] for call in asked]
    if name == "msr_action3d":  # one world, whatever it is called
        assert paths == [store_path("people")] * 2
    else:
        assert paths == [store_path(name), store_path(f"{name}-small")]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_by_its_own_name_has_its_own_size(asked, name, tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_DATA", str(tmp_path))  # recorded sets do not matter
    resolve(name, progress=False)
    assert asked == [(name, store_path(name), {})]


def test_small_recorded_sets_are_the_whole_ones(asked, tmp_path, monkeypatch):
    recorded = build_store(tmp_path / "sets" / "synthia4d", {"a": [4]}, name="synthia4d", source="recorded")
    monkeypatch.setenv("POINTVIDEO_DATA", str(tmp_path / "sets"))
    for name in ("synthia4d", "synthia4d-small"):
        assert resolve(name).fingerprint == recorded.fingerprint
    assert not asked
    assert resolve("hoi4d_action", progress=False).source == "simulated"  # another set is not there


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "kinetics",
            "no data set 'kinetics', known: hand_object, hoi4d_action, hoi4d_semantic, msr_action3d, people, str",
        ),
        ("synthia4d-tiny", "no data set 'synthia4d-tiny'"),
        ("-small", "no data set '-small'"),
        ("", "no data set ''"),
        ("synthia4d+primitives-", "synthia4d\\+primitives-: expected a whole number of primitives"),
        ("synthia4d+primitives-many", "expected a whole number of primitives behind '\\+primitives-'"),
        ("kinetics+primitives-4", "no data set 'kinetics'"),
        ("synthia4d+primitives-4-small", "synthia4d\\+primitives-4-small: expected a whole number"),
    ],
)
def test_unknown_names(asked, name, message):
    with pytest.raises(StoreError, match=message) as caught:
        resolve(name, progress=False)
    assert "\n" not in str(caught.value) and not asked


@pytest.mark.skipif(find_spec("CGAL") is None, reason="needs CGAL: pip install 'pointvideo[primitives]'")
def test_primitives_are_fitted_on_top_of_a_set(asked):
    plain = resolve("hoi4d_action-small", progress=False)
    fitted = resolve("hoi4d_action-small+primitives-3", progress=False)
    assert "primitive" in fitted.fields and "primitive" not in plain.fields
    assert fitted.fingerprint != plain.fingerprint and fitted.source == "simulated"
    labels = fitted.field("primitive", 0, 0)
    assert labels.shape == (40,) and set(labels.tolist()) == {0, 1, 2}
    assert resolve("hoi4d_action-small+primitives-4", progress=False).fingerprint != fitted.fingerprint
