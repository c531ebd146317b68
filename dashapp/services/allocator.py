"""The C library's allocator, set for large buffers that come and go.

By default glibc returns each large block to the system and asks for it again: every page of
every buffer is then made anew, which costs more than what is done with it.
"""

from __future__ import annotations

import ctypes
import sys

#: Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MOST_ARENAS = -1, -3, -8
#: So much of freed memory is kept for the next buffer, at most.
KEPT_BYTES = 16 << 20
#: Buffers below this come from what is kept.
LARGE_BYTES = 8 << 20
#: Worker threads share so many heaps: each would keep freed memory of its own.
ARENAS = 2


def keep_freed_memory() -> bool:
    """Let freed buffers be used again; False where the allocator is not glibc's."""
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    options = {
        _TRIM_THRESHOLD: KEPT_BYTES,
        _MMAP_THRESHOLD: LARGE_BYTES,
        _MOST_ARENAS: ARENAS,
    }
    return all(tune(option, value) for option, value in options.items())
