"""The purge log on real servers: what it has lost is noticed."""

from collections.abc import Callable

import pytest

from proxy.engine.ledger import Standing, Trust
from proxy.engine.purge import Born
from proxy.errors import StoreError
from tests.redis.servers import RedisServer
from tests.redis.stage import KEYS, A, C, Stage, open_stage

Loss = Callable[[RedisServer], object]


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda server: server.run("FLUSHALL"), id="flushed"),
        pytest.param(lambda server: server.run("DEL", KEYS.ledger), id="ledger-evicted"),
        pytest.param(
            lambda server: server.run("HSET", KEYS.ledger, "replid", "x"), id="failed-over"
        ),
        pytest.param(
            lambda server: server.run("HSET", KEYS.ledger, "sequence", 1, "nonce", "x"),
            id="rewound",
        ),
        pytest.param(
            lambda server: server.run("HSET", KEYS.ledger, "nonce", "x"), id="gone-on-otherwise"
        ),
    ],
)
async def test_a_log_that_lost_something_begins_a_new_epoch(stage: Stage, lose: Loss) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    await one.publish(b"ta")
    await one.publish(b"tb")
    await other.turn()
    born = other.ledger.position
    lose(stage.server)
    for replica in (other, one, other):
        await replica.turn(2)
    assert one.ledger.epoch == other.ledger.epoch != born.epoch
    assert other.standing(C, born) is Standing.PURGED
    # Whoever published them a moment ago has told the log again.
    assert one.ledger.sequence == other.ledger.sequence == 2
    assert other.standing(A, Born(other.ledger.epoch, 0)) in {Standing.PURGED, Standing.UNKNOWN}


async def test_a_restart_without_persistence_is_another_epoch(server: RedisServer) -> None:
    async with open_stage(server) as stage:
        one = await stage.join("one")
        await one.publish(b"ta")
        epoch = one.ledger.epoch
        server.restart()
        with pytest.raises(StoreError):
            await one.turn()
        await one.turn(2)
        assert one.ledger.epoch != epoch


@pytest.mark.parametrize("words", [("DEL",), ("XTRIM", "MAXLEN", 1)], ids=["deleted", "trimmed"])
async def test_records_taken_away_are_a_gap_and_no_purge_is_missed(
    stage: Stage, words: tuple[str, ...]
) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    born = other.ledger.position
    await one.publish(b"ta")
    await one.publish(b"tb")
    stage.server.run(words[0], KEYS.log, *words[1:])
    await other.turn()
    assert other.ledger.lag(other.clock.now()) == 0.0
    assert other.ledger.position == Born(born.epoch, 2)
    assert other.standing(A, born) is Standing.UNKNOWN
    facts = await other.log.facts(A)
    assert facts is not None
    assert other.ledger.verified(A, born, facts)[0] is Standing.PURGED


async def test_records_that_do_not_follow_from_each_other_end_the_epoch(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    epoch = other.ledger.epoch
    await one.publish(b"ta")
    await one.publish(b"tb")
    other.ledger.nonce = b"of a history that the log no longer has"
    await other.turn(2)
    assert other.ledger.epoch != epoch


@pytest.mark.parametrize(
    ("field", "value"), [("mode", "gentle"), ("tags", "9:short"), ("at", "noon"), ("nonce", None)]
)
async def test_a_record_that_nobody_understands_is_a_gap(
    stage: Stage, field: str, value: str | None
) -> None:
    one = await stage.join("one")
    said = {"nonce": "x", "prior": "", "mode": "hard", "tags": "", "patterns": "", "at": "1"}
    said = {name: text for name, text in (said | {field: value}).items() if text is not None}
    stage.server.run("XADD", KEYS.log, "1-1", *(word for pair in said.items() for word in pair))
    stage.server.run("HSET", KEYS.ledger, "sequence", 1, "nonce", "x")
    await one.turn(2)
    assert one.ledger.sequence == 1
    assert one.log.rebases == 2
    assert one.ledger.trust(one.clock.now()) is Trust.CONFIRMED


async def test_a_stream_ahead_of_its_ledger_begins_a_new_epoch(stage: Stage) -> None:
    one = await stage.join("one")
    stage.server.run("XADD", KEYS.log, "7-1", "a", "b")
    epoch = one.ledger.epoch
    await one.publish(b"ta")
    assert one.ledger.epoch != epoch
    assert one.ledger.sequence in {1, 2}  # it may have been told again


async def test_a_log_behind_what_is_known_here_cannot_tell(stage: Stage) -> None:
    one = await stage.join("one")
    await one.publish(b"ta")
    stage.server.run("HSET", KEYS.ledger, "sequence", 0)
    assert await one.log.facts(A) is None


async def test_a_ledger_that_is_not_there_cannot_tell(stage: Stage) -> None:
    one = await stage.join("one")
    stage.server.run("DEL", KEYS.ledger)
    assert await one.log.facts(A) is None


async def test_before_joining_nothing_is_asked(stage: Stage) -> None:
    one = stage.make("one")
    one.wire.cut = True  # it would fail
    assert not one.log.joined
    assert await one.log.facts(A) is None


async def test_a_script_that_the_server_has_forgotten_is_sent_again(stage: Stage) -> None:
    one = await stage.join("one")
    stage.server.run("SCRIPT", "FLUSH")
    assert await one.publish(b"ta") == 1


async def test_an_answer_that_nobody_understands_is_a_failure(stage: Stage) -> None:
    one = await stage.join("one")
    stage.server.run("HSET", KEYS.replicas, "odd", "odd")
    with pytest.raises(StoreError, match="nobody understands"):
        await one.log.replicas()
