import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.message import Fields, Request
from proxy.rules.templates import (
    LONGEST,
    Exchange,
    Source,
    filled,
    filled_with,
    parse,
    parse_for_value,
)

EXCHANGE = Exchange(
    (("id", b"4/2\xff"), ("kind", b"{x}")),
    Request(
        "GET",
        "http",
        b"a",
        b"/?page=2&page=3&page=2&empty=&a+b=%C3%A4&flag",
        Fields(
            [(b"Accept-Language", b"de, en ,,"), (b"accept-language", b"fr"), (b"X-Empty", b"")]
        ),
    ),
    Fields([(b"X-Shop", b"north\t, south")]),
)

FILLED: list[tuple[str, list[bytes]]] = [
    ("products", [b"products"]),
    ("größe", ["größe".encode()]),
    ("a {{b}} c", [b"a {b} c"]),
    ("a{{", [b"a{"]),
    ("{{id}}", [b"{id}"]),
    ("{{{id}}}", [b"{4/2\xff}"]),
    ("product:{id}", [b"product:4/2\xff"]),
    ("{kind}{kind}", [b"{x}{x}"]),
    ("{other}", []),
    ("page:{query.page}", [b"page:2", b"page:3"]),
    ("{query.a b}", ["ä".encode()]),
    ("{query.empty}", []),
    ("{query.flag}", []),
    ("{query.none}", []),
    ("lang:{request.accept-language}", [b"lang:de", b"lang:en", b"lang:fr"]),
    ("lang:{request.Accept-Language}", [b"lang:de", b"lang:en", b"lang:fr"]),
    ("{request.x-empty}", []),
    ("shop:{response.x-shop}", [b"shop:north", b"shop:south"]),
    ("{query.page}/{response.x-shop}", [b"2/north", b"2/south", b"3/north", b"3/south"]),
    ("{id}:{response.none}", []),
]

REFUSED = [
    ("", "1 to 512 characters"),
    ("a" * (LONGEST + 1), "1 to 512 characters"),
    ("{", "a brace is open or closed alone"),
    ("a}", "a brace is open or closed alone"),
    ("{id}}", "a brace is open or closed alone"),
    ("{a{b}}", "a brace is open or closed alone"),
    ("{}", "write {name} as in the path"),
    ("{Id}", "write {name} as in the path"),
    ("{id }", "write {name} as in the path"),
    ("{reqest.accept}", "did you mean 'request'?"),
    ("{x.y}", "known: query, request, response"),
    ("{query.}", "names nothing"),
    ("{request.}", "names nothing"),
    ("{request.a b}", "names nothing"),
    ("{request.Cookie}", "holds secrets"),
    ("{request.authorization}", "holds secrets"),
    ("{response.set-cookie}", "holds secrets"),
]


@pytest.mark.parametrize(("text", "tags"), FILLED, ids=[text for text, _ in FILLED])
def test_a_template_is_filled(text: str, tags: list[bytes]) -> None:
    made = filled(parse(text), EXCHANGE, 4)

    assert made is not None
    assert list(made) == tags


@pytest.mark.parametrize(("text", "remedy"), REFUSED)
def test_a_malformed_template_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)

    assert remedy in str(caught.value)


def test_a_product_that_is_too_large_is_not_made() -> None:
    members = b",".join(b"%d" % n for n in range(10_000))
    request = Request("GET", "http", b"a", b"/", Fields([(b"a", members), (b"b", members)]))

    assert filled(parse("{request.a}{request.b}{request.a}"), Exchange((), request), 128) is None


def test_a_product_with_nothing_is_nothing_however_large() -> None:
    members = b",".join(b"%d" % n for n in range(10_000))
    request = Request("GET", "http", b"a", b"/", Fields([(b"a", members)]))

    assert list(filled(parse("{request.a}{id}"), Exchange((), request), 1) or ()) == []


def test_a_template_tells_what_it_takes() -> None:
    template = parse("{id}{kind}{id}{query.page}")

    assert template.takes(Source.CAPTURE) == {"id", "kind"}
    assert template.takes(Source.QUERY) == {"page"}
    assert not template.takes(Source.RESPONSE)


def test_a_template_for_values_has_their_place() -> None:
    assert filled_with(parse_for_value("a:{}/{}{{"), b"1") == b"a:1/1{"


@pytest.mark.parametrize(
    ("text", "remedy"), [("product", "write {}"), ("{}{id}", "'{id}' is unknown here")]
)
def test_a_template_for_values_has_no_other_place(text: str, remedy: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_for_value(text)

    assert remedy in str(caught.value)


@given(st.text(max_size=40) | st.text("{}.aquery", max_size=20))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = parse(text)
    except ValueError:
        return
    made = filled(template, EXCHANGE, 1_000)
    assert made is not None
    assert all(isinstance(tag, bytes) for tag in made)


@given(st.text(min_size=1, max_size=40))
def test_doubled_braces_are_literal(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")

    assert list(filled(parse(escaped), EXCHANGE, 1) or ()) == [text.encode()]
