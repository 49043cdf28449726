"""What a soft purge makes of a stored response: stale before its time, and usable as such."""

from dataclasses import replace

import pytest

from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.verdicts import MustValidate, Stale
from tests.policy.cases import GET, TERMS, T, asking, stored, table

SINCE = 10
SOFTENED = (MustValidate, Reason.SOFT_PURGED)
UNLIMITED = 1_000_000_000


def softened(directives: str, since: float = SINCE) -> Stored:
    """Return a response of T that was softly purged `since` seconds later."""
    return replace(stored(f"Cache-Control: {directives}", 'ETag: "a"'), stale_since=T + since)


TTLS = {
    "before-its-time": ("max-age=60", 15, -5),
    "at-the-very-moment": ("max-age=60", 10, 0),
    "9111-4.2.3-its-age-is-what-it-was": ("max-age=60", 70, -60),
    "it-was-stale-already": ("max-age=5", 15, -10),
    "it-was-never-fresh": ("no-cache", 15, -15),
}


@pytest.mark.parametrize(("directives", "later", "ttl"), table(TTLS))
def test_its_lifetime_ends_with_the_purge(directives: str, later: int, ttl: float) -> None:
    held = softened(directives)
    assert (held.ttl(T + later), held.age(T + later)) == (ttl, later)


SWR = "max-age=60, stale-while-revalidate=10"

JUDGED = {
    "at-the-very-moment": ("max-age=60", GET, 10, SOFTENED),
    "before-its-time": ("max-age=60", GET, 15, SOFTENED),
    "past-its-time": ("max-age=60", GET, 65, SOFTENED),
    "5861-3-within-the-window": (SWR, GET, 20, (Stale, Reason.STALE_WHILE_REVALIDATE)),
    "5861-3-outside-the-window": (SWR, GET, 20.1, SOFTENED),
    "9111-5.2.1.2-max-stale": ("max-age=60", asking("max-stale=5"), 15, (Stale, Reason.MAX_STALE)),
    "9111-5.2.1.2-beyond-max-stale": ("max-age=60", asking("max-stale=5"), 15.1, SOFTENED),
    "9111-5.2.2.2-must-revalidate": (
        "max-age=60, must-revalidate",
        asking("max-stale=5"),
        12,
        SOFTENED,
    ),
    "9111-5.2.2.4-no-cache": ("no-cache", GET, 15, (MustValidate, Reason.NO_CACHE)),
    "9111-5.2.1.4-request-no-cache": (
        "max-age=60",
        asking("no-cache"),
        15,
        (MustValidate, Reason.REQUEST_NO_CACHE),
    ),
}


@pytest.mark.parametrize(("directives", "request_", "later", "expected"), table(JUDGED))
def test_judge(
    directives: str, request_: Request, later: float, expected: tuple[type, Reason]
) -> None:
    held = softened(directives)
    verdict = reuse.judge(request_, held, TERMS, T + later, 0.0, variants=True)
    assert (type(verdict), verdict.reason) == expected


INSTEAD = {
    "5861-4-within": ("max-age=60, stale-if-error=10", 20, False, Reason.STALE_IF_ERROR),
    "5861-4-beyond": ("max-age=60, stale-if-error=10", 20.1, False, None),
    "9111-4.2.4-disconnected": ("max-age=60", 20, True, Reason.STALE_UNREACHABLE),
    "9111-4.2.4-an-error-is-no-disconnection": ("max-age=60", 20, False, None),
    "9111-5.2.2.2-must-revalidate": ("max-age=60, must-revalidate", 20, True, None),
}


@pytest.mark.parametrize(("directives", "later", "unreachable", "reason"), table(INSTEAD))
def test_instead_of_an_error(
    directives: str, later: float, *, unreachable: bool, reason: Reason | None
) -> None:
    held, now = softened(directives), T + later
    verdict = reuse.instead_of_error(GET, held, TERMS, now, unreachable=unreachable)
    assert (None if verdict is None else verdict.reason) == reason
