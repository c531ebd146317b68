"""What a compiled kernel needs to read bytes at addresses: words, however aligned, and bits.

Compiled code is kept by the file of the kernel alone: a change here takes one there too.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_intrinsic: Any = intrinsic


@_intrinsic
def word_at(typing_context: Any, address: Any, offset: Any) -> Any:
    """Eight bytes at an address, however aligned."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.add(values[0], values[1])
        pointer = builder.inttoptr(place, ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(types.int64, types.int64), generate


@_intrinsic
def byte_at(typing_context: Any, address: Any, offset: Any) -> Any:
    """One byte at an address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.add(values[0], values[1])
        pointer = builder.inttoptr(place, ir.IntType(8).as_pointer())
        return builder.zext(builder.load(pointer, align=1), ir.IntType(64))

    return types.int64(types.int64, types.int64), generate


@_intrinsic
def put_at(typing_context: Any, address: Any, row: Any, value: Any) -> Any:
    """Write an int64 or a float64 into a column of them at an address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.add(values[0], builder.shl(values[1], ir.Constant(ir.IntType(64), 3)))
        builder.store(values[2], builder.inttoptr(place, values[2].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value), generate


@_intrinsic
def low_zeros(typing_context: Any, word: Any) -> Any:
    """How many of the lowest bits are 0; 64 of none."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate
