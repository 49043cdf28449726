"""What holds for every response, every request and every instant."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields, Request
from proxy.policy import admission, reuse
from proxy.policy.admission import Moment
from proxy.policy.freshness import age_on_arrival, date_of
from proxy.policy.shaping import Shape, shape
from proxy.policy.stored import Stored
from proxy.policy.terms import Caching, Terms
from proxy.policy.verdicts import Fresh, Keep, Stale
from tests.policy.cases import GET, T, ask, at, head, stored

# --- Stricter directives. ----------------------------------------------------------------------

SECONDS = st.integers(0, 40)
LIFETIMES = st.builds("{}={}".format, st.sampled_from(["max-age", "s-maxage"]), SECONDS)
WINDOWS = st.builds(
    "{}={}".format, st.sampled_from(["stale-while-revalidate", "stale-if-error"]), SECONDS
)
SWITCHES = st.sampled_from(
    [
        *("public", "immutable", "must-understand", "must-understand=1", "no-transform", "x=1"),
        *("no-cache", 'no-cache="x-a"', "must-revalidate", "proxy-revalidate", "max-age=x"),
        *("private", 'private="x-a"', "no-store", 'broken="', "max-age"),
    ]
)
DIRECTIVES = st.lists(LIFETIMES | WINDOWS | SWITCHES, max_size=5)
STRICT = st.sampled_from(["no-store", "private", "no-cache", "must-revalidate"])
LINES = st.lists(
    st.sampled_from(
        [
            *('ETag: "a"', f"Last-Modified: {at(-300)}", f"Expires: {at(20)}", "Expires: 0"),
            *("Age: 10", f"Date: {at(-5)}", "Vary: x-b", "CDN-Cache-Control: max-age=30"),
        ]
    ),
    max_size=4,
    unique=True,
)
TERMS = st.sampled_from(
    [
        Terms(),
        Terms(ttl=15.0, stale_while_revalidate=10.0, stale_if_error=20.0),
        Terms(min_ttl=10.0, max_ttl=25.0),
        Terms(cache=Caching.OVERRIDE, ttl=15.0, stale_while_revalidate=5.0),
    ]
)
ASKING = st.sampled_from(
    [
        GET,
        *(ask(f"Cache-Control: {said}") for said in ("max-stale", "max-stale=5", "max-age=7")),
        *(ask(f"Cache-Control: {said}") for said in ("min-fresh=5", "stale-if-error=9")),
    ]
)
STATUSES = st.sampled_from([200, 203, 299, 302, 404, 500])


def kept(directives: list[str], lines: list[str], status: int, terms: Terms) -> Stored | None:
    control = [f"Cache-Control: {', '.join(directives)}"] if directives else []
    response = head(status, *control, *lines)
    verdict = admission.judge(GET, response, terms, Moment(T - 1, T))
    return verdict.stored if isinstance(verdict, Keep) else None


def served(held: Stored | None, request: Request, terms: Terms, now: float) -> tuple[bool, ...]:
    """Tell whether it is given out as it is, after an error, and when there is no upstream."""
    if held is None:
        return False, False, False
    verdict = reuse.judge(request, held, terms, now, 0.0, variants=True)
    return (
        isinstance(verdict, Fresh | Stale),
        *(
            reuse.instead_of_error(request, held, terms, now, unreachable=unreachable) is not None
            for unreachable in (False, True)
        ),
    )


def lowered(directives: list[str], seconds: int) -> list[str]:
    """Return the directives with every lifetime cut down to `seconds`."""

    def low(directive: str) -> str:
        name, _, value = directive.partition("=")
        lifetime = name in {"max-age", "s-maxage"} and value.isdigit()
        return f"{name}={min(int(value), seconds)}" if lifetime else directive

    return [low(directive) for directive in directives]


@given(DIRECTIVES, LINES, STATUSES, TERMS, ASKING, STRICT, st.integers(0, 5), st.integers(0, 90))
def test_a_restriction_never_permits(  # noqa: PLR0917 - each is drawn
    directives: list[str],
    lines: list[str],
    status: int,
    terms: Terms,
    request_: Request,
    strict: str,
    place: int,
    later: int,
) -> None:
    stricter = [*directives[:place], strict, *directives[place:]]
    before = kept(directives, lines, status, terms)
    after = kept(stricter, lines, status, terms)
    assert before is not None or after is None
    compare(before, after, request_, terms, T + later)


@given(DIRECTIVES, LINES, STATUSES, TERMS, ASKING, SECONDS, st.integers(0, 90))
def test_a_shorter_lifetime_never_permits(  # noqa: PLR0917 - each is drawn
    directives: list[str],
    lines: list[str],
    status: int,
    terms: Terms,
    request_: Request,
    seconds: int,
    later: int,
) -> None:
    # Cutting two lifetimes that contradict each other can reconcile them.
    lifetimes = [each for each in directives if each.startswith(("max-age", "s-maxage"))]
    names = [each.partition("=")[0] for each in lifetimes]
    assume(len(set(names)) == len(names))
    before = kept(directives, lines, status, terms)
    after = kept(lowered(directives, seconds), lines, status, terms)
    assert before is not None or after is None
    compare(before, after, request_, terms, T + later)


def compare(
    before: Stored | None, after: Stored | None, request: Request, terms: Terms, now: float
) -> None:
    if before is not None and after is not None:
        assert after.ttl(now) <= before.ttl(now)
    for was, still in zip(
        served(before, request, terms, now), served(after, request, terms, now), strict=True
    ):
        assert was or not still


# --- Age. --------------------------------------------------------------------------------------

TIMES = st.floats(-1e10, 1e12, allow_nan=False)


@given(
    st.lists(st.binary(max_size=12) | st.sampled_from([b"10", b"9" * 30]), max_size=2),
    st.binary(max_size=12) | st.integers(-(10**6), 10**6).map(lambda n: at(n).encode()),
    st.tuples(TIMES, TIMES),
    st.lists(TIMES, min_size=2, max_size=5),
)
def test_age_grows_with_time_alone(
    ages: list[bytes], date: bytes, moments: tuple[float, float], instants: list[float]
) -> None:
    asked, arrived = moments
    given_ = Fields([(b"Date", date), *((b"Age", age) for age in ages)])
    arrival = age_on_arrival(given_, date_of(given_, arrived), asked, arrived)
    assert arrival >= 0
    held = stored("Cache-Control: max-age=60")
    ages_seen = [held.age(now) for now in sorted(instants)]
    assert all(0 <= earlier <= later for earlier, later in pairwise(ages_seen))


# --- Ranges. -----------------------------------------------------------------------------------


def naive(spec: str, body: bytes) -> tuple[int, bytes]:
    """Answer one range-spec the slow way (9110 §14.1.2): byte by byte."""
    first, _, last = spec.partition("-")
    if not body or (not first and not last) or (first and last and int(last) < int(first)):
        return 200, body
    places = range(len(body))
    if first:
        chosen = [i for i in places if i >= int(first) and (not last or i <= int(last))]
    else:
        chosen = [i for i in places if i >= len(body) - int(last)]
    return (206, bytes(body[i] for i in chosen)) if chosen else (416, b"")


def assembled(found: Shape, body: bytes) -> bytes:
    """Return the bytes that a shape makes of a body."""
    pieces = (body[p] if isinstance(p, slice) else p for p in found.body or ())
    return b"".join(pieces)


NUMBERS = st.integers(0, 30).map(str) | st.sampled_from(["", "0", "007", "9" * 19])
SPECS = st.builds("{}-{}".format, NUMBERS, NUMBERS)


@given(SPECS, st.binary(max_size=20))
def test_a_range_is_a_slice(spec: str, body: bytes) -> None:
    held = replace(stored("Cache-Control: max-age=60"), length=len(body))
    found = shape(ask(f"Range: bytes={spec}"), held, T, CacheStatus(hit=True))
    status, expected = naive(spec, body)
    assert (found.status, assembled(found, body)) == (status, expected)
    assert found.fields.all(b"content-length") == (b"%d" % len(expected),)


@given(SPECS, st.lists(st.integers(0, 19), min_size=2, max_size=2).map(sorted))
def test_a_range_within_a_part_is_a_slice(spec: str, ends: list[int]) -> None:
    """9111 §3.3: a part answers what lies within it, with the very bytes of the whole."""
    body = bytes(range(20))  # no byte twice, so that a slice of it is found in one place alone
    first, last = ends
    place = f"Content-Range: bytes {first}-{last}/{len(body)}"
    held = stored("Cache-Control: max-age=60", place, status=206)
    request = ask(f"Range: bytes={spec}")
    verdict = reuse.judge(request, held, Terms(), T, 0.0, variants=True)
    status, expected = naive(spec, body)
    within = status == 206 and expected in body[first : last + 1]
    assert isinstance(verdict, Fresh) is within
    if within:
        found = shape(request, held, T, CacheStatus(hit=True))
        assert found.status == 206
        assert found.body is not None
        assert assembled(found, body[first : last + 1]) == expected
