"""Keeping: under which key, and whether, the response to a request is kept.

The corridor's fetches and `explain` ask here alike. This module must not know how anything is
fetched or stored.
"""

from hashlib import blake2b
from typing import Final

from proxy.engine.boarding import Boarded, early, retrieval
from proxy.engine.entry import Entry, another
from proxy.engine.purge import Born
from proxy.http.message import Head
from proxy.http.validators import EntityTag
from proxy.policy import admission
from proxy.policy.admission import Moment
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Admission, Decline
from proxy.rules import tags
from proxy.rules.keys import selected
from proxy.rules.labels import Labels
from proxy.values import replace

_OK: Final = 200

PASS_FOR: Final = 120.0
"""Seconds for which a key whose answer proved unshareable is not queued for."""

LASTING: Final = frozenset(
    {
        Reason.NO_STORE,
        Reason.PRIVATE,
        Reason.SET_COOKIE,
        Reason.VARY_STAR,
        Reason.FRAMING,
        Reason.TOO_LARGE,
        Reason.NO_VALIDATOR,
        Reason.NO_LIFETIME,
        Reason.UNTAGGABLE,
    }
)
"""Refusals that the next response under the key will most likely meet too."""

OF_THE_REQUEST: Final = frozenset({Reason.REQUEST_NO_STORE, Reason.CREDENTIALS})
"""Refusals that are about one request and say nothing against what is stored already."""


def home_of(boarded: Boarded) -> Boarded:
    """Return the request whose answer the response may become: a POST's is the GET of its target.

    9110 §9.3.3.
    """
    return retrieval(boarded) if boarded.outbound.method == "POST" else boarded


def cached(boarded: Boarded, home: Boarded) -> bool:
    """Tell whether the cache has a part in this request at all."""
    return (home is boarded or _seen_alike(boarded, home)) and early(home) is None


def admitted(boarded: Boarded, home: Boarded, head: Head, moment: Moment) -> Admission:
    """Decide whether a response is kept, at `home` (9111 §3)."""
    if not cached(boarded, home):
        return Decline(Reason.BYPASSED)
    request = boarded.outbound
    if home is not boarded:  # whose codings are those that a GET is asked for
        asking = [line for line in home.outbound.fields if line[0].lower() == b"accept-encoding"]
        fields = request.fields.without({b"accept-encoding"}).plus(*asking)
        request = replace(request, fields=fields)
    return admission.judge(request, head, home.rule.terms, moment)


def entry_of(
    boarded: Boarded, stored: Stored, labels: Labels, body: bytes, born: Born
) -> Entry | None:
    """Return the entry that a whole body makes of a response, or None where it cannot be kept.

    A part has to be as long as it said, and what a purge could miss is not kept.
    """
    tagging, part = boarded.rule.tagging, stored.part
    if part is not None and (part.length != len(body) or tagging.from_body):
        return None
    told = tags.of_body(tagging, stored.fields.first(b"content-type"), body)
    if told is None:
        return None
    stored = _tagged(boarded, replace(stored, length=len(body)), body)
    return Entry(boarded.key.text, stored, body, labels.plus(told), born, id=another())


def _tagged(boarded: Boarded, stored: Stored, body: bytes) -> Stored:
    """Return a response with a tag made of its body, where the rule wants one (9110 §8.8.3)."""
    lacking = stored.etag is None and b"etag" not in stored.fields
    if not (boarded.rule.terms.make_etag and lacking and stored.status == _OK):
        return stored
    tag = EntityTag(blake2b(body, digest_size=16).hexdigest().encode())
    fields = stored.fields.plus((b"ETag", tag.render()))
    return replace(stored, fields=fields, etag=tag, own_etag=True)


def _seen_alike(boarded: Boarded, home: Boarded) -> bool:
    """Tell whether the upstream saw no more of this request than a retrieval at `home` shows it.

    A POST goes up unselected: what home's key ignores may have shaped the answer to it, but for
    its coding, which is undone where it has to be.
    """
    request = replace(boarded.outbound, method="GET")
    shown = selected(home.rule, request)
    seen = (set(each.fields.without({b"accept-encoding"})) for each in (shown, request))
    return shown.target == request.target and next(seen) == next(seen)
