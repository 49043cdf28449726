"""Metadata: what an entry is beside its bodies, as msgspec writes and reads it.

One form travels, and is checked for what others may have written; one rests in this process.
Neither is executed. This module must not know where either is kept.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from proxy.engine.purge import Born
from proxy.http.codings import Coding
from proxy.http.message import Line
from proxy.policy.reasons import Reason
from proxy.policy.stored import Selecting

MOST: Final = 1_000
"""Field lines, tags, selecting fields, members of an index; a value with more is nothing."""

_Finite = Annotated[float, Meta(ge=-1e12, le=1e12)]
_Status = Annotated[int, Meta(ge=100, le=599)]
_Seconds = int | None
_Names = Annotated[frozenset[bytes], Meta(max_length=MOST)]
_Lines = Annotated[tuple[Line, ...], Meta(max_length=MOST)]
_Selecting = Annotated[Selecting, Meta(max_length=MOST)]
_Tags = Annotated[tuple[bytes, ...], Meta(max_length=MOST)]
_Codings = Annotated[tuple[tuple[Coding, bytes, bool, int], ...], Meta(max_length=len(Coding))]
"""Of each coding its mark, whether it is the best, and its length."""
Members = Annotated[tuple[_Selecting, ...], Meta(max_length=MOST)]
Said = tuple[
    _Seconds, _Seconds, _Seconds, _Seconds, _Seconds, _Seconds, bool, bool, _Names, _Names,
    bool, bool, bool, bool, bool, bool, bool, bool,
]  # fmt: skip
"""The fields of Directives in their order."""


class Metadata(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """All of an entry but its body; times are those of the clock that all replicas share."""

    text: bytes
    location: bytes
    tags: _Tags
    epoch: bytes
    sequence: int
    status: _Status
    lines: _Lines
    directives: Said
    selecting: _Selecting
    varies: bool
    etag: tuple[bytes, bool] | None
    last_modified: int | None
    date: int
    request_time: _Finite
    response_time: _Finite
    age_on_arrival: _Finite
    lifetime: tuple[_Finite, Reason, str]
    stale_while_revalidate: _Finite
    stale_if_error: _Finite
    shareable: bool
    length: int
    overdue: bool
    stale_since: _Finite | None
    own_etag: bool
    codings: _Codings


SaidAtRest = tuple[
    int | None, int | None, int | None, int | None, int | None, int | None, bool, bool,
    frozenset[bytes], frozenset[bytes], bool, bool, bool, bool, bool, bool, bool, bool,
]  # fmt: skip
"""The same, of this very process."""

_Number = int | float
"""So that a whole number of seconds stays one."""


class Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All of an entry but its bodies."""

    text: bytes
    id: bytes
    location: bytes
    tags: tuple[bytes, ...]
    born: Born
    codings: tuple[tuple[Coding, bytes, bool], ...]
    status: int
    lines: tuple[Line, ...]
    directives: bytes
    selecting: Selecting
    varies: bool
    etag: tuple[bytes, bool] | None
    last_modified: int | None
    date: int
    request_time: _Number
    response_time: _Number
    age_on_arrival: _Number
    lifetime: tuple[_Number, Reason, str]
    stale_while_revalidate: _Number
    stale_if_error: _Number
    shareable: bool
    length: int
    part: tuple[int, int, int | None] | None
    overdue: bool
    stale_since: _Number | None
    own_etag: bool
