"""Vector instructions for the numba kernels: what a loop over floats does not compile to by itself.

A numba loop cannot turn comparisons into a bit mask, nor keep a running maximum in registers while it stores. Each
function here is a few lines of LLVM code on sixteen floats at a time, repeated to a block of :data:`BLOCK` points; LLVM
fits the sixteen to the machine's registers (AVX-512, AVX2, NEON). Nothing is fused or reordered, so the squared
distances are those of ``dx * dx + dy * dy + dz * dz`` in float32, bit by bit.

Arrays are one-dimensional, contiguous, and hold at least ``first + BLOCK`` items; nothing checks it.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once_value, for_range, get_or_insert_function
from numba.extending import intrinsic

from .cpu import njit

BLOCK = 64
LANES = 16
INFINITE = 0x7F800000  # bits of float32 infinity: a magnitude from here up is infinite or NaN

FLOATS = ir.VectorType(ir.FloatType(), LANES)
INTEGERS = ir.VectorType(ir.IntType(32), LANES)
I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
float32, int32, int64, uint64 = types.float32, types.int32, types.int64, types.uint64


class Lanes:
    """Writes the code of one intrinsic; ``part`` counts the sixteens of the block."""

    def __init__(self, context, builder, signature, arguments):
        self.context, self.builder = context, builder
        self.types, self.arguments = signature.args, arguments

    def start(self, array: int, item):
        """Where an item of an array lies."""
        data = self.context.make_array(self.types[array])(self.context, self.builder, self.arguments[array]).data
        return self.builder.gep(data, [item])

    def place(self, array: int, first, part: int):
        start = self.start(array, self.builder.add(first, ir.Constant(I64, part * LANES)))
        kind = FLOATS if self.types[array].dtype == float32 else INTEGERS
        return self.builder.bitcast(start, kind.as_pointer())

    def load(self, array: int, first, part: int):
        return self.builder.load(self.place(array, first, part), align=4)

    def store(self, value, array: int, first, part: int):
        self.builder.store(value, self.place(array, first, part), align=4)

    def everywhere(self, argument: int):
        """An argument in all lanes."""
        return self.spread(self.arguments[argument])

    def spread(self, value):
        """One number in all lanes."""
        kind = ir.VectorType(value.type, LANES)
        empty = ir.Constant(kind, ir.Undefined)
        return self.shuffle(self.builder.insert_element(empty, value, ir.Constant(I32, 0)), empty, [0] * LANES)

    def shuffle(self, low, high, order: list[int]):
        return self.builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, len(order)), order))

    def pick(self, comparison: str, left, right):
        """``left`` where it compares so with ``right``, else ``right``."""
        floating = left.type.element == FLOATS.element
        compare = self.builder.fcmp_ordered if floating else self.builder.icmp_signed
        return self.builder.select(compare(comparison, left, right), left, right)

    def call(self, name: str, left, right):
        """LLVM's intrinsic of two vectors of integers."""
        kind = ir.FunctionType(INTEGERS, [INTEGERS, INTEGERS])
        function = get_or_insert_function(self.builder.module, kind, f"llvm.{name}.v{LANES}i32")
        return self.builder.call(function, [left, right])

    def squares(self, differences: list):
        """Squared lengths, summed from left to right."""
        x, y, z = (self.builder.fmul(difference, difference) for difference in differences)
        return self.builder.fadd(self.builder.fadd(x, y), z)

    def squared(self, axes: list, centre: list):
        """Squared distances."""
        return self.squares([self.builder.fsub(axis, middle) for axis, middle in zip(axes, centre, strict=True)])

    def bits(self, condition, part: int, mask):
        """``mask`` with this part's sixteen conditions added."""
        sixteen = self.builder.zext(self.builder.bitcast(condition, ir.IntType(LANES)), I64)
        shifted = self.builder.shl(sixteen, ir.Constant(I64, part * LANES))
        return shifted if mask is None else self.builder.or_(mask, shifted)

    def across(self, comparison: str, vector):
        """The best lane of a vector."""
        while vector.type.count > 1:
            half = vector.type.count // 2
            low = self.shuffle(vector, vector, list(range(half)))
            high = self.shuffle(vector, vector, list(range(half, 2 * half)))
            vector = self.pick(comparison, low, high)
        return self.builder.extract_element(vector, ir.Constant(I32, 0))


PARTS = range(BLOCK // LANES)


@intrinsic
def trailing_zeros(typing, mask):
    """The place of the lowest set bit; ``mask`` is not zero."""

    def code(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(I1, 1))

    return int64(uint64), code


@intrinsic
def within(typing, x, y, z, first, ax, ay, az, limit):
    """Mask of the block's points whose squared distance to (ax, ay, az) is below ``limit``."""

    def code(*context):
        write = Lanes(*context)
        centre = [write.everywhere(place) for place in (4, 5, 6)]
        limit, mask = write.everywhere(7), None
        for part in PARTS:
            axes = [write.load(axis, write.arguments[3], part) for axis in range(3)]
            below = write.builder.fcmp_ordered("<", write.squared(axes, centre), limit)
            mask = write.bits(below, part, mask)
        return mask

    return uint64(x, y, z, int64, float32, float32, float32, float32), code


@intrinsic
def distances(typing, x, y, z, first, ax, ay, az, limit, squared):
    """Write the block's squared distances, as bits, to ``squared[0 … BLOCK-1]``; mask of those at most ``limit``."""

    def code(*context):
        write = Lanes(*context)
        centre = [write.everywhere(place) for place in (4, 5, 6)]
        limit, mask = write.everywhere(7), None
        for part in PARTS:
            axes = [write.load(axis, write.arguments[3], part) for axis in range(3)]
            bits = write.builder.bitcast(write.squared(axes, centre), INTEGERS)
            write.store(bits, 8, ir.Constant(I64, 0), part)
            mask = write.bits(write.builder.icmp_signed("<=", bits, limit), part, mask)
        return mask

    return uint64(x, y, z, int64, float32, float32, float32, int32, squared), code


@intrinsic
def at_most(typing, values, first, limit):
    """Mask of the block's integers that are at most ``limit``."""

    def code(*context):
        write = Lanes(*context)
        limit, mask = write.everywhere(2), None
        for part in PARTS:
            value = write.load(0, write.arguments[1], part)
            mask = write.bits(write.builder.icmp_signed("<=", value, limit), part, mask)
        return mask

    return uint64(values, int64, int32), code


def _keep(few: int):
    @intrinsic
    def keep(typing, x, y, z, points, qx, qy, qz, first, squared, index):
        """For LANES queries from ``first``: the ``few`` nearest of all points, ascending, in rows of BLOCK slots.

        Comparisons are strict, so the lower index comes first among equals and infinitely far points never come.
        """

        def code(*context):
            write = Lanes(*context)
            builder, arguments = write.builder, write.arguments
            queries = [write.load(axis, arguments[7], 0) for axis in (4, 5, 6)]
            best = [alloca_once_value(builder, ir.Constant(FLOATS, [float("inf")] * LANES)) for _ in range(few)]
            found = [alloca_once_value(builder, ir.Constant(INTEGERS, [0] * LANES)) for _ in range(few)]
            with for_range(builder, arguments[3]) as loop:
                point = [write.spread(builder.load(write.start(axis, loop.index))) for axis in range(3)]
                value, name = write.squared(queries, point), write.spread(builder.trunc(loop.index, I32))
                before = [builder.load(slot) for slot in best], [builder.load(slot) for slot in found]
                beats = [builder.fcmp_ordered("<", value, old) for old in before[0]]
                for slot in range(few):
                    for place, new, old in ((best, value, before[0]), (found, name, before[1])):
                        kept = builder.select(beats[slot], new, old[slot])
                        if slot:  # what beats the slot in front as well moves that one here
                            kept = builder.select(beats[slot - 1], old[slot - 1], kept)
                        builder.store(kept, place[slot])
            for slot in range(few):
                row = builder.add(arguments[7], ir.Constant(I64, slot * BLOCK))
                write.store(builder.load(best[slot]), 8, row, 0)
                write.store(builder.load(found[slot]), 9, row, 0)

        return types.void(x, y, z, int64, qx, qy, qz, int64, squared, index), code

    return keep


keep_1, keep_2, keep_3, keep_4 = (_keep(few) for few in (1, 2, 3, 4))


@intrinsic
def equal(typing, values, first, value):
    """Mask of the block's integers that equal ``value``."""

    def code(*context):
        write = Lanes(*context)
        wanted, mask = write.everywhere(2), None
        for part in PARTS:
            same = write.builder.icmp_signed("==", write.load(0, write.arguments[1], part), wanted)
            mask = write.bits(same, part, mask)
        return mask

    return uint64(values, int64, int32), code


@intrinsic
def approach(typing, x, y, z, distance, first, ax, ay, az):
    """Lower the block's ``distance``, given as bits, to the squared distance from (ax, ay, az); the largest of them.

    Non-negative floats order like their bits taken as integers, and every negative one lies below. The minimum is an
    integer one because LLVM makes a masked store, several times slower, of a selection that is stored.
    """

    def code(*context):
        write = Lanes(*context)
        centre = [write.everywhere(place) for place in (5, 6, 7)]
        first, largest = write.arguments[4], None
        for part in PARTS:
            axes = [write.load(axis, first, part) for axis in range(3)]
            squared = write.builder.bitcast(write.squared(axes, centre), INTEGERS)
            bits = write.call("smin", squared, write.load(3, first, part))
            write.store(bits, 3, first, part)
            largest = bits if largest is None else write.call("smax", bits, largest)
        return write.across(">", largest)

    return int32(x, y, z, distance, int64, float32, float32, float32), code


def _extreme(comparison: str, integers: bool, meaning: str):
    @intrinsic
    def extreme(typing, values, first):
        def code(*context):
            write = Lanes(*context)
            best = None
            for part in PARTS:
                value = write.load(0, write.arguments[1], part)
                best = value if best is None else write.pick(comparison, value, best)
            return write.across(comparison, best)

        return (int32 if integers else float32)(values, int64), code

    extreme.__doc__ = meaning
    return extreme


lowest = _extreme("<", False, "The smallest of the block's floats.")
highest = _extreme(">", False, "The largest of the block's floats.")
least = _extreme("<", True, "The smallest of the block's integers.")
most = _extreme(">", True, "The largest of the block's integers.")


@intrinsic
def least_above(typing, values, bound):
    """The smallest of the first block's integers that are above ``bound``; the largest int32 if there is none."""

    def code(*context):
        write = Lanes(*context)
        bound, best = write.everywhere(1), None
        nothing = ir.Constant(INTEGERS, [0x7FFFFFFF] * LANES)
        for part in PARTS:
            value = write.load(0, ir.Constant(I64, 0), part)
            value = write.builder.select(write.builder.icmp_signed(">", value, bound), value, nothing)
            best = value if best is None else write.call("smin", value, best)
        return write.across("<", best)

    return int32(values, int32), code


@intrinsic
def boxes(typing, low_x, low_y, low_z, high_x, high_y, high_z, first, ax, ay, az, bound):
    """Write to ``bound`` how near (ax, ay, az) the points of each of 64 boxes can come, squared.

    Rounding is monotone, and the bound is computed as the distances are, so no point's computed squared distance is
    below its box's bound: there is no margin to add.
    """

    def code(*context):
        write = Lanes(*context)
        centre = [write.everywhere(place) for place in (7, 8, 9)]
        first, zero = write.arguments[6], ir.Constant(FLOATS, [0.0] * LANES)
        for part in PARTS:
            gaps = []
            for axis in range(3):
                under = write.builder.fsub(write.load(axis, first, part), centre[axis])
                over = write.builder.fsub(centre[axis], write.load(3 + axis, first, part))
                gaps.append(write.pick(">", write.pick(">", under, over), zero))
            write.store(write.squares(gaps), 10, first, part)

    corners = (low_x, low_y, low_z, high_x, high_y, high_z)
    return types.void(*corners, int64, float32, float32, float32, bound), code


@intrinsic
def below(typing, left, right, first):
    """Mask of the block's floats that are less in ``left`` than in ``right``."""

    def code(*context):
        write = Lanes(*context)
        mask = None
        for part in PARTS:
            pair = [write.load(array, write.arguments[2], part) for array in (0, 1)]
            mask = write.bits(write.builder.fcmp_ordered("<", *pair), part, mask)
        return mask

    return uint64(left, right, int64), code


@intrinsic
def _unpack(typing, packed, start, x, y, z, first):
    """Take BLOCK points x y z x y z … apart; the largest magnitude among them, as bits."""

    def code(*context):
        write = Lanes(*context)
        start, first, largest = write.arguments[1], write.arguments[5], None
        magnitude = ir.Constant(INTEGERS, [0x7FFFFFFF] * LANES)
        for part in PARTS:
            triple = [write.load(0, start, 3 * part + third) for third in range(3)]
            for axis in range(3):
                numbers = [axis + 3 * lane for lane in range(LANES)]
                low = [number if number < 2 * LANES else 0 for number in numbers]
                pair = write.shuffle(triple[0], triple[1], low)
                last = [lane if number < 2 * LANES else number - LANES for lane, number in enumerate(numbers)]
                write.store(write.shuffle(pair, triple[2], last), 2 + axis, first, part)
            for third in triple:
                bits = write.builder.and_(write.builder.bitcast(third, INTEGERS), magnitude)
                largest = bits if largest is None else write.pick(">", bits, largest)
        return write.across(">", largest)

    return int32(packed, int64, x, y, z, int64), code


@njit
def rows(count, length):
    """``count`` rows of floats, each from a cache line's beginning if ``length`` is a multiple of LANES."""
    memory = np.empty(count * length + LANES, np.float32)
    skipped = (-memory.ctypes.data % 64) // 4
    return memory[skipped : skipped + count * length].reshape((count, length))


@njit
def unpack(packed, start, points, x, y, z):
    """Copy ``points`` points of ``packed`` (x y z x y z …, from item ``start``) into three arrays.

    The arrays are padded to whole blocks with the last point. Returns whether all coordinates are finite.
    """
    largest = 0
    whole = points // BLOCK * BLOCK
    for first in range(0, whole, BLOCK):
        largest = max(largest, _unpack(packed, start + 3 * first, x, y, z, first))
    finite = largest < INFINITE
    for point in range(whole, points):
        x[point] = packed[start + 3 * point]
        y[point] = packed[start + 3 * point + 1]
        z[point] = packed[start + 3 * point + 2]
        finite = finite and isfinite(x[point]) and isfinite(y[point]) and isfinite(z[point])
    for point in range(points, (points + BLOCK - 1) // BLOCK * BLOCK):
        x[point], y[point], z[point] = x[points - 1], y[points - 1], z[points - 1]
    return finite
