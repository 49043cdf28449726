"""Printing: digests of answers, by which they are compared without being held.

This module must not know what is compared, or why.
"""

from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from proxy.http.message import Head

SECRET: Final = token_bytes(32)
"""What digests are made with: this process alone can make the same ones."""

_TOO_MANY_REQUESTS: Final = 429
_INCOMPARABLE: Final = {206, 304, _TOO_MANY_REQUESTS, *range(500, 600)}
"""Statuses of what is no whole answer, or none of the application's own."""


class Printing:
    """A digest of an answer as it grows: its status, where it points, its body."""

    def __init__(self, head: Head) -> None:
        self._digest = blake2b(key=SECRET, digest_size=16)
        location = head.fields.joined(b"location") or b""
        self._digest.update(b"%d %d:%b" % (head.status, len(location), location))
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._digest.update(chunk)
        self.size += len(chunk)

    def print(self) -> bytes:
        """Return the digest of what has come."""
        return self._digest.digest()


def comparable(head: Head) -> bool:
    """Tell whether a response is an answer that can be held against another."""
    return head.status not in _INCOMPARABLE
