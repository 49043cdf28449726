"""Deciding: the request fields on which an answer from the store may depend, whatever the answer.

All that anything between the connection and the answer looks at, but for what `Vary` names: that
is known of each stored response. A field that is missing here could give one client another's
answer, so whoever makes the engine look at one more adds it. This module must not know values.
"""

from collections.abc import Iterable
from typing import Final

from proxy.http.hops import SHAPING
from proxy.rules.conditions import Condition, Header
from proxy.rules.rule import Rule

ALWAYS: Final = SHAPING | frozenset(
    {
        *(b"host", b"x-forwarded-host", b"x-forwarded-proto"),  # are in every key
        *(b"authorization", b"cookie"),  # whose answer it is (9111 §3.5)
        *(b"cache-control", b"pragma"),  # what may be reused (9111 §5.2.1, §5.4)
        *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"),  # 9110 §13
        *(b"range", b"if-range"),  # 9110 §14
        b"accept-encoding",  # 9110 §12.5.3
        *(b"connection", b"proxy-connection", b"upgrade"),  # what becomes of the connection
        *(b"content-length", b"transfer-encoding", b"expect"),  # whether there is a body
    }
)
"""Lower-case names of those that count under any rule."""


def deciding(rules: Iterable[Rule], conditions: Iterable[Iterable[Condition]]) -> frozenset[bytes]:
    """Return the lower-case names of all that count under some rule, or decide which one it is."""
    keyed = {name for rule in rules for name in rule.key.headers}
    matched = {each.name for group in conditions for each in group if isinstance(each, Header)}
    return ALWAYS | keyed | {name.lower() for name in matched}
