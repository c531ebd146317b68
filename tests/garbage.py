"""Whether work leaves objects of ours to the garbage collector.

A full round of it over a large process is rare: what waits for it is memory taken meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import types
from collections.abc import Iterator

_OURS = ("analytics.", "dashapp.", "ingestion.", "storage.")


@contextlib.contextmanager
def nothing_left_in_cycles() -> Iterator[None]:
    """Within it, objects and frames of ours go as soon as nobody needs them."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = _ours(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()
    assert not left, left


def _ours(objects: list[object]) -> set[str]:
    """The names of our classes, and of our functions whose frames are there."""
    names = {f"{type(one).__module__}.{type(one).__qualname__}" for one in objects}
    frames = (one for one in objects if type(one) is types.FrameType)
    names |= {f"{one.f_globals['__name__']}.{one.f_code.co_qualname}" for one in frames}
    return {name for name in names if name.startswith(_OURS)}
