"""Method: PURGE on the port of clients, for tools that were made for Varnish or Fastly."""

from typing import Final

import orjson

from proxy.admin.auth import Caller, Gate, Role
from proxy.admin.control import Control
from proxy.admin.parts import purged
from proxy.admin.refused import TITLES, Refused
from proxy.admin.selection import url_tags
from proxy.engine.answer import Account, Answer, failure
from proxy.engine.purge import Mode, Purge
from proxy.engine.purging import Source, Wait
from proxy.engine.receipts import Receipt, State
from proxy.errors import RequestError, StoreError
from proxy.http.message import Fields, Request
from proxy.policy.reasons import Reason
from proxy.rules.ruleset import Ruleset
from proxy.rules.tags import MOST, Tagging, of_response
from proxy.values import replace

WITHIN: Final = 5.0
"""Seconds that a PURGE waits for all replicas; after that its answer is 202."""

_RULE: Final = "-"
_TAGGED: Final = Tagging(fields=(b"surrogate-key", b"cache-tag", b"xkey-purge", b"xkey"))
_SOFT: Final = (b"fastly-soft-purge", b"soft-purge")
_KEY: Final = b"fastly-key"


class PurgeMethod:
    """Answers PURGE: 200 when it is complete, 202 before that, a problem where it is refused."""

    def __init__(self, control: Control, gate: Gate) -> None:
        self._control = control
        self._gate = gate

    async def __call__(self, request: Request) -> Answer:
        """Purge what a request names; raises nothing."""
        snapshot = self._control.corridor.snapshot
        try:
            self._gate.admit(caller_of(request), Role.PURGE)
            purge = purge_of(request, snapshot.ruleset)
            receipt = await purged(self._control, purge, Wait.ALL, WITHIN, Source.METHOD)
        except Refused as refused:
            title = TITLES[refused.status]
            answer = failure(refused.status, title, str(refused), _ACCOUNT, snapshot.name)
            lines = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
            return replace(answer, fields=answer.fields.plus(*lines))
        except (RequestError, StoreError) as error:
            return failure(error.status, error.title, str(error), _ACCOUNT, snapshot.name)
        return _told(receipt)


_ACCOUNT: Final = Account(_RULE, Reason.PURGE, failed=Reason.PURGE)


def _told(receipt: Receipt) -> Answer:
    body = orjson.dumps({"status": "ok", "id": receipt.id, "state": receipt.state.value})
    fields = Fields(
        (
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Cache-Control", b"no-store"),
        )
    )
    status = 200 if receipt.state is State.COMPLETE else 202
    return Answer(status, fields, Account(_RULE, Reason.PURGE), body)


def purge_of(request: Request, ruleset: Ruleset) -> Purge:
    """Return the purge that a request asks for: of the tags that it names, or else of its URL.

    Raises `RequestError`.
    """
    mode = Mode.SOFT if any(request.fields.first(name) == b"1" for name in _SOFT) else Mode.HARD
    named = Fields(line for line in request.fields if line[0].lower() in _TAGGED.fields)
    tags = of_response(_TAGGED, (), request, named)
    if tags is None:
        raise RequestError(f"a purge by fields has at most {MOST} tags; send it in parts")
    return Purge(tags or _of_url(request, ruleset), mode=mode)


def caller_of(request: Request) -> Caller:
    """Return who asks; a Fastly-Key counts as a bearer token."""
    key = request.fields.first(_KEY)
    sent = b"Bearer " + key if key is not None else request.fields.first(b"authorization")
    return Caller(
        peer=request.peer,
        host=request.authority.decode("latin-1"),
        authorization=None if sent is None else sent.decode("latin-1"),
    )


def _of_url(request: Request, ruleset: Ruleset) -> tuple[bytes, ...]:
    place = f"{request.scheme}://".encode() + request.authority + request.target
    return url_tags(place.decode("ascii"), ruleset)
