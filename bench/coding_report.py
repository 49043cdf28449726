"""The report on codings: two tables and plain data.

Must not know how the samples came about.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Final

from bench.coding import YARDSTICK, Delay, Sample, Samples

_BODY: Final = "{:<8} {:<14} {:>9} {:>9} {:>7} {:>6} {:>9} {:>6}"
_DELAY: Final = "{:<8} {:<14} {:>9} {:>9} {:>9} {:>8} {:>8}"

NOTE: Final = f"""\
x: the ratio to {YARDSTICK}, which is nginx at its default level; of CPU the median of the ratios
round by round. CPU ms: user and system a body; of nginx, what gzip adds to relaying the body, of
the codings of ours, all of the process that encodes. Delay: by how much a timer of 1 ms came late
on the event loop, in a process on one core or on any, while four callers had bodies of 1 MB encoded
quick, one had them encoded best, or both: how many were done is beside it. max is that of all
rounds, all else the median."""


def rows(samples: Samples) -> Iterator[str]:
    """Yield the lines of both tables."""
    yield _BODY.format("body", "coding", "bytes", "coded", "of it", "x", "CPU ms", "x")
    sizes = dict.fromkeys(size for size, _ in samples.bodies)
    for size in sizes:
        own = {name: each for (of, name), each in samples.bodies.items() if of == size}
        yardstick = own.get(YARDSTICK)
        for at, (name, each) in enumerate(own.items()):
            yield _BODY.format("" if at else size, name, *_body(each, yardstick))
    yield ""
    titles = ("p50 ms", "p99 ms", "max ms", "quick/s", "best/s")
    yield _DELAY.format("core", "delay", *titles)
    last = ""
    for (core, work), delays in samples.delays.items():
        yield _DELAY.format("" if core == last else core, work, *_delay(delays))
        last = core


def _body(own: Sequence[Sample], yardstick: Sequence[Sample] | None) -> Iterator[str]:
    size, packed = own[-1].size, own[-1].packed
    yield f"{size:,}"
    yield f"{packed:,}"
    yield f"{packed / size:.1%}"
    yield f"{packed / yardstick[-1].packed:.2f}" if yardstick else ""
    yield f"{median(one.cpu_ms for one in own):.3f}"
    yield f"{_ratio(own, yardstick):.2f}" if yardstick else ""


def _ratio(own: Sequence[Sample], yardstick: Sequence[Sample]) -> float:
    pairs = zip(own, yardstick, strict=True)
    return median(one.cpu_ms / max(beside.cpu_ms, 1e-6) for one, beside in pairs)


def _delay(own: Sequence[Delay]) -> Iterator[str]:
    def middle(value: Callable[[Delay], float]) -> float:
        return median(map(value, own))

    yield f"{middle(lambda one: one.p50_us) / 1000:.2f}"
    yield f"{middle(lambda one: one.p99_us) / 1000:.2f}"
    yield f"{max(one.max_us for one in own) / 1000:.2f}"
    yield f"{middle(lambda one: one.quick_per_second):,.0f}"
    yield f"{middle(lambda one: one.best_per_second):,.1f}"


def data(samples: Samples) -> list[dict[str, object]]:
    """Return every round as plain data."""
    bodies: list[dict[str, object]] = [
        {"body": size, "coding": name, "rounds": [asdict(one) for one in own]}
        for (size, name), own in samples.bodies.items()
    ]
    delays: list[dict[str, object]] = [
        {"core": core, "work": work, "rounds": [asdict(one) for one in own]}
        for (core, work), own in samples.delays.items()
    ]
    return [*bodies, *delays]
