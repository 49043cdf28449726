"""The codec: what is written comes back as it was; everything else is nothing, and harmless."""

import json
import math
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xxhash import xxh3_128_digest

from proxy.engine.entry import Coded, Entry
from proxy.engine.purge import Born
from proxy.http.cache_control import Directives
from proxy.http.codings import Coding
from proxy.http.message import Fields
from proxy.http.ranges import ContentRange
from proxy.http.validators import EntityTag
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime, Selecting, Stored
from proxy.rules.labels import Labels
from proxy.store import codec
from proxy.store.codec import Kind
from tests.store.arbitrary import ENTRIES, ID, OFFSETS, SELECTING

BODIES: Final = b"hellobrgz!"
SAMPLE: Final = Entry(
    text=b"GET\0http\0shop.example\0/products/1",
    stored=Stored(
        status=200,
        fields=Fields(((b"Cache-Control", b"max-age=60, private=x"), (b"ETag", b'W/"1"'))),
        directives=Directives(max_age=60, private_fields=frozenset({b"x", b"a"}), public=True),
        selecting=((b"accept-language", b"de"), (b"x", None)),
        varies=True,
        etag=EntityTag(b"1", weak=True),
        last_modified=1_699_999_000,
        date=1_700_000_000,
        request_time=1_700_000_000.25,
        response_time=1_700_000_000.5,
        age_on_arrival=1.5,
        lifetime=Lifetime(60.0, Reason.MAX_AGE, "max-age=60"),
        stale_while_revalidate=30.0,
        stale_if_error=0.0,
        shareable=False,
        length=5,
        stale_since=1_700_000_007.0,
        own_etag=True,
    ),
    body=b"hello",
    labels=Labels((b"*", b"tproduct:1"), b"shop.example/products/1"),
    born=Born(b"epoch", 7),
    codings=(
        Coded(Coding.BR, b"br", b"0a1b", best=True),
        Coded(Coding.GZIP, b"gz!", b"ff"),
    ),
    id=ID,
)
VALUE: Final = codec.encode(SAMPLE, 0.5)
HEAD: Final = 42
"""Bytes before the metadata."""
MEMBERS: Final[tuple[Selecting, ...]] = (((b"a", b"1"), (b"b", None)), ((b"a", b""),))
INDEX: Final = codec.encode_index(MEMBERS)

GOLDEN_ENTRY: Final = (
    "53434531020130313233343536373839616263646566f9fa21f05aaa548a6971b5f1a18ca59e00000146dc00"
    "19c42147455400687474700073686f702e6578616d706c65002f70726f64756374732f31c41773686f702e65"
    "78616d706c652f70726f64756374732f3192c4012ac40a7470726f647563743a31c40565706f636807ccc892"
    "92c40d43616368652d436f6e74726f6cc4156d61782d6167653d36302c20707269766174653d7892c4044554"
    "6167c405572f223122dc00123cc0c0c0c0c0c2c29092c40161c40178c2c2c2c2c2c2c3c29292c40f61636365"
    "70742d6c616e6775616765c402646592c40178c0c392c40131c3ce6553ed18ce6553f100cb41d954fc403000"
    "00cb41d954fc40400000cb3ff800000000000093cb404e000000000000a76d61782d616765aa6d61782d6167"
    "653d3630cb403e000000000000cb0000000000000000c205c2cb41d954fc41e00000c39294a26272c4043061"
    "3162c30294a4677a6970c4026666c20368656c6c6f6272677a21"
)
GOLDEN_INDEX: Final = (
    "5343453102020000000000000000000000000000000064a12fb57d86f13dfacb0fb7fbb7becc000000159292"
    "92c40161c4013192c40162c09192c40161c400"
)
FORMAT: Final = "another format needs another VERSION, and then another golden value"


def test_the_format_of_an_entry_is_that_of_its_version() -> None:
    assert (codec.VERSION, VALUE.hex()) == (2, GOLDEN_ENTRY), FORMAT
    assert codec.decode(bytes.fromhex(GOLDEN_ENTRY), 0.5) == SAMPLE


def test_the_format_of_an_index_is_that_of_its_version() -> None:
    assert (codec.VERSION, INDEX.hex()) == (2, GOLDEN_INDEX), FORMAT
    assert codec.decode_index(bytes.fromhex(GOLDEN_INDEX)) == MEMBERS


# What is written comes back


@given(entry=ENTRIES, offset=OFFSETS)
def test_an_entry_comes_back_as_it_was(entry: Entry, offset: float) -> None:
    value = codec.encode(entry, offset)
    assert codec.kind(value) is Kind.ENTRY
    assert codec.decode(value, offset) == entry
    assert codec.decode_index(value) is None


@given(members=st.lists(SELECTING, max_size=5).map(tuple))
def test_an_index_comes_back_as_it_was(members: tuple[Selecting, ...]) -> None:
    value = codec.encode_index(members)
    assert codec.kind(value) is Kind.INDEX
    assert codec.decode_index(value) == members
    assert codec.decode(value, 0.0) is None


def test_replicas_whose_clocks_differ_agree_on_an_entry_s_age() -> None:
    here, there = 3.5, -1_000.0  # what each has to add to come to the shared clock
    found = codec.decode(codec.encode(SAMPLE, here), there)
    assert found is not None
    for now in (1_700_000_001.0, 1_700_000_100.0):
        shared = now + here
        assert found.stored.age(shared - there) == SAMPLE.stored.age(now)
        assert found.stored.ttl(shared - there) == SAMPLE.stored.ttl(now)
    assert found.stored.request_time - SAMPLE.stored.request_time == here - there
    assert (found.stored.date, found.stored.last_modified) == (1_700_000_000, 1_699_999_000)


def test_what_one_replica_applied_by_itself_stays_with_it() -> None:
    alone = replace(SAMPLE, born=Born(b"epoch", 7, 3))
    assert codec.encode(alone, 0.5) == VALUE


def test_the_same_entry_is_the_same_bytes_in_every_process() -> None:
    names = frozenset(b"%02d" % number for number in range(50))
    said = replace(SAMPLE.stored.directives, private_fields=names)
    value = codec.encode(replace(SAMPLE, stored=replace(SAMPLE.stored, directives=said)), 0.5)
    assert b"".join(b"\xc4\x02" + name for name in sorted(names)) in value


def test_9111_3_3_a_part_is_not_encoded() -> None:
    part = replace(SAMPLE.stored, status=206, part=ContentRange(0, 4, 10))
    with pytest.raises(ValueError, match="partial"):
        codec.encode(replace(SAMPLE, stored=part), 0.0)


# Everything else is nothing


def decoded(value: bytes) -> tuple[Entry | None, tuple[Selecting, ...] | None]:
    return codec.decode(value, 0.5), codec.decode_index(value)


NOTHING: Final = (None, None)


@pytest.mark.parametrize("value", [VALUE, INDEX], ids=["entry", "index"])
def test_no_bit_can_be_another(value: bytes) -> None:
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        assert decoded(bytes(flipped)) == NOTHING, bit


@pytest.mark.parametrize("value", [VALUE, INDEX], ids=["entry", "index"])
def test_no_byte_can_be_missing(value: bytes) -> None:
    for size in range(len(value)):
        assert decoded(value[:size]) == NOTHING
        assert decoded(value[len(value) - size :]) == NOTHING


@given(more=st.binary(min_size=1, max_size=40))
@example(more=VALUE)
@example(more=INDEX)
def test_no_byte_can_be_too_many(more: bytes) -> None:
    for value in (VALUE, INDEX):
        assert decoded(value + more) == NOTHING
        assert decoded(more + value) == NOTHING


@given(value=st.binary(max_size=200))
@example(value=b"")
def test_noise_is_nothing(value: bytes) -> None:
    assert codec.kind(value) is Kind.UNKNOWN
    assert decoded(value) == NOTHING


class Bomb:
    """What goes off when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("it was executed",)


FOREIGN: Final = {
    "empty": b"",
    "pickle": pickle.dumps(Bomb()),
    "pickle-behind-the-magic": VALUE[:HEAD] + pickle.dumps(Bomb()),
    "json": json.dumps({"status": 200, "body": "x" * 40}).encode(),
    "text": b"+OK" * 20,
    "magic-alone": VALUE[:4] * 10,
}


@pytest.mark.parametrize("value", FOREIGN.values(), ids=list(FOREIGN))
def test_the_values_of_others_are_nothing(value: bytes) -> None:
    assert decoded(value) == NOTHING


def signed(
    rest: bytes, *, version: int = codec.VERSION, of: Kind = Kind.ENTRY, own: bytes = ID
) -> bytes:
    """Forge a value, with a checksum that is right."""
    start = b"SCE1" + bytes((version, of.value)) + own.ljust(16, b"\0")
    return start + xxh3_128_digest(start + rest) + rest


def sealed(
    metadata: bytes,
    body: bytes = BODIES,
    *,
    version: int = codec.VERSION,
    of: Kind = Kind.ENTRY,
    own: bytes = ID,
) -> bytes:
    """Forge one of any metadata, whose length is right too."""
    rest = struct.pack(">I", len(metadata)) + metadata + (body if of is Kind.ENTRY else b"")
    return signed(rest, version=version, of=of, own=own)


SIZE: Final = struct.unpack(">I", VALUE[HEAD - 4 : HEAD])[0]
METADATA: Final = VALUE[HEAD : HEAD + SIZE]
ITEMS: Final[list[Any]] = msgspec.msgpack.decode(METADATA)
PLACES: Final = {"tags": 2, "status": 5, "lines": 6, "directives": 7, "selecting": 8, "etag": 10}
PLACES_OF_TIMES: Final = {"response_time": 14, "lifetime": 16, "swr": 17, "stale_since": 22}


def forged(place: int, item: object) -> bytes:
    items = [*ITEMS[:place], item, *ITEMS[place + 1 :]]
    return sealed(msgspec.msgpack.encode(items))


def test_a_forgery_that_is_perfect_passes_so_that_the_others_fail_for_their_flaw() -> None:
    assert sealed(METADATA) == VALUE
    assert codec.decode(forged(PLACES["status"], 404), 0.5) is not None


FORGED: Final = {
    "of-another-version": sealed(METADATA, version=1),
    "of-no-kind": signed(VALUE[HEAD - 4 :], of=Kind.UNKNOWN),
    "of-the-other-kind": signed(VALUE[HEAD - 4 :], of=Kind.INDEX),
    "an-index-with-a-body": signed(INDEX[HEAD - 4 :] + b"body", of=Kind.INDEX),
    "no-metadata": sealed(b"", b""),
    "nothing-behind-the-checksum": signed(b""),
    "half-a-length": signed(b"\x00\x00"),
    "a-length-beyond-the-end": signed(struct.pack(">I", SIZE + 1) + METADATA),
    "more-metadata": sealed(msgspec.msgpack.encode([*ITEMS, 1])),
    "less-metadata": sealed(msgspec.msgpack.encode(ITEMS[:-1])),
    "two-metadata": sealed(METADATA * 2),
    "a-map": sealed(msgspec.msgpack.encode({"text": b"x"})),
    "an-extension": sealed(b"\xc7\x08\xff12345678"),
    "deep": sealed(b"\x91" * 100_000 + b"\xc0"),
    "deep-index": sealed(b"\x91" * 100_000 + b"\xc0", of=Kind.INDEX),
    "no-reason": forged(PLACES_OF_TIMES["lifetime"], (1.0, "because", "")),
    "no-utf-8": sealed(METADATA.replace(b"max-age=60\xcb", b"\xff" * 10 + b"\xcb")),
    "no-status": forged(PLACES["status"], 999),
    "status-as-text": forged(PLACES["status"], "200"),
    "too-many-tags": forged(PLACES["tags"], (b"t",) * 1_001),
    "too-many-lines": forged(PLACES["lines"], ((b"a", b"b"),) * 1_001),
    "too-many-selecting": forged(PLACES["selecting"], ((b"a", b"b"),) * 1_001),
    "a-line-of-three": forged(PLACES["lines"], ((b"a", b"b", b"c"),)),
    "too-many-names": forged(
        PLACES["directives"], [*ITEMS[7][:8], [b"%d" % n for n in range(1_001)], *ITEMS[7][9:]]
    ),
    "directives-short": forged(PLACES["directives"], ITEMS[7][:-1]),
    "a-coding-unknown": forged(24, [["zip", b"0a", False, 5]]),
    "a-coding-without-a-mark": forged(24, [["br", b"", False, 5]]),
    "a-coding-with-an-odd-mark": forged(24, [["br", b'"', False, 5]]),
    "a-coding-too-long": forged(24, [["br", b"0a", False, 6]]),
    "a-coding-too-short": forged(24, [["br", b"0a", False, 4]]),
    "a-coding-of-less-than-nothing": forged(
        24, [["br", b"0a", False, 10], ["gzip", b"0a", False, -5]]
    ),
    "too-many-codings": forged(24, [["br", b"0a", False, 1]] * 5),
    "etag-as-text": forged(PLACES["etag"], ("x", True)),
    "time-not-a-number": forged(PLACES_OF_TIMES["response_time"], math.nan),
    "lifetime-endless": forged(PLACES_OF_TIMES["lifetime"], (math.inf, "max-age", "")),
    "window-endless": forged(PLACES_OF_TIMES["swr"], math.inf),
    "stale-since-ever": forged(PLACES_OF_TIMES["stale_since"], -math.inf),
    "too-many-members": sealed(msgspec.msgpack.encode([[]] * 1_001), of=Kind.INDEX),
    "too-large": sealed(METADATA, bytes(codec.LARGEST)),
}


@pytest.mark.parametrize("value", FORGED.values(), ids=list(FORGED))
def test_a_right_checksum_does_not_make_it_true(value: bytes) -> None:
    assert decoded(value) == NOTHING


def cut(place: int, start: bytes) -> bytes:
    """Forge metadata that end where the item at `place` has begun."""
    before = b"".join(map(msgspec.msgpack.encode, ITEMS[:place]))
    return sealed(b"\xdc\x00\x19" + before + start)


ENDLESS: Final = b"\xff\xff\xff\xff"
LYING: Final = {
    "metadata": signed(ENDLESS + b"x"),
    "all": sealed(b"\xdd" + ENDLESS),
    "index": sealed(b"\xdd" + ENDLESS, of=Kind.INDEX),
    "selecting-of-a-member": sealed(b"\x91\xdd" + ENDLESS, of=Kind.INDEX),
    "text": cut(0, b"\xc6" + ENDLESS),
    "tags": cut(PLACES["tags"], b"\xdd" + ENDLESS),
    "lines": cut(PLACES["lines"], b"\xdd" + ENDLESS),
    "names": cut(PLACES["directives"], b"\xdc\x00\x12" + b"\xc0" * 6 + b"\xc2\xc2\xdd" + ENDLESS),
    "arithmetic": cut(PLACES_OF_TIMES["lifetime"], b"\x93\x00\xa5stale\xdb" + ENDLESS),
}


@pytest.mark.parametrize("value", LYING.values(), ids=list(LYING))
def test_a_length_that_is_a_lie_takes_no_memory(value: bytes) -> None:
    tracemalloc.start()
    found = decoded(value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == NOTHING
    assert peak < 100_000
