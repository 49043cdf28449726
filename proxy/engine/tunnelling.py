"""Tunnelling: a request for another protocol, and the bytes both ways once the upstream agrees.

Nothing of it is ever cached. This module must not know sockets, or what the bytes mean.
"""

import asyncio
import re
from typing import Final

from proxy.engine import reception
from proxy.engine.answer import Account, Answer, failure, reason_of
from proxy.engine.delivery import passed_on
from proxy.engine.ports import Clock, Outbound, Switched, Tunnel, Tunnels
from proxy.engine.visit import Visit
from proxy.errors import SidecacheError, UpstreamBroken
from proxy.http import hops
from proxy.http.message import Fields, Line, Request
from proxy.policy.reasons import Reason
from proxy.values import replace

_PROTOCOL: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")
# HTTP in another guise would be answered behind the back of every rule (h2c smuggling).
_NEVER: Final = re.compile(rb"(?:h2c?|http|tls)(?:/.*)?", re.IGNORECASE)
_HANDSHAKE: Final = b"sec-websocket-"


def protocol_of(request: Request) -> bytes | None:
    """Return the one protocol that a request asks for and that can be tunnelled (9110 §7.8).

    None where there is none, in HTTP/1.0 too, whose Upgrade "MUST" be ignored.
    """
    asked = request.fields.all(b"upgrade")
    if len(asked) != 1 or request.method != "GET" or request.has_body or request.version != "1.1":
        return None
    if b"upgrade" not in hops.connection_options(request.fields):
        return None
    found = _PROTOCOL.fullmatch(asked[0])
    return asked[0] if found and not _NEVER.fullmatch(asked[0]) else None


class Tunnelling:
    """Asks the upstream for other protocols."""

    def __init__(self, tunnels: Tunnels, clock: Clock) -> None:
        self._tunnels = tunnels
        self._clock = clock

    async def open(self, request: Request, visit: Visit, protocol: bytes) -> Switched | Answer:
        """Return the way on, or the answer that the client gets instead; raises nothing."""
        boarded = visit.boarded
        account = Account(boarded.rule.name, Reason.TUNNEL)
        outbound = replace(boarded.outbound, fields=_asking(request, boarded.outbound, protocol))
        try:
            found = await self._tunnels.open(Outbound(outbound, None, boarded.rule.terms.timeouts))
            if not isinstance(found, Switched):
                head = reception.received(boarded, found.head, self._clock.now())
                return await passed_on(boarded, head, found, account)
            if not _agrees(found.head.fields, protocol):
                await found.tunnel.aclose()
                raise UpstreamBroken("the upstream switched to a protocol that nobody asked for")
        except SidecacheError as error:
            account = replace(account, failed=reason_of(error))
            return failure(error.status, error.title, str(error), account, boarded.snapshot.name)
        return found


def _asking(request: Request, outbound: Request, protocol: bytes) -> Fields:
    """Return the fields for the upstream: what it would see, and what this hop asks of it.

    A rule's `forward` does not keep a WebSocket's own fields back: nothing is cached.
    """
    kept = outbound.fields.names()
    handshake: list[Line] = [
        (name, value)
        for name, value in request.fields
        if name.lower().startswith(_HANDSHAKE) and name.lower() not in kept
    ]
    own: list[Line] = [(b"Connection", b"Upgrade"), (b"Upgrade", protocol)]
    return outbound.fields.plus(*handshake, *own)


def _agrees(fields: Fields, protocol: bytes) -> bool:
    """Tell whether a 101 is for what was asked (9110 §7.8)."""
    return [value.lower() for value in fields.all(b"upgrade")] == [protocol.lower()]


async def carry(client: Tunnel, upstream: Tunnel) -> tuple[int, int]:
    """Carry bytes both ways until both sides have said all, or one is lost.

    Returns how many came from the client and from the upstream. Each direction is as fast as its
    receiver; the end of what one side says is passed on as such. Both are closed at the end.
    """
    counts = [0, 0]
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_flow(client, upstream, counts, 0))
            both.create_task(_flow(upstream, client, counts, 1))
    except* SidecacheError:
        pass  # one side is lost: there is nobody left to be told
    finally:
        await client.aclose()
        await upstream.aclose()
    return counts[0], counts[1]


async def _flow(source: Tunnel, sink: Tunnel, counts: list[int], which: int) -> None:
    while data := await source.read():
        counts[which] += len(data)
        await sink.write(data)
    await sink.end()
