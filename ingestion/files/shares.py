"""A large block of lines read in shares, each on a thread of its own.

What reads them spends its time in pyarrow and numpy, which let other threads run meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from ingestion.files.cells import Lines

#: A share is about as large at least: what a call costs by itself would be more than what it saves.
SHARE_BYTES = 1 << 20
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
WAYS = min(4, _CORES or 1)
_others = ThreadPoolExecutor(WAYS, thread_name_prefix="lines")

T = TypeVar("T")


def shares_of(block: bytes, first: int) -> list[Lines]:
    """The lines of a block of whole lines, in as many shares as are read abreast.

    first: the number of its first line.

    >>> [len(share) for share in shares_of(b"1\\n2\\n3\\n", 1)]
    [3]
    """
    count = min(WAYS, (len(block) + SHARE_BYTES // 2) // SHARE_BYTES)
    shares, begin = [], 0
    for left in range(count, 1, -1):
        end = block.find(b"\n", begin + (len(block) - begin) // left) + 1
        if end == len(block):  # lines that are longer than a share
            break
        shares.append(Lines(block, first, begin, end))
        begin, first = end, first + len(shares[-1])
    return [*shares, Lines(block, first, begin)]


def abreast(read: Callable[[Lines], T], shares: Sequence[Lines]) -> list[T]:
    """What `read` makes of each share, in their order; the first one on this thread."""
    others = [_others.submit(read, share) for share in islice(shares, 1, None)]
    return [read(shares[0]), *(other.result() for other in others)]
