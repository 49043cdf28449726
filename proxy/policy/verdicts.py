"""Verdicts: the closed sets of what can be decided about a request and about a response.

A verdict is a value; whoever receives one must meet every member of its set (`assert_never`).
"""

from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.values import valueclass


@valueclass(frozen=True, slots=True)
class Fresh:
    """Answer from the stored response; `refresh` asks for an early one in the background."""

    stored: Stored
    reason: Reason
    refresh: bool = False


@valueclass(frozen=True, slots=True)
class Stale:
    """Answer from the stale stored response; `refresh` asks for a new one in the background."""

    stored: Stored
    reason: Reason
    refresh: bool


@valueclass(frozen=True, slots=True)
class MustValidate:
    """Ask the upstream whether the stored response still holds (9111 §4.3)."""

    stored: Stored
    reason: Reason


@valueclass(frozen=True, slots=True)
class Absent:
    """Nothing stored can be used: fetch, and perhaps keep."""

    reason: Reason


@valueclass(frozen=True, slots=True)
class Bypass:
    """The cache has no part in this request: straight through, nothing kept."""

    reason: Reason


@valueclass(frozen=True, slots=True)
class Refuse:
    """The proxy answers by itself: 504 (9111 §5.2.1.7) or 501 (9110 §7.6.2)."""

    reason: Reason


Verdict = Fresh | Stale | MustValidate | Absent | Bypass | Refuse


@valueclass(frozen=True, slots=True)
class Keep:
    """Store the response as this."""

    stored: Stored
    reason: Reason


@valueclass(frozen=True, slots=True)
class Decline:
    """Do not store the response."""

    reason: Reason


Admission = Keep | Decline
