"""A stage for plays: a settable clock, a scripted upstream, and a corridor between them.

Nothing here touches a socket or the time of day. What a play leaves open is an error.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.coding.coder import PooledCoder
from proxy.coding.packing import Level, pack
from proxy.engine.answer import Account, Answer
from proxy.engine.boarding import board
from proxy.engine.corridor import Corridor
from proxy.engine.entry import Entry
from proxy.engine.feed import Feed
from proxy.engine.fleet import Fleet
from proxy.engine.ledger import Ledger
from proxy.engine.lonelog import LoneLog
from proxy.engine.naive import NaiveFar
from proxy.engine.ports import Near, Outbound, PurgeLog, Transcoder, World
from proxy.engine.purge import Mode, Purge
from proxy.engine.purging import Purging, Wait
from proxy.engine.receipts import Receipt
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Stats
from proxy.errors import SidecacheError, UpstreamBroken
from proxy.http import dates
from proxy.http.codings import Coding
from proxy.http.message import Fields, Head, Line, Request
from proxy.policy.stored import Stored
from proxy.rules import labels
from proxy.rules.keys import Key
from proxy.rules.ruleset import Ruleset, compile_rules
from proxy.rules.schema import RuleModel
from proxy.store.memory import MemoryStore

T: Final = 1_700_000_000
PATIENCE: Final = 10.0
"""Seconds of real time after which a wait that never ends fails its test."""

Piece = bytes | asyncio.Event | Exception
"""A step of a body: bytes are sent, an event is waited for, an error is raised."""


def at(seconds: int) -> str:
    """Write the instant `seconds` after T as a date."""
    return dates.render(T + seconds).decode()


def fields(*lines: str) -> Fields:
    return Fields(_line(line) for line in lines)


def _line(text: str) -> Line:
    name, _, value = text.partition(":")
    return name.encode(), value.strip().encode()


def ask(
    *lines: str,
    method: str = "GET",
    target: str = "/thing",
    host: str = "api.test",
    has_body: bool = False,
) -> Request:
    """Make a request for http://api.test/thing."""
    return Request(method, "http", host.encode(), target.encode(), fields(*lines), has_body)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = float(T)
        self.chance = 0.0

    def now(self) -> float:
        return self.time

    def draw(self) -> float:
        return self.chance


@dataclass
class Reply:
    """What the upstream does with one request: waits, fails, or sends a head and a body."""

    head: Head
    body: tuple[Piece, ...] = ()
    waits: asyncio.Event | None = None
    error: Exception | None = None


def reply(
    status: int,
    *lines: str,
    body: bytes | Iterable[Piece] = b"hello",
    waits: asyncio.Event | None = None,
    length: bool = True,
) -> Reply:
    """Make a reply that arrives at once, with the length of its body unless told otherwise."""
    pieces = (body,) if isinstance(body, bytes) else tuple(body)
    size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
    given = fields(*lines)
    framing = (b"Content-Length", b"%d" % size) if length else (b"Transfer-Encoding", b"chunked")
    if not {b"content-length", b"transfer-encoding"}.isdisjoint(given.names()) or status == 304:
        return Reply(Head(status, given), pieces, waits)
    return Reply(Head(status, given.plus(framing)), pieces, waits)


def failing(error: Exception, waits: asyncio.Event | None = None) -> Reply:
    """Make a reply that never comes."""
    return Reply(Head(0), waits=waits, error=error)


class ScriptedInbound:
    """A response as the script has it; remembers whether it was read to its end or closed."""

    def __init__(self, reply: Reply) -> None:
        self.head = reply.head
        self._body = reply.body
        self.over = False
        self.taken = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._body:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, bytes):
                self.taken += len(piece)
                yield piece
            else:
                raise piece
        self.over = True

    async def aclose(self) -> None:
        self.over = True  # what has begun is seen through: the port asks it of its adapters
        await asyncio.sleep(0)


Step = Reply | Callable[[Request], Reply]


class ScriptedUpstream:
    """Replies one after another; remembers what it was asked and what it gave."""

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.sent: list[Request] = []
        self.uploads: list[bytes] = []
        self.inbounds: list[ScriptedInbound] = []
        self.surprises: list[Request] = []
        self.cancelled = 0

    async def send(self, outbound: Outbound) -> ScriptedInbound:
        self.sent.append(outbound.request)
        if outbound.body is not None:
            self.uploads.append(b"".join([chunk async for chunk in outbound.body]))
        if not self.script:
            self.surprises.append(outbound.request)
            raise UpstreamBroken("the script has ended")
        step = self.script.pop(0)
        reply = step if isinstance(step, Reply) else step(outbound.request)
        try:
            if reply.waits is not None:
                await reply.waits.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if reply.error is not None:
            raise reply.error
        inbound = ScriptedInbound(reply)
        self.inbounds.append(inbound)
        return inbound

    async def aclose(self) -> None:
        """Nothing is open."""


class ScriptedCoder:
    """Codes at once whatever it is asked for, and remembers it; `busy` is one that takes no more.

    Of what is larger than SMALL it says that it takes a while, as the real one does. While it is
    cleared, `open` holds all such work up.
    """

    SMALL: Final = 16_384

    def __init__(self) -> None:
        self.made: list[tuple[str, Coding, int]] = []
        self.busy = False
        self.open = asyncio.Event()
        self.open.set()
        self._real = PooledCoder(threads=1)

    def at_once(self, coding: Coding, body: bytes) -> bytes | None:
        if len(body) >= self.SMALL:
            return None
        self.made.append(("quick", coding, len(body)))
        return pack(coding, Level.QUICK, body)

    async def encode(self, coding: Coding, body: bytes) -> bytes | None:
        await self.open.wait()
        if self.busy:
            return None
        self.made.append(("quick", coding, len(body)))
        return pack(coding, Level.QUICK, body)

    async def encode_best(self, coding: Coding, body: bytes) -> bytes | None:
        await self.open.wait()
        if self.busy:
            return None
        self.made.append(("best", coding, len(body)))
        return pack(coding, Level.BEST, body)

    async def decode(self, coding: Coding, body: bytes) -> bytes:
        await self.open.wait()
        self.made.append(("decode", coding, len(body)))
        decoder = self.decoder(coding)
        return await decoder.push(body) + await decoder.finish()

    def encoder(self, coding: Coding) -> Transcoder:
        self.made.append(("stream", coding, 0))
        return self._real.encoder(coding)

    def decoder(self, coding: Coding) -> Transcoder:
        return self._real.decoder(coding)


@dataclass
class Told:
    """What a client got: `cut` is the error that ended its body early."""

    status: int
    fields: Fields
    account: Account
    body: bytes = b""
    cut: SidecacheError | None = None

    def __getitem__(self, name: str) -> str | None:
        value = self.fields.joined(name.encode())
        return None if value is None else value.decode()

    @property
    def reason(self) -> str:
        return self.account.reason.token

    @property
    def how(self) -> str:
        """The words of Cache-Status, without the name."""
        return (self["cache-status"] or "").partition("; ")[2]


async def settle(turns: int = 40) -> None:
    """Let everything happen that waits for nothing but its turn."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def read(answer: Answer) -> Told:
    """Take an answer as the edge does."""
    told = Told(answer.status, answer.fields, answer.account, bytes(answer.body or b""))
    if answer.stream is None:
        return told
    try:
        async for chunk in answer.stream:
            told.body += chunk
    except SidecacheError as error:
        told.cut = error
    finally:
        await answer.stream.aclose()
    return told


async def _crumbs(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 3):
        yield body[start : start + 3]


def ruleset(*models: dict[str, Any]) -> Ruleset:
    """Compile rules; the last stands for everything that no other takes."""
    numbered = [RuleModel(**{"name": f"rule-{n}", **model}) for n, model in enumerate(models)]
    return compile_rules(numbered, [f"test:{n}" for n in range(len(numbered))])


@dataclass
class Play:
    """A corridor between a client and a scripted upstream."""

    near: Near = field(default_factory=lambda: MemoryStore(64 * 1_048_576))
    clock: Clock = field(default_factory=Clock)
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    ledger: Ledger = field(default_factory=Ledger)
    feeds: list[Feed] = field(default_factory=list)

    far: NaiveFar | None = None
    log: PurgeLog | None = None
    stats: Stats = field(default_factory=Stats)
    coder: ScriptedCoder = field(default_factory=ScriptedCoder)

    def __post_init__(self) -> None:
        log = self.log or LoneLog(self.ledger, self.clock)
        self.shelf = Shelf(self.near, self.ledger, self.far, log)
        self.purging = Purging(self.ledger, log, self.clock, self.stats)
        leases = None if self.far is None else self.far.leases
        fleet = Fleet(self.shelf, self.clock, leases)
        snapshot = Snapshot(ruleset({"name": "default"}))
        world = World(self.upstream, self.coder, self.clock)
        self.corridor = Corridor(snapshot, fleet, self.purging, world, self.stats)

    def under(self, *models: dict[str, Any], **snapshot: Any) -> None:  # noqa: ANN401 - fields
        """Put other rules in force, the last one for everything else."""
        self.corridor.snapshot = Snapshot(ruleset(*models), **snapshot)

    def script(self, *steps: Step) -> None:
        self.upstream.script.extend(steps)

    def later(self, seconds: float) -> None:
        self.clock.time += seconds

    @property
    def asked(self) -> int:
        """How many requests the upstream has seen."""
        return len(self.upstream.sent)

    async def open(self, request: Request, body: bytes | None = None) -> Answer:
        """Send a request and return its answer with the body still to be read."""
        visit = self.corridor.visit(request)
        return await self.corridor.answer(visit, None if body is None else _crumbs(body))

    async def tell(self, request: Request, body: bytes | None = None) -> Told:
        async with asyncio.timeout(PATIENCE):
            return await read(await self.open(request, body))

    async def get(self, *lines: str, method: str = "GET", target: str = "/thing") -> Told:
        return await self.tell(ask(*lines, method=method, target=target))

    def begin(
        self, *lines: str, method: str = "GET", target: str = "/thing"
    ) -> "asyncio.Task[Told]":
        """Send a request as a client of its own."""
        return asyncio.create_task(self.get(*lines, method=method, target=target))

    def key(self, *lines: str, target: str = "/thing") -> Key:
        return board(ask(*lines, target=target), self.corridor.snapshot).key

    def kept(self, *lines: str, target: str = "/thing") -> tuple[Entry, ...]:
        """Return what may be used of the store for a GET."""
        return self.shelf.variants(self.key(*lines, target=target), self.clock.now())

    def stored(self, *lines: str, target: str = "/thing") -> Stored:
        (entry,) = self.kept(*lines, target=target)
        return entry.stored

    async def purge(self, *names: str, mode: Mode = Mode.HARD) -> Receipt:
        """Purge tags as an operator does, here at least."""
        tags = tuple(labels.tag(name.encode()) for name in names) or (labels.EVERYTHING,)
        return await self.purging.purge(Purge(tags, mode=mode), Wait.LOCAL, 0)

    async def fill(self, *lines: str, body: bytes | Iterable[Piece] = b"hello") -> None:
        """Have a response to GET /thing stored."""
        self.script(reply(200, *lines, body=body))
        assert (await self.get()).cut is None
        await settle()
        assert self.kept()

    async def end(self) -> None:
        """Nothing may be left open: no task, no flight, no reader, no inbound."""
        await settle()
        assert not self.upstream.surprises, "the upstream was asked more than the script says"
        assert not self.upstream.script, "the upstream was asked less than the script says"
        assert len(self.corridor.tasks) == 0
        assert len(self.corridor.flights) == 0
        assert [inbound.head for inbound in self.upstream.inbounds if not inbound.over] == []
        assert not any(feed.read for feed in self.feeds), "a reader was left behind"
