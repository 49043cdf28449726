"""What holds for every input: no parser raises, print and read agree, doubt never grants."""

import contextlib
import dataclasses
from itertools import pairwise
from typing import cast

import http_sf
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestError
from proxy.http import cache_control, cache_status, dates, hops, ranges, target, validators, vary
from proxy.http.cache_control import Directives
from proxy.http.message import Fields, Request

# Bytes at random rarely come near a grammar; these letters do.
NEAR = st.lists(
    st.sampled_from(
        [
            *(b'"', b"\\", b",", b";", b"=", b" ", b"\t", b"*", b"/", b"-", b".", b"%", b"?", b"#"),
            *(b":", b"0", b"7", b"99999999999", b"q", b"W/", b"bytes", b"gzip", b"text/html"),
            *(b"http://h", b"max-age", b"no-store", b"private", b"public", b"must-understand"),
            *(b"\xff", b"\x00"),
        ]
    ),
    max_size=14,
).map(b"".join)
ANYTHING = st.binary(max_size=60) | NEAR
LINES = st.lists(ANYTHING, max_size=3).map(tuple)

PREFERENCE_NAMES = st.sampled_from(
    [b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"x-other"]
)
MEMBERS = st.sampled_from(
    [
        *(b"max-age=1", b"max-age=2", b'max-age="1"', b"s-maxage=9", b"stale-if-error=3"),
        *(b"stale-if-error=4", b"no-store", b"no-cache", b'no-cache="a, b"', b"private=c"),
        *(b"private", b"public", b"public=x", b"immutable", b"must-understand"),
        *(b"must-understand=1", b"x", b"max-stale", b"max-stale=5", b"min-fresh=1"),
        *(b"min-fresh=2", b'x="no-store, \\""'),
    ]
)
DEMANDS = ("no_store", "no_transform", "must_revalidate", "proxy_revalidate")


@given(ANYTHING)
def test_no_parser_raises(value: bytes) -> None:
    dates.parse(value)
    cache_control.delta_seconds(value)
    validators.parse_etag(value)
    ranges.parse_range(value)
    ranges.parse_content_range(value)
    target.split_absolute(value)
    target.segments(value)
    target.segments(b"/" + value)
    target.normal_authority("http", value)
    for base in (b"/a?b", b"*"):
        target.resolve(value, "http", b"h", base)


@given(LINES)
def test_no_parser_of_lines_raises(values: tuple[bytes, ...]) -> None:
    cache_control.parse_request(values)
    cache_control.parse_response(values)
    cache_control.parse_targeted(values)
    validators.parse_tags(values)
    vary.names(Fields((b"vary", value) for value in values))
    fields = Fields((b"connection", value) for value in values)
    hops.end_to_end(fields)
    hops.via(fields, "1.1", b"us")


@given(LINES)
def test_forwarding_raises_nothing_but_request_errors(values: tuple[bytes, ...]) -> None:
    names = (b"Connection", b"Via", b"X-Forwarded-For")
    fields = Fields((name, value) for name in names for value in values)
    request = Request("GET", "http", b"h", b"/", fields)
    with contextlib.suppress(RequestError):
        hops.forwarded_request(request, pseudonym=b"us", trusted=True)


@given(st.sampled_from(["GET", "OPTIONS", "CONNECT"]), ANYTHING, st.none() | ANYTHING)
def test_a_request_target_is_safe_or_refused(method: str, raw: bytes, host: bytes | None) -> None:
    with contextlib.suppress(RequestError):
        authority, origin_form = target.request_target(method, raw, host)

        assert authority == host
        assert origin_form == b"*" or origin_form.startswith(b"/")
        assert all(0x21 <= byte <= 0x7E for byte in origin_form)


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_dates_are_read_back(seconds: int) -> None:
    assert dates.parse(dates.render(seconds)) == seconds


@given(ANYTHING)
def test_tags_are_read_back(value: bytes) -> None:
    tag = validators.parse_etag(value)

    assert tag is None or validators.parse_etag(tag.render()) == tag


@given(st.binary(max_size=9), st.booleans())
def test_a_tag_alone_is_a_list_of_one(opaque: bytes, weak: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
    rendered = validators.EntityTag(opaque, weak=weak).render()
    tag = validators.parse_etag(rendered)
    others = () if tag is None else (tag,)

    assert tag is None or validators.parse_tags((rendered,)) == others


@given(st.integers(0, 99), st.integers(0, 99), st.none() | st.integers(0, 99))
def test_content_ranges_are_read_back(first: int, more: int, beyond: int | None) -> None:
    last = first + more
    part = ranges.ContentRange(first, last, None if beyond is None else last + 1 + beyond)

    assert ranges.parse_content_range(part.render()) == part
    assert part.length == more + 1


@given(
    st.lists(
        st.builds(ranges.ByteRange, st.none() | st.integers(0, 20), st.none() | st.integers(0, 20))
    ),
    st.integers(0, 20),
)
def test_slices_are_inside_and_hold_something(asked: list[ranges.ByteRange], size: int) -> None:
    for each in ranges.resolve(tuple(asked), size):
        assert 0 <= each.start < each.stop <= size


@given(ANYTHING)
def test_authorities_have_one_normal_form(value: bytes) -> None:
    normal = target.normal_authority("http", value)

    assert target.normal_authority("http", normal) == normal


@given(ANYTHING)
def test_segments_hold_no_slash_and_no_dot_segment(value: bytes) -> None:
    for segment in target.segments(b"/" + value) or ():
        assert b"/" not in segment
        assert segment.partition(b";")[0] not in {b".", b".."}


@given(PREFERENCE_NAMES, LINES)
def test_normal_values_stay_as_they_are(name: bytes, values: tuple[bytes, ...]) -> None:
    normal = vary.normalise(name, values)

    assert normal is None or vary.normalise(name, (normal,)) == normal


@given(
    st.permutations([b"gzip", b"br;q=0.5", b"zstd;q=1.0", b"*;q=0"]),
    st.sampled_from([b",", b", ", b" ,\t"]),
)
def test_codings_may_come_in_any_order(codings: list[bytes], comma: bytes) -> None:
    assert vary.normalise(b"accept-encoding", (comma.join(codings),)) == b"gzip,zstd,br;q=0.5,*;q=0"


@given(
    st.lists(MEMBERS).flatmap(lambda members: st.tuples(st.just(members), st.permutations(members)))
)
def test_directives_may_come_in_any_order_and_in_any_lines(
    orders: tuple[list[bytes], list[bytes]],
) -> None:
    members, shuffled = orders
    for parse in (cache_control.parse_request, cache_control.parse_response):
        assert parse((b", ".join(members),)) == parse(tuple(shuffled))


def more_permissive(said: Directives, than: Directives) -> list[str]:
    """Return in what `said` permits more than `than` does."""
    grants = ("public", "immutable")
    windows = ("stale_while_revalidate", "stale_if_error")
    lifetimes = ("max_age", "s_maxage")
    found = [name for name in DEMANDS if getattr(than, name) and not getattr(said, name)]
    found += [name for name in grants if getattr(said, name) and not getattr(than, name)]
    found += [name for name in windows if (getattr(said, name) or 0) > (getattr(than, name) or 0)]
    found += [name for name in lifetimes if (getattr(said, name) or 0) > (getattr(than, name) or 0)]
    for whole, fields in (("no_cache", "no_cache_fields"), ("private", "private_fields")):
        kept = getattr(said, whole) or getattr(said, fields) >= getattr(than, fields)
        if not kept or (getattr(than, whole) and not getattr(said, whole)):
            found.append(whole)
    lifted = said.no_store and said.must_understand
    if lifted and than.no_store and not than.must_understand:
        found.append("must_understand")
    return found


@given(
    st.lists(MEMBERS),
    st.sampled_from(
        [
            *(b"no-store", b"no-cache", b"private", b"must-revalidate", b"no-store=1"),
            *(b'private="x"', b"public=x", b"max-age", b"max-age=x", b"stale-if-error=0"),
            b"must-understand=1",
        ]
    ),
)
def test_a_stricter_member_never_grants(members: list[bytes], stricter: bytes) -> None:
    before = cache_control.parse_response((b", ".join(members),))
    after = cache_control.parse_response((b", ".join([*members, stricter]),))

    assert more_permissive(after, before) == []


@given(st.lists(MEMBERS), st.sampled_from([b'x="', b"x;", b'x=y"', b"x ", b'x=" ', b'x="\\']))
def test_a_broken_member_hides_no_demand_and_grants_nothing(
    members: list[bytes], broken: bytes
) -> None:
    plain = [member for member in members if b'"' not in member]
    before = cache_control.parse_response((b", ".join(plain),))
    after = cache_control.parse_response((broken + b", ".join([b"", *plain]),))

    assert more_permissive(after, before) == []


@given(NEAR, NEAR)
def test_garbage_around_grants_nothing_new(left: bytes, right: bytes) -> None:
    said = cache_control.parse_response((left, b"no-store", right))

    assert said.no_store


TOKENS = st.from_regex(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,9}", fullmatch=True)
INTEGERS = st.integers(-999_999_999_999_999, 999_999_999_999_999)
STATUSES = st.builds(
    cache_status.CacheStatus,
    hit=st.booleans(),
    fwd=st.none() | TOKENS,
    fwd_status=st.none() | st.integers(100, 599),
    ttl=st.none() | INTEGERS,
    stored=st.booleans(),
    collapsed=st.none() | st.booleans(),
    key=st.none() | st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs"))),
    detail=st.none() | TOKENS,
)
PARAMETERS = ("hit", "fwd", "fwd-status", "ttl", "stored", "collapsed", "key", "detail")


@given(STATUSES)
def test_cache_status_is_a_structured_field(status: cache_status.CacheStatus) -> None:
    """9211 §2: a List of Items with parameters."""
    parsed = http_sf.parse(status.render(), tltype="list")
    ((name, parameters),) = cast("list[tuple[http_sf.Token, dict[str, object]]]", parsed)

    assert name == http_sf.Token("sidecache")
    expected = {
        key.replace("_", "-"): http_sf.Token(value) if key in {"fwd", "detail"} else value
        for key, value in dataclasses.asdict(status).items()
        if value is not None and not (key in {"hit", "stored"} and not value)
    }
    if status.hit:
        expected.pop("fwd", None)
    assert parameters == expected
    assert all(PARAMETERS.index(a) < PARAMETERS.index(b) for a, b in pairwise(parameters))


@given(st.text())
def test_any_key_becomes_printable(key: str) -> None:
    rendered = cache_status.CacheStatus(key=key).render()

    assert all(0x20 <= byte <= 0x7E for byte in rendered)
    assert http_sf.parse(rendered, tltype="list")
