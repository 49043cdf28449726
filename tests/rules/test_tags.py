from collections.abc import Callable, Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.message import NO_FIELDS, Fields, Request
from proxy.rules import jsonpaths, labels, tags
from proxy.rules.tags import (
    LARGEST_BODY,
    LONGEST,
    MOST,
    NO_TAGGING,
    BodyTag,
    OnSuccess,
    Tagging,
    of_body,
    of_request,
    of_response,
    purged_by,
)
from proxy.rules.templates import parse, parse_for_value

CAPTURES = (("id", b"42"),)
REQUEST = Request(
    "GET", "http", b"Shop.Example:80", b"/?page=2", Fields([(b"Accept-Language", b"de, en")])
)


def tagging(*templates: str, fields: tuple[bytes, ...] = NO_TAGGING.fields) -> Tagging:
    return Tagging(tuple(map(parse, templates)), fields=fields)


def from_body(**paths: str) -> Tagging:
    body_tags = (BodyTag(jsonpaths.parse(f"$.{p}"), parse_for_value(t)) for p, t in paths.items())
    return Tagging(from_body=tuple(body_tags))


def named(*names: bytes) -> tuple[bytes, ...]:
    return tuple(map(labels.tag, names))


def group(name: bytes) -> bytes:
    return labels.group_tag(b"http", b"shop.example", name)


def many(count: int) -> bytes:
    return b" ".join(b"t%d" % at for at in range(count))


def test_a_request_tells_what_needs_no_response() -> None:
    rule = tagging("product:{id}", "products", "lang:{request.accept-language}", "s:{response.s}")

    told = of_request(rule, CAPTURES, REQUEST)

    assert told == named(b"product:42", b"products", b"lang:de", b"lang:en")


def test_a_response_tells_the_request_s_tags_and_its_own() -> None:
    rule = tagging("product:{id}", "shop:{response.x-shop}", "product:{id}")

    told = of_response(rule, CAPTURES, REQUEST, Fields([(b"X-Shop", b"north, south")]))

    assert told == named(b"product:42", b"shop:north", b"shop:south")


FIELDS: list[tuple[str, bytes, tuple[bytes, ...]]] = [
    ("Surrogate-Key", b"a b  c\td", (b"a", b"b", b"c", b"d")),
    ("Surrogate-Key", b"a,b", (b"a,b",)),
    ("Cache-Tag", b"a, b c,,\td ,", (b"a", b"b c", b"d")),
    ("xkey", b"a b,c , d", (b"a", b"b", b"c", b"d")),
    ("X-Tags", b"a b,c", (b"a", b"b", b"c")),
    ("Surrogate-Key", b"", ()),
    ("Surrogate-Key", b"a a", (b"a",)),
    ("Surrogate-Key", b"gr\xf6\xdfe", (b"gr\xf6\xdfe",)),
    ("Edge-Cache-Tag", b"a", ()),
]


@pytest.mark.parametrize(("name", "value", "names"), FIELDS)
def test_a_field_tells_tags(name: str, value: bytes, names: tuple[bytes, ...]) -> None:
    rule = tagging(fields=(*NO_TAGGING.fields, b"x-tags"))

    assert of_response(rule, (), REQUEST, Fields([(name.encode(), value)])) == named(*names)


def test_every_line_of_a_field_counts() -> None:
    fields = Fields([(b"Cache-Tag", b"a"), (b"cache-tag", b"b"), (b"XKEY", b"c")])

    assert of_response(NO_TAGGING, (), REQUEST, fields) == named(b"a", b"b", b"c")


def test_fields_that_are_not_listed_tell_nothing() -> None:
    fields = Fields([(b"Surrogate-Key", b"a"), (b"Cache-Tag", b"b")])

    assert of_response(tagging(fields=(b"cache-tag",)), (), REQUEST, fields) == named(b"b")


@pytest.mark.parametrize(
    ("value", "names"),
    [(b'"a", "b c";x', (b"a", b"b c")), (b'"a", "a"', (b"a",)), (b'"a", b', ()), (b"a", ())],
    ids=["9875-2-strings", "9875-2-twice", "9651-4.2-malformed", "9875-2-no-string"],
)
def test_groups_are_tags_and_groups_of_their_origin(value: bytes, names: tuple[bytes, ...]) -> None:
    told = of_response(tagging(fields=()), (), REQUEST, Fields([(b"Cache-Groups", value)]))

    assert told == (*named(*names), *map(group, names))


@pytest.mark.parametrize(
    ("count", "tags_told"), [(MOST, MOST), (MOST + 1, None)], ids=["just so many", "too many"]
)
def test_no_answer_has_too_many_tags(count: int, tags_told: int | None) -> None:
    told = of_response(NO_TAGGING, (), REQUEST, Fields([(b"Surrogate-Key", many(count))]))

    assert (None if told is None else len(told)) == tags_told


def test_all_tags_of_a_head_count_together() -> None:
    groups = b", ".join(b'"g%d"' % at for at in range(MOST - 1))
    fields = Fields([(b"Cache-Groups", groups), (b"Cache-Tag", b"a")])

    assert of_response(NO_TAGGING, (), REQUEST, fields) is not None
    assert of_response(tagging("b"), (), REQUEST, fields) is None


@pytest.mark.parametrize(("size", "stored"), [(LONGEST, True), (LONGEST + 1, False)])
def test_no_answer_has_a_tag_that_is_too_long(size: int, *, stored: bool) -> None:
    fields = Fields([(b"Surrogate-Key", b"a" * size)])

    told = of_response(NO_TAGGING, (), REQUEST, fields)

    assert told == (named(b"a" * size) if stored else None)


def test_a_request_that_tells_too_much_is_noticed_with_its_response() -> None:
    request = Request("GET", "http", b"a", b"/", Fields([(b"x", many(129).replace(b" ", b","))]))
    rule = tagging("a", "{request.x}")

    assert of_request(rule, (), request) == ()
    assert of_response(rule, (), request, NO_FIELDS) is None


def test_several_templates_can_be_too_many_together() -> None:
    request = Request("GET", "http", b"a", b"/", Fields([(b"x", many(100).replace(b" ", b","))]))
    rule = tagging("a{request.x}", "b{request.x}")

    assert of_request(rule, (), request) == ()
    assert of_response(rule, (), request, NO_FIELDS) is None


BODY = orjson.dumps({"id": 7, "ids": ["a", "b", True, None, [1], {"x": 2}], "related": "r"})
BODIES: list[tuple[str, dict[str, str], tuple[bytes, ...]]] = [
    ("a number", {"id": "product:{}"}, (b"product:7",)),
    ("several", {"ids[*]": "x:{}"}, (b"x:true", b"x:b", b"x:a")),
    ("several paths", {"id": "p:{}", "related": "r:{}-{}"}, (b"r:r-r", b"p:7")),
    ("a list", {"ids": "x:{}"}, ()),
    ("nothing there", {"none": "x:{}"}, ()),
]


@pytest.mark.parametrize(
    ("paths", "names"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_a_body_tells_tags(paths: dict[str, str], names: tuple[bytes, ...]) -> None:
    told = of_body(from_body(**paths), b"application/json", BODY)

    assert told is not None
    assert sorted(told) == sorted(named(*names))


@pytest.mark.parametrize(
    ("media_type", "read"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"application/hal+json;profile=x", True),
        (b"text/html", False),
        (b"text/json", False),
        (b"application/jsonp", False),
        (b"image/svg+json", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_json_is_read(media_type: bytes | None, *, read: bool) -> None:
    told = of_body(from_body(id="p:{}"), media_type, BODY)

    assert told == (named(b"p:7") if read else ())


UNREADABLE = {
    "no JSON": b"{",
    "two documents": b"{}{}",
    "not UTF-8": b'{"id": "\xff"}',
    "compressed": b"\x1f\x8b\x08",
    "a lone surrogate": b'{"id": "\\ud800"}',
    "too deep": b"[" * 5_000 + b"]" * 5_000,
    "too large": b'{"id": "' + b"a" * LARGEST_BODY + b'"}',
    "a tag that is too long": orjson.dumps({"id": "a" * LONGEST}),
    "a number that is rounded": b'{"id": 98765432109876543210}',
    "a negative one": b'{"id": -98765432109876543210}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_not_kept(body: bytes) -> None:
    assert of_body(from_body(id="p:{}"), b"application/json", body) is None


def test_what_cannot_be_read_is_of_no_concern_to_a_rule_that_does_not_read() -> None:
    assert of_body(NO_TAGGING, b"application/json", b"{") == ()


def test_an_empty_body_tells_nothing() -> None:
    assert of_body(from_body(id="p:{}"), b"application/json", b"") == ()


@pytest.mark.parametrize(("count", "kept"), [(MOST, True), (MOST + 1, False)])
def test_a_body_tells_so_many_tags_and_no_more(count: int, *, kept: bool) -> None:
    rule = Tagging(from_body=(BodyTag(jsonpaths.parse("$[*]"), parse_for_value("{}")),))
    body = orjson.dumps([*range(count), *range(count)])

    told = of_body(rule, b"application/json", body)

    assert (told is not None) is kept


def test_a_walk_through_a_body_is_bounded() -> None:
    rule = Tagging(from_body=(BodyTag(jsonpaths.parse("$..*..*..a"), parse_for_value("{}")),))
    body = b"[" * 1_000 + b"]" * 1_000

    assert of_body(rule, b"application/json", body) is None


@pytest.mark.parametrize(
    ("templates", "fields", "names"),
    [
        (["product:{id}", "products"], (), (b"product:42", b"products")),
        (["shop:{response.x-shop}"], ((b"X-Shop", b"a, b"),), (b"shop:a", b"shop:b")),
        (["page:{query.page}", "{response.none}"], (), (b"page:2",)),
        (["{response.none}"], (), ()),
        (["a", "a"], (), (b"a",)),
    ],
)
def test_what_a_success_purges(
    templates: list[str], fields: Sequence[tuple[bytes, bytes]], names: tuple[bytes, ...]
) -> None:
    on_success = OnSuccess(tuple(map(parse, templates)))

    assert purged_by(on_success, CAPTURES, REQUEST, Fields(fields)) == named(*names)


def test_a_long_tag_is_purged_as_it_is_stored() -> None:
    on_success, rule = OnSuccess((parse("{id}"),)), tagging("{id}")
    captures = (("id", b"a" * 900),)

    assert purged_by(on_success, captures, REQUEST, NO_FIELDS) == of_request(
        rule, captures, REQUEST
    )


def test_a_purge_that_cannot_be_told_is_of_everything() -> None:
    fields = Fields([(b"X-Tags", many(MOST + 1).replace(b" ", b","))])

    purged = purged_by(OnSuccess((parse("{response.x-tags}"),)), (), REQUEST, fields)

    assert purged == (labels.EVERYTHING,)


@given(st.lists(st.tuples(st.sampled_from([b"cache-tag", b"xkey", b"cache-groups"]), st.binary())))
def test_any_fields_tell_tags_or_none(lines: list[tuple[bytes, bytes]]) -> None:
    told = of_response(NO_TAGGING, (), REQUEST, Fields(lines))

    assert told is None or len(told) <= 2 * MOST


@given(st.binary(max_size=60) | st.text('{}[]":,id1', max_size=30).map(str.encode))
def test_any_body_tells_tags_or_none(body: bytes) -> None:
    told = of_body(from_body(id="{}"), b"application/json", body)

    assert told is None or isinstance(told, tuple)


@pytest.mark.parametrize("read", [of_request, of_response, of_body])
def test_a_rule_that_names_nothing_looks_at_nothing(read: Callable[..., object]) -> None:
    arguments: dict[Callable[..., object], tuple[object, ...]] = {
        of_request: ((), REQUEST),
        of_response: ((), REQUEST, NO_FIELDS),
        of_body: (b"application/json", b"{"),
    }

    assert read(tags.NO_TAGGING, *arguments[read]) == ()
