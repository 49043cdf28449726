"""Reception: what of an upstream's head goes on, and what it tells of the answer's tags.

This module must not know whether the answer is kept.
"""

from proxy.engine.boarding import Boarded
from proxy.engine.entry import MOST_TAGS, Entry
from proxy.http import dates, hops
from proxy.http.message import Head, content_length
from proxy.policy.reasons import Reason
from proxy.rules import tags
from proxy.rules.labels import Labels
from proxy.values import replace

_EMPTY = frozenset({204, 205})


def received(boarded: Boarded, head: Head, now: float) -> Head:
    """Return the head as it goes on: with Via and a Date (9110 §6.6.1, §7.6.3), without tags."""
    tagging = boarded.rule.tagging
    untouched = tagging.send_fields or boarded.passing is Reason.SHADOW
    rewritten = {b"via", *(() if untouched else tagging.fields)}
    if b"transfer-encoding" in head.fields:
        rewritten.add(b"content-length")  # 9112 §6.3: the coding alone frames the body
    name = boarded.snapshot.name.encode()
    fields = head.fields.without(rewritten)
    lines = [(b"Via", hops.via(head.fields, head.version, name))]
    if b"date" not in fields:
        lines.append((b"Date", dates.render(now)))
    return replace(head, fields=fields.plus(*lines))


def labels(boarded: Boarded, head: Head) -> Labels | None:
    """Return all labels that are known before the body; None where the tags are too many.

    `head` is what the upstream sent.
    """
    own = _told(boarded, head)
    return None if own is None else boarded.labels.plus(own)


def relabelled(boarded: Boarded, entry: Entry, head: Head) -> Labels | None:
    """Return an entry's labels with those that a 304 adds; None where they become too many."""
    own = _told(boarded, head)
    added = None if own is None else entry.labels.plus(own)
    return None if added is None or len(added.tags) > MOST_TAGS else added


def _told(boarded: Boarded, head: Head) -> tuple[bytes, ...] | None:
    request, captures = boarded.outbound, boarded.captures
    return tags.of_response(boarded.rule.tagging, captures, request, head.fields)


def length(head: Head) -> int | None:
    """Return the length of the body to come, None where the head does not say."""
    return 0 if head.status in _EMPTY else content_length(head.fields)
