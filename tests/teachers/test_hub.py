"""Published networks from a folder: their maps are those of the network itself, patch by patch and frame by frame."""

import json
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from pointvideo.teachers import Drawn, PretrainedTransformer, Render, TargetSpec, Teacher, targets_of
from pointvideo.teachers import hub as module
from pointvideo.teachers.contract import in_colour

from ..study.dots import make_store

transformers = pytest.importorskip("transformers", reason="needs the extra 'teachers'")
SMALL = {"num_hidden_layers": 3, "num_attention_heads": 2}
SIDES = {"dinov2": 42, "dinov2_with_registers": 42, "dinov3_vit": 48, "vjepa2": 48, "videomae": 64}  # as tested
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network(family: str, **changes):
    """A small network of the real architecture, with random weights that are large enough to tell places apart."""
    torch.manual_seed(0)
    size = SMALL | {"hidden_size": 24}
    if family == "dinov2":
        config = transformers.Dinov2Config(**size, patch_size=14, image_size=70)
        found = transformers.Dinov2Model(config)
    elif family == "dinov2_with_registers":
        config = transformers.Dinov2WithRegistersConfig(**size, patch_size=14, image_size=70, num_register_tokens=4)
        found = transformers.Dinov2WithRegistersModel(config)
    elif family == "dinov3_vit":
        config = transformers.DINOv3ViTConfig(**size, intermediate_size=48, patch_size=16, num_register_tokens=4)
        found = transformers.DINOv3ViTModel(config)
    elif family == "vjepa2":
        predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
        config = transformers.VJEPA2Config(**{**size, "hidden_size": 48, "crop_size": 64, **predictor, **changes})
        found = transformers.VJEPA2Model(config)
    else:
        config = transformers.VideoMAEConfig(**size, intermediate_size=48, image_size=64, num_frames=8)
        found = transformers.VideoMAEModel(config)
    with torch.no_grad():
        for name, weight in found.named_parameters():
            if weight.dim() > 1 and "layer" in name:
                weight.mul_(4)
    return found.eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("teachers")
    for family in SIDES:
        network(family).save_pretrained(root / family)
    return root


@pytest.fixture(autouse=True)
def named(folders, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_TEACHERS", str(folders))


def images(side: int, cameras: int = 1, frames: int = 5) -> torch.Tensor:
    return torch.rand(cameras, frames, side, side, generator=torch.Generator().manual_seed(1))


def maps_of(teacher: PretrainedTransformer, grey: torch.Tensor) -> torch.Tensor:
    return teacher.build()(Drawn(grey, None, None))


def direct(family: str, own, video: torch.Tensor, block: int | None) -> torch.Tensor:
    """All tokens of one grey video (frames, side, side) as the network itself has them."""
    values = torch.stack([(video - mean) / std for mean, std in zip(MEAN, STD, strict=True)], dim=1)
    kept = []
    layers = own.model.layer if family == "dinov3_vit" else own.encoder.layer
    if block is not None:
        hook = layers[block - 1].register_forward_hook(
            lambda *args: kept.append(args[2][0] if isinstance(args[2], tuple) else args[2])
        )
    with torch.no_grad():
        if family == "vjepa2":
            found = own.get_vision_features(values[None])
        elif family == "videomae":
            found = own(values[None]).last_hidden_state
        else:
            found = own(values).last_hidden_state
    if block is not None:
        hook.remove()
        (found,) = kept
    return found


@pytest.mark.parametrize("level", ["last", "block 2"])
@pytest.mark.parametrize("family", ["dinov2", "dinov2_with_registers", "dinov3_vit"])
def test_a_patch_of_an_image_has_the_features_of_its_token(family, level):
    side, front = SIDES[family], 1 if family == "dinov2" else 5
    teacher = PretrainedTransformer.found(family, side, level)
    grey = images(side, cameras=2)
    maps = maps_of(teacher, grey)
    assert maps.shape == (2, 5, 3, 3, 24) and (teacher.grid, teacher.width) == (3, 24) and not maps.requires_grad
    for camera in range(2):
        tokens = direct(family, network(family), grey[camera], teacher.block)
        for row in range(3):
            for column in range(3):
                expected = tokens[:, front + 3 * row + column]
                assert torch.allclose(maps[camera, :, row, column], expected, atol=1e-4), (camera, row, column)


@pytest.mark.parametrize("level", ["last", "block 2"])
@pytest.mark.parametrize("family", ["vjepa2", "videomae"])
def test_both_frames_of_a_pair_have_the_features_of_its_slot(family, level):
    side = SIDES[family]
    teacher, grid, grey = PretrainedTransformer.found(family, side, level), side // 16, images(side, frames=8)
    maps = maps_of(teacher, grey)
    # V-JEPA 2 takes rows and columns by the side in its settings: there it is the images' own
    own = network(family, crop_size=side)
    tokens = direct(family, own, grey[0], teacher.block)[0]
    for frame in range(8):
        for row in range(grid):
            for column in range(grid):
                expected = tokens[(frame // 2 * grid + row) * grid + column]
                assert torch.allclose(maps[0, frame, row, column], expected, atol=1e-4), (frame, row, column)


@pytest.mark.parametrize("family", ["dinov2", "vjepa2"])
def test_a_grey_photograph_is_seen_as_a_drawing_and_colours_tell(family):
    teacher, side = PretrainedTransformer.found(family, SIDES[family]), SIDES[family]
    look, grey = in_colour(teacher), images(side)
    torch.testing.assert_close(look(grey[0][..., None].expand(-1, -1, -1, 3)), maps_of(teacher, grey)[0])
    coloured = torch.rand(5, side, side, 3, generator=torch.Generator().manual_seed(2))
    assert not torch.allclose(look(coloured), look(coloured.flip(-1)), atol=1e-3)


@pytest.mark.parametrize("family", ["vjepa2", "videomae"])
def test_a_frame_without_a_partner_is_shown_twice(family):
    side = SIDES[family]
    teacher, grey = PretrainedTransformer.found(family, side), images(side, frames=5)
    last = grey[:, -1:].expand(-1, 3, -1, -1)
    maps, whole = maps_of(teacher, grey), maps_of(teacher, torch.cat([grey, last], dim=1))
    assert maps.shape[1] == 5 and torch.equal(maps[:, 0], maps[:, 1]) and torch.equal(maps[:, 2], maps[:, 3])
    assert not torch.allclose(maps[:, 3], maps[:, 4], atol=1e-2)
    if family == "videomae":  # which is shown eight frames either way
        assert torch.allclose(maps, whole[:, :5], atol=1e-5)
    else:
        assert torch.allclose(maps, maps_of(teacher, torch.cat([grey, last[:, :1]], dim=1))[:, :5], atol=1e-5)
    assert maps_of(teacher, grey[:, :1]).shape[1] == 1


def test_videomae_sees_a_long_clip_in_pieces():
    teacher, grey = PretrainedTransformer.found("videomae", 64), images(64, frames=11)
    maps = maps_of(teacher, grey)
    assert torch.allclose(maps[:, :8], maps_of(teacher, grey[:, :8]), atol=1e-5)
    assert torch.allclose(maps[:, 8:], maps_of(teacher, grey[:, 8:]), atol=1e-5)


@pytest.mark.parametrize("family", SIDES)
def test_what_moves_by_a_patch_to_the_right_moves_by_a_column(family):
    patch = 14 if family.startswith("dinov2") else 16
    side = 5 * patch  # another than that of the settings of the video networks
    teacher = PretrainedTransformer.found(family, side, "block 1")
    empty = torch.zeros(1, 2, side, side)
    drawn = empty.clone()
    drawn[..., patch : 2 * patch, 3 * patch : 4 * patch] = torch.rand(patch, patch)
    look = teacher.build()
    found = []
    for grey in (drawn, drawn.roll(patch, dims=-1), drawn.roll(patch, dims=-2)):
        change = (look(Drawn(grey, None, None)) - look(Drawn(empty, None, None))).norm(dim=-1)[0, 1]
        found.append(divmod(int(change.argmax()), 5))
    assert found == [(1, 3), (1, 4), (2, 3)]


def test_positions_of_videomae_are_read_between_those_of_its_own_size():
    own = network("videomae")
    slot, row, column = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), torch.arange(4.0), indexing="ij")
    own.embeddings.position_embeddings = torch.stack([slot, row, column], dim=-1).reshape(1, 64, 3)
    module.resample_positions(own, 4)
    assert own.embeddings.position_embeddings[0, 27].tolist() == [1, 2, 3]
    module.resample_positions(own, 2)
    table = own.embeddings.position_embeddings.view(4, 2, 2, 3)
    assert torch.allclose(table[3, :, 0, 1], torch.tensor([0.4, 2.6]), atol=0.2)
    assert torch.allclose(table[3, :, 0, 0], torch.tensor(3.0)) and torch.allclose(table[0, 0, :, 1], table[0, 0, 0, 1])
    assert own.embeddings.patch_embeddings.image_size == (32, 32)


def test_images_are_brought_to_the_mean_and_deviation_that_the_folder_states(folders, tmp_path):
    shutil.copytree(folders / "dinov2", tmp_path / "own")
    stated = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (tmp_path / "own" / "preprocessor_config.json").write_text(json.dumps(stated))
    grey = images(42)
    usual = PretrainedTransformer.found("dinov2", 42)
    teacher = PretrainedTransformer.found(str(tmp_path / "own"), 42)
    with torch.no_grad():
        tokens = network("dinov2")(((grey[0, :, None] - 0.5) / 0.25).expand(-1, 3, -1, -1)).last_hidden_state
    assert torch.allclose(maps_of(teacher, grey)[0].flatten(1, 2), tokens[:, 1:], atol=1e-4)
    assert teacher.digest != usual.digest and teacher.digest in teacher.title


def test_weights_in_parts_are_the_same_network(folders, tmp_path):
    network("dinov2").save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    teacher = PretrainedTransformer.found(str(tmp_path / "parts"), 42)
    assert torch.equal(maps_of(teacher, images(42)), maps_of(PretrainedTransformer.found("dinov2", 42), images(42)))
    next((tmp_path / "parts").glob("model-00002-*")).unlink()
    with pytest.raises(ValueError, match=r"model-00002-of-\d+.safetensors is missing, expected the \d+ parts"):
        teacher.build()


def test_targets_are_made_of_it_and_stay_when_the_weights_are_gone(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    store = make_store(tmp_path / "msr_action3d")
    teacher = PretrainedTransformer.found("vjepa2", 48)
    assert isinstance(teacher, Teacher)
    spec = TargetSpec(teacher, Render(points=64), width=8, frames=5)
    made = targets_of(spec, store)
    assert made.maps.shape[2:] == (5, 9, 8) and teacher.digest in made.note["teacher"]["title"]
    monkeypatch.setenv("POINTVIDEO_TEACHERS", str(tmp_path))
    assert targets_of(spec, store).folder == made.folder
    with pytest.raises(ValueError, match="vjepa2: no such folder here or in POINTVIDEO_TEACHERS"):
        targets_of(replace(spec, frames=6), store)


def test_nothing_is_fetched(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert maps_of(PretrainedTransformer.found("dinov2", 42), images(42)).isfinite().all()
    with pytest.raises(ValueError, match="facebook/dinov2-large: no such folder"):
        PretrainedTransformer.found("facebook/dinov2-large", 42)


def test_transformers_is_loaded_when_a_network_is_built():
    code = "import sys, pointvideo.teachers; sys.exit('transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def broken(folders, tmp_path, family="dinov2", **settings):
    """A copy of a folder in which settings of config.json are others; None takes one out."""
    shutil.copytree(folders / family, tmp_path / "copy")
    file = tmp_path / "copy" / "config.json"
    config = json.loads(file.read_text()) | settings
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert'; expected one of dinov2, dinov2_with_registers, dinov3_vit"),
        (
            {"model_type": "VideoMAEv2_Base", "auto_map": {}},
            "'VideoMAEv2_Base', with code of its own, which is not run",
        ),
        ({"model_type": None}, "model_type is None; expected one of"),
        ({"patch_size": "fourteen"}, "patch_size in config.json is 'fourteen', expected a whole number above 0"),
        ({"patch_size": [14, 16]}, r"patch_size in config.json is \[14, 16\], expected a whole number above 0"),
        ({"patch_size": 16}, "got images of 42 pixels, expected a multiple of the patch of 16"),
    ],
)
def test_a_folder_of_another_network_is_refused(folders, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        PretrainedTransformer.found(str(broken(folders, tmp_path, **settings)), 42)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: shutil.rmtree(folder),
            r"no such folder .*, expected one with config.json and model.safetensors",
        ),
        (lambda folder: (folder / "config.json").unlink(), "it has model.safetensors, expected config.json and"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json: holds no settings"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            r"no weights \(it has config.json, pytorch_model.bin\), expected config.json and model.safetensors",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"{}"), "cannot be loaded as Dinov2Model"),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text('{"image_std": [0, 1, 1]}'),
            r"image_std is \[0, 1, 1\], expected three numbers, deviations above 0",
        ),
    ],
)
def test_a_damaged_folder_is_one_line(folders, tmp_path, spoil, message):
    shutil.copytree(folders / "dinov2", tmp_path / "copy")
    spoil(tmp_path / "copy")
    with pytest.raises(ValueError, match=message) as caught:
        PretrainedTransformer.found(str(tmp_path / "copy"), 42).build()
    assert "\n" not in str(caught.value)


def test_weights_of_another_make_are_not_half_loaded(folders, tmp_path):
    folder = broken(folders, tmp_path, num_hidden_layers=4)
    with pytest.raises(ValueError, match=r"weights of Dinov2Model are missing .*, first encoder.layer.3") as caught:
        PretrainedTransformer.found(str(folder), 42).build()
    assert "\n" not in str(caught.value)
    shutil.copy(folders / "dinov3_vit" / "model.safetensors", folder)
    with pytest.raises(ValueError, match="weights of Dinov2Model are missing"):
        PretrainedTransformer.found(str(folder), 42).build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": "0" * 12}, "weights are [0-9a-f]{12}, expected 000000000000"),
        ({"width": 25}, "hidden_size is 24, expected 25"),
        ({"family": "dinov3_vit"}, "model_type is dinov2, expected dinov3_vit"),
        ({"level": "block 4"}, "has 3 blocks, expected at least 4"),
    ],
)
def test_a_folder_that_is_not_what_the_recipe_says_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PretrainedTransformer.found("dinov2", 42), **change).build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 43}, "got images of 43 pixels, expected a multiple of the patch of 14"),
        ({"level": "block 0"}, "PretrainedTransformer.level: got 'block 0', expected 'last' or such as 'block 12'"),
        ({"digest": "abc"}, "PretrainedTransformer.digest: got 'abc', expected 12 hexadecimal digits"),
    ],
)
def test_fields_that_mean_nothing_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PretrainedTransformer.found("dinov2", 42), **change)


def test_another_number_of_tokens_than_patches_is_named(monkeypatch):
    look = PretrainedTransformer.found("dinov2", 42).build()
    real = look.network.forward

    def forward(*values, **asked):
        found = real(*values, **asked)
        found.last_hidden_state = found.last_hidden_state[:, :-1]
        return found

    monkeypatch.setattr(look.network, "forward", forward)
    with pytest.raises(ValueError, match="got 9 tokens, expected 10: 1 x 3 x 3 patches and 1 before them"):
        look(Drawn(images(42), None, None))
