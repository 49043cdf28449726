import pytest

from proxy.policy.terms import Terms
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
