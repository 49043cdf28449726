"""The slow: whether clients that are slow on purpose end in time, and whether anybody notices.

Proxy, slow clients, origin and the one who notices are processes of their own; rounds without and
with slow clients take turns. They come one after the other, or all at once, so that all of them
end at once; or to another proxy on the same core, so that whoever notices that notices but the CPU
time that they cost. Must not know how it is shown.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any, Final

from bench import build
from bench.asked import Asked
from bench.child import Cores, Place, last_line, started
from bench.errors import BenchError
from bench.idlers import PATIENCE
from bench.probe import expect
from bench.pulse import TARGET
from bench.rounds import Plan
from bench.servers import Server, origin, sidecache

DEADLINE: Final = 2.0
"""Seconds that the proxy gives each kind, unless it is told otherwise."""


@dataclass(frozen=True)
class Crowd:
    """So many slow clients of each kind at once, and how many seconds the proxy gives each."""

    each: int = 100
    deadline: float = DEADLINE

    @property
    def environ(self) -> dict[str, str]:
        """The proxy's settings."""
        names = ("HEAD_TIMEOUT", "BODY_TIMEOUT", "SEND_TIMEOUT")
        return {f"SIDECACHE_EDGE__{name}": f"{self.deadline * 1000:.0f}ms" for name in names}


@dataclass(frozen=True)
class Way:
    """How slow clients come: in so many deadlines, to the proxy that is felt or elsewhere.

    As many of each kind as the crowd has, unless it is told otherwise.
    """

    spread: float
    here: bool = True
    each: int | None = None


WAYS: Final[Mapping[str, Way | None]] = {
    "none": None,
    "one of each": Way(1.0, each=1),
    "elsewhere": Way(1.0, here=False),
    "one by one": Way(1.0),
    "all at once": Way(0.05),
}

_GRACE: Final = 2 * PATIENCE


@dataclass(frozen=True)
class Sample:
    """One round of one way: what the pulse felt, and after how many seconds each kind ended."""

    requests: int
    p50_us: float
    p99_us: float
    max_us: float
    ended: dict[str, list[float]]


Samples = dict[str, list[Sample]]
"""The rounds of each way."""


def measure(
    plan: Plan, cores: Cores, crowd: Crowd = Crowd(), ways: Mapping[str, Way | None] = WAYS
) -> Samples:
    """Measure all ways in turn, round by round; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place.within(home, "origin", cores.load)))
        here, elsewhere = (
            stack.enter_context(
                sidecache(source.port, Place.within(home, name, cores.server), "", crowd.environ)
            )
            for name in ("here", "elsewhere")
        )
        expect(here.name, here.port, Asked(TARGET), 200)
        clients = Place.within(home, "clients", cores.load)
        bench = _Bench(here, elsewhere, source, clients, plan.seconds, crowd)
        samples: Samples = {name: [] for name in ways}
        for _ in range(plan.rounds):
            for name, way in ways.items():
                samples[name].append(bench.sample(way))
        return samples


@dataclass(frozen=True)
class _Bench:
    """Everything about a round but how the slow clients come."""

    here: Server
    elsewhere: Server
    source: Server
    place: Place
    seconds: float
    crowd: Crowd

    def sample(self, way: Way | None) -> Sample:
        """Feel the pulse once, alone or among slow clients."""
        if way is None:
            return Sample(**self._felt(), ended={})
        server = self.here if way.here else self.elsewhere
        crowd = self.crowd
        spread, seconds = way.spread * crowd.deadline, crowd.deadline + self.seconds
        words = (self.source.port, way.each or crowd.each, spread, seconds)
        with self._child("idlers", server.port, *words) as slow:
            time.sleep(crowd.deadline)  # until all have come
            felt = self._felt()
            return Sample(**felt, ended=self._told("idlers", slow))

    def _felt(self) -> dict[str, Any]:
        with self._child("pulse", self.here.port, self.seconds) as pulse:
            felt: dict[str, Any] = self._told("pulse", pulse)
            return felt

    def _child(self, name: str, *words: float) -> Any:  # noqa: ANN401 - see `started`
        command = [sys.executable, "-m", f"bench.{name}", *map(str, words)]
        return started(command, name, self.place, {"PYTHONPATH": build.path()})

    def _told(self, name: str, process: "Popen[bytes]") -> Any:  # noqa: ANN401 - JSON
        try:
            status = process.wait(self.seconds + _GRACE)
        except TimeoutExpired as error:
            raise BenchError(f"{name} did not end in time") from error
        if status:
            raise BenchError(f"{name}: {last_line(self.place.folder, name)}")
        return json.loads(Path(self.place.folder, f"{name}.out").read_text(encoding="utf-8"))
