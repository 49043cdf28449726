"""Credentials: whether a request speaks for one caller, and whether a response is for all.

Cookies are treated like Authorization: most personal answers today hang on a cookie, and few
applications that set one remember to send `private` (9111 §3.5, §7.3).
"""

from proxy.http.cache_control import Directives
from proxy.http.message import Fields
from proxy.policy.terms import Credentials, Terms


def carries(fields: Fields, terms: Terms) -> bool:
    """Tell whether the request has credentials that its key does not hold."""
    if terms.credentials is not Credentials.REFUSE:
        return False
    return b"authorization" in fields or (b"cookie" in fields and not terms.cookies_keyed)


def shareable(directives: Directives) -> bool:
    """Tell whether the response says that all callers may have it (9111 §3.5, §5.2.2.9)."""
    return directives.public or directives.must_revalidate or directives.s_maxage is not None
