"""Cases: requests, heads and stored responses made of a few words, so that a row is a line.

Time stands at `T` when a response arrives, and rows speak of seconds before or after it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from proxy.http import dates
from proxy.http.message import Fields, Head, Line, Request
from proxy.policy import admission, freshness
from proxy.policy.admission import Moment
from proxy.policy.stored import Lifetime, Stored
from proxy.policy.terms import Terms
from proxy.policy.verdicts import Admission, Keep

T: Final = 1_700_000_000
TERMS: Final = Terms()


def table(rows: Mapping[str, tuple[object, ...]]) -> list[object]:
    """Turn rows into parameters, each with its key for an id."""
    return [pytest.param(*row, id=name) for name, row in rows.items()]


def at(seconds: int) -> str:
    """Write the instant `seconds` after T as a date."""
    return dates.render(T + seconds).decode()


def _line(text: str) -> Line:
    name, _, value = text.partition(":")
    return name.encode("latin-1"), value.strip().encode("latin-1")


def fields(*lines: str) -> Fields:
    return Fields(map(_line, lines))


def ask(*lines: str, method: str = "GET", target: str = "/thing") -> Request:
    """Make a request for http://api.test/thing."""
    return Request(method, "http", b"api.test", target.encode(), fields(*lines))


def asking(directives: str) -> Request:
    """Make the same request with these directives."""
    return ask(f"Cache-Control: {directives}")


GET: Final = ask()
_USUAL: Final = fields(f"Date: {at(0)}", "Content-Length: 5")


def bare(status: int, *lines: str) -> Head:
    """Make a head of just these lines."""
    return Head(status, fields(*lines))


def head(status: int, *lines: str) -> Head:
    """Make a head with a Date of T and a Content-Length of 5 where the lines have none."""
    given = fields(*lines)
    return Head(status, given.plus(*(line for line in _USUAL if line[0].lower() not in given)))


def control(directives: str, *lines: str, status: int = 200) -> Head:
    """Make such a head with these directives."""
    return head(status, f"Cache-Control: {directives}", *lines)


def lifetime(response: Head, terms: Terms = TERMS, draw: float = 0.0) -> Lifetime | None:
    """Return the lifetime of a response that arrives at T."""
    said, targeted = freshness.governing(response.fields, terms.targets)
    date = freshness.date_of(response.fields, T)
    return freshness.lifetime_of(response, said, terms, targeted=targeted, date=date, draw=draw)


def admit(
    response: Head, request: Request = GET, terms: Terms = TERMS, *, delay: float = 0.0
) -> Admission:
    """Judge a response that arrives at T, `delay` seconds after its request left."""
    return admission.judge(request, response, terms, Moment(T - delay, T))


def stored(
    *lines: str, status: int = 200, request: Request = GET, terms: Terms = TERMS, delay: float = 0.0
) -> Stored:
    """Return what is kept of a response, its body of 5 bytes, or as long as its part, there."""
    verdict = admit(head(status, *lines), request, terms, delay=delay)
    assert isinstance(verdict, Keep), verdict
    part = verdict.stored.part
    return replace(verdict.stored, length=5 if part is None else part.length)
