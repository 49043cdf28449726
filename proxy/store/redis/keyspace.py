"""Keyspace: what things are called in Redis. What lies there is not known here."""

from hashlib import blake2b

from proxy.policy.stored import Selecting


class Keyspace:
    """The names under a namespace.

    The braces are a hash tag: all that belongs to one key of the cache lies in one slot of a
    cluster, where a script may touch it together.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace.encode()

    def primary(self, digest: bytes) -> bytes:
        """Return where an entry without Vary lies, or the index of those with it."""
        return b"%s:{%s}" % (self._namespace, digest.hex().encode())

    def variant(self, digest: bytes, selecting: Selecting) -> bytes:
        """Return where the entry for these selecting fields lies."""
        pieces = (piece for line in selecting for piece in line)
        text = b"".join(
            b"-" if piece is None else b"%d:%s" % (len(piece), piece) for piece in pieces
        )
        name = blake2b(text, digest_size=8).hexdigest()
        return b"%s:%s" % (self.primary(digest), name.encode())

    def place(self, digest: bytes, selecting: Selecting) -> bytes:
        """Return where an entry lies: Vary or not."""
        return self.variant(digest, selecting) if selecting else self.primary(digest)

    def lease(self, digest: bytes) -> bytes:
        """Return where the lease on a key's fetch lies."""
        return self.primary(digest) + b":lease"
