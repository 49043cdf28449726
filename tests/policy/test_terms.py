import pytest

from proxy.policy.terms import Caching, Credentials, SetCookie, Terms
from tests.policy.cases import table

RULED = Terms(ttl=60.0, ttl_by_status=((404, 10.0), (200, 30.0)))

OWN = {
    "rule-nothing-said": (Terms(), 200, None),
    "rule-ttl-for-a-success": (Terms(ttl=60.0), 200, 60.0),
    "rule-ttl-for-a-lasting-redirect": (Terms(ttl=60.0), 301, 60.0),
    "rule-ttl-not-for-a-passing-redirect": (Terms(ttl=60.0), 302, None),
    "rule-ttl-not-for-a-client-error": (Terms(ttl=60.0), 404, None),
    "rule-ttl-not-for-a-server-error": (Terms(ttl=60.0), 500, None),
    "rule-status-listed": (RULED, 404, 10.0),
    "rule-status-listed-before-ttl": (RULED, 200, 30.0),
    "rule-status-not-listed": (RULED, 203, 60.0),
    "rule-zero-is-said-too": (Terms(ttl=0.0), 200, 0.0),
    "rule-status-unknown": (Terms(ttl=60.0), 299, None),
}


@pytest.mark.parametrize(("terms", "status", "ttl"), table(OWN))
def test_own_ttl(terms: Terms, status: int, ttl: float | None) -> None:
    assert terms.own_ttl(status) == ttl


def test_plain_ttl_is_for_successes_and_lasting_redirects() -> None:
    given = {status for status in range(200, 600) if Terms(ttl=60.0).own_ttl(status) == 60.0}
    assert given == {200, 203, 204, 206, 300, 301, 308}


def test_defaults_are_safe() -> None:
    terms = Terms()
    assert (terms.cache, terms.ttl, terms.min_ttl) == (Caching.ON, None, 0)
    assert (terms.credentials, terms.set_cookie) == (Credentials.REFUSE, SetCookie.REFUSE)
    assert (terms.stale_while_revalidate, terms.stale_if_error) == (None, None)
    assert (terms.stale_if_unreachable, terms.heuristic_max) == (24 * 3600, 24 * 3600)
    assert (terms.max_body, terms.max_variants, terms.cookies_keyed) == (8 * 2**20, 32, False)
