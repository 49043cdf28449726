"""A stage for plays of a fleet: proxies before one upstream, with one shared tier and one log."""

import asyncio
from collections.abc import Callable
from typing import Any

from proxy.engine.entry import Entry
from proxy.engine.feed import Feed
from proxy.engine.ledger import Ledger
from proxy.engine.naive import NaiveFar, NaiveFollower, NaiveLog
from proxy.engine.ports import Held
from proxy.policy.stored import Selecting
from tests.engine.scripted import PATIENCE, Clock, Play, ScriptedUpstream, Step, Told, reply, settle


async def told(*clients: "asyncio.Task[Told]") -> list[Told]:
    """Wait for what clients get, however often the proxies have to poll for it."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*clients)


class SharedTier(NaiveFar):
    """A shared tier that can be made to keep those waiting who look."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.waits: asyncio.Event | None = None

    async def get(self, digest: bytes, wanted: Callable[[Selecting], bool]) -> tuple[Entry, ...]:
        if self.waits is not None:
            await self.waits.wait()
        return await super().get(digest, wanted)


class House:
    """Two proxies, more if asked, before one upstream, with one shared tier and one log."""

    MAX_UNVERIFIED = 30.0

    def __init__(self, feeds: list[Feed]) -> None:
        self.clock = Clock()
        self.upstream = ScriptedUpstream()
        self.far = SharedTier(self.clock)
        self.log = NaiveLog(self.clock)
        self.feeds = feeds
        self.plays: list[Play] = []
        self.one, self.two = self.opened("one"), self.opened("two")

    def opened(self, name: str) -> Play:
        """Open one more proxy."""
        ledger = Ledger(max_unverified=self.MAX_UNVERIFIED)
        log = self.log.follower(name, ledger)
        play = Play(
            clock=self.clock,
            upstream=self.upstream,
            ledger=ledger,
            feeds=self.feeds,
            far=self.far,
            log=log,
        )
        self.plays.append(play)
        return play

    def follower(self, name: str) -> NaiveFollower:
        return self.log.followers[name]

    def catch_up(self) -> None:
        """Let every proxy that is not cut off hear of what the log has."""
        for follower in self.log.followers.values():
            follower.catch_up()

    def later(self, seconds: float) -> None:
        """Let time pass in which the log was heard."""
        self.clock.time += seconds
        self.catch_up()

    def under(self, *models: dict[str, Any]) -> None:
        for play in self.plays:
            play.under(*models)

    def script(self, *steps: Step) -> None:
        self.upstream.script.extend(steps)

    async def fill(self, *lines: str) -> None:
        """Have a response to GET /thing in the memory of every proxy."""
        self.script(reply(200, *lines))
        assert {(await play.get()).body for play in self.plays} == {b"hello"}
        await settle()

    @property
    def asked(self) -> int:
        return len(self.upstream.sent)

    def shared(self, target: str = "/thing") -> list[bytes]:
        """Return the bodies in the shared tier."""
        found = self.far.entries.get(self.one.key(target=target).digest, ())
        return [entry.body for entry, _ in found]

    async def lease(self, target: str = "/thing") -> Held:
        """Hold the lease on a key, as a third proxy does that fetches."""
        claim = await self.far.leases.claim(self.one.key(target=target).digest)
        assert isinstance(claim, Held)
        return claim

    def release(self, lease: Held, target: str = "/thing") -> None:
        self.far.leases.release(self.one.key(target=target).digest, lease)

    async def end(self) -> None:
        """Nothing may be left open, by any of them, nor a lease be held."""
        for play in self.plays:
            await play.end()
        assert not self.far.leases.held
