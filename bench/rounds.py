"""The rounds: every contender in turn, again and again, so that all meet the same weather.

Turns what was measured into samples; must not know how they are shown.
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import cpu
from bench.asked import Asked
from bench.cases import Case
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.load import Load, drive
from bench.probe import expect, origin_requests
from bench.servers import CONTENDERS, Server, contenders, origin


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and seconds of load for each contender in each."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Sample:
    """One contender in one round; CPU is that of its whole family of processes."""

    requests: int
    seconds: float
    cpu_seconds: float
    p50_us: int
    p99_us: int

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a request."""
        return self.cpu_seconds / self.requests * 1e6

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def busy(self) -> float:
        """The share of one core that the server used; below 1, it was not the bottleneck."""
        return self.cpu_seconds / self.seconds


Samples = Mapping[str, list[Sample]]
"""The samples of each contender, round by round."""


def measure(case: Case, plan: Plan, cores: Cores) -> Samples:
    """Measure one case with servers of its own; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place.within(home, "origin", cores.load)))
        servers = [
            stack.enter_context(
                CONTENDERS[name](source.port, Place.within(home, name, cores.server))
            )
            for name in contenders(case.servers)
        ]
        bench = _Bench(case, plan.seconds, source.port, Place.within(home, "wrk", cores.load))
        for server in servers:
            bench.warm(server)
        if case.coding:
            bench.see_coded(servers[-1])
        samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
        for number in range(plan.rounds):
            for server in servers:
                samples[server.name].append(bench.sample(server, number))
        return samples


@dataclass(frozen=True)
class _Bench:
    """Everything about one case but the server and the number of the round."""

    case: Case
    seconds: float
    origin_port: int
    load_place: Place

    def warm(self, server: Server) -> None:
        """Have what can be kept be kept, and see that the case's own answer is right."""
        expect(server.name, server.port, Asked("/hit/1"), 200)
        for number in range(self.case.keys):
            expect(server.name, server.port, Asked(f"{self.case.target}{number}"), 200)
        expect(server.name, server.port, self._asked("warm"), self.case.status)
        if self.case.settling:
            self._drive(server, self._asked("settling"), self.case.settling)

    def see_coded(self, server: Server) -> None:
        """See that an answer comes in the coding that the case says."""
        case = self.case
        expect(server.name, server.port, self._asked("coded"), case.status, case.coding)

    def sample(self, server: Server, number: int) -> Sample:
        """Load the server once, and see that the upstream was asked as the case says."""
        asked = self._asked(f"{server.name}-{number}")
        reached = -origin_requests(self.origin_port)
        spent = -cpu.spent(server.pid)
        load = self._drive(server, asked, self.seconds)
        spent += cpu.spent(server.pid)
        reached += origin_requests(self.origin_port)
        self._check(server, load, reached)
        return Sample(load.requests, load.duration_us / 1e6, spent, load.p50_us, load.p99_us)

    def _drive(self, server: Server, asked: Asked, seconds: float) -> Load:
        try:
            return drive(server.port, asked, self.case.connections, seconds, self.load_place)
        except BenchError as error:
            raise BenchError(f"{server.name}, case {self.case.name!r}: {error}") from error

    def _asked(self, mark: str) -> Asked:
        case = self.case
        target = f"{case.target}{mark}/" if case.unique else case.target
        return Asked(target, case.fields, case.unique, case.keys)

    def _check(self, server: Server, load: Load, reached: int) -> None:
        case = self.case
        most = case.strays * load.requests
        right = reached >= load.requests if case.upstream else reached <= most
        if not right:
            raise BenchError(
                f"{server.name}, case {case.name!r}: {reached} of {load.requests} requests"
                f" reached the upstream, expected {'all' if case.upstream else 'none'}"
            )
