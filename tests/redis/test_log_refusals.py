"""The purge log on servers that refuse: nothing is confirmed, nothing purged is served."""

from collections.abc import Callable

import pytest

from proxy.engine.ledger import LEASE, Standing, Trust
from proxy.engine.purge import Purge
from proxy.errors import StoreError
from tests.redis.servers import RedisServer
from tests.redis.stage import KEYS, MAX_UNVERIFIED, A, Stage

REFUSALS: dict[str, Callable[[RedisServer], object]] = {
    "READONLY": lambda server: server.run("REPLICAOF", "127.0.0.1", server.port + 1),
    "NOREPLICAS": lambda server: server.run("CONFIG", "SET", "min-replicas-to-write", 1),
    "WRONGTYPE": lambda server: (
        server.run("DEL", KEYS.ledger),
        server.run("SET", KEYS.ledger, ""),
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_server_that_refuses_confirms_nothing(stage: Stage, refusal: str) -> None:
    one = await stage.join("one")
    born = one.ledger.position
    REFUSALS[refusal](stage.server)
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    assert one.standing(A, born) is Standing.PURGED
    for seconds, trust in ((LEASE, Trust.CONFIRMED), (0.1, Trust.UNCONFIRMED)):
        one.clock.time += seconds
        with pytest.raises(StoreError):
            await one.turn()
        assert one.ledger.trust(one.clock.now()) is trust
    one.clock.time += MAX_UNVERIFIED
    assert one.ledger.trust(one.clock.now()) is Trust.LAPSED


async def test_a_full_server_still_takes_purges(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    born = other.ledger.position
    stage.server.run("CONFIG", "SET", "maxmemory", 1)
    assert await one.publish(b"ta") == 1
    await other.turn()
    assert other.standing(A, born) is Standing.PURGED
    assert other.ledger.trust(other.clock.now()) is Trust.CONFIRMED
