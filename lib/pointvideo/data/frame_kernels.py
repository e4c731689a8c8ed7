"""Compiled loops over the frames of a batch, and the random numbers they draw with.

A frame is one item: ``first[item]`` is the row of its first point in the store, ``lengths[item]`` its points; a
loop handles the items ``start … stop-1``. Random numbers are a pure function of (seed, clip, frame): splitmix64
counters, no global state, no dependence on the number of threads. They stay ``uint64`` throughout: numba turns
a mix of signed and unsigned integers into floats. Both live in one file because numba's cache of a function
does not notice a change in another file that it calls.
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
    state = np.uint64(state) + _GOLDEN
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
    state = np.uint64(state) + _GOLDEN
    return np.float64(mix(state) >> _S11) * _UNIT, state


@njit
def draw(order, count, wanted, state, out):
    """Fill ``out[:wanted]`` by the rule of this module from ``order[:count]``, which is shuffled on the way."""
    filled = 0
    if count <= wanted:
        for _ in range(wanted // count):
            for i in range(count):
                out[filled + i] = order[i]
            filled += count
    for i in range(wanted - filled):
        step, state = below(state, count - i)
        j = i + step
        chosen = order[j]
        order[j] = order[i]
        out[filled + i] = chosen


@njit
def draw_frames(start, stop, frames, lengths, keep, masked, wanted, seed, out, kept):
    most = 0
    for item in range(start, stop):
        most = max(most, lengths[item])
    identity = np.arange(most).astype(np.int32)
    order = np.empty(most, np.int32)
    for item in range(start, stop):
        count = lengths[item]
        if masked:
            count = 0
            for i in range(lengths[item]):
                order[count] = i
                count += 1 if keep[item, i] else 0
        else:
            order[:count] = identity[:count]
        kept[item] = count
        if count > 0:
            draw(order, count, wanted, stream(seed, item // frames, item % frames), out[item])


@njit
def gather_points(start, stop, xyz, index, out):
    for item in range(start, stop):
        for i in range(index.shape[1]):
            j = index[item, i]
            out[item, i, 0] = xyz[item, j, 0]
            out[item, i, 1] = xyz[item, j, 1]
            out[item, i, 2] = xyz[item, j, 2]


@njit
def axis_factors(start, stop, seed, low, high, out):
    for clip in range(start, stop):
        state = stream(seed, clip, 0)
        for axis in range(3):
            value, state = uniform(state)
            out[clip, axis] = low + (high - low) * value


@njit
def copy_frames(start, stop, pixels, first, lengths, slope_u, slope_v, scale, out):
    most = out.shape[1]
    for item in range(start, stop):
        count, offset = lengths[item], first[item]
        for i in range(count):
            depth = np.float64(pixels[offset + i, 2]) * scale
            out[item, i, 0] = slope_u[pixels[offset + i, 0]] * depth
            out[item, i, 1] = slope_v[pixels[offset + i, 1]] * depth
            out[item, i, 2] = depth
        out[item, count:most] = 0.0


@njit
def _warm(numbers, wanted):
    """Read one number of each cache line in order, which memory is quick at; where few points are wanted, none.

    The points are then picked out of the cache, in any order. The result only keeps the compiler from leaving it out.
    """
    seen = numbers.dtype.type(0)
    line = 64 // numbers.itemsize
    if numbers.shape[0] < 2 * line * wanted:
        for i in range(0, numbers.shape[0], line):
            seen += numbers[i]
    return seen


@njit
def pick_points(start, stop, pixels, first, lengths, index, slope_u, slope_v, scale, out):
    numbers, seen = pixels.reshape(-1), 0
    for item in range(start, stop):
        begin, end = first[item], first[item] + lengths[item]
        seen += _warm(numbers[3 * begin : 3 * end], index.shape[1])
        rows, places, taken = pixels[begin:end], index[item], out[item]
        for i in range(places.shape[0]):
            row = np.uint32(places[i])
            depth = np.float64(rows[row, 2]) * scale
            taken[i, 0] = slope_u[rows[row, 0]] * depth
            taken[i, 1] = slope_v[rows[row, 1]] * depth
            taken[i, 2] = depth
    return seen


@njit
def copy_coordinates(start, stop, xyz, first, lengths, out):
    most = out.shape[1]
    for item in range(start, stop):
        count, offset = lengths[item], first[item]
        out[item, :count] = xyz[offset : offset + count]
        out[item, count:most] = 0.0


@njit
def pick_coordinates(start, stop, xyz, first, lengths, index, out):
    numbers, seen = xyz.reshape(-1), np.float32(0)
    for item in range(start, stop):
        begin, end = first[item], first[item] + lengths[item]
        seen += _warm(numbers[3 * begin : 3 * end], index.shape[1])
        rows, places, taken = xyz[begin:end], index[item], out[item]
        for i in range(places.shape[0]):
            row = np.uint32(places[i])
            taken[i, 0], taken[i, 1], taken[i, 2] = rows[row, 0], rows[row, 1], rows[row, 2]
    return seen
