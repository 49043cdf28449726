"""Observed: an upstream whose exchanges are noted in the journey of whoever begins them.

This module must not know what a response means, or where notes go.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from proxy.engine.answer import reason_of
from proxy.engine.journey import Journey, Leg, current
from proxy.engine.ports import Clock, Inbound, Outbound, Switched, Tunnels, Upstream
from proxy.errors import SidecacheError
from proxy.values import replace

CANCELLED: Final = "cancelled"
"""How an exchange failed that nobody waited for any more."""

_Answer = TypeVar("_Answer", bound=Inbound | Switched)


class ObservedUpstream:
    """An `Upstream` beside which it is noted what goes through."""

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock

    def send(self, outbound: Outbound) -> Coroutine[Any, Any, Inbound]:
        """See `Upstream.send`."""
        journey = current()
        return self._upstream.send(outbound) if journey is None else self._sent(journey, outbound)

    async def aclose(self) -> None:
        """See `Upstream.aclose`."""
        await self._upstream.aclose()

    async def _sent(self, journey: Journey, outbound: Outbound) -> Inbound:
        inbound, leg = await _noted(journey, self._upstream.send, outbound, self._clock)
        return inbound if leg is None else ObservedInbound(inbound, leg)


class ObservedTunnels:
    """`Tunnels` beside which it is noted what is asked for; what goes through them is not."""

    def __init__(self, tunnels: Tunnels, clock: Clock) -> None:
        self._tunnels = tunnels
        self._clock = clock

    async def open(self, outbound: Outbound) -> Switched | Inbound:
        """See `Tunnels.open`."""
        journey = current()
        if journey is None:
            return await self._tunnels.open(outbound)
        found, leg = await _noted(journey, self._tunnels.open, outbound, self._clock)
        if leg is None:
            return found
        if isinstance(found, Switched):
            leg.end()
            return found
        return ObservedInbound(found, leg)


class ObservedInbound:
    """An `Inbound` whose end is noted."""

    def __init__(self, inbound: Inbound, leg: Leg) -> None:
        self._inbound = inbound
        self._leg = leg
        self.head = inbound.head

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Inbound.chunks`."""
        try:
            async for chunk in self._inbound.chunks():
                yield chunk
        except SidecacheError as error:
            self._leg.end(reason_of(error).token)
            raise

    async def aclose(self) -> None:
        """See `Inbound.aclose`."""
        self._leg.end()
        await self._inbound.aclose()


async def _noted(
    journey: Journey,
    send: Callable[[Outbound], Awaitable[_Answer]],
    outbound: Outbound,
    clock: Clock,
) -> tuple[_Answer, Leg | None]:
    """Send a request as a leg of a journey; where it is traced, the leg has not ended yet."""
    leg, began = journey.begin_leg(outbound.request), clock.now()
    try:
        found = await send(outbound if leg is None else replace(outbound, request=leg.request))
    except BaseException as error:  # a client that leaves, too
        if leg is not None:
            leg.end(reason_of(error).token if isinstance(error, SidecacheError) else CANCELLED)
        raise
    finally:
        journey.waited += clock.now() - began
    if leg is not None:
        leg.answered(found.head)
    return found, leg
