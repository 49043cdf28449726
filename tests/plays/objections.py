"""Objections: what is wrong with an answer, by the RFCs alone, the slow way.

RFC 9110 §8.4, §8.6, §9.3.2, §12.5, §13, §14, §15.3.7, §15.4.5, §15.5.7 and §15.5.17, RFC 9111 §5.1.
Where the RFCs leave a choice, each is right. This module must not know how the proxy comes to its
answers.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tests.plays.asking import ranges, resolved, since, tags_in, told_tag, united, weakly
from tests.plays.decoding import parts
from tests.plays.evaluator import Evaluator, Exchange, Whole
from tests.plays.rawclient import Response

_MOST_PARTS: Final = 4
_NOT_IN_304: Final = frozenset(
    {
        *(b"content-type", b"content-encoding", b"content-language", b"content-length"),
        *(b"content-range", b"content-digest", b"repr-digest", b"accept-ranges"),
    }
)
_IN_304_AS_IN_200: Final = ("cache-control", "content-location", "expires")

Objections = Iterator[str]


def objections(known: Evaluator, exchange: Exchange) -> list[str]:
    """Return what is wrong with an answer, each with its clause."""
    judge = _BY_STATUS.get(exchange.answer.status)
    if judge is None:
        return [f"{exchange.answer.status} is never right here"]
    return [*judge(known, exchange), *_in_any_case(known, exchange)]


def _in_any_case(known: Evaluator, exchange: Exchange) -> Objections:
    asked, answer = exchange.asked, exchange.answer
    length = answer.first("content-length")
    if asked.method == "GET" and length is not None and int(length) != len(answer.body):
        yield "9110-8.6: Content-Length is not the length"
    varies = len(known.current.codings) > 1 and answer.status != 416
    if (
        varies
        and not _told_by_origin(known, exchange)
        and not _varying_by(answer) & {b"*", b"accept-encoding"}
    ):
        yield f"9110-12.5.5: a {answer.status} does not vary"
    if exchange.hit and answer.status in {200, 206, 304} and len(answer.all("age")) != 1:
        yield "9111-5.1: no Age in what was stored"
    listed = tags_in(asked.get("if-none-match") or "")
    current = exchange.hit and any(weakly(tag, told_tag(exchange.plain)) for tag in listed)
    if current and answer.status != 304:
        yield f"9110-13.1.2: {answer.status} although the tag is current"


def _told_by_origin(known: Evaluator, exchange: Exchange) -> bool:
    """Tell whether a 304 is the origin's own, and the origin hears what the client accepts."""
    return exchange.answer.status == 304 and not exchange.hit and known.current.informed


def _varying_by(answer: Response) -> set[bytes]:
    """Return the names in Vary (§12.5.5)."""
    return {name.strip().lower() for value in answer.all("vary") for name in value.split(b",")}


# --- The whole. --------------------------------------------------------------------------------


def _whole(known: Evaluator, exchange: Exchange) -> Objections:
    asked, subject, coding = exchange.asked, known.current, exchange.coding
    if coding not in (subject.acceptable(asked) or subject.regardless):
        yield f"9110-12.5.3: {coding} is not acceptable"
    if asked.method == "GET" and not subject.is_in(coding, exchange.answer.body):
        yield f"9110-8.4: the {coding} body is not what the origin has"
    if exchange.hit and asked.method == "HEAD" and exchange.plain.status == 200:
        head, get = _lines(exchange.answer), _lines(exchange.plain)
        if head != get:
            yield f"9110-9.3.2: HEAD tells {head}, GET {get}"
    if exchange.hit and _must_be_cut(exchange):
        yield "9110-14.2: a range of what is stored is answered by the whole"


def _lines(answer: Response) -> list[tuple[bytes, bytes]]:
    return sorted(line for line in answer.lines if line[0] not in {b"age", b"cache-status"})


def _must_be_cut(exchange: Exchange) -> bool:
    """Tell whether one range, of which a part can be satisfied, has to be answered by that.

    No RFC wants it (§14.2); but a cache that never does is of no use.
    """
    asked, whole = exchange.asked, exchange.whole
    specs = ranges(asked.get("range"))
    if asked.method != "GET" or whole is None or specs is None or len(specs) > 1:
        return False
    if asked.quality("identity") == 0:  # nor may the whole have been fetched for a part of it
        return False
    condition = asked.get("if-range")
    strong = whole.tag is not None and not whole.tag.startswith("W/")
    counts = condition is None or (strong and condition == whole.tag)
    return counts and bool(resolved(specs, len(whole.body)))


# --- Parts. ------------------------------------------------------------------------------------


def _part(known: Evaluator, exchange: Exchange) -> Objections:
    asked, coding = exchange.asked, exchange.coding
    if asked.method != "GET" or ranges(asked.get("range")) is None:
        yield "9110-14.2: a part without a range"
        return
    forbidden = asked.quality("identity") == 0 and not known.current.informed
    if forbidden and coding == "identity":
        yield "9110-12.5.3: a part in identity is not acceptable"
    whole = exchange.whole
    alike = whole is not None and whole.coding == coding
    if alike and whole is not None and len(exchange.answer.body) > len(whole.body):
        yield "9110-14.2: a range is longer than the whole"
    wrong = [list(_cut(known, exchange, each)) for each in _cut_of(known, exchange)]
    if not wrong:
        yield "9110-15.3.7: a part of nothing that a plain GET gives"
    elif all(wrong):
        yield from wrong[0]


def _cut_of(known: Evaluator, exchange: Exchange) -> Iterator[Whole]:
    """Yield the wholes of which an answer may be a part, by what it says of itself.

    What is stored is cut as a plain GET would give it, or a part of it is all that was stored; what
    the upstream cut is the upstream's.
    """
    for whole in (exchange.whole, known.native):
        if whole is not None and (whole.coding, whole.tag) == (exchange.coding, exchange.tag):
            yield whole


def _range_counts(known: Evaluator, exchange: Exchange, whole: Whole) -> bool:
    """Tell whether If-Range lets the range count (§13.1.5).

    A date that several codings share is a weak validator of what was coded here (§8.8.1), and so is
    one in whose second the answer was made (§8.8.2.2), but for the origin, who knows.
    """
    condition = exchange.asked.get("if-range")
    if condition is None:
        return True
    if '"' in condition:
        return condition == whole.tag and not condition.startswith("W/")
    modified, made = known.current.modified, since((exchange.plain.first("date") or b"").decode())
    if modified is None or since(condition) != modified:
        return False
    strong = not exchange.hit or (made is not None and modified < made)
    return strong and whole.coding in {"identity", known.current.native}


def _cut(known: Evaluator, exchange: Exchange, whole: Whole) -> Objections:
    answer = exchange.answer
    if not _range_counts(known, exchange, whole):
        yield "9110-13.1.5: If-Range does not hold"
    place = answer.first("content-range")
    if place is not None:
        found = [(place, answer.body)]
    else:
        listed = parts(answer.first("content-type") or b"", answer.body)
        found = [(b"bytes %d-%d/%d" % at, data) for at, _, data in listed]
        if not 1 < len(found) <= _MOST_PARTS:
            yield f"9110-14.2: {len(found)} parts"
    given = []
    for told, data in found:
        first, last, size = (int(n) for n in told[6:].replace(b"/", b"-").split(b"-"))
        given.append((first, last))
        if size != len(whole.body) or data != whole.body[first : last + 1]:
            yield "9110-15.3.7: the bytes are not those of the representation"
    if _count(given) != _count(united(given)):
        yield "9110-15.3.7.2: parts overlap"
    specs = ranges(exchange.asked.get("range")) or []
    if united(given) != united(resolved(specs, len(whole.body))):
        yield "9110-14.2: not the bytes that were asked for"


def _count(places: list[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in places)


def _unsatisfied(known: Evaluator, exchange: Exchange) -> Objections:
    asked, specs = exchange.asked, ranges(exchange.asked.get("range"))
    wholes = [exchange.whole, None if exchange.hit else known.native]
    right = any(
        exchange.answer.first("content-range") == b"bytes */%d" % len(whole.body)
        and specs is not None
        and not resolved(specs, len(whole.body))
        and _range_counts(known, exchange, whole)
        for whole in wholes
        if whole is not None
    )
    if asked.method != "GET" or not right:
        yield "9110-15.5.17: something can be satisfied, or the size is wrong"


# --- Nothing. ----------------------------------------------------------------------------------


def _unmodified(known: Evaluator, exchange: Exchange) -> Objections:
    answer, plain = exchange.answer, exchange.plain
    surplus = _NOT_IN_304.intersection(name for name, _ in answer.lines)
    if surplus or (exchange.tag and answer.first("last-modified")):
        yield f"9110-15.4.5: a 304 tells {sorted(surplus) or 'Last-Modified'}"
    for name in _IN_304_AS_IN_200:
        if plain.status == 200 and answer.all(name) != plain.all(name):
            yield f"9110-15.4.5: {name} is not as in the 200"
    ours = plain.status == 200 and not _told_by_origin(known, exchange)
    if ours and not _varying_by(answer) >= _varying_by(plain):
        yield "9110-15.4.5: a 304 varies by less than the 200"
    if exchange.hit and exchange.tag is None and told_tag(plain) is not None:
        yield "9110-15.4.5: a 304 without its tag"
    listed = exchange.asked.get("if-none-match")
    if listed is not None and listed != "*":
        yield from _matched(known, exchange, tags_in(listed))
        return
    if listed is None and not _unchanged_since(known, exchange):
        yield "9110-13.1.3: 304 without a condition that says so"
    own = None if exchange.hit else known.current.tag
    if plain.status == 200 and exchange.tag not in {None, own, told_tag(plain)}:
        yield f"9110-15.4.5: {exchange.tag} is not the tag of the 200, {told_tag(plain)}"


def _matched(known: Evaluator, exchange: Exchange, listed: list[str]) -> Objections:
    """Object to a 304 that is not about what the client holds and can take.

    A cache behind us would give its client what that cannot read (9111 §4.3.4). Of what is not
    stored only the origin knows in which codings it can be had; and of its own tag it may say what
    it likes.
    """
    held, native = known.held(exchange.asked), known.native
    if not exchange.hit:
        held += [tag for tag in listed if known.could_be(tag, exchange.asked)]
        held += [tag for tag in listed if weakly(tag, native.tag)]
    if not held:
        yield "9110-13.1.2: 304 without a tag that is current and acceptable"
    elif exchange.tag is not None and not any(weakly(tag, exchange.tag) for tag in held):
        yield f"9110-15.4.5: {exchange.tag} is nothing that the client holds and takes"


def _unchanged_since(known: Evaluator, exchange: Exchange) -> bool:
    moment = since(exchange.asked.get("if-modified-since"))
    modified = known.current.modified
    if modified is None:  # 9111 §4.3.2: then when it was made
        modified = since((exchange.answer.first("date") or b"").decode())
    return moment is not None and modified is not None and modified <= moment


def _unacceptable(known: Evaluator, exchange: Exchange) -> Objections:
    could = known.current.acceptable(exchange.asked)
    if could:
        yield f"9110-15.5.7: {sorted(could)} could be had"


_BY_STATUS: Final[Mapping[int, Callable[[Evaluator, Exchange], Objections]]] = {
    200: _whole,
    206: _part,
    304: _unmodified,
    406: _unacceptable,
    416: _unsatisfied,
}
