"""The ledger, the log and the follower against every order of events that Hypothesis thinks of.

Three replicas on a real server, four keys, three tags; an origin whose answer is the number of
its commit. What must hold whatever happens:

- G1: a request to the replica that acknowledged a hard purge gets nothing older than the commit
  before it; the same where the log could not be told, for as long as that replica lives.
- G2: once `wait: all` is acknowledged, the same of every replica.
- G3: lease + max_unverified after any acknowledgement, the same of every replica.
- Soft purges: the same of what is served as fresh.

`SIDECACHE_MACHINE_EXAMPLES=5000` makes it a soak. What it leaves out: two primaries at once, and
a flush while everybody who was there is cut off; against neither does the log alone help.

Each guard was taken away in turn, and this is what then failed. The machine, within 250 examples:
the ledger is asked when an entry is used, and when a follower is given an answer; an entry is born
before its fetch; nothing purged hard is a base for validation; epoch; watermark; floor; `minor`
(what was applied alone counts, and does so again after each record and each new beginning);
telling the log again after it has lost something; soft is not fresh. In longer runs only: epoch of
what is verified; soft is not fresh once it was verified. Asking before an entry is kept could be
left out. In `test_log_*`, since the machine seldom comes there:

- lease: `a_server_that_refuses_confirms_nothing`
- chain, broken epochs: `records_that_do_not_follow_from_each_other_end_the_epoch`
- identity of the primary, telling before confirming: `a_log_that_lost_something_begins_...`
- facts of a log that went back: `a_log_behind_what_is_known_here_cannot_tell`
- facts themselves, patterns: `what_is_older_than_joining_...`, `patterns_are_known_to_...`
- `wait: all`: `who_comes_from_another_epoch_...`, `in_an_epoch_that_has_just_begun_...`,
  `while_its_own_line_is_lost_...`, `a_failover_counts_everybody_...`, `replicas_show_how_far_...`
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from proxy.engine.ledger import LEASE, Trust
from proxy.engine.purge import Mode, Purge
from proxy.errors import StoreError
from proxy.rules import patterns
from proxy.rules.labels import EVERYTHING
from tests.redis.fleet import (
    KEYS,
    LABELS,
    LEDGER_KEYS,
    MAX_UNVERIFIED,
    TAGS,
    Kept,
    Loop,
    Replica,
    Served,
    World,
)
from tests.redis.servers import RedisServer

EXAMPLES = int(os.environ.get("SIDECACHE_MACHINE_EXAMPLES", "25"))
STEPS = int(os.environ.get("SIDECACHE_MACHINE_STEPS", "50"))
COUNT = 3

MISHAPS = (
    *("evict", "back_up", "fail_over", "rewind"),
    *("lose_everything", "lose_the_log", "lose_records"),
)

replicas = st.integers(0, COUNT - 1)
keys = st.sampled_from(KEYS)
tags = st.sampled_from((*TAGS, EVERYTHING))
seldom = st.sampled_from((False, False, False, True))
modes = st.sampled_from((Mode.HARD, Mode.HARD, Mode.SOFT, Mode.REFRESH))


@dataclass
class Promise:
    """What a purge promised: nothing below `commit` is served under `key`, or not as fresh.

    It is kept by the replica that took the purge, by all where that was acknowledged, and in any
    case some time after `at`. `place` is where the log has it, None while it could not be told.
    """

    key: str
    commit: int
    hard: bool
    by: int
    at: float
    place: tuple[bytes, int] | None
    everywhere: bool = False


class Machine(RuleBasedStateMachine):
    """The fleet, and what it has promised."""

    server: RedisServer
    client: Redis
    loop: Loop
    replica = Replica

    @initialize(limit=st.sampled_from((10, 13, 1_000)))
    def begin(self, limit: int) -> None:
        self.server.run("FLUSHALL")
        self.world = World()
        self.limit = limit
        self.names = 0
        self.promises: list[Promise] = []
        self.copy: dict[str, bytes | None] = {}
        self.copied: dict[str, Kept] = {}
        self.rewound = self.trimmed = False
        self.fleet = [self.newcomer(index) for index in range(COUNT)]
        self.pass_time(LEASE + 1.0)
        self.fetch(0)
        self.serve(1)
        self.serve(2)

    def newcomer(self, index: int) -> Replica:
        """Return a replica that holds nothing, with a clock of its own."""
        self.names += 1
        skew = (0.0, 3_600.0, -3_600.0)[index]
        return self.replica(self.world, self.client, f"r{self.names}", skew, self.limit)

    def turn(self, index: int) -> None:
        """Take a turn; what has been told to the log thereby holds everywhere before long."""
        replica = self.fleet[index]
        with suppress(StoreError):
            self.loop(replica.turn())
        if self.told(index):
            for promise in self.promises:
                if promise.by == index and promise.place is None:
                    place = replica.ledger.epoch, replica.ledger.sequence
                    promise.place, promise.at = place, self.world.now

    def told(self, index: int) -> bool:
        """Tell whether the log has all that a replica took."""
        return not self.fleet[index].log.untold

    def pass_time(self, seconds: float) -> None:
        """Let time pass: whoever is connected reports at least each half second."""
        end = self.world.now + seconds
        while self.world.now < end:
            self.world.now += min(0.5, end - self.world.now)
            for index in range(COUNT):
                self.turn(index)

    # What must hold

    def floor(self, index: int, key: str, *, fresh: bool) -> int:
        """Return below what a replica may serve nothing under a key (as fresh)."""
        return max(
            (
                promise.commit
                for promise in self.promises
                if key == promise.key
                and promise.hard is not fresh
                and (promise.everywhere or promise.by == index or self.is_due(promise))
            ),
            default=0,
        )

    def is_due(self, promise: Promise) -> bool:
        """Tell whether a purge holds everywhere, whatever has happened since."""
        late = self.world.now > promise.at + LEASE + MAX_UNVERIFIED
        return promise.place is not None and late

    def check(self, index: int, key: str, served: Served | None) -> None:
        """Hold what was served against what was promised."""
        if served is None:
            return
        assert served.body >= self.floor(index, key, fresh=False)
        if served.fresh:
            assert served.asked >= self.floor(index, key, fresh=True)

    # The origin and the operators

    @rule(index=replicas, tag=tags, mode=modes, heard=st.booleans(), lost=seldom)
    def purge_by_tag(self, *, index: int, tag: bytes, mode: Mode, heard: bool, lost: bool) -> None:
        named = [key for key in KEYS if tag in LABELS[key].tags]
        self.purge(index, Purge((tag,), mode=mode), named, heard=heard, lost=lost)

    @rule(index=replicas, key=keys, mode=modes, heard=st.booleans())
    def purge_by_pattern(self, *, index: int, key: str, mode: Mode, heard: bool) -> None:
        pattern = patterns.prefix(LABELS[key].location)
        self.purge(index, Purge(patterns=(pattern,), mode=mode), [key], heard=heard, lost=False)

    def purge(self, index: int, purge: Purge, named: list[str], *, heard: bool, lost: bool) -> None:
        """Commit, purge, and take note of what has been promised."""
        for key in named:
            self.world.commit(key)
        replica = self.fleet[index]
        replica.publishing.deaf = lost and replica.connected
        sequence = self.loop(replica.publish(purge, heard=heard))
        epoch = self.server.run("HGET", LEDGER_KEYS[0], "epoch")
        place = None if sequence is None else (epoch, sequence)
        hard = purge.mode is Mode.HARD
        for key in named:
            commit = self.world.content[key] if hard else self.world.commits
            self.promises.append(Promise(key, commit, hard, index, self.world.now, place))

    @rule(index=replicas, caught_up=st.booleans())
    def acknowledge(self, *, index: int, caught_up: bool) -> None:
        """Find that all have confirmed: `wait: all` is acknowledged."""
        for each in range(COUNT) if caught_up else ():
            self.turn(each)
            self.turn(each)
        try:
            present = self.loop(self.fleet[index].log.replicas())
        except StoreError:
            return
        epoch = self.server.run("HGET", LEDGER_KEYS[0], "epoch")
        least = min(-1 if each.applied is None else each.applied for each in present)
        for promise in self.promises:
            if promise.place is not None and promise.place[0] == epoch:
                promise.everywhere = promise.everywhere or promise.place[1] <= least

    # The replicas

    @invariant()
    def nothing_held_is_older(self) -> None:
        for index, replica in enumerate(self.fleet):
            for key in KEYS:
                self.check(index, key, replica.at_hand(key))

    @rule(index=replicas)
    def serve(self, index: int) -> None:
        for key in KEYS:
            self.check(index, key, self.loop(self.fleet[index].serve(key)))

    @rule(index=replicas)
    def fetch(self, index: int) -> None:
        replica = self.fleet[index]
        for key in KEYS:
            replica.begin(key, 0)
            replica.finish(replica.fetches.pop())

    @rule(index=replicas, conditional=st.booleans())
    def begin_fetches(self, *, index: int, conditional: bool) -> None:
        begin = self.fleet[index].validate if conditional else self.fleet[index].begin
        for key in KEYS:
            begin(key, self.floor(index, key, fresh=False))

    @rule(index=replicas)
    def join_fetches(self, index: int) -> None:
        """Join what is under way, as `sharing.to_follow` has it: lapsed, only what begins later."""
        if self.fleet[index].trust is Trust.LAPSED:
            return
        for fetch in self.fleet[index].fetches:
            fetch.floors.append(self.floor(index, fetch.key, fresh=False))

    @rule(index=replicas)
    def end_fetches(self, index: int) -> None:
        fetches = self.fleet[index].fetches
        while fetches:
            for body, floor in self.fleet[index].finish(fetches.pop(0)):
                assert body >= floor

    @rule(index=replicas)
    def follow(self, index: int) -> None:
        self.turn(index)

    @rule(index=replicas, mishap=st.sampled_from(("cut", "heal", "heal", "crash", "leave")))
    def befall_a_replica(self, index: int, mishap: str) -> None:
        replica = self.fleet[index]
        if mishap == "leave":
            self.loop(replica.log.leave())
        if mishap in {"crash", "leave"}:
            self.fleet[index] = self.newcomer(index)
            self.promises = [p for p in self.promises if p.by != index or p.place is not None]
        else:
            replica.cut(cut=mishap == "cut")
        self.turn(index)

    # The world

    @rule(seconds=st.sampled_from((0.1, 1.0, LEASE, LEASE + MAX_UNVERIFIED + 0.1, 10.0)))
    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(index=replicas, mishap=st.sampled_from(MISHAPS))
    def befall_redis(self, index: int, mishap: str) -> None:
        getattr(self, mishap)(index)

    def evict(self, index: int) -> None:
        """Lose an entry, after the origin has changed."""
        self.world.far.pop(KEYS[index], None)
        self.world.commit(KEYS[index])

    def back_up(self, _: int) -> None:
        """Let a copy of what Redis holds fall behind from now on."""
        self.copy = {key: self.server.run("DUMP", key) for key in LEDGER_KEYS}
        self.copied = dict(self.world.far)

    def restore(self) -> None:
        """Put the copy in place of what Redis holds."""
        for key, value in self.copy.items():
            self.server.run("DEL", key)
            if value is not None:
                self.server.run("RESTORE", key, 0, value)
        self.world.far = dict(self.copied)

    def fail_over(self, _: int) -> None:
        """Let another server become the primary, which lacks the last writes."""
        if self.copy:
            self.restore()
            self.server.run("HSET", LEDGER_KEYS[0], "replid", "another")

    def rewind(self, index: int) -> None:
        """Restore a copy under a running server: only the records themselves show it."""
        if self.copy and not self.trimmed:
            self.rewound = True
            self.restore()
            for promise in self.promises:
                if promise.place is not None:
                    promise.place = (b"lost", promise.place[1])
            for each in range(COUNT):
                self.turn((index + each) % COUNT)

    def lose_everything(self, index: int) -> None:
        """Flush Redis; somebody who was there is the first to hear of it."""
        self.pass_time(1.0)
        if self.fleet[index].connected and self.fleet[index].log.joined:
            self.server.run("FLUSHALL")
            self.world.far.clear()
            self.turn(index)

    def lose_the_log(self, _: int) -> None:
        """Take all records away, under whoever has not read them."""
        self.lose("DEL", LEDGER_KEYS[1])

    def lose_records(self, _: int) -> None:
        """Take all records but the last away."""
        self.lose("XTRIM", LEDGER_KEYS[1], "MAXLEN", "1")

    def lose(self, *words: str) -> None:
        """Take records away, which hides that others are of another history."""
        if not self.rewound:
            self.trimmed = True
            self.server.run(*words)


@pytest.fixture(scope="module")
def machine() -> Iterator[type[Machine]]:
    loop = Loop()
    with RedisServer() as server:
        client = Redis(unix_socket_path=str(server.socket), protocol=2)
        yield type("Machine", (Machine,), {"server": server, "client": client, "loop": loop})
        loop(client.aclose())
    loop.close()


def test_nothing_that_was_purged_is_served(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
