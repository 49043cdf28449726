"""In which codings a response may be sent to one client (9110 §8.4, §12.5.3)."""

from dataclasses import replace

import pytest

from proxy.http.codings import UNTOLD, Accepted, Coding, accepted
from proxy.http.message import Request
from proxy.policy.negotiation import Offer, canonical, offer, preferred, takes_coded, worth
from proxy.policy.terms import Ask, Compress, Terms
from tests.policy.cases import GET, ask, fields, table

BR, ZSTD, GZIP, PLAIN = Coding.BR, Coding.ZSTD, Coding.GZIP, Coding.IDENTITY
JSON = "Content-Type: application/json"
PNG = "Content-Type: image/png"
OFF = Terms(compress=Compress(codings=()))
CLIENT = Terms(compress=Compress(ask=Ask.CLIENT))


def takes(text: str | None) -> Accepted:
    return accepted(() if text is None else (text.encode(),))


def offered(
    accepts: str | None,
    *lines: str,
    status: int = 200,
    request: Request = GET,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Offer:
    return offer(request, takes(accepts), status, fields(*lines), terms)


CHOICES = {
    "9110-12.5.3-absent-is-plain": (None, [JSON], (PLAIN, BR, ZSTD, GZIP)),
    "9110-12.5.3-empty-is-plain": ("", [JSON], (PLAIN,)),
    "by-our-order": ("gzip, zstd, br", [JSON], (BR, ZSTD, GZIP, PLAIN)),
    "9110-12.4.2-by-their-weight": ("br;q=0.5, gzip", [JSON], (GZIP, BR, PLAIN)),
    "9110-12.5.3-any": ("*", [JSON], (BR, ZSTD, GZIP, PLAIN)),
    "9110-12.5.3-rather-plain": ("identity, br;q=0.9", [JSON], (PLAIN, BR)),
    "9110-12.5.3-never-plain": ("identity;q=0, gzip", [JSON], (GZIP,)),
    "9110-12.5.3-nothing": ("identity;q=0", [JSON], ()),
    "9110-12.5.3-nothing-by-star": ("*;q=0", [JSON], ()),
    "not-worth-it": ("br", [PNG], (PLAIN,)),
    "without-a-type": ("br", [], (PLAIN,)),
    "9110-12.5.3-not-worth-it-and-never-plain": ("br, identity;q=0", [PNG], ()),
    "parameters-do-not-count": ("br", ["Content-Type: TEXT/html; charset=utf-8"], (BR, PLAIN)),
    "json-by-suffix": ("br", ["Content-Type: application/problem+json"], (BR, PLAIN)),
    "svg": ("br", ["Content-Type: image/svg+xml"], (BR, PLAIN)),
    "events-pass": ("br", ["Content-Type: text/event-stream"], (PLAIN,)),
    "half-a-type": ("br", ["Content-Type: text/"], (PLAIN,)),
    "9111-5.2.2.6-no-transform": ("br", [JSON, "Cache-Control: no-transform"], (PLAIN,)),
    "9213-no-transform": ("br", [JSON, "CDN-Cache-Control: no-transform"], (PLAIN,)),
    "9530-2-content-digest": ("br", [JSON, "Content-Digest: x"], (PLAIN,)),
    "9530-3-repr-digest": ("br", [JSON, "Repr-Digest: x"], (PLAIN,)),
    "as-it-came": ("gzip, br", [JSON, "Content-Encoding: gzip"], (GZIP, PLAIN)),
    "as-it-came-whatever-is-preferred": (
        "br, gzip;q=0.1",
        [PNG, "Content-Encoding: gzip"],
        (GZIP, PLAIN),
    ),
    "9110-12.5.3-told-nothing-as-it-came": (None, [JSON, "Content-Encoding: gzip"], (GZIP, PLAIN)),
    "decoded": ("br", [JSON, "Content-Encoding: gzip"], (PLAIN,)),
    "cannot-be-had": ("br, identity;q=0", [JSON, "Content-Encoding: gzip"], ()),
    "no-transform-as-it-came": (
        "br",
        [JSON, "Content-Encoding: gzip", "Cache-Control: no-transform"],
        (GZIP,),
    ),
    "several-as-they-came": ("br", [JSON, "Content-Encoding: gzip, br"], (PLAIN,)),
    "unknown-as-it-came": ("br", [JSON, "Content-Encoding: dcz"], (PLAIN,)),
    "identity-says-nothing": ("br", [JSON, "Content-Encoding: identity"], (BR, PLAIN)),
}


@pytest.mark.parametrize(("accepts", "lines", "codings"), table(CHOICES))
def test_offer(accepts: str | None, lines: list[str], codings: tuple[Coding, ...]) -> None:
    assert offered(accepts, *lines).codings == codings


def test_9111_5_2_1_6_a_request_can_forbid_it_too() -> None:
    request = ask("Cache-Control: no-transform")
    assert offered("br", JSON, request=request).codings == (PLAIN,)


@pytest.mark.parametrize("status", [204, 205, 304, 416])
@pytest.mark.parametrize("accepts", ["br", "br, identity;q=0"])
def test_what_has_no_content_stays(status: int, accepts: str) -> None:
    assert offered(accepts, JSON, status=status) == Offer((PLAIN,), PLAIN, varies=False)


def test_9110_15_3_7_a_part_is_one_of_what_varies() -> None:
    assert offered("br", JSON, status=206) == Offer((PLAIN,), PLAIN, varies=True)
    assert offered("br, identity;q=0", JSON, status=206).codings == (PLAIN,)
    assert not offered("br", PNG, status=206).varies


@pytest.mark.parametrize("lines", [[JSON], [PNG], [JSON, "Content-Encoding: gzip"]])
def test_what_a_write_has_done_is_told_in_any_case(lines: list[str]) -> None:
    request = ask(method="POST")
    assert offered("identity;q=0", *lines, request=request).codings


def test_nothing_at_all_is_acceptable_to_everybody() -> None:
    for line in (JSON, PNG):
        assert worth(offered("identity;q=0", line), 0, Compress()).codings == (PLAIN,)


@pytest.mark.parametrize(
    ("accepts", "given"),
    [(None, None), ("", None), ("br", BR), ("gzip, br", BR), ("identity, br;q=0.5", None)],
)
def test_preferred(accepts: str | None, given: Coding | None) -> None:
    assert preferred(GET, takes(accepts), Terms()) is given
    assert preferred(ask("Cache-Control: no-transform"), takes(accepts), Terms()) is None
    assert preferred(GET, takes(accepts), OFF) is None


@pytest.mark.parametrize(
    ("accepts", "coded"), [(None, False), ("", False), ("deflate", False), ("gzip;q=0.1", True)]
)
def test_takes_coded(accepts: str | None, *, coded: bool) -> None:
    assert takes_coded(takes(accepts), Terms()) is coded
    assert not takes_coded(takes(accepts), OFF)


@pytest.mark.parametrize("status", [200, 203, 301, 404, 410, 500])
def test_any_other_content_is_coded(status: int) -> None:
    assert offered("br", JSON, status=status).codings == (BR, PLAIN)


def test_what_an_error_has_to_say_is_said_in_any_case() -> None:
    assert offered("identity;q=0", PNG, status=404).codings == (PLAIN,)
    assert offered("identity;q=0", PNG, status=200).codings == ()


def test_events_are_coded_if_they_are_named() -> None:
    terms = Terms(compress=Compress(types=(b"text/event-stream",)))
    assert offered("br", "Content-Type: text/event-stream", terms=terms).codings == (BR, PLAIN)
    assert offered("br", JSON, terms=terms).codings == (PLAIN,)


def test_the_rule_says_which_codings_and_in_which_order() -> None:
    terms = Terms(compress=Compress(codings=(GZIP, BR)))
    assert offered("br, gzip, zstd", JSON, terms=terms).codings == (GZIP, BR, PLAIN)


@pytest.mark.parametrize("terms", [OFF, CLIENT], ids=["off", "client"])
def test_where_the_upstream_was_told_what_the_client_takes_it_chose(terms: Terms) -> None:
    assert offered("identity;q=0", PNG, terms=terms).codings == (PLAIN,)
    assert offered("br", JSON, "Content-Encoding: gzip", terms=terms).codings == (PLAIN,)
    assert offered("gzip", JSON, "Content-Encoding: gzip", terms=terms).codings == (GZIP, PLAIN)


def test_switched_off_nothing_is_coded() -> None:
    assert offered("br", JSON, terms=OFF) == Offer((PLAIN,), PLAIN, varies=False)


@pytest.mark.parametrize(
    ("lines", "varies"),
    [
        ([JSON], True),
        ([PNG], False),
        ([JSON, "Cache-Control: no-transform"], False),
        ([PNG, "Content-Encoding: gzip"], True),
        ([PNG, "Content-Encoding: dcz"], False),
    ],
)
def test_9110_12_5_5_whether_another_client_could_get_another(
    lines: list[str], *, varies: bool
) -> None:
    for accepts in (None, "br", "identity;q=0"):
        assert offered(accepts, *lines).varies is varies


@pytest.mark.parametrize(
    ("accepts", "length", "codings"),
    [
        pytest.param("br", 255, (PLAIN,), id="too-short"),
        pytest.param("br", 256, (BR, PLAIN), id="long-enough"),
        pytest.param("br", None, (BR, PLAIN), id="nobody-knows"),
        pytest.param("br, identity;q=0", 1, (BR,), id="9110-12.5.3-nothing-plain"),
    ],
)
def test_worth(accepts: str, length: int | None, codings: tuple[Coding, ...]) -> None:
    made = worth(offered(accepts, JSON), length, Compress())
    assert made.codings == codings
    assert made.varies


def test_what_came_coded_is_not_too_short_to_be_decoded() -> None:
    made = offered("br", JSON, "Content-Encoding: gzip")
    assert worth(made, 1, Compress()) == made


@pytest.mark.parametrize(
    ("accepts", "expected"),
    [
        (None, b"identity"),
        ("", b"identity"),
        ("deflate", b"identity"),
        ("GZIP,br", b"br, gzip"),
        ("gzip, br;q=0.1", b"br, gzip"),
        ("*", b"br, zstd, gzip"),
        ("gzip, identity;q=0", b"gzip, identity;q=0"),
        ("identity;q=0", b"identity;q=0"),
        ("*;q=0", b"identity;q=0"),
    ],
)
def test_9111_4_1_one_spelling_for_all(accepts: str | None, expected: bytes) -> None:
    assert canonical(takes(accepts)) == expected
    again = canonical(accepted((expected,)))
    assert again == expected


def test_a_fresh_acceptance_counts_like_the_absent_field() -> None:
    assert canonical(replace(UNTOLD)) == b"identity"
