"""Bounds: how large a body may become, and how much is done before others have their turn.

Must not know the codings.
"""

from typing import Final

from proxy.errors import CodingError

AT_ONCE: Final = 16 * 1024
"""Bytes from which on a body, or a chunk of one, leaves the event loop. Below, the quick levels
take 0.1 ms at most, hardly more than the way to a thread and back."""

DECODED_LIMIT: Final = 64 * 1024 * 1024
"""Bytes that a decoded body may have."""

RATIO_LIMIT: Final = 200
"""How many times larger than its coded form a decoded body may be, once it is past RATIO_FREE.

JSON becomes 5 to 20 times smaller, the dullest of it perhaps 100 times; a bomb 1,000 times and
more."""

RATIO_FREE: Final = 1024 * 1024
"""Bytes that a decoded body may have whatever its ratio: to make so many is cheap."""

BEST_LIMIT: Final = 4 * 1024 * 1024
"""Bytes that a body may have to be encoded as small as can be: brotli takes 5 s and 50 MiB then."""


class Bounds:
    """What a decoder has taken in and given out so far."""

    def __init__(self) -> None:
        self._taken = 0
        self._given = 0

    def take(self, count: int) -> None:
        """Count coded bytes."""
        self._taken += count

    def give(self, count: int) -> None:
        """Count decoded bytes; raise `CodingError` where they become too many."""
        self._given += count
        if self._given > DECODED_LIMIT:
            raise CodingError(f"the body is larger than {DECODED_LIMIT} bytes when decoded")
        if self._given > max(RATIO_FREE, RATIO_LIMIT * self._taken):
            raise CodingError(f"the body is more than {RATIO_LIMIT} times larger when decoded")
