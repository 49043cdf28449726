"""A queue that its members may leave from any place, at no cost but two references in each.

This module must not know what waits in it.
"""

from typing import Generic, TypeVar, cast


class Link:
    """Whatever can wait in one queue at a time."""

    __slots__ = ("newer", "older")
    __deletable__ = ("newer", "older")  # for mypyc

    newer: "Link"
    older: "Link"


L = TypeVar("L", bound=Link)


class Fifo(Generic[L]):
    """First in, first out; a ring through its members, closed by a link that is none of them."""

    def __init__(self) -> None:
        self._ends = Link()
        self._ends.newer = self._ends.older = self._ends
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def first(self) -> L:
        """Who has waited longest; of an empty queue nobody may ask."""
        return cast(L, self._ends.newer)

    def append(self, link: L) -> None:
        """Have one wait behind all others."""
        last, ends = self._ends.older, self._ends
        link.older, link.newer = last, ends
        last.newer = ends.older = link
        self._length += 1

    def remove(self, link: L) -> None:
        """Have one of those who wait leave."""
        link.older.newer, link.newer.older = link.newer, link.older
        del link.newer, link.older
        self._length -= 1
