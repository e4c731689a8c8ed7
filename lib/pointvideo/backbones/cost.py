"""What a network costs for one clip: weights, multiply-adds, the memory that training keeps. Nothing is computed: the
network runs on torch's fake tensors, which know shapes and hold no numbers, so the authors' sizes fit any laptop.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from .contract import BackboneSize, Clip, tokens_of

Shape = tuple[int, ...]


class Cost(NamedTuple):
    """Of one clip, forwards.

    Args:
        parameters: weights of the network, without a head.
        times, tokens: of the output, tokens a time.
        width: channels of a token.
        point_operations: coordinate differences squared and added, in farthest point sampling and ball queries.
        tube_multiply_adds: of the tubes' linear map.
        multiply_adds: of all linear maps and attention, the tubes' included.
        saved_bytes: what one clip leaves in memory between the forward and the backward pass.
    """

    parameters: int
    times: int
    tokens: int
    width: int
    point_operations: int
    tube_multiply_adds: int
    multiply_adds: int
    saved_bytes: int


def cost_of(size: BackboneSize, frames: int, points: int) -> Cost:
    """The cost of a backbone that takes coordinates alone, for a clip of ``frames`` × ``points``.

    Raises:
        ValueError: the network cannot take such a clip.
    """
    counted, saved = {"point": 0, "tube": 0}, {}
    alive: list[Tensor] = []  # a storage that is let go may lend its address to the next one

    def keep(values: Tensor) -> Tensor:
        storage = values.untyped_storage()
        saved[storage._cdata] = storage.nbytes()
        alive.append(values)
        return values

    counter = FlopCounterMode(display=False, custom_mapping=_formulas(counted))
    with FakeTensorMode():
        network, xyz = size.build(), torch.empty(1, frames, points, 3)
        weights = {values.untyped_storage()._cdata for values in network.parameters()}
        with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda values: values):
            tokens = tokens_of(network, Clip(xyz))
    _, times, count, width = tokens.features.shape
    return Cost(
        parameters=sum(values.numel() for values in network.parameters()),
        times=times,
        tokens=count,
        width=width,
        point_operations=counted["point"],
        tube_multiply_adds=counted["tube"],
        multiply_adds=(counter.get_total_flops() - counted["point"]) // 2,
        saved_bytes=sum(size for storage, size in saved.items() if storage not in weights),
    )


def _formulas(counted: dict[str, int]) -> dict:
    """What torch's counter does not know, by operator."""
    operators = torch.ops.pointvideo

    def sampling(xyz: Shape, count: int, *rest, **options) -> int:
        counted["point"] += (work := math.prod(xyz[:2]) * count)
        return work

    def query(xyz: Shape, anchors: Shape, *rest, **options) -> int:
        counted["point"] += (work := xyz[0] * xyz[1] * anchors[1])
        return work

    def tube(xyz: Shape, anchors: Shape, index: Shape, source: Shape, weight: Shape, *rest, **options) -> int:
        counted["tube"] += (work := math.prod(index) * math.prod(weight))
        return 2 * work

    def attention(qkv: Shape, *rest, **options) -> int:
        batch, tokens, _, heads, width = qkv
        return 2 * 2 * batch * heads * tokens * tokens * width

    def fused_attention(query: Shape, key: Shape, *rest, **options) -> int:
        return 2 * 2 * math.prod(query) * key[2]

    return {
        operators.sample_farthest_points: sampling,
        operators.ball_query: query,
        operators.tube_max: tube,
        operators.attention: attention,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: fused_attention,
    }
