"""Any entry that there could be, as strategies of Hypothesis."""

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from proxy.engine.entry import Coded, Entry
from proxy.engine.purge import Born
from proxy.http.cache_control import Directives
from proxy.http.codings import Coding
from proxy.http.message import Fields
from proxy.http.validators import EntityTag
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime, Stored
from proxy.rules.labels import Labels

ID: Final = b"0123456789abcdef"

BYTES: Final = st.binary(max_size=12)
TOKENS: Final = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12).map(str.encode)
VALUES: Final = BYTES.map(lambda value: bytes(value).translate(None, b"\0\r\n"))
NAMES: Final = st.frozensets(BYTES, max_size=3)
SECONDS: Final = st.none() | st.integers(0, 2**31)
INSTANTS: Final = st.integers(0, 2**42).map(lambda n: n / 1024)
"""Exact in binary, as are their sums: nothing may be lost in the round trip."""
SELECTING: Final = st.lists(st.tuples(BYTES, st.none() | BYTES), max_size=3).map(tuple)

DIRECTIVES: Final = st.builds(
    Directives,
    *[SECONDS] * 6,
    *[st.booleans()] * 2,
    *[NAMES] * 2,
    *[st.booleans()] * 8,
)
STORED: Final = st.builds(
    Stored,
    status=st.integers(200, 599).filter(lambda status: status not in {206, 304}),
    fields=st.lists(st.tuples(TOKENS, VALUES), max_size=4).map(Fields),
    directives=DIRECTIVES,
    selecting=SELECTING,
    varies=st.booleans(),
    etag=st.none() | st.builds(EntityTag, BYTES, st.booleans()),
    last_modified=st.none() | st.integers(-(2**40), 2**40),
    date=st.integers(-(2**40), 2**40),
    request_time=INSTANTS,
    response_time=INSTANTS,
    age_on_arrival=st.floats(0, 1e10),
    lifetime=st.builds(Lifetime, st.floats(-1e10, 1e10), st.sampled_from(Reason), st.text()),
    stale_while_revalidate=st.floats(0, 1e10),
    stale_if_error=st.floats(0, 1e10),
    shareable=st.booleans(),
    length=st.just(0),
    part=st.none(),
    overdue=st.booleans(),
    stale_since=st.none() | INSTANTS,
    own_etag=st.booleans(),
)
MARKS: Final = st.text("0123456789abcdef", min_size=1, max_size=32).map(str.encode)
CODINGS: Final = st.lists(
    st.builds(Coded, st.sampled_from(Coding), st.binary(max_size=20), MARKS, st.booleans()),
    max_size=4,
    unique_by=lambda coded: coded.coding,
).map(tuple)
ENTRIES: Final = st.builds(
    Entry,
    text=BYTES,
    stored=STORED,
    body=st.binary(max_size=64),
    labels=st.builds(Labels, st.lists(BYTES, max_size=4).map(tuple), BYTES),
    born=st.builds(Born, BYTES, st.integers(0, 2**62), st.just(0)),
    codings=CODINGS,
    id=st.just(b"") | st.just(ID),
).map(lambda entry: replace(entry, stored=replace(entry.stored, length=len(entry.body))))
OFFSETS: Final = st.integers(-(2**30), 2**30).map(lambda n: n / 1024)
