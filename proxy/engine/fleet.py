"""The fleet: one fetch per key over all replicas.

Whoever holds the lease on a key fetches; the others look at what they share until it is there,
for a while, and then go themselves. This module must not know how anything is fetched.
"""

import asyncio
from collections.abc import Callable
from typing import Final, assert_never

from proxy.engine.boarding import Boarded
from proxy.engine.flights import Elsewhere, Flights
from proxy.engine.ledger import Trust
from proxy.engine.ports import Adrift, Clock, Held, Leases, Passing, Taken
from proxy.engine.shelf import Shelf
from proxy.values import valueclass

LONGEST_WAIT: Final = 5.0
"""Seconds that a replica waits for another's fetch before it fetches for itself."""

PASS_AGAIN: Final = 10.0
"""Seconds for which another replica's word is believed that answers are not shared."""

_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


@valueclass(frozen=True, slots=True)
class Go:
    """It is our turn to fetch, under a lease or, where none is to be had, alone."""

    lease: Held | None = None


class Fleet:
    """The replicas that share a store, seen from one of them."""

    def __init__(self, shelf: Shelf, clock: Clock, leases: Leases | None = None) -> None:
        self.shelf = shelf
        self.flights = Flights()
        self._clock = clock
        self._leases = leases

    async def turn(  # noqa: PLR0911 - one for each way in which a wait can end
        self, boarded: Boarded, answered: Callable[[], bool], *, patient: bool
    ) -> Go | Elsewhere:
        """Wait until it is our turn to fetch, or until `answered` by what others have fetched.

        Who is not `patient` lets the other replica do it and does not wait. Where answers are not
        shared nobody waits for this fetch either: each goes alone.
        """
        if self._leases is None or self.shelf.ledger.trust(self._clock.now()) is Trust.LAPSED:
            return Go()
        until = self._clock.now() + min(LONGEST_WAIT, boarded.rule.terms.timeouts.first_byte)
        pause = _FIRST_PAUSE
        while True:
            claim = await self._leases.claim(boarded.key.digest)
            match claim:
                case Held(stored=stored):
                    return await self._first_look(boarded, claim, answered) if stored else Go(claim)
                case Passing():
                    self.flights.mark(boarded.key.digest, self._clock.now() + PASS_AGAIN)
                    return Elsewhere()
                case Adrift():
                    return Go()
                case Taken() if not patient:
                    return Elsewhere()
                case Taken() if self._clock.now() >= until:
                    return Go()
                case Taken():
                    pass
                case _:
                    assert_never(claim)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            await self.shelf.look_further(boarded, self._clock.now())
            if answered():
                return Elsewhere()

    async def _first_look(
        self, boarded: Boarded, lease: Held, answered: Callable[[], bool]
    ) -> Go | Elsewhere:
        """Look whether the fetch that ended just before ours has brought the answer."""
        try:
            await self.shelf.look_further(boarded, self._clock.now())
        except BaseException:
            self.give_back(boarded, lease)
            raise
        if not answered():
            return Go(lease)
        self.give_back(boarded, lease)
        return Elsewhere()

    def give_back(self, boarded: Boarded, lease: Held) -> None:
        """End a lease without an answer for the others."""
        if self._leases is not None:
            self._leases.release(boarded.key.digest, lease)

    def mark(self, boarded: Boarded, lease: Held, seconds: float) -> None:
        """Let the whole fleet know that answers under this key are not shared."""
        if self._leases is not None:
            self._leases.mark(boarded.key.digest, lease, seconds)
