"""Errors that a person reads.

UploadError (a ValueError): a file is no market data; its words say what was found and
what is legal.
"""

from __future__ import annotations


class UploadError(ValueError):
    """A file that is no market data: what was found and what is expected."""
