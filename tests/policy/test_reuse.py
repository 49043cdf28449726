"""What a request says, and what a rule and the time of day change (9111 §4, §5.2.1)."""

from dataclasses import replace

import pytest

from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.terms import Caching, Credentials, Terms
from proxy.policy.verdicts import Absent, Bypass, Fresh, MustValidate, Refuse, Stale, Verdict
from tests.policy.cases import GET, TERMS, T, ask, asking, stored, table

AUTH, COOKIE = ask("Authorization: Basic eDp5"), ask("Cookie: sid=1")
CACHED = "only-if-cached"


def held(directives: str, *lines: str) -> Stored:
    return stored(f"Cache-Control: {directives}", 'ETag: "a"', *lines)


def verdict_at(
    later: float, request: Request, kept: Stored | None, terms: Terms = TERMS
) -> Verdict:
    return reuse.judge(request, kept, terms, T + later, 0.0, variants=kept is not None)


ASKED = {
    "9111-5.2.1.4-no-cache": (("Cache-Control: no-cache",), True),
    "9111-5.2.1.4-any-case": (("Cache-Control: No-Cache",), True),
    "9111-5.4-pragma": (("Pragma: no-cache",), True),
    "9111-5.4-pragma-any-case": (("Pragma: x, No-Cache",), True),
    "9111-5.4-pragma-of-other-meaning": (("Pragma: akamai-x-cache-on",), False),
    "9111-5.4-pragma-yields-to-cache-control": (
        ("Cache-Control: max-age=9", "Pragma: no-cache"),
        False,
    ),
    "9111-5.2.1-nothing": ((), False),
}


@pytest.mark.parametrize(("lines", "no_cache"), table(ASKED))
def test_asked(lines: tuple[str, ...], *, no_cache: bool) -> None:
    assert reuse.asked(ask(*lines)).no_cache is no_cache


OFF = Terms(cache=Caching.OFF)

TRIAGE = {
    "9111-4-get": (GET, TERMS, None),
    "9111-4-head": (ask(method="HEAD"), TERMS, None),
    "9111-4-conditional": (ask('If-None-Match: "a"'), TERMS, None),
    "9111-4-range": (ask("Range: bytes=0-1"), TERMS, None),
    "9111-4-unsafe-is-written-through": (ask(method="PUT"), TERMS, Bypass(Reason.METHOD)),
    "9110-9.3.3-post-is-never-answered": (ask(method="POST"), TERMS, Bypass(Reason.METHOD)),
    "9111-4-method-unknown": (ask(method="BREW"), TERMS, Bypass(Reason.METHOD)),
    "9110-9.1-methods-are-case-sensitive": (ask(method="get"), TERMS, Bypass(Reason.METHOD)),
    "9110-9.3.7-options": (ask(method="OPTIONS"), TERMS, Bypass(Reason.METHOD)),
    "9110-9.3.1-body": (replace(GET, has_body=True), TERMS, Bypass(Reason.REQUEST_BODY)),
    "9111-4.3.2-if-match": (ask("If-Match: *"), TERMS, Bypass(Reason.PRECONDITION)),
    "9111-4.3.2-if-unmodified-since": (
        ask("If-Unmodified-Since: x"),
        TERMS,
        Bypass(Reason.PRECONDITION),
    ),
    "rule-off": (GET, OFF, Bypass(Reason.RULE_OFF)),
    "9111-5.2.1.7-only-if-cached-is-looked-for": (asking(CACHED), TERMS, None),
    "9111-5.2.1.7-only-if-cached-where-nothing-is": (
        asking(CACHED),
        OFF,
        Refuse(Reason.ONLY_IF_CACHED),
    ),
    "9111-5.2.1.7-not-for-what-is-written-through": (
        ask("Cache-Control: only-if-cached", method="PUT"),
        TERMS,
        Bypass(Reason.METHOD),
    ),
}


@pytest.mark.parametrize(("request_", "terms", "verdict"), table(TRIAGE))
def test_triage(request_: Request, terms: Terms, verdict: Verdict | None) -> None:
    assert reuse.triage(request_, terms, ambiguous=False) == verdict


def test_triage_of_an_ambiguous_target() -> None:
    assert reuse.triage(GET, TERMS, ambiguous=True) == Bypass(Reason.AMBIGUOUS_TARGET)


def test_variants_that_do_not_fit_are_another_miss() -> None:
    """9211 §2.2: vary-miss says that something is stored, though not for these fields."""
    assert reuse.judge(GET, None, TERMS, T, 0.0, variants=True) == Absent(Reason.VARY_MISS)


CREDENTIALED = {
    "rule-credentials-key": (Terms(credentials=Credentials.KEY), AUTH, (Fresh, Reason.FRESH)),
    "rule-credentials-share": (Terms(credentials=Credentials.SHARE), AUTH, (Fresh, Reason.FRESH)),
    "rule-cookies-keyed": (Terms(cookies_keyed=True), COOKIE, (Fresh, Reason.FRESH)),
    "rule-cookies-keyed-authorization-is-not": (
        Terms(cookies_keyed=True),
        AUTH,
        (Absent, Reason.NOT_SHAREABLE),
    ),
}


@pytest.mark.parametrize(("terms", "request_", "expected"), table(CREDENTIALED))
def test_judge_by_rule(terms: Terms, request_: Request, expected: tuple[type, Reason]) -> None:
    verdict = verdict_at(1, request_, held("max-age=60"), terms)
    assert (type(verdict), verdict.reason) == expected


REFRESHES = {
    "5861-3-refreshes-in-the-background": (
        held("max-age=60, stale-while-revalidate=10"),
        GET,
        61,
        True,
    ),
    "9111-5.2.1.2-max-stale-does-not": (held("max-age=60"), asking("max-stale"), 61, False),
    "9111-4.2-fresh-does-not": (held("max-age=60"), GET, 1, False),
}


@pytest.mark.parametrize(("kept", "request_", "later", "refresh"), table(REFRESHES))
def test_refresh(kept: Stored, request_: Request, later: float, *, refresh: bool) -> None:
    verdict = verdict_at(later, request_, kept)
    assert isinstance(verdict, Fresh | Stale)
    assert (verdict.stored, verdict.refresh) == (kept, refresh)


def test_early_refresh() -> None:
    kept = stored("Cache-Control: max-age=60", delay=2)
    verdict = reuse.judge(GET, kept, Terms(early_refresh=1.0), T + 57, 0.99, variants=True)
    assert verdict == Fresh(kept, Reason.FRESH, refresh=True)


def test_what_is_to_be_validated_is_named() -> None:
    kept = held("max-age=0")
    assert verdict_at(1, GET, kept) == MustValidate(kept, Reason.STALE)
