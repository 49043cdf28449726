"""The crowd: how late hits are while large misses are fetched, encoded and kept beside them.

Both come at their own pace, whatever the answers take: for every hundred hits there is one miss.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.asked import Asked
from bench.budget import OWN, Figures
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.load import Load, drive
from bench.probe import expect, origin_requests
from bench.rounds import Plan
from bench.servers import origin, sidecache

ALONE: Final = "without"

_HITS: Final = Asked("/hit/1", every=160)
_HITTING: Final = 64
"""Connections: with their pauses, 400 requests a second."""
_MISSES: Final = Asked("/big/", ("Accept-Encoding: br",), unique=True, every=5000)
_MISSING: Final = 20
"""Connections: with their pauses, 4 requests a second."""
_FEWEST: Final = 0.008
"""The share of misses below which it was another load."""
_CODING: Final = "br"
_LONGER: Final = 2
"""How many times longer than others a round is: each miss takes a part of a second."""


def measure(plan: Plan, cores: Cores, misses: Asked = _MISSES) -> Figures:
    """Return the milliseconds of the hits' p99 in each round; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place(home, cores.load)))
        server = stack.enter_context(sidecache(source.port, Place(home, cores.server)))
        seconds = plan.seconds * _LONGER
        crowd = Crowd(server.port, source.port, misses, seconds, _places(home, cores))
        crowd.warm()
        rounds = [(crowd.alone(), crowd.beside(number)) for number in range(plan.rounds)]
        return {ALONE: [one for one, _ in rounds], OWN: [other for _, other in rounds]}


def _places(home: Path, cores: Cores) -> Mapping[str, Place]:
    return {name: Place.within(home, name, cores.load) for name in ("hits", "misses")}


@dataclass(frozen=True)
class Crowd:
    """Who asks the server on a port, and for how long, before the origin on another."""

    port: int
    origin: int
    misses: Asked
    seconds: float
    places: Mapping[str, Place]

    def warm(self) -> None:
        """Have the hit kept, and see that a miss is encoded."""
        expect(OWN, self.port, _HITS, 200)
        expect(OWN, self.port, self._misses("warm"), 200, _CODING)

    def alone(self) -> float:
        """Return the p99 of hits alone."""
        return self._driven("hits", _HITS, _HITTING).p99_us / 1000

    def beside(self, number: int) -> float:
        """Return the p99 of hits beside misses."""
        missed = -origin_requests(self.origin)
        with ThreadPoolExecutor(1) as pool:
            missing = pool.submit(self._driven, "misses", self._misses(f"{number}-"), _MISSING)
            hits = self._driven("hits", _HITS, _HITTING)
            missing.result()
        share = (missed + origin_requests(self.origin)) / hits.requests
        if share < _FEWEST:
            raise BenchError(f"only {share:.2%} of the requests were large misses")
        return hits.p99_us / 1000

    def _misses(self, mark: str) -> Asked:
        return replace(self.misses, target=self.misses.target + mark)

    def _driven(self, name: str, asked: Asked, connections: int) -> Load:
        return drive(self.port, asked, connections, self.seconds, self.places[name])
