"""Zstandard (RFC 8878) as Python has it: of its own from 3.14 on, before by its backport.

The one place that knows which.
"""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
