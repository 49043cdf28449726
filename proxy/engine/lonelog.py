"""The purge log of a process that stands alone: its ledger is the log itself."""

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock, Replica
from proxy.engine.purge import Facts, Place, Purge
from proxy.rules.labels import Labels


class LoneLog:
    """A `PurgeLog` that nobody else follows."""

    def __init__(self, ledger: Ledger, clock: Clock, *, name: str = "", address: str = "") -> None:
        self._ledger = ledger
        self._clock = clock
        self._name = name
        self._address = address

    async def publish(self, purge: Purge) -> Place:
        """See `PurgeLog.publish`; never fails."""
        return Place(self._ledger.epoch, self._ledger.purge(purge, self._clock.now()))

    async def facts(self, labels: Labels) -> Facts | None:
        """See `PurgeLog.facts`: what the ledger has forgotten, nobody knows."""
        del labels
        return None

    async def replicas(self) -> tuple[Replica, ...]:
        """See `PurgeLog.replicas`."""
        epoch, sequence, _ = self._ledger.position
        return (Replica(self._name, self._address, sequence, 0.0, 0, epoch),)
