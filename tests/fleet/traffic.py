"""Traffic: writers who commit and purge, readers who look, and what the fleet owes them.

Whoever was told that a purge is complete may never be shown anything older by any replica. The
fleet must not know any of this; what is wrong is noted, not raised, so that a test can tell all.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

from tests.fleet.fleet import Member
from tests.fleet.origin import Origin
from tests.plays.rawclient import RawClient, connected, request

LEASE: Final = 2.0
"""Seconds that a replica believes its purge log after each word from it; the product's promise."""
LONGEST_READ: Final = 2.5
"""Seconds that a read may take: the life of a lease whose holder cannot end it, and some more."""
THINGS: Final = 12
READERS: Final = 2
"""For each replica."""
WRITERS: Final = 3

_PAUSES: Final = {"read": 0.012, "write": 0.06, "follow": 0.5}
_FACES: Final = ("steady", "steady", "swift", "varied")
_LANGUAGES: Final = ("de", "en", "fr")
_TICK: Final = 0.005


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies, 0 where there are none."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


EVERYWHERE: Final = 0
"""Stands for the port of every member."""


class Debts:
    """What is owed: from a moment on, nothing older than a number may be shown of a thing."""

    def __init__(self) -> None:
        self._owed: defaultdict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)

    def promise(self, thing: str, number: int, since: float, port: int = EVERYWHERE) -> None:
        """Note that from `since` on the member at `port` shows `number` or later."""
        self._owed[thing, port].append((since, number))

    def owed(self, thing: str, at: float, port: int) -> int:
        """Return the least that the member may show to a request sent at `at`."""
        promised = self._owed[thing, EVERYWHERE] + self._owed[thing, port]
        return max((number for since, number in promised if since <= at), default=0)


@dataclass
class Seen:
    """What became of it."""

    wrong: list[str] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)
    """By what the proxy said of the answer."""
    purges: Counter[int] = field(default_factory=Counter)
    """By status."""
    confirmed: list[float] = field(default_factory=list)
    """Seconds from a purge to the word that all replicas have applied it."""
    outdated: list[float] = field(default_factory=list)
    """Seconds between a purge and a read that began later and was shown something older."""
    lag: list[float] = field(default_factory=list)
    """Seconds that the machine lets a process wait which is ready to run."""
    waits: list[float] = field(default_factory=list)
    """Seconds that reads took."""

    @property
    def failings(self) -> list[str]:
        """What must not be: whatever was wrong, and every read that waited for Redis too long."""
        longest = LONGEST_READ + max(self.lag, default=0.0)
        slow = [f"a read took {wait:.2f} s" for wait in self.waits if wait > longest]
        return [*self.wrong, *slow]

    def lines(self) -> list[str]:
        """Return a report."""
        answers = ", ".join(f"{count} {what}" for what, count in self.reads.most_common())
        statuses = ", ".join(f"{count} x {status}" for status, count in self.purges.most_common())
        return [
            f"reads: {answers}",
            f"purges: {statuses}",
            *(
                f"{name} ms: {_distribution(values)}"
                for name, values in (
                    ("purge to confirmed by all", self.confirmed),
                    ("purge to the start of an outdated read", self.outdated),
                    ("read", self.waits),
                    ("lag of the machine", self.lag),
                )
            ),
        ]


def _distribution(values: Sequence[float]) -> str:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    told = (f"{name} {1000 * percentile(values, share):.1f}" for name, share in shares.items())
    return f"{', '.join(told)} (n={len(values)})"


class Traffic:
    """Readers and writers before a fleet; repeatable by `random`, as far as a schedule can be.

    `bound` is the seconds after which even a replica that has heard of nothing shows nothing
    older than a recorded purge, `within` those that a purge waits to be confirmed.
    """

    def __init__(
        self,
        members: Sequence[Member],
        origin: Origin,
        random: Random,
        bound: float,
        *,
        within: float = 1.0,
    ) -> None:
        self.seen = Seen()
        self._members = members
        self._origin = origin
        self._random = random
        self._bound = bound
        self._within = within
        self._debts = Debts()
        self._until = 0.0
        self._purged: dict[tuple[str, int], float] = {}

    async def run(self, seconds: float) -> Seen:
        """Let them come and go for so many seconds."""
        self._until = monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for _ in range(WRITERS):
                group.create_task(self._write(self._chance()))
            for member in self._members:
                for _ in range(READERS):
                    group.create_task(self._read(member, self._chance()))
        return self.seen

    def stop(self) -> None:
        """Let everybody finish what they are at, and come no more."""
        self._until = 0.0

    def _chance(self) -> Random:
        """Return a chance of one's own, so that no one's depends on who comes first."""
        return Random(self._random.random())  # noqa: S311 - a test's choices, repeatable

    async def _watch(self) -> None:
        """Measure how late a timer is."""
        while (before := monotonic()) < self._until:
            await asyncio.sleep(_TICK)
            self.seen.lag.append(monotonic() - before - _TICK)

    # Readers

    async def _read(self, member: Member, random: Random) -> None:
        async with connected(member.port) as client:
            while monotonic() < self._until:
                await self._look(client, member, random)
                await asyncio.sleep(random.random() * _PAUSES["read"])

    async def _look(self, client: RawClient, member: Member, random: Random) -> None:
        thing, face = str(random.randrange(THINGS)), random.choice(_FACES)
        began = monotonic()
        owed, current = self._debts.owed(thing, began, member.port), self._origin.numbers[thing]
        language = random.choice(_LANGUAGES)
        answer = await client.ask(request(f"/{face}/{thing}", f"Accept-Language: {language}"))
        self.seen.waits.append(monotonic() - began)
        said = answer.told
        self.seen.reads[_outcome(said)] += 1
        shown = int(answer.body) if answer.status == 200 else -1
        if shown < owed:
            where = f"{began:.3f} {member.port} GET /{face}/{thing} {language}"
            self.seen.wrong.append(f"{where}: {answer.status} {shown} < {owed} ({said})")
        elif shown < current:
            self._outdated(thing, shown, began)

    def _outdated(self, thing: str, shown: int, began: float) -> None:
        purged = self._purged.get((thing, shown + 1))
        if purged is not None and purged < began:
            self.seen.outdated.append(began - purged)

    # Writers

    async def _write(self, random: Random) -> None:
        while monotonic() < self._until:
            thing = str(random.randrange(THINGS))
            number = self._origin.commit(thing)
            await self._purge(random.choice(self._members), thing, number)
            await asyncio.sleep(random.random() * _PAUSES["write"])

    async def _purge(self, member: Member, thing: str, number: int) -> None:
        """Purge everywhere, and note what the answer promises."""
        sent = self._purged[thing, number] = monotonic()
        answer = await member.purge(f"thing-{thing}", within=self._within)
        told = monotonic()
        self.seen.purges[answer.status_code] += 1
        if answer.status_code == 200:
            self.seen.confirmed.append(told - sent)
            self._debts.promise(thing, number, told)
        elif answer.status_code in {202, 503}:
            self._debts.promise(thing, number, told, member.port)  # it holds there at least
        else:
            self.seen.wrong.append(f"purge at {member.port}: {answer.status_code} {answer.text}")
        if answer.status_code == 202:
            self._debts.promise(thing, number, told + self._bound)
            await self._follow(member, answer.headers["location"], thing, number)

    async def _follow(self, member: Member, location: str, thing: str, number: int) -> None:
        """Ask once more what became of a purge that was accepted."""
        await asyncio.sleep(_PAUSES["follow"])
        receipt = await member.operator.get(location)
        if receipt.status_code == 200 and receipt.json()["state"] == "complete":
            self._debts.promise(thing, number, monotonic())


def _outcome(said: str) -> str:
    """Return what a Cache-Status of ours says, in a word or two."""
    words = {word.partition("=")[0]: word for word in said.split("; ")[1:]}
    return " ".join(words[name] for name in ("hit", "fwd", "detail") if name in words)
