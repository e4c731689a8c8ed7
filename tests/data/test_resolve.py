"""Names of data sets: where each leads, worlds that stand in and when, planes fitted on top, names that are none."""

from importlib.util import find_spec

import pytest

from pointvideo import cli
from pointvideo.data import NOT_PREPARED, catalogue, fingerprint_of, resolve
from pointvideo.data.catalogue import NEAR, SETS, WORLDS
from pointvideo.data.layout import StoreError
from pointvideo.data.places import locate, recorded_store, simulated_store
from pointvideo.data.simulate import building, people
from pointvideo.data.simulate.animals import Animals
from pointvideo.data.simulate.building import fingerprint_of_world
from pointvideo.data.simulate.egocentric import HEAD_NOISE
from pointvideo.data.simulate.furnished_rooms import FurnishedRooms
from pointvideo.data.simulate.hand_gestures import HandGestures
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.data.simulate.object_clouds import Objects
from pointvideo.data.simulate.people import People
from pointvideo.data.simulate.people_three_views import PeopleThreeViews
from pointvideo.data.simulate.street import Street
from pointvideo.data.store import Store

from .conftest import build_store, make_depth, write_depth

NAMES = [entry.name for entry in SETS]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder to be filled, named by POINTVIDEO_DATA; the cache is empty."""
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POINTVIDEO_DATA", str(tmp_path / "sets"))
    monkeypatch.delenv("POINTVIDEO_SIMULATE", raising=False)
    (tmp_path / "sets").mkdir()
    return tmp_path / "sets"


@pytest.fixture
def bare(data, monkeypatch):
    """No POINTVIDEO_DATA."""
    monkeypatch.delenv("POINTVIDEO_DATA")


@pytest.fixture
def made(monkeypatch):
    """The worlds that are built, (world, folder), in the place of building them."""
    calls = []

    def build(world, path, progress=True):
        calls.append((world, path))
        return build_store(path, {"a": [40, 50], "b": [45]}, name=world.name, fingerprint=fingerprint_of_world(world))

    monkeypatch.setattr(building, "build", build)
    return calls


def files(folder, count):
    """Depth files of MSR-Action3D."""
    for number in range(count):
        write_depth(folder, f"a{number + 1:02d}_s01_e01_sdepth.bin", make_depth(1, number))


@pytest.mark.parametrize("name", NAMES)
def test_a_stand_in_is_as_large_as_its_task_needs(bare, made, name):
    stores = [resolve(each, progress=False) for each in (name, f"{name}-small")]
    assert {store.source for store in stores} == {"simulated"}
    whole, small = (world for world, _ in made)
    expected = {
        "msr_action3d": (People(), People()),
        "hoi4d_semantic": (HandObject(sequences=200, points=1024), HandObject(sequences=24, points=512)),
        "synthia4d": (
            Street(frames=40, points=4096, tests=4),
            Street(frames=12, points=1024, weathers=1, tests=3),
        ),
        "deformingthings4d": (Animals(), Animals(individuals=2, repeats=1, points=512)),
        "nvgesture": (HandGestures(), HandGestures(subjects=5, repeats=1)),
        "ntu60": (PeopleThreeViews(), PeopleThreeViews(subjects=4)),
    }
    objects = [each for each in NAMES if each.startswith(("modelnet40", "scanobjectnn", "shapenet_part"))]
    expected |= dict.fromkeys(objects, (Objects(), Objects(train=20, test=8, points=512)))
    rooms = (FurnishedRooms(), FurnishedRooms(train=16, test=6, points=4096))
    expected |= dict.fromkeys(("s3dis", "scannet"), rooms)
    if name in ("hoi4d_action", "hoi4d_rgbd"):
        assert (whole.name == "hand_object_rgb") == (name == "hoi4d_rgbd")
        whole_sequences = 300 if name == "hoi4d_rgbd" else 1000
        assert (whole.sequences, whole.points, small.sequences, small.points) == (whole_sequences, 512, 24, 256)
        assert whole.noise.farthest == NEAR < HEAD_NOISE.farthest  # the camera reads to arm's length
    else:
        assert (whole, small) == expected[name]
    named = {"msr_action3d": "people", "deformingthings4d": "animals", "ntu60": "people_three_views"}
    named |= {"nvgesture": "hand_gestures"} | dict.fromkeys(objects, "objects")
    named |= dict.fromkeys(("s3dis", "scannet"), "furnished_rooms")
    world = named.get(name, name)
    label, smaller = world, world if name == "msr_action3d" else f"{name}-small"
    assert [path for _, path in made] == [simulated_store(label), simulated_store(smaller)]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_by_its_own_name_has_its_own_size(data, made, name):
    assert resolve(name, progress=False).source == "simulated"  # POINTVIDEO_DATA does not matter
    resolve(f"{name}-small", progress=False)
    assert made == [(WORLDS[name](), simulated_store(name))] * 2


def test_simulated_and_recorded_stores_never_share_a_path(bare, made):
    for entry in SETS:
        for name in (entry.name, f"{entry.name}-small"):
            assert locate(name).store.parent == simulated_store("any").parent != recorded_store(entry.name).parent


def test_simulation_leaves_a_prepared_recorded_set_alone(bare, made, data, monkeypatch):
    recorded = build_store(recorded_store("hoi4d_action"), {"a": [4]}, name="hoi4d_action", source="recorded")
    part = recorded.path.with_name("hoi4d_action.partial") / "b.part"
    part.parent.mkdir()
    part.write_bytes(b"hours of work")
    assert resolve("hoi4d_action", progress=False).source == "simulated"
    assert Store.open(recorded.path).fingerprint == recorded.fingerprint and part.read_bytes() == b"hours of work"
    monkeypatch.setenv("POINTVIDEO_DATA", str(data))
    assert resolve("hoi4d_action", progress=False).fingerprint == recorded.fingerprint


def test_a_recorded_store_where_earlier_versions_put_it_is_moved(bare, made, data, monkeypatch):
    earlier = recorded_store("synthia4d").parents[1] / "synthia4d"
    recorded = build_store(earlier, {"a": [4]}, name="synthia4d", source="recorded")
    monkeypatch.setenv("POINTVIDEO_DATA", str(data))
    store = resolve("synthia4d", progress=False)
    assert store.fingerprint == recorded.fingerprint and store.path == recorded_store("synthia4d")
    assert not earlier.exists()
    simulated = build_store(earlier.with_name("hoi4d_action"), {"a": [4]}, name="hand_object")
    with pytest.raises(StoreError, match="has no folder hoi4d_action"):
        resolve("hoi4d_action")
    assert Store.open(simulated.path).source == "simulated"


def test_recorded_files_are_prepared_and_a_finished_store_is_opened(data, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "SETS", tuple(catalogue.replace(entry, official=4) for entry in SETS))
    files(data / "msr_action3d", 2)
    assert fingerprint_of("msr_action3d") == fingerprint_of("msr_action3d+primitives-4") == NOT_PREPARED
    assert not (tmp_path / "cache").exists()
    store = resolve("msr_action3d", progress=False)
    assert store.source == "recorded" and store.path == recorded_store("msr_action3d")
    assert fingerprint_of("msr_action3d") == fingerprint_of("msr_action3d-small") == store.fingerprint
    files(data / "msr_action3d", 3)
    assert fingerprint_of("msr_action3d") == NOT_PREPARED
    store.path.rename(data / "other")
    (data / "msr_action3d").rename(data / "files")
    (data / "other").rename(data / "msr_action3d")
    assert resolve("msr_action3d").fingerprint == fingerprint_of("msr_action3d") == store.fingerprint


def test_a_few_stray_files_are_no_set(data):
    files(data / "msr_action3d", 5)
    with pytest.raises(StoreError, match="5 files of msr_action3d, less than half of the 567 .* right folder"):
        resolve("msr_action3d", progress=False)
    assert not recorded_store("msr_action3d").exists()


@pytest.mark.parametrize("name", ["MSR-Action3D", "msr-action3d", "msraction3d", "MSRAction3D"])
def test_a_misnamed_folder_is_said_so_and_nothing_stands_in(data, made, name, monkeypatch):
    files(data / name, 1)
    for simulate in ("", "1"):
        monkeypatch.setenv("POINTVIDEO_SIMULATE", simulate)
        with pytest.raises(StoreError, match=f"no folder msr_action3d, found {name}; .* rename it to msr_action3d"):
            resolve("msr_action3d", progress=False)
    assert not made


def test_a_set_that_is_not_there_is_simulated_only_where_the_user_says_so(data, made, monkeypatch):
    (data / "ntu").mkdir()
    with pytest.raises(StoreError, match="no folder synthia4d, found ntu; with POINTVIDEO_SIMULATE=1 a sim"):
        resolve("synthia4d", progress=False)
    monkeypatch.setenv("POINTVIDEO_SIMULATE", "1")
    assert resolve("synthia4d", progress=False).source == "simulated"
    monkeypatch.setenv("POINTVIDEO_SIMULATE", "yes")
    with pytest.raises(StoreError, match="POINTVIDEO_SIMULATE is 'yes', expected 1"):
        resolve("people", progress=False)  # also where it is not needed
    monkeypatch.delenv("POINTVIDEO_SIMULATE")
    monkeypatch.setenv("POINTVIDEO_DATA", str(data / "misspelt"))
    with pytest.raises(StoreError, match="POINTVIDEO_DATA is .*misspelt, expected a folder"):
        resolve("msr_action3d")


def test_any_folder_with_a_store_is_a_set(data, made):
    mine = build_store(data / "kitchen", {"a": [4]}, name="kitchen", source="recorded")
    assert resolve("kitchen").fingerprint == resolve("kitchen-small").fingerprint == fingerprint_of("kitchen")
    imported = build_store(recorded_store("garden"), {"a": [5]}, name="garden", source="recorded")
    assert resolve("garden").fingerprint == imported.fingerprint != mine.fingerprint
    (data / "attic").mkdir()
    with pytest.raises(StoreError, match="attic: no store .*pointvideo data import .*attic --name attic"):
        resolve("attic")
    with pytest.raises(StoreError, match="no data set 'gardn', known: .*garden, .*; did you mean garden"):
        resolve("gardn")
    assert not made


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "kinetics",
            "no data set 'kinetics', known: animals, deformingthings4d, furnished_rooms, hand_gestures, hand_object, "
            "hand_object_rgb, hoi4d_action",
        ),
        ("synthia4d-tiny", "no data set 'synthia4d-tiny', known: .*; did you mean synthia4d"),
        ("-small", "no data set '-small'"),
        ("", "no data set ''"),
        ("../sets", "no data set '../sets'"),
        ("synthia4d+primitives-", "synthia4d\\+primitives-: expected a whole number of primitives"),
        ("synthia4d+primitives-many", "expected a whole number of primitives behind '\\+primitives-'"),
        ("kinetics+primitives-4", "no data set 'kinetics'"),
        ("synthia4d+primitives-4-small", "synthia4d\\+primitives-4-small: expected a whole number"),
    ],
)
def test_unknown_names(bare, made, name, message):
    for call in (resolve, fingerprint_of):
        with pytest.raises(StoreError, match=message) as caught:
            call(name)
        assert "\n" not in str(caught.value) and not made


def test_a_worlds_fingerprint_needs_no_world_and_says_what_it_is_made_from(bare, monkeypatch, tmp_path):
    world = People(subjects=1, repeats=1, actions=("bend",), fields=("pixels",))
    monkeypatch.setitem(WORLDS, "people", lambda: world)
    before = fingerprint_of("people")
    assert not (tmp_path / "cache").exists()
    store = resolve("people", progress=False)
    assert store.fingerprint == before == fingerprint_of("people") and len(store.content) == 64 != before
    built = store.path.stat().st_ino
    assert resolve("people", progress=False).path.stat().st_ino == built
    monkeypatch.setitem(WORLDS, "people", lambda: People(repeats=1, subjects=2, actions=("bend",), fields=("pixels",)))
    assert fingerprint_of("people") != before
    assert len(resolve("people", progress=False).sequences) == 2  # the stale one is replaced
    assert [entry.name for entry in store.path.parent.iterdir()] == ["people"]


def test_data_info_describes_a_world_without_making_it(bare, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(people, "record", lambda *a, **k: pytest.fail("simulated"))
    assert cli.main(["data", "info", "people"]) == 0
    said = capsys.readouterr().out
    assert "people (simulated, not made yet)" in said and "sequences:   400" in said and "20: high arm wave" in said
    assert fingerprint_of("people") in said and not (tmp_path / "cache").exists()
    assert cli.main(["data", "info", "hoi4d_action-small"]) == 0
    assert "sequences:   24" in capsys.readouterr().out


@pytest.mark.skipif(find_spec("CGAL") is None, reason="needs CGAL: pip install 'pointvideo[primitives]'")
def test_primitives_are_fitted_on_top_of_a_set(bare, made):
    plain = resolve("hoi4d_action-small", progress=False)
    expected = fingerprint_of("hoi4d_action-small+primitives-3")
    fitted = resolve("hoi4d_action-small+primitives-3", progress=False)
    assert "primitive" in fitted.fields and "primitive" not in plain.fields
    assert expected == fitted.fingerprint != plain.fingerprint and fitted.source == "simulated"
    labels = fitted.field("primitive", 0, 0)
    assert labels.shape == (40,) and set(labels.tolist()) == {0, 1, 2}
    assert resolve("hoi4d_action-small+primitives-4", progress=False).fingerprint != fitted.fingerprint
