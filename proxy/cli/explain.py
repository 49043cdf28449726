"""`sidecache explain`: what would become of a request and its response, without sending it.

The same functions decide here and in the running proxy; this file only tells what they said.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from proxy.cli.options import config_option
from proxy.cli.shown import echo
from proxy.engine.answer import Account
from proxy.engine.boarding import Boarded, board, early
from proxy.engine.keeping import admitted, home_of
from proxy.engine.purges import of_answered
from proxy.engine.purging import Source
from proxy.engine.snapshot import Snapshot
from proxy.errors import ConfigError, RequestError
from proxy.http import dates
from proxy.http.message import Fields, Head, Request, content_length
from proxy.http.target import request_target, split_absolute
from proxy.policy import invalidation, reuse
from proxy.policy.admission import Moment
from proxy.policy.freshness import date_of
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Bypass, Decline, Keep, Refuse
from proxy.rules import labels, tags
from proxy.rules.keys import parts
from proxy.settings import load, ruleset
from proxy.values import replace

MAX_RESPONSE = 65_536


@click.command(short_help="Tell what would become of a request, and why.")
@click.argument("method")
@click.argument("url")
@click.option("--header", "headers", multiple=True, metavar="'N: v'", help="A request field.")
@config_option
@click.option(
    "--response",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with a raw response head; without it a plain 200 is assumed.",
)
def explain(
    method: str, url: str, headers: tuple[str, ...], config: Path | None, response: Path | None
) -> None:
    """Tell which rule and key a request has, and what would be stored for how long, and why.

    Also which tags the request alone gives its answer, and what a write purges by its rule.
    """
    anywhere = {} if config else {"upstream": "http://127.0.0.1"}  # nothing is sent to it
    settings = load(config, anywhere, os.environ)
    rules = ruleset(settings, str(config or "settings"))
    snapshot = Snapshot(rules, name=settings.cache_status.name, show_key=settings.cache_status.key)
    boarded = board(_request(method, url, headers), snapshot)
    boarded = boarded.beside or boarded  # in shadow mode, what the cache would do
    head = _assumed(time.time()) if response is None else _head(response)
    now = float(date_of(head.fields, time.time()))
    told = [*_about_request(boarded), *_about_response(boarded, head, now, given=bool(response))]
    width = max(len(label) for label, _ in told)
    for label, text in told:
        echo(f"{label:<{width}}  {text}")


def _request(method: str, url: str, headers: tuple[str, ...]) -> Request:
    scheme, authority, target = split_absolute(url.encode()) or ("http", b"", url.encode())
    if scheme not in {"http", "https"}:
        raise RequestError(f"{url}: only http and https can be explained")
    method = method.upper()
    if not method.replace("-", "").isalpha():
        raise RequestError(f"{method!r} is no method")
    lines = [_line(text) for text in headers]
    if authority or not any(name.lower() == b"host" for name, _ in lines):
        lines = [line for line in lines if line[0].lower() != b"host"]
        lines.insert(0, (b"Host", authority or b"localhost"))
    fields = Fields(lines)
    authority, origin_form = request_target(method, target, fields.first(b"host"))
    has_body = (content_length(fields) or 0) > 0 or b"transfer-encoding" in fields
    return Request(method, scheme, authority, origin_form, fields, has_body)


def _line(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(f"--header {text!r}: expected 'Name: value'")
    return name.strip().encode(), value.strip().encode("latin-1", "replace")


def _assumed(now: float) -> Head:
    return Head(200, Fields([(b"Date", dates.render(now)), (b"Content-Length", b"0")]))


def _head(file: Path) -> Head:
    """Return the head in a file: a status line, then fields, up to an empty line."""
    with file.open("rb") as stream:
        text = stream.read(MAX_RESPONSE).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    first, *rest = text.split(b"\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit() or not words[0].startswith(b"HTTP/"):  # noqa: PLR2004 - version and status
        raise ConfigError(f"{file}:1: expected a status line like 'HTTP/1.1 200 OK'")
    lines = []
    for number, line in enumerate(filter(None, rest), 2):
        name, colon, value = line.partition(b":")
        if not colon:
            raise ConfigError(f"{file}:{number}: expected 'Name: value'")
        lines.append((name.strip(), value.strip()))
    return Head(int(words[1]), Fields(lines), words[0][5:].decode("ascii", "replace"))


def _about_request(boarded: Boarded) -> Iterator[tuple[str, str]]:
    outbound = boarded.outbound
    target = outbound.target.decode("ascii", "replace")
    yield "request", f"{outbound.method} {outbound.scheme}://{outbound.authority.decode()}{target}"
    yield "rule", f"{boarded.rule.name} ({boarded.rule.place})"
    for label, value in parts(boarded.rule, outbound):
        yield "key", f"{label} = {value}"
    yield "key digest", boarded.key.digest.hex()
    before = _early(boarded)
    if before is None:
        yield "look-up", "the cache is asked"
        yield from _tags(boarded)
    elif isinstance(before, Refuse):
        yield "look-up", f"nothing is sent upstream: {_because(before.reason)}"
    else:
        yield "look-up", f"the cache is not asked: {_because(before.reason)}"


def _tags(boarded: Boarded) -> Iterator[tuple[str, str]]:
    """Yield the tags by the rule that the request tells before it is answered."""
    found = tags.of_request(boarded.rule.tagging, boarded.captures, boarded.outbound)
    if found:
        yield "tags", _names(found)


def _purges(boarded: Boarded, head: Head) -> Iterator[tuple[str, str]]:
    """Yield what a write that is answered so purges by its rule."""
    for purge, source in of_answered(boarded, head):
        if source is Source.RULE:
            by = f"{purge.mode.value}, by on_success of {boarded.rule.name}"
            yield "purges", f"{_names(purge.tags)} ({by})"


def _names(tagged: Iterable[bytes]) -> str:
    return ", ".join(labels.shown(tag) or "everything" for tag in tagged)


def _early(boarded: Boarded) -> Bypass | Refuse | None:
    """Return what is decided before the upstream is asked, as long as nothing is stored."""
    verdict = early(boarded)
    if verdict is not None:
        return verdict
    judged = reuse.judge(boarded.outbound, None, boarded.rule.terms, 0.0, 0.0, variants=False)
    return judged if isinstance(judged, Refuse) else None


def _about_response(
    boarded: Boarded, head: Head, now: float, *, given: bool
) -> Iterator[tuple[str, str]]:
    outbound = boarded.outbound
    origin = "as given, as if it had just come" if given else "assumed: a plain 200"
    yield "response", f"{head.status} ({origin})"
    for scheme, authority, target in invalidation.invalidated(outbound, head):
        yield "invalidates", f"{scheme}://{authority.decode()}{target.decode()} (9111 §4.4)"
    yield from _purges(boarded, head)
    before = _early(boarded)
    if isinstance(before, Refuse) or (before is not None and outbound.method != "POST"):
        yield "Cache-Status", _status(boarded, before)
        return
    home = home_of(boarded)
    verdict = admitted(boarded, home, head, Moment(now, now))
    forward = Reason.METHOD if before is not None else Reason.URI_MISS
    match verdict:
        case Decline(reason):
            yield "stored", f"no: {_because(reason)}"
            quiet = before is not None or outbound.method == "HEAD"
            account = Account(boarded.rule.name, forward, storing=None if quiet else reason)
            yield "Cache-Status", _rendered(boarded, account)
        case Keep(stored):
            yield "stored", f"yes: {_because(verdict.reason)}"
            yield from _about_stored(home, stored, now)
            left = int(stored.ttl(now))
            account = Account(boarded.rule.name, forward, storing=verdict.reason, ttl=left)
            yield "Cache-Status", _rendered(boarded, account)
            yield from _asked_again(home, stored, now)


def _about_stored(boarded: Boarded, stored: Stored, now: float) -> Iterator[tuple[str, str]]:
    lifetime = stored.lifetime
    clause = lifetime.source.meaning.clause
    yield "lifetime", f"{lifetime.seconds:g} s = {lifetime.arithmetic} ({clause})"
    yield "age", f"{stored.age_on_arrival:g} s on arrival, from Age and Date (9111 §4.2.3)"
    left = max(0.0, stored.ttl(now))
    yield "fresh", f"for {left:g} s = lifetime - age (9111 §4.2)"
    yield "stale", _staleness(boarded, stored)
    for name, value in stored.selecting:
        shown = "absent" if value is None else value.decode("latin-1")
        yield "variant", f"{name.decode()} = {shown} (Vary, 9111 §4.1)"


def _asked_again(boarded: Boarded, stored: Stored, now: float) -> Iterator[tuple[str, str]]:
    get = replace(boarded.outbound, method="GET", has_body=False)
    again = reuse.judge(get, stored, boarded.rule.terms, now, 0.0, variants=True)
    then = Account(boarded.rule.name, again.reason, ttl=int(stored.ttl(now)))
    yield "asked again", f"{_because(again.reason)}"
    if then.hit:
        yield "Cache-Status", _rendered(boarded, then)


def _staleness(boarded: Boarded, stored: Stored) -> str:
    if not stored.may_be_stale and not stored.stale_while_revalidate and not stored.stale_if_error:
        return "never: the response forbids it (9111 §4.2.4)"
    windows = [
        (stored.stale_while_revalidate, "s while a refresh runs (5861 §3)"),
        (stored.stale_if_error, "s in place of an error (5861 §4)"),
    ]
    if stored.may_be_stale:
        reach = boarded.rule.terms.stale_if_unreachable
        windows.append((reach, "s while the upstream cannot be reached (9111 §4.2.4)"))
    return ", ".join(f"{seconds:g} {text}" for seconds, text in windows if seconds)


def _status(boarded: Boarded, verdict: Bypass | Refuse) -> str:
    failed = verdict.reason if isinstance(verdict, Refuse) else None
    return _rendered(boarded, Account(boarded.rule.name, verdict.reason, failed=failed))


def _rendered(boarded: Boarded, account: Account) -> str:
    if boarded.snapshot.show_key and account.failed is None:
        account = replace(account, key=boarded.key.text.decode("latin-1"))
    return account.cache_status().render(boarded.snapshot.name).decode()


def _because(reason: Reason) -> str:
    account = reason.meaning
    return f"{reason.token}: {account.sentence} ({account.clause})"
