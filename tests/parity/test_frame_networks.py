"""MS-TCN, MS-TCN++ and ASFormer against tensors that came out of the authors' code."""

from __future__ import annotations

import pytest
import torch

from pointvideo.backbones.asformer import ASFormerEncoderSize, ASFormerSize
from pointvideo.backbones.frame_checkpoint import load_frame_state, names
from pointvideo.backbones.ms_tcn import MSTCN2Size, MSTCNSize

from .goldens import Case, assert_close, assert_gradients, cases, open_case

FAMILIES = ("ms_tcn", "ms_tcn2", "asformer")
NAMES = cases("ms_tcn", "asformer")


def test_goldens_are_there(golden_folder):
    missing = [family for family in FAMILIES if not any(name == family or name[:-1] == family for name in NAMES)]
    assert not missing, f"{golden_folder}: no cases of {missing}"


def network(case: Case) -> torch.nn.Module:
    given = case.meta["args"]
    if "num_decoders" in given:
        encoder = ASFormerEncoderSize(
            given["num_layers"], given["num_f_maps"], given["r1"], given["r2"], given["channel_masking_rate"]
        )
        return ASFormerSize(encoder, given["num_decoders"]).build(given["input_dim"], given["num_classes"])
    if "num_layers_PG" in given:
        size = MSTCN2Size(
            given["num_layers_PG"], given["num_layers_R"], given["num_R"], given["num_f_maps"], masks="as released"
        )
    else:
        size = MSTCNSize(given["num_stages"], given["num_layers"], given["num_f_maps"], masks="as released")
    return size.build(given["dim"], given["num_classes"])


@pytest.mark.parametrize("name", NAMES)
def test_frame_network(name):
    case = open_case(name)
    model = network(case).eval()
    assert load_frame_state(model, case.state()).unused == ()
    mask = case.tensor("in/mask")[:, 0] > 0 if case.has("in/mask") else None
    logits = model(case.tensor("in/x").transpose(1, 2), mask)
    assert_close(logits.transpose(2, 3), case.tensor("out/stage_logits"), "logits")
    logits.sum().backward()
    assert_gradients(model, case, names)
