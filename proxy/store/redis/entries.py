"""Entries: the tier that all replicas share, kept in Redis.

An entry without Vary lies under its key; one with it under a key of its own, and the index of
those under the key's. Nothing is ever waited for longer than a call may take, and what is lost is
a miss. Purges are not known here: whether an entry may be used is the ledger's to say.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, Final

from proxy.engine.entry import Entry
from proxy.engine.ports import Held
from proxy.errors import StoreError
from proxy.policy.stored import Selecting
from proxy.store.codec import (
    ID_START,
    ID_STOP,
    Kind,
    decode,
    decode_index,
    encode,
    encode_index,
    kind,
)
from proxy.store.redis.client import Client
from proxy.store.redis.clock import SharedClock
from proxy.store.redis.keyspace import Keyspace
from proxy.store.redis.leases import RedisLeases
from proxy.store.redis.link import Link
from proxy.store.redis.lookups import Lookups
from proxy.store.redis.scripts import Argument, Script
from proxy.store.redis.writes import Writes
from proxy.values import valueclass

MAX_OBJECT: Final = 1_048_576
"""Bytes of a body; a larger one would keep the look-ups behind it waiting."""

MAX_SELECTING: Final = 1_024
"""Bytes of what selects a variant (9111 §4.1). It comes from clients, and a key's index has it of
every variant and is read at each look-up."""

LONGEST_MS: Final = 30 * 86_400_000
"""The life of a key: what is never asked for again goes even where nothing is evicted."""

DROP_SIZE: Final = 1_024
"""Bytes that a drop is counted with while it waits."""

_KEEP: Final = Script("keep")
_RECODE: Final = Script("recode")


@dataclass(slots=True)
class EntriesStats:
    """What is counted of the shared tier; the metadata of each field is its sentence."""

    gets: int = field(default=0, metadata={"help": "Look-ups of keys in Redis."})
    found: int = field(default=0, metadata={"help": "Entries found in Redis."})
    unreadable: int = field(
        default=0, metadata={"help": "Values in Redis that were corrupt or foreign."}
    )
    puts: int = field(default=0, metadata={"help": "Entries written to Redis."})
    outrun: int = field(
        default=0, metadata={"help": "Entries not written because their lease had ended."}
    )
    shed: int = field(
        default=0, metadata={"help": "Writes given up because too many bytes were waiting."}
    )


@valueclass(frozen=True, slots=True)
class _Put:
    """What is to be kept; `life` is in milliseconds."""

    digest: bytes
    entry: Entry
    life: int
    limit: int
    lease: Held | None


@valueclass(frozen=True, slots=True)
class _Plan:
    """What a put comes to: values by key with their lives in milliseconds, and keys to go."""

    sets: tuple[tuple[bytes, bytes, int], ...]
    drops: tuple[bytes, ...] = ()


class RedisEntries:
    """The `Far` tier; `max_object` is the bytes of the largest body that is shared."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        shared: SharedClock,
        leases: RedisLeases,
        max_object: int = MAX_OBJECT,
    ) -> None:
        self.stats = EntriesStats()
        self._link = link
        self._keys = Keyspace(namespace)
        self._shared = shared
        self._leases = leases
        self._max_object = max_object
        self._lookups = Lookups(link)
        self._writes = Writes()

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._writes.bytes

    async def aclose(self) -> None:
        """Wait a moment for what is being written."""
        await self._writes.aclose()

    # Reading

    async def get(self, digest: bytes, wanted: Callable[[Selecting], bool]) -> tuple[Entry, ...]:
        """See `Far.get`."""
        if not self._in_reach:
            return ()
        self.stats.gets += 1
        values = await self._lookups.get((self._keys.primary(digest),))
        if values[0] is not None and kind(values[0]) is Kind.INDEX:
            values = await self._lookups.get(self._wanted(digest, values[0], wanted))
        entries = [self._read(value) for value in values if value is not None]
        found = tuple(e for e in entries if e is not None and wanted(e.stored.selecting))
        self.stats.found += len(found)
        return found

    def _wanted(
        self, digest: bytes, index: bytes, wanted: Callable[[Selecting], bool]
    ) -> list[bytes]:
        """Return where the variants lie that an index has and that are wanted."""
        members = decode_index(index)
        self.stats.unreadable += members is None
        return [self._keys.variant(digest, each) for each in members or () if wanted(each)]

    def _read(self, value: bytes) -> Entry | None:
        offset = self._shared.offset
        entry = None if offset is None else decode(value, offset)
        self.stats.unreadable += entry is None and offset is not None
        return entry

    # Writing

    def put(
        self, digest: bytes, entry: Entry, *, seconds: float, limit: int, lease: Held | None = None
    ) -> None:
        """See `Far.put`."""
        put = _Put(digest, entry, min(ceil(seconds * 1_000), LONGEST_MS), limit, lease)
        small = len(entry.body) <= self._max_object and _selecting_size(entry) <= MAX_SELECTING
        worth = put.life > 0 and entry.stored.part is None and small
        begun = worth and self._begin(digest, entry.cost, partial(self._keep, put))
        if lease is not None and begun:
            self._leases.entrust(lease)
        elif lease is not None:
            self._leases.release(digest, lease)

    def recode(self, digest: bytes, entry: Entry) -> None:
        """See `Far.recode`."""
        codings = sum(len(each.body) for each in entry.codings)
        if entry.id and max(len(entry.body), codings) <= self._max_object:
            key = self._keys.place(digest, entry.stored.selecting)
            self._begin(digest, entry.cost, partial(self._replace, key, entry))

    def drop(self, digest: bytes, entry: Entry) -> None:
        """See `Far.drop`."""
        key = self._keys.place(digest, entry.stored.selecting)
        self._begin(digest, DROP_SIZE, partial(self._unlink, key))

    @property
    def _in_reach(self) -> bool:
        return self._shared.offset is not None and self._link.usable

    def _begin(self, digest: bytes, size: int, work: Callable[[], Awaitable[None]]) -> bool:
        if not self._in_reach:
            return False
        begun = self._writes.begin(digest, size, work)
        self.stats.shed += not begun
        return begun

    async def _replace(self, key: bytes, entry: Entry) -> None:
        with suppress(StoreError):
            args: tuple[Argument, ...] = (ID_START, ID_STOP - 1, entry.id)
            value = self._encoded(entry)
            await self._link.call(lambda client: _RECODE.run(client, (key,), (*args, value)))

    async def _unlink(self, key: bytes) -> None:
        with suppress(StoreError):
            await self._link.call(lambda client: client.execute_command("UNLINK", key))

    async def _keep(self, put: _Put) -> None:
        try:
            value = self._encoded(put.entry)
            kept = await self._link.call(lambda client: self._write(client, put, value))
        except Exception as error:
            if put.lease is not None:
                self._leases.release(put.digest, put.lease)
            if isinstance(error, StoreError):
                return
            raise
        self.stats.puts += kept
        self.stats.outrun += not kept

    def _encoded(self, entry: Entry) -> bytes:
        offset = self._shared.offset
        if offset is None:
            raise StoreError("the time of the shared store is not known now")
        return encode(entry, offset)

    async def _write(self, client: Client, put: _Put, value: bytes) -> bool:
        """Write an entry; False where its lease is no longer held, and nothing is written."""
        plan = await self._plan(client, put, value)
        if put.lease is None:
            pipeline: Any = client.pipeline(transaction=False)
            for key, content, life in plan.sets:
                pipeline.execute_command("SET", key, content, "PX", life)
            for key in plan.drops:
                pipeline.execute_command("UNLINK", key)
            await pipeline.execute()
            return True
        keys = (self._keys.lease(put.digest), *(key for key, _, _ in plan.sets), *plan.drops)
        args: list[Argument] = [put.lease.token, len(plan.sets)]
        for _, content, life in plan.sets:
            args += content, life
        return bool(await _KEEP.run(client, keys, args))

    async def _plan(self, client: Client, put: _Put, value: bytes) -> _Plan:
        """Work out what has to be written, which with Vary depends on what is there.

        The index lives as long as the longest of its members may.
        """
        selecting, primary = put.entry.stored.selecting, self._keys.primary(put.digest)
        if not selecting:
            return _Plan(((primary, value, put.life),))
        pipeline: Any = client.pipeline(transaction=False)
        pipeline.execute_command("GET", primary)
        pipeline.execute_command("PTTL", primary)
        present, left = await pipeline.execute()
        members = decode_index(present or b"") or ()
        others = [each for each in members if each != selecting]
        kept, gone = others[: put.limit - 1], others[put.limit - 1 :]
        index = encode_index((selecting, *kept))
        place = partial(self._keys.variant, put.digest)
        sets = ((place(selecting), value, put.life), (primary, index, max(put.life, left)))
        return _Plan(sets, tuple(place(each) for each in gone))


def _selecting_size(entry: Entry) -> int:
    return sum(len(name) + len(value or b"") for name, value in entry.stored.selecting)
