"""Retelling: what of a response's head is told otherwise to one client, because of its coding.

This module must not know bodies.
"""

from secrets import token_hex

from proxy.engine.answer import Account, Answer, failure
from proxy.engine.boarding import Boarded
from proxy.http.codings import Coding
from proxy.http.message import Fields
from proxy.policy.reasons import Reason
from proxy.policy.representation import recoded, retold, varying
from proxy.policy.stored import Stored
from proxy.policy.validation import whole
from proxy.values import replace


def as_read(boarded: Boarded) -> Boarded:
    """Return a POST whose answer is kept as the plain GET to which that answers.

    What it was conditional on was the request, and is not its answer (9110 §13.1).
    """
    request = replace(boarded.outbound, method="GET", has_body=False)
    return replace(boarded, outbound=whole(request))


def named_alike(stored: Stored, kept: Stored) -> Stored:
    """Return a response with the tag that it was given here, if it was."""
    if not kept.own_etag or kept.etag is None:
        return stored
    fields = stored.fields.plus((b"ETag", kept.etag.render()))
    return replace(stored, fields=fields, etag=kept.etag)


def confirmed(boarded: Boarded, fields: Fields) -> Fields:
    """Return the fields of an upstream's 304 as this client understands them.

    They vary as those of the 200 would (9110 §15.4.5), of which nothing is known here.
    """
    if not boarded.rule.terms.compress.codings:
        return fields
    return retold(boarded.outbound, fields, boarded.given).plus(*varying(fields))


def on_the_way(boarded: Boarded, fields: Fields, coding: Coding) -> Fields:
    """Return the fields of what is recoded on its way: the same bytes will not come again.

    So there are no ranges of it, and no tag in the answer to a HEAD, which has no bytes at all. The
    tag in the answer to a POST is not that of its content, unless Content-Location says so (9110
    §8.7).
    """
    changed = recoded(fields, coding, token_hex(6).encode()).without({b"accept-ranges"})
    method = boarded.outbound.method
    if method == "GET" or (method == "POST" and b"content-location" in fields):
        return changed
    tags = fields.all(b"etag") if method == "POST" else ()
    return changed.without({b"etag"}).plus(*((b"ETag", tag) for tag in tags))


def not_acceptable(boarded: Boarded, account: Account) -> Answer:
    """Return the refusal of a client that takes none of what there is (9110 §15.5.7)."""
    reason = Reason.NOT_ACCEPTABLE
    account = replace(account, failed=reason, storing=None)
    answer = failure(406, "Not acceptable", reason.meaning.sentence, account, boarded.snapshot.name)
    return replace(answer, fields=answer.fields.plus((b"Vary", b"Accept-Encoding")))
