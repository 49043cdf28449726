"""Cache-Control: lenient in, safe in doubt (9111 §5.2, 5861, 8246, 9213)."""

import pytest

from proxy.http.cache_control import (
    DELTA_MAX,
    Directives,
    delta_seconds,
    parse_request,
    parse_response,
    parse_targeted,
)

NOTHING = Directives()
FOO = frozenset({b"foo"})
FOO_BAR = frozenset({b"foo", b"bar"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(b"0", 0, id="zero"),
        pytest.param(b"60", 60, id="number"),
        pytest.param(b"0060", 60, id="leading-zeros"),
        pytest.param(b"0" * 5000 + b"7", 7, id="many-leading-zeros"),
        pytest.param(b"2147483648", DELTA_MAX, id="9111-1.2.2-greatest"),
        pytest.param(b"2147483649", DELTA_MAX, id="9111-1.2.2-one-more"),
        pytest.param(b"9" * 5000, DELTA_MAX, id="9111-1.2.2-overflow"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"-1", None, id="negative"),
        pytest.param(b"+1", None, id="sign"),
        pytest.param(b"1.5", None, id="decimal"),
        pytest.param(b"1_000", None, id="underscore"),
        pytest.param(b" 1", None, id="white-space"),
        pytest.param("\N{ARABIC-INDIC DIGIT THREE}".encode(), None, id="foreign-digit"),
    ],
)
def test_delta_seconds(text: bytes, seconds: int | None) -> None:
    assert delta_seconds(text) == seconds


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        pytest.param((), NOTHING, id="absent"),
        pytest.param((b"",), NOTHING, id="empty"),
        pytest.param((b" ,, ,\t",), NOTHING, id="9110-5.6.1.2-empty-members"),
        pytest.param((b"unknown, other=1",), NOTHING, id="9111-5.2.3-unknown-ignored"),
        pytest.param((b"max-age=60",), Directives(max_age=60), id="9111-5.2.2.1-max-age"),
        pytest.param((b"MAX-AGE=60",), Directives(max_age=60), id="9111-5.2-any-case"),
        pytest.param((b'max-age="60"',), Directives(max_age=60), id="9111-5.2-quoted"),
        pytest.param((rb'max-age="6\0"',), Directives(max_age=60), id="9110-5.6.4-quoted-pair"),
        pytest.param((b" ,, max-age=60 ,",), Directives(max_age=60), id="white-space-round-it"),
        pytest.param((b"max-age=0",), Directives(max_age=0), id="max-age-zero"),
        pytest.param((b"s-maxage=5",), Directives(s_maxage=5), id="9111-5.2.2.10-s-maxage"),
        pytest.param(
            (b"max-age=99999999999",), Directives(max_age=DELTA_MAX), id="9111-1.2.2-overflow"
        ),
        pytest.param(
            (b"stale-while-revalidate=1, stale-if-error=2",),
            Directives(stale_while_revalidate=1, stale_if_error=2),
            id="5861-windows",
        ),
        pytest.param(
            (b"no-store, no-transform, must-revalidate, proxy-revalidate, public, immutable",),
            Directives(
                no_store=True,
                no_transform=True,
                must_revalidate=True,
                proxy_revalidate=True,
                public=True,
                immutable=True,
            ),
            id="9111-5.2.2-switches",
        ),
        pytest.param(
            (b"max-age=60", b"no-store"),
            Directives(max_age=60, no_store=True),
            id="9110-5.3-lines",
        ),
        pytest.param(
            (b"must-understand, no-store",),
            Directives(must_understand=True, no_store=True),
            id="9111-5.2.2.3-must-understand",
        ),
        pytest.param((b"only-if-cached, max-stale, min-fresh=1",), NOTHING, id="request-only"),
    ],
)
def test_response(values: tuple[bytes, ...], directives: Directives) -> None:
    assert parse_response(values) == directives


@pytest.mark.parametrize("name", [b"max-age", b"s-maxage"])
@pytest.mark.parametrize(
    "member",
    [
        pytest.param(b"%s=-1", id="negative"),
        pytest.param(b"%s=1.5", id="decimal"),
        pytest.param(b"%s=soon", id="word"),
        pytest.param(b'%s=""', id="empty"),
        pytest.param(b"%s=", id="missing"),
        pytest.param(b"%s", id="no-argument"),
        pytest.param(b"%s='60'", id="single-quotes"),
        pytest.param(b"%s=+60", id="sign"),
        pytest.param(b"%s=60x", id="trailing-letter"),
        pytest.param(b"%s=60 x", id="trailing-word"),
        pytest.param(b'%s="60"x', id="trailing-after-quote"),
        pytest.param(b'%s=6"0"', id="quote-inside"),
        pytest.param(b'%s=" 60"', id="white-space-in-quotes"),
        pytest.param(b'%s="60', id="unterminated"),
        pytest.param(b"%s =60", id="white-space-before-equals"),
        pytest.param(b"%s= 60", id="white-space-after-equals"),
        pytest.param(b"%s=60;", id="semicolon"),
        pytest.param(b"%s=60; x", id="parameter"),
        pytest.param(b"x; %s=60", id="behind-a-semicolon"),
        pytest.param(b'x="y, %s=60', id="behind-an-unterminated-quote"),
        pytest.param(b"%s=60\xa0", id="not-ascii"),
        pytest.param(b"%s=1, %s=2", id="9111-4.2.1-contradiction"),
        pytest.param(b"%s=1, %s", id="9111-4.2.1-one-unusable"),
    ],
)
def test_unusable_lifetime_is_over(name: bytes, member: bytes) -> None:
    """9111 §4.2.1: invalid freshness information is to be considered stale."""
    said = parse_response((member.replace(b"%s", name),))

    assert (said.max_age, said.s_maxage) == ((0, None) if name == b"max-age" else (None, 0))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(b"stale-if-error=5", 5, id="5861-4"),
        pytest.param(b"stale-if-error=5, stale-if-error=3", 3, id="the-smaller"),
        pytest.param(b"stale-if-error=3, stale-if-error=5", 3, id="in-either-order"),
        pytest.param(b"stale-if-error=5, stale-if-error", None, id="one-unusable"),
        pytest.param(b"stale-if-error", None, id="no-argument"),
        pytest.param(b"stale-if-error=-1", None, id="negative"),
        pytest.param(b"stale-if-error=5;", None, id="semicolon"),
    ],
)
def test_window(value: bytes, seconds: int | None) -> None:
    assert parse_response((value,)).stale_if_error == seconds
    assert parse_response((value.replace(b"if-error", b"while-revalidate"),)) == Directives(
        stale_while_revalidate=seconds
    )


def test_repeated_lifetime_with_equal_values() -> None:
    assert parse_response((b"max-age=60", b'max-age="060"')) == Directives(max_age=60)


@pytest.mark.parametrize("name", [b"no-cache", b"private"])
@pytest.mark.parametrize(
    ("member", "whole", "fields"),
    [
        pytest.param(b"%s", True, frozenset(), id="9111-5.2.2.4-unqualified"),
        pytest.param(b'%s="foo"', False, FOO, id="9111-5.2.2.4-qualified"),
        pytest.param(b'%s=" Foo ,,bar"', False, FOO_BAR, id="list"),
        pytest.param(rb'%s="f\oo"', False, FOO, id="9110-5.6.4-quoted-pair"),
        pytest.param(b"%s=Foo", False, FOO, id="token-form"),
        pytest.param(b'%s="foo", %s="bar"', False, FOO_BAR, id="two-lists"),
        pytest.param(b'%s, %s="foo"', True, frozenset(), id="both-forms"),
        pytest.param(b'%s="foo", %s', True, frozenset(), id="both-forms-in-other-order"),
        pytest.param(b'%s=""', True, frozenset(), id="empty-list"),
        pytest.param(b'%s=" , "', True, frozenset(), id="list-of-nothing"),
        pytest.param(b'%s="foo bar"', True, frozenset(), id="unusable-list"),
        pytest.param(b'%s="foo', True, frozenset(), id="unterminated"),
        pytest.param(b"%s=", True, frozenset(), id="missing"),
        pytest.param(b'%s ="foo"', True, frozenset(), id="white-space-before-equals"),
        pytest.param(b'%s= "foo"', True, frozenset(), id="white-space-after-equals"),
        pytest.param(b'%s="foo";', True, frozenset(), id="semicolon"),
    ],
)
def test_qualified(name: bytes, member: bytes, whole: bool, fields: frozenset[bytes]) -> None:  # noqa: FBT001 - a column of the table
    said = parse_response((member.replace(b"%s", name),))

    assert said == (
        Directives(no_cache=whole, no_cache_fields=fields)
        if name == b"no-cache"
        else Directives(private=whole, private_fields=fields)
    )


@pytest.mark.parametrize(
    ("value", "directives"),
    [
        pytest.param(b'x="a, no-store', Directives(no_store=True), id="unterminated-quote"),
        pytest.param(b'x="no-store', Directives(no_store=True), id="at-once-behind-the-quote"),
        pytest.param(b'x="a\\", private', Directives(private=True), id="escaped-end"),
        pytest.param(b'x=y"z, private, "', Directives(private=True), id="stray-quote"),
        pytest.param(b'x= "a, private"', Directives(private=True), id="quote-after-white-space"),
        pytest.param(b'x="a, private"z', Directives(private=True), id="more-after-the-quote"),
        pytest.param(b'x="a, no-store"', NOTHING, id="well-formed-quote-hides"),
        pytest.param(b"x; no-store", Directives(no_store=True), id="semicolon"),
        pytest.param(b"x no-store", Directives(no_store=True), id="white-space"),
        pytest.param(b"=, no-store", Directives(no_store=True), id="no-name"),
        pytest.param(b"\xff, no-store", Directives(no_store=True), id="not-ascii"),
        pytest.param(b"x=no-store=1;x=no-store", NOTHING, id="an-argument-is-no-directive"),
        pytest.param(b'x="a, public', NOTHING, id="nothing-granted-behind-a-quote"),
        pytest.param(b"x; public, public;", NOTHING, id="nothing-granted-beside-a-semicolon"),
        pytest.param(b"public=x", NOTHING, id="nothing-granted-with-an-argument"),
        pytest.param(b"immutable=1", Directives(immutable=True), id="8246-2-argument-ignored"),
        pytest.param(b"public=x, public", Directives(public=True), id="granted-once-is-enough"),
        pytest.param(
            b"no-store=1, no-transform=0, must-revalidate=x, proxy-revalidate=y",
            Directives(
                no_store=True, no_transform=True, must_revalidate=True, proxy_revalidate=True
            ),
            id="demands-count-with-an-argument",
        ),
        pytest.param(
            b"must-understand=1", Directives(must_understand=True), id="must-understand-restricts"
        ),
        pytest.param(
            b"must-understand=1, no-store",
            Directives(no_store=True),
            id="9111-5.2.2.3-malformed-must-understand-lifts-nothing",
        ),
    ],
)
def test_doubt(value: bytes, directives: Directives) -> None:
    assert parse_response((value,)) == directives


def test_a_quote_does_not_reach_into_the_next_line() -> None:
    assert parse_response((b'x="a', b"no-store", b'b"')) == Directives(no_store=True)


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        pytest.param((), NOTHING, id="absent"),
        pytest.param((b"max-age=60",), Directives(max_age=60), id="9111-5.2.1.1-max-age"),
        pytest.param((b"max-age=x",), Directives(max_age=0), id="unusable-max-age"),
        pytest.param((b"max-stale=9",), Directives(max_stale=9), id="9111-5.2.1.2-max-stale"),
        pytest.param((b"max-stale",), Directives(max_stale=DELTA_MAX), id="9111-5.2.1.2-any-stale"),
        pytest.param((b"max-stale, max-stale=9",), Directives(max_stale=9), id="smaller-max-stale"),
        pytest.param((b"max-stale=x",), NOTHING, id="unusable-max-stale"),
        pytest.param((b"max-stale = 5",), NOTHING, id="max-stale-with-white-space"),
        pytest.param((b"min-fresh=9",), Directives(min_fresh=9), id="9111-5.2.1.3-min-fresh"),
        pytest.param((b"min-fresh=9, min-fresh=3",), Directives(min_fresh=9), id="greater"),
        pytest.param((b"min-fresh",), NOTHING, id="unusable-min-fresh"),
        pytest.param((b"no-cache",), Directives(no_cache=True), id="9111-5.2.1.4-no-cache"),
        pytest.param((b'no-cache="x"',), Directives(no_cache=True), id="no-cache-with-argument"),
        pytest.param((b"no-store",), Directives(no_store=True), id="9111-5.2.1.5-no-store"),
        pytest.param((b"no-transform",), Directives(no_transform=True), id="9111-5.2.1.6"),
        pytest.param((b"only-if-cached",), Directives(only_if_cached=True), id="9111-5.2.1.7"),
        pytest.param((b"only-if-cached=1",), NOTHING, id="only-if-cached-with-argument"),
        pytest.param((b"stale-if-error=9",), Directives(stale_if_error=9), id="5861-4"),
        pytest.param((b"private, public, s-maxage=1",), NOTHING, id="response-only"),
    ],
)
def test_request(values: tuple[bytes, ...], directives: Directives) -> None:
    assert parse_request(values) == directives


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        pytest.param((b"max-age=60",), Directives(max_age=60), id="9213-3-integer"),
        pytest.param((b" max-age=60;x=1 ",), Directives(max_age=60), id="9213-2.1-parameters"),
        pytest.param(
            (b"max-age=60", b"no-store"), Directives(max_age=60, no_store=True), id="lines"
        ),
        pytest.param((b"none",), NOTHING, id="9213-3.1-unknown-is-not-empty"),
        pytest.param((b"max-age=1, max-age=2",), Directives(max_age=2), id="8941-3.2-last-wins"),
        pytest.param((b"max-age=1.5",), Directives(max_age=0), id="9213-2.1-decimal"),
        pytest.param((b'max-age="60"',), Directives(max_age=0), id="9213-2.1-string"),
        pytest.param((b"max-age",), Directives(max_age=0), id="9213-2.1-boolean"),
        pytest.param((b"max-age=-1",), Directives(max_age=0), id="negative"),
        pytest.param((b"max-age=(60)",), Directives(max_age=0), id="inner-list"),
        pytest.param((b"max-age=999999999999999",), Directives(max_age=DELTA_MAX), id="overflow"),
        pytest.param((b"stale-if-error=x",), NOTHING, id="window-of-wrong-type"),
        pytest.param((b"no-store=?0",), Directives(no_store=True), id="demand-denied-counts"),
        pytest.param((b"no-store=1",), Directives(no_store=True), id="demand-of-wrong-type"),
        pytest.param((b"public",), Directives(public=True), id="grant"),
        pytest.param((b"public=?0",), NOTHING, id="grant-of-wrong-type"),
        pytest.param((b"private",), Directives(private=True), id="unqualified"),
        pytest.param((b'private="foo"',), Directives(private_fields=FOO), id="qualified"),
        pytest.param((b"private=foo",), Directives(private=True), id="qualified-of-wrong-type"),
        pytest.param((), None, id="absent"),
        pytest.param((b"",), None, id="9213-2.1-empty"),
        pytest.param((b"max-age=60,",), None, id="9213-2.1-trailing-comma"),
        pytest.param((b"MAX-AGE=60",), None, id="9213-2.1-upper-case"),
        pytest.param((b"max-age=60; no-store=",), None, id="9213-2.1-broken"),
        pytest.param((b"max-age=\xff",), None, id="not-ascii"),
    ],
)
def test_targeted(values: tuple[bytes, ...], directives: Directives | None) -> None:
    assert parse_targeted(values) == directives
