"""Shares: what a worker gets of a bound that is set for all of them.

This module must not know what is bounded.
"""


def share(total: int, workers: int) -> int:
    """Return one worker's part of a bound: all parts make up the whole, and none is nothing."""
    return -(-total // workers)
