"""Action segmentation networks at small sizes: tokens, refusals, checkpoints, memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pointvideo.backbones import Clip, P4TransformerSize, TransformerSize, TubeSize, frame_features
from pointvideo.backbones.action_segmentation import P4ActionSegmentationSize, PPTrActionSegmentationSize
from pointvideo.backbones.checkpoint import load_authors_state
from pointvideo.tasks.classifier import Classifier
from pointvideo.tasks.frame_classifier import FrameClassifier

SIZES = {"p4": P4ActionSegmentationSize, "pptr": PPTrActionSegmentationSize}
SMALL = TransformerSize(16, 1, 2, 8, 16)


def test_number_of_parameters_at_the_authors_sizes():
    with torch.device("meta"):
        models = {name: FrameClassifier(size(), 19) for name, size in SIZES.items()}
    counts = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    assert counts == {"p4": 65_121_299, "pptr": 128_102_419}


@pytest.mark.parametrize("family", SIZES)
def test_one_token_a_frame(family):
    tube = TubeSize(neighbours=4, spatial_stride=4, temporal_padding=(1, 1), temporal_stride=1)
    backbone = SIZES[family](tube, SMALL).build()
    clip = torch.rand(2, 5, 32, 3)
    tokens = backbone(clip)
    assert tokens.xyz.shape == (2, 5, 1, 3) and tokens.features.shape == (2, 5, 1, 16)
    assert torch.equal(tokens.features[:, :, 0], frame_features(backbone, Clip(clip)))
    # the tube's features know where they are: the same shape elsewhere gives other ones
    here, there = (frame_features(backbone, Clip(moved), "tube") for moved in (clip, clip + 2))
    assert not torch.allclose(here, there, atol=1e-2)


@pytest.mark.parametrize("family", SIZES)
def test_sizes_that_cannot_be_are_refused(family):
    size = SIZES[family]

    def classifier(**tube):
        tube = {"spatial_stride": 4, "temporal_stride": 1, "temporal_padding": (1, 1)} | tube
        return FrameClassifier(size(TubeSize(**tube), SMALL), 3)

    with pytest.raises(ValueError, match="temporal_stride: got 2, expected 1 to keep every frame"):
        classifier(temporal_stride=2)
    with pytest.raises(ValueError, match=r"temporal_padding: got \(1, 0\), expected \(1, 1\)"):
        classifier(temporal_padding=(1, 0))
    with pytest.raises(ValueError, match="temporal_kernel: got 2, expected an integer of at least 1 that is odd"):
        classifier(temporal_kernel=2)
    with pytest.raises(ValueError, match="classes: got 0, expected at least 1"):
        FrameClassifier(size(transformer=SMALL), 0)
    with pytest.raises(ValueError, match="TransformerSize.depth: got 0"):
        size(transformer=TransformerSize(16, 0, 2, 8, 16))
    with pytest.raises(ValueError, match="stage: got 'half', expected one of 'tube'"):
        frame_features(classifier().backbone, Clip(torch.rand(1, 3, 32, 3)), "half")


def test_primitives_must_divide_the_anchors():
    tube = TubeSize(spatial_stride=4, temporal_stride=1, temporal_padding=(1, 1))
    model = PPTrActionSegmentationSize(tube, SMALL).build()
    with pytest.raises(ValueError, match="clip: got 7 anchors a frame, expected a multiple of 8 primitives"):
        model(torch.rand(1, 3, 28, 3))
    with pytest.raises(ValueError, match="PPTrActionSegmentationSize.primitives: got 0, expected an integer"):
        PPTrActionSegmentationSize(primitives=0)


def test_a_checkpoint_of_two_transformers_does_not_fill_one():
    model = P4ActionSegmentationSize(transformer=SMALL).build()
    weights = {"transformer1.layers.0.0.fn.norm.weight": torch.full((16,), 5.0)}
    assert load_authors_state(model, weights, partial=True).unused == ()
    assert bool((model.transformer.attention[0].norm.weight == 5).all())
    weights["transformer2.layers.0.0.fn.norm.weight"] = torch.ones(16)
    with pytest.raises(ValueError, match="none of its 2 entries fits"):
        load_authors_state(model, weights, partial=True)


def test_clip_and_frame_classifier_share_their_weights():
    """A pre-trained clip classifier's backbone starts a frame classifier: the entries have the same names."""
    clips = Classifier(P4TransformerSize(transformer=SMALL), 3)
    frames = FrameClassifier(P4ActionSegmentationSize(transformer=SMALL), 3)
    assert frames.load_state_dict(clips.state_dict()).missing_keys == []


PEAK = """
import torch
from pointvideo.backbones import TransformerSize, TubeSize
from pointvideo.backbones.action_segmentation import {kind}
from pointvideo.tasks.frame_classifier import FrameClassifier

def memory(entry):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1024

torch.manual_seed(0)
torch.set_num_threads(1)
model = FrameClassifier({kind}(transformer=TransformerSize(64, 2, 4, 16, 96)), 19)
model(torch.rand(1, 3, 256, 3)).sum().backward()
before = memory("VmRSS")
logits = model(torch.rand(1, 150, 2048, 3))
logits.sum().backward()
assert logits.shape == (1, 150, 19) and all(bool(p.grad.isfinite().all()) for p in model.parameters())
print(memory("VmHWM") - before)
"""


# the clip has 150 frames of 64 tokens; one tensor with the 64 channels of every neighbour (3 frames of 32) is 225 MiB
TOKENS = 150 * 64 * 64 * 4 / 2**20


@pytest.mark.slow
@pytest.mark.parametrize(("family", "tensors"), [("p4", 32), ("pptr", 64)])
def test_a_whole_sequence_fits_in_memory(family, tensors):
    """150 frames of 2048 points at width 64: forward and backward pass add at most so many tensors of all tokens.

    One tensor with every neighbour's channels counts for 96 of them. PPTr keeps the activations of its first
    transformer, two blocks over all tokens, on top of what P4Transformer needs.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("reads the peak from /proc/self/status")
    script = PEAK.format(kind=SIZES[family].__name__)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < tensors * TOKENS
