"""The codings: bytes and CPU a body at both levels, beside nginx's gzip; and how late the loop is.

nginx relays the origin's body as it is, and with gzip at its own level and at 5: what gzip costs
it is the difference. Whatever is measured has the core of the server, but for some of the delays.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import build, cpu
from bench.asked import Asked
from bench.bodies import SIZES, body
from bench.child import Cores, Place, last_line, started
from bench.errors import BenchError
from bench.load import drive
from bench.press import CODINGS, LEVELS, WORKS
from bench.probe import fetched
from bench.rounds import Plan
from bench.servers import Server, contenders, nginx, origin

_GZIP: Final = "gzip on; gzip_types application/json;"
_PLAIN: Final = "nginx"
YARDSTICK: Final = "nginx gzip"
_NGINX: Final[Mapping[str, str]] = {
    _PLAIN: "",
    YARDSTICK: _GZIP,
    "nginx gzip 5": f"{_GZIP} gzip_comp_level 5;",
}
"""nginx's directives, by name."""

_ENVIRON: Final = os.environ | {"PYTHONPATH": build.path()}

_CONNECTIONS: Final = 4
_SHARE: Final = 0.2
"""The part of a round's seconds that one coding of ours is given: its figures do not vary much."""

_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Sample:
    """Bodies of one size from one maker in one round; of nginx's CPU, what gzip adds."""

    size: int
    packed: int
    bodies: int
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a body."""
        return self.cpu_seconds / self.bodies * 1000


@dataclass(frozen=True)
class Delay:
    """How late a timer of 1 ms came, and how many bodies a second were encoded meanwhile."""

    p50_us: float
    p99_us: float
    max_us: float
    quick_per_second: float
    best_per_second: float


@dataclass(frozen=True)
class Samples:
    """The rounds: of bodies by name of size and maker, of delays by cores and work."""

    bodies: dict[tuple[str, str], list[Sample]]
    delays: dict[tuple[str, str], list[Delay]]


def measure(
    plan: Plan,
    cores: Cores,
    sizes: Mapping[str, int] = SIZES,
    works: Sequence[str] = WORKS,
) -> Samples:
    """Measure all in turn, round by round; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        bench = Bench(plan.seconds, home, cores, _nginxes(stack, home, cores))
        samples = Samples({}, {})
        for _ in range(plan.rounds):
            for name, size in sizes.items():
                for maker, sample in bench.bodies(size):
                    samples.bodies.setdefault((name, maker), []).append(sample)
            for key, delay in bench.delays(works):
                samples.delays.setdefault(key, []).append(delay)
        return samples


def _nginxes(stack: ExitStack, home: Path, cores: Cores) -> Mapping[str, Server]:
    if not contenders(["nginx"]):
        return {}
    source = stack.enter_context(origin(Place.within(home, "origin", cores.load)))
    return {
        name: stack.enter_context(
            nginx(source.port, Place.within(home, name, cores.server), directives)
        )
        for name, directives in _NGINX.items()
    }


@dataclass(frozen=True)
class Bench:
    """What each round has: seconds for a figure, and servers, of which the first only relays."""

    seconds: float
    home: Path
    cores: Cores
    servers: Mapping[str, Server]

    def bodies(self, size: int) -> Iterator[tuple[str, Sample]]:
        """Yield one sample of each maker for bodies of that size."""
        if self.servers:
            yield from self._nginx(size)
        for coding in CODINGS:
            for level in LEVELS:
                words = ("encode", str(size), coding.value, level, str(self.seconds * _SHARE))
                told = self.press(words, self.cores.server)
                yield f"{coding.value} {level}", Sample(**told)

    def _nginx(self, size: int) -> Iterator[tuple[str, Sample]]:
        plain, *gzips = self.servers
        relayed = self.relayed(plain, size)
        for name in gzips:
            yield name, self.relayed(name, size, relayed.cpu_ms / 1000)

    def delays(self, works: Sequence[str]) -> Iterator[tuple[tuple[str, str], Delay]]:
        """Yield one sample of the event loop's delay for each work, on any core and on one."""
        pins = {"any": None} | ({} if self.cores.server is None else {"one": self.cores.server})
        for name, core in pins.items():
            for work in works:
                told = self.press(("delay", work, str(self.seconds)), core)
                yield (name, work), Delay(**told)

    def relayed(self, name: str, size: int, plain: float = 0.0) -> Sample:
        """Load an nginx; `plain` are the CPU seconds a body that it takes without gzip."""
        server = self.servers[name]
        asked = Asked(f"/json-{size}/1", ("Accept-Encoding: gzip",))
        got = fetched(name, server.port, asked)
        if body(size) != (got if name == _PLAIN else _unpacked(got)):
            raise BenchError(f"{name}: {asked.target} gave another body than the origin's")
        spent = -cpu.spent(server.pid)
        place = Place.within(self.home, "wrk", self.cores.load)
        load = drive(server.port, asked, _CONNECTIONS, self.seconds, place)
        spent += cpu.spent(server.pid)
        added = max(spent - plain * load.requests, 0.0)
        return Sample(len(body(size)), len(got), load.requests, added)

    def press(self, words: tuple[str, ...], core: int | None) -> dict[str, Any]:
        """Let a process of its own encode, and return what it tells."""
        place = Place.within(self.home, "press", core)
        command = [sys.executable, "-m", "bench.press", *words]
        with started(command, "press", place, _ENVIRON) as process:
            try:
                process.wait(self.seconds + _PATIENCE)
            except subprocess.TimeoutExpired as error:
                raise BenchError(f"{' '.join(words)} did not end in time") from error
        if process.returncode != 0:
            raise BenchError(f"{' '.join(words)}: {last_line(place.folder, 'press')}")
        told: dict[str, Any] = json.loads(Path(place.folder, "press.out").read_bytes())
        return told


def _unpacked(got: bytes) -> bytes | None:
    try:
        return gzip.decompress(got)
    except (OSError, EOFError, zlib.error):
        return None
