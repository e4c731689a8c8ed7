"""Random numbers that are a pure function of (seed, clip, frame): splitmix64 counters for numba kernels.

No global state, no dependence on the number of threads or on the order of the work. Every quantity stays
``uint64`` inside: numba turns a mix of signed and unsigned integers into floats.
"""

from __future__ import annotations

import numpy as np

from pointvideo.kernels.cpu import njit

_MASK = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_CLIP = np.uint64(0xD6E8FEB86659FD93)
_FRAME = np.uint64(0xA0761D6478BD642F)
_S11, _S27, _S30, _S31, _S32 = (np.uint64(bits) for bits in (11, 27, 30, 31, 32))
_LOW = np.uint64(0xFFFFFFFF)
_RANGE = np.uint64(1 << 32)
_UNIT = 1.0 / (1 << 53)


def seed_word(seed: int) -> np.uint64:
    """Any Python integer as 64 bits."""
    return np.uint64(int(seed) & _MASK)


@njit
def mix(word):
    """The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): uint64 to uint64, a bijection."""
    word = (word ^ (word >> _S30)) * _MIX_A
    word = (word ^ (word >> _S27)) * _MIX_B
    return word ^ (word >> _S31)


@njit
def stream(seed, clip, frame):
    """Start of the stream that belongs to one frame of one clip."""
    word = mix(seed + _GOLDEN)
    word = mix(word + np.uint64(clip) * _CLIP + _GOLDEN)
    return mix(word + np.uint64(frame) * _FRAME + _GOLDEN)


@njit
def below(state, bound):
    """``(value, state)``: a uniform integer in 0 … bound-1 without bias (Lemire 2019) and the moved stream."""
    limit = np.uint64(bound)
    state += _GOLDEN
    product = (mix(state) >> _S32) * limit
    if (product & _LOW) < limit:
        threshold = (_RANGE - limit) % limit
        while (product & _LOW) < threshold:
            state += _GOLDEN
            product = (mix(state) >> _S32) * limit
    return np.int64(product >> _S32), state


@njit
def uniform(state):
    """``(value, state)``: a uniform float64 in [0, 1) and the moved stream."""
    state += _GOLDEN
    return np.float64(mix(state) >> _S11) * _UNIT, state
