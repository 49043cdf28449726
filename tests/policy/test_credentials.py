import pytest

from proxy.policy import credentials
from proxy.policy.freshness import governing
from proxy.policy.terms import Credentials, Terms
from tests.policy.cases import fields, table

CARRIES = {
    "9111-3.5-authorization": ("Authorization: Basic eDp5", Terms(), True),
    "9111-3.5-any-case": ("AUTHORIZATION: x", Terms(), True),
    "9111-3.5-even-empty": ("Authorization:", Terms(), True),
    "9111-7.3-cookie-counts-too": ("Cookie: sid=1", Terms(), True),
    "9111-7.3-cookie-in-the-key": ("Cookie: sid=1", Terms(cookies_keyed=True), False),
    "9111-3.5-authorization-beside-keyed-cookies": (
        "Authorization: x",
        Terms(cookies_keyed=True),
        True,
    ),
    "9111-3.5-nothing": ("Accept: */*", Terms(), False),
    "9110-11.7.2-proxy-authorization-is-not-the-origins": (
        "Proxy-Authorization: x",
        Terms(),
        False,
    ),
    "rule-credentials-in-the-key": (
        "Authorization: x",
        Terms(credentials=Credentials.KEY),
        False,
    ),
    "rule-credentials-shared": ("Cookie: a=b", Terms(credentials=Credentials.SHARE), False),
}

SHAREABLE = {
    "9111-3.5-public": ("public, max-age=1", True),
    "9111-3.5-must-revalidate": ("must-revalidate, max-age=1", True),
    "9111-3.5-s-maxage": ("s-maxage=1", True),
    "9111-3.5-s-maxage-even-zero": ("s-maxage=0", True),
    "9111-3.5-max-age-is-not-enough": ("max-age=60", False),
    "9111-5.2.2.8-proxy-revalidate-is-not-enough": ("proxy-revalidate, max-age=1", False),
    "8246-2-immutable-is-not-enough": ("immutable, max-age=1", False),
    "9111-5.2-public-hidden-in-a-quote": ('x="public", max-age=1', False),
    "9111-5.2-public-has-no-argument": ("public=1, max-age=1", False),
    "9111-3.5-nothing": ("", False),
}


@pytest.mark.parametrize(("line", "terms", "expected"), table(CARRIES))
def test_carries(line: str, terms: Terms, *, expected: bool) -> None:
    assert credentials.carries(fields(line), terms) is expected


@pytest.mark.parametrize(("directives", "expected"), table(SHAREABLE))
def test_shareable(directives: str, *, expected: bool) -> None:
    said, _ = governing(fields(f"Cache-Control: {directives}"), ())
    assert credentials.shareable(said) is expected
