"""Messages as values: field lines in order, a request head, a response head.

Nothing is interpreted: bytes stay as they came, names keep their case, the target is the raw one.
This module must not know what any field means.
"""

from collections.abc import Iterable, Iterator, KeysView
from collections.abc import Set as AbstractSet
from typing import Final

from proxy.values import valueclass

Line = tuple[bytes, bytes]
_ABSENT: Final[tuple[bytes, ...]] = ()
_MAX_DIGITS: Final = 19


class Fields:
    """Field lines in the order and spelling of the wire; look-up by lower-case name (9110 §5).

    Immutable. Two are equal when their lines are equal byte for byte.
    """

    __slots__ = ("_index", "lines")

    lines: tuple[Line, ...]

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.lines = tuple(lines)
        self._index: dict[bytes, tuple[bytes, ...]] | None = None

    def all(self, name: bytes) -> tuple[bytes, ...]:
        """Return every value of a field, one an occurrence; `name` in lower case."""
        index = self._index
        if index is None:
            index = self._indexed()
        return index.get(name, _ABSENT)

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a field, or None; `name` in lower case."""
        values = self.all(name)
        return values[0] if values else None

    def joined(self, name: bytes) -> bytes | None:
        """Return all values of a field as one list, as 9110 §5.3 allows, or None."""
        values = self.all(name)
        if len(values) == 1:
            return values[0]
        return b", ".join(values) if values else None

    def names(self) -> KeysView[bytes]:
        """Return the lower-case names that are present."""
        return (self._indexed() if self._index is None else self._index).keys()

    def without(self, names: AbstractSet[bytes]) -> "Fields":
        """Return the lines whose lower-case name is not in `names`."""
        if names.isdisjoint(self.names()):
            return self
        kept = [line for line in self.lines if line[0].lower() not in names]
        return Fields(kept)

    def plus(self, *lines: Line) -> "Fields":
        """Return these lines with others appended."""
        return Fields((*self.lines, *lines))

    def _indexed(self) -> dict[bytes, tuple[bytes, ...]]:
        """Return the values by name: made when they are first asked for, and most never are."""
        index: dict[bytes, tuple[bytes, ...]]
        index = {name.lower(): (value,) for name, value in self.lines}
        if len(index) < len(self.lines):
            index = self._gathered()
        self._index = index
        return index

    def _gathered(self) -> dict[bytes, tuple[bytes, ...]]:
        """Return the values by name where a name comes more than once."""
        index: dict[bytes, tuple[bytes, ...]] = {}
        further: dict[bytes, list[bytes]] = {}  # joined once: a name may come thousands of times
        for name, value in self.lines:
            lower = name.lower()
            if lower in index:
                further.setdefault(lower, []).append(value)
            else:
                index[lower] = (value,)
        for lower, values in further.items():
            index[lower] += tuple(values)
        return index

    def __contains__(self, name: bytes) -> bool:
        index = self._index
        if index is None:
            index = self._indexed()
        return name in index

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.lines == other.lines

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"Fields({list(self.lines)!r})"


NO_FIELDS: Final = Fields()


@valueclass(frozen=True, slots=True)
class Request:
    """A request's head as it arrived; the body, if any, travels beside it.

    `authority` is the Host field's value (9110 §7.2), `target` the origin-form target byte for
    byte (9112 §3.2.1) or `*`, `peer` the address the connection came from.
    """

    method: str
    scheme: str
    authority: bytes
    target: bytes
    fields: Fields = NO_FIELDS
    has_body: bool = False
    version: str = "1.1"
    peer: str | None = None

    def having(self, fields: Fields) -> "Request":
        """Return the request with other fields; several are made of each that comes."""
        own = (self.method, self.scheme, self.authority, self.target)
        return Request(*own, fields, self.has_body, self.version, self.peer)

    @property
    def path(self) -> bytes:
        """The target up to its query, still encoded."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target's query without its question mark, still encoded."""
        return self.target.partition(b"?")[2]


@valueclass(frozen=True, slots=True)
class Head:
    """A response's head: status and field lines (9110 §15, §6.3)."""

    status: int
    fields: Fields = NO_FIELDS
    version: str = "1.1"


def content_length(fields: Fields) -> int | None:
    """Return Content-Length in bytes, None where it is absent, odd or contradicts itself.

    9110 §8.6; a list of equal values counts as one of them.
    """
    lines = fields.all(b"content-length")
    if len(lines) == 1 and lines[0].isdigit():  # as nearly always
        return _number(lines[0])
    values = {value.strip() for line in lines for value in line.split(b",")}
    return _number(values.pop()) if len(values) == 1 else None


def _number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= _MAX_DIGITS else None
