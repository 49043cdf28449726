"""Passage: one request for another protocol, from its question to the end of its tunnel.

This module must not know how the upstream is asked, or what the bytes mean.
"""

from typing import Final

from proxy.edge.delivery import Delivery
from proxy.edge.extensions import OpenTunnel
from proxy.engine.answer import Account, Answer, failure, reason_of
from proxy.engine.ports import Switched
from proxy.engine.tunnelling import Tunnelling, carry
from proxy.engine.visit import Visit
from proxy.errors import ClientGone, Unsendable
from proxy.http.hops import end_to_end
from proxy.http.message import Request
from proxy.policy.reasons import Reason
from proxy.values import replace

_SWITCHING: Final = 101


class Passage:
    """A request for `protocol`, under a rule that lets it through."""

    def __init__(
        self,
        tunnelling: Tunnelling,
        opener: OpenTunnel,
        request: Request,
        visit: Visit,
        protocol: bytes,
    ) -> None:
        self._tunnelling = tunnelling
        self._opener = opener
        self._request = request
        self._visit = visit
        self._protocol = protocol
        self._switched: Switched | None = None

    async def open(self, delivery: Delivery) -> None:
        """Ask the upstream; deliver its answer where it is no agreement."""
        found = await self._tunnelling.open(self._request, self._visit, self._protocol)
        if isinstance(found, Answer):
            await delivery.deliver(self._request, found)
        else:
            self._switched = found

    async def carry(self, delivery: Delivery) -> None:
        """Carry bytes until the tunnel ends, if there is one; count what the client got."""
        switched, boarded = self._switched, self._visit.boarded
        if switched is None:
            return
        account = Account(boarded.rule.name, Reason.TUNNEL)
        fields = end_to_end(switched.head.fields)
        try:
            client = self._opener(self._protocol, [(name.lower(), text) for name, text in fields])
        except ClientGone:
            await switched.tunnel.aclose()
        except Unsendable as error:
            await switched.tunnel.aclose()
            account = replace(account, failed=reason_of(error))
            name = boarded.snapshot.name
            told = failure(error.status, error.title, str(error), account, name)
            await delivery.deliver(self._request, told)
        else:
            _, sent = await carry(client, switched.tunnel)
            delivery.record(self._request, _SWITCHING, account, sent)
