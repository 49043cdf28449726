"""The start: how long it takes until a Sidecache answers its first request."""

import tempfile
import time
from pathlib import Path

from bench.budget import OWN, Figures
from bench.child import Cores, Place
from bench.rounds import Plan
from bench.servers import origin, sidecache


def measure(plan: Plan, cores: Cores) -> Figures:
    """Return the seconds of each round, after a first start that compiles; raises `BenchError`."""
    with tempfile.TemporaryDirectory(prefix="sidecache-bench-") as folder:
        home = Path(folder)
        with origin(Place(home, cores.load)) as source:
            place = Place(home, cores.server)
            _, *taken = (_start(source.port, place) for _ in range(plan.rounds + 1))
            return {OWN: taken}


def _start(upstream: int, place: Place) -> float:
    began = time.monotonic()
    with sidecache(upstream, place):
        return time.monotonic() - began
