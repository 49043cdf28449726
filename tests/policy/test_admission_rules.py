"""What a rule changes about whether a response is kept."""

import pytest

from proxy.http.message import Head, Request
from proxy.policy.reasons import Reason
from proxy.policy.stored import Selecting
from proxy.policy.terms import Caching, Credentials, SetCookie, Terms
from proxy.policy.verdicts import Keep
from tests.policy.cases import GET, TERMS, admit, ask, control, head, table

AUTH, COOKIE, POST = ask("Authorization: Basic eDp5"), ask("Cookie: sid=1"), ask(method="POST")
SELF = "Content-Location: /thing"


def fresh(*lines: str) -> Head:
    return control("max-age=60", *lines)


OVER = Terms(cache=Caching.OVERRIDE, ttl=30.0)
KEYED = Terms(credentials=Credentials.KEY)
COOKIES = Terms(cookies_keyed=True)
LISTED = Terms(ttl_by_status=((404, 9.0), (302, 9.0), (429, 9.0)))

BY_RULE = {
    "rule-off": (Terms(cache=Caching.OFF), GET, fresh(), Reason.BYPASSED),
    "rule-off-for-post-too": (Terms(cache=Caching.OFF), POST, fresh(SELF), Reason.BYPASSED),
    "rule-ttl": (Terms(ttl=30.0), GET, head(200), Reason.RULE_TTL),
    "rule-ttl-does-not-lift-no-store": (Terms(ttl=30.0), GET, control("no-store"), Reason.NO_STORE),
    "rule-ttl-by-status": (LISTED, GET, head(302), Reason.RULE_TTL),
    "6585-4-not-though-listed": (LISTED, GET, head(429), Reason.STATUS),
    "rule-override": (OVER, GET, control("max-age=0"), Reason.RULE_TTL),
    "rule-override-no-cache": (OVER, GET, control("no-cache"), Reason.RULE_TTL),
    "rule-override-not-no-store": (OVER, GET, control("no-store"), Reason.NO_STORE),
    "rule-override-not-private": (OVER, GET, control("private"), Reason.PRIVATE),
    "rule-override-not-the-requests-no-store": (
        OVER,
        ask("Cache-Control: no-store"),
        fresh(),
        Reason.REQUEST_NO_STORE,
    ),
    "rule-override-does-not-share": (OVER, AUTH, fresh(), Reason.CREDENTIALS),
    "9111-3.5-override-breaks-what-s-maxage-asks": (
        OVER,
        AUTH,
        control("s-maxage=60"),
        Reason.CREDENTIALS,
    ),
    "9111-3.5-override-keeps-what-public-grants": (OVER, AUTH, control("public"), Reason.RULE_TTL),
    "9110-9.3.3-a-rule-is-not-explicit-freshness": (OVER, POST, fresh(SELF), Reason.POST),
    "rule-credentials-key": (KEYED, AUTH, fresh(), Reason.MAX_AGE),
    "rule-credentials-share": (
        Terms(credentials=Credentials.SHARE),
        COOKIE,
        fresh(),
        Reason.MAX_AGE,
    ),
    "rule-credentials-key-does-not-share-cookies-set": (
        KEYED,
        AUTH,
        fresh("Set-Cookie: a=b"),
        Reason.SET_COOKIE,
    ),
    "rule-cookies-keyed": (COOKIES, COOKIE, fresh(), Reason.MAX_AGE),
    "rule-cookies-keyed-authorization-is-not": (COOKIES, AUTH, fresh(), Reason.CREDENTIALS),
    "rule-set-cookie-strip": (
        Terms(set_cookie=SetCookie.STRIP),
        GET,
        fresh("Set-Cookie: a=b"),
        Reason.MAX_AGE,
    ),
    "rule-max-body": (Terms(max_body=4), GET, fresh(), Reason.TOO_LARGE),
    "rule-max-body-just-so": (Terms(max_body=5), GET, fresh(), Reason.MAX_AGE),
    "rule-max-body-huge": (TERMS, GET, fresh("Content-Length: " + "9" * 19), Reason.TOO_LARGE),
    "rule-no-targets": (
        Terms(targets=()),
        GET,
        control("no-store", "CDN-Cache-Control: max-age=60"),
        Reason.NO_STORE,
    ),
    "rule-min-ttl-does-not-lift-no-cache": (
        Terms(min_ttl=60.0),
        GET,
        control("no-cache, max-age=0"),
        Reason.NO_VALIDATOR,
    ),
}


@pytest.mark.parametrize(("terms", "request_", "response", "reason"), table(BY_RULE))
def test_by_rule(terms: Terms, request_: Request, response: Head, reason: Reason) -> None:
    assert admit(response, request_, terms).reason is reason


@pytest.mark.parametrize(
    ("lines", "selecting"),
    [
        pytest.param((), (), id="9111-4.1-nothing-allowed"),
        pytest.param(("Access-Control-Allow-Origin: *",), (), id="9111-4.1-all-origins"),
        pytest.param(
            ("Access-Control-Allow-Origin: https://a.test", "Vary: Accept"),
            ((b"accept", None), (b"origin", b"https://a.test")),
            id="9111-4.1-one-origin-without-vary",
        ),
    ],
)
def test_origin_selects_where_one_origin_is_allowed(
    lines: tuple[str, ...], selecting: Selecting
) -> None:
    kept = admit(fresh(*lines), ask("Origin: https://a.test"))
    assert isinstance(kept, Keep)
    assert kept.stored.selecting == selecting
