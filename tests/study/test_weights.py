"""Weights from a file as the start of a recipe."""

from __future__ import annotations

import hashlib

import pytest
import torch

from pointvideo.backbones import P4TransformerSize, PSTNetSize, TransformerSize, TubeSize
from pointvideo.backbones.pst_checkpoint import LEVELS
from pointvideo.study import runner
from pointvideo.study.keys import recipe_dict, recipe_key
from pointvideo.study.ledger import Ledger
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.weights import Weights
from pointvideo.tasks.classifier import Classifier

from .dots import BACKBONE, finetune, make_store, pretrain

SIZE = P4TransformerSize(
    TubeSize(radius=0.5, neighbours=8, spatial_stride=8),
    TransformerSize(width=16, depth=1, heads=1, head_width=8, hidden=16),
)


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    store = make_store(tmp_path / "data" / "msr_action3d")
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    return Ledger(tmp_path / "cache")


@pytest.fixture
def file(tmp_path):
    """A backbone's state dict as torch saves it."""
    torch.manual_seed(1)
    network = BACKBONE.build()
    path = tmp_path / "mine.pt"
    torch.save(network.state_dict(), path)
    return path, network.state_dict()


def test_what_weights_are_is_their_content(tmp_path, file):
    path, _ = file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = Weights(str(path))
    assert weights.sha256 == digest and recipe_dict(weights) == {"kind": "Weights", "sha256": digest}
    other = path.with_name("copy.pt")
    other.write_bytes(path.read_bytes())
    assert Weights(f"authors:{other}") == weights == Weights("nowhere.pt", digest)
    keys = {recipe_key(finetune(init=init), "data") for init in (None, weights, Weights(other), Weights("x", "0" * 64))}
    assert len(keys) == 3
    assert recipe_from_dict(recipe_dict(finetune(init=weights))) == finetune(init=weights)


def test_every_kind_of_recipe_starts_from_them(ledger, file):
    path, state = file
    for recipe in (finetune(init=Weights(str(path))), pretrain(init=Weights(str(path)))):
        job = recipe.job(runner.store_of("msr_action3d"), runner._start(recipe, ledger, False, None)[0])
        for name, value in job.module.backbone.state_dict().items():
            assert torch.equal(value, state[name]), name
    record = runner.run(recipe, ledger)
    assert record["weights"] == {"file": "mine.pt", "used": list(state), "unused": [], "untouched": []}
    chained = runner.run(finetune(init=recipe), ledger)
    assert chained["init"] == record["key"]
    # the weights that a fine-tuning left start another one
    kept = ledger.folder_of(chained["key"]) / runner.WEIGHTS
    again = Weights(str(kept))
    network = BACKBONE.build()
    report = again.load_into(network)
    module = runner.kept_weights(ledger, chained["key"])
    assert all(torch.equal(value, module[f"backbone.{name}"]) for name, value in network.state_dict().items())
    assert report.untouched == () and all(name.startswith("head.") for name in report.unused) and report.unused
    assert runner.run(finetune(init=again, seed=4), ledger)["weights"]["unused"] == list(report.unused)


def test_what_the_file_does_not_have_is_drawn_as_without_it_and_named(ledger, file, caplog):
    path, state = file
    some = {name: value for name, value in state.items() if "tube" in name} | {"neck.weight": torch.ones(2)}
    torch.save(some, path)
    recipe = finetune(init=Weights(str(path)), seed=3)
    (weights, _), (again, origin) = (runner._start(recipe, ledger, False, None) for _ in range(2))
    torch.manual_seed(3)
    drawn = BACKBONE.build().state_dict()
    for name, value in weights.items():
        assert torch.equal(value, again[name]) and torch.equal(value, (state if "tube" in name else drawn)[name])
    assert origin["weights"]["unused"] == ("neck.weight",) and "tube" not in str(origin["weights"]["untouched"])
    assert "of the file 1 (neck.weight) not used" in caplog.messages[0] and "\n" not in caplog.messages[0]


def test_authors_checkpoints_start_a_recipe(tmp_path):
    torch.manual_seed(2)
    ours = Classifier(SIZE, 4)
    theirs = {
        "module." + name.removeprefix("backbone.").replace("tube.displacement.linear", "tube_embedding.conv_d.0"): value
        for name, value in ours.state_dict().items()
    }
    theirs = {name: value[..., None, None] if "conv_d" in name else value for name, value in theirs.items()}
    assert any("conv_d" in name for name in theirs)
    torch.save(theirs, tmp_path / "best.pth")
    backbone = SIZE.build()
    report = Weights(f"authors:{tmp_path / 'best.pth'}").load_into(backbone)
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, ours.backbone.state_dict()[name]), name
    assert report.untouched == () and len(report.unused) == len(theirs) - len(report.used)


def test_a_released_pstnet_starts_a_recipe(tmp_path):
    torch.manual_seed(3)
    size = PSTNetSize().narrower(32)
    ours = size.build()
    theirs = {}
    for name, value in ours.state_dict().items():
        number, layer, rest = name.removeprefix("levels.").split(".", 2)
        layer = {"displacement": "spatial_conv_d", "feature": "spatial_conv_f", "norm": "batch_norm"}.get(layer, layer)
        theirs[f"module.conv{LEVELS[int(number)]}.{layer}.{rest}"] = value
    assert not set(theirs) & set(ours.state_dict())
    torch.save({"model": theirs}, tmp_path / "pst.pth")
    network = size.build()
    report = Weights(str(tmp_path / "pst.pth")).load_into(network)
    assert report.unused == report.untouched == ()
    for name, value in network.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


def test_bad_files_are_refused_in_one_line(tmp_path, file, caplog):
    path, state = file
    network = BACKBONE.build()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.save({name: torch.full_like(value, float("nan")) for name, value in state.items()}, tmp_path / "nan.pt")
    first = next(name for name in state if state[name].dim() == 2)
    torch.save(state | {first: state[first] * float("inf")}, tmp_path / "inf.pt")
    torch.save(state | {first: torch.ones(3, 5)}, tmp_path / "shape.pt")
    torch.save({"nothing": torch.ones(2)}, tmp_path / "none.pt")
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    torch.save(network, tmp_path / "pickle.pt")
    (tmp_path / "text.pt").write_text("weights")
    (tmp_path / "text.safetensors").write_text("weights")
    for name, message in (
        ("nan.pt", "everything is not finite"),
        ("inf.pt", f"{first} is not finite"),
        ("shape.pt", f"{first} has shape"),
        ("none.pt", "none of its 1 entries fits"),
        ("tensor.pt", "found Tensor, expected a dictionary"),
        ("pickle.pt", "found no weights"),
        ("text.pt", "found no weights"),
        ("text.safetensors", "found no weights"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            Weights(str(tmp_path / name)).load_into(network)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=rf"mine.pt: its sha256 is [0-9a-f]{{64}}, expected {'0' * 64}"):
        Weights(str(path), "0" * 64).load_into(network)
    with pytest.raises(ValueError, match="absent.pt: cannot be read"):
        Weights("absent.pt")
    with pytest.raises(ValueError, match="Weights.sha256: got 'abc', expected 64 hexadecimal digits"):
        Weights(str(path), "abc")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
