"""The budgets of speed, one row a case: how it is measured, what it may cost, why it may not do.

Each is measured by itself: one that fails is told, and costs the others nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench import crowd, first_byte, ready, resident
from bench.budget import OWN, Bound, Budget, Figures, Finding, findings, unmeasured
from bench.cases import Case
from bench.child import Cores
from bench.rounds import Plan, measure


@dataclass(frozen=True)
class Cost:
    """Measures CPU microseconds a request; of the servers of the case, the last is our own."""

    case: Case

    def __call__(self, plan: Plan, cores: Cores) -> Figures:
        """Return those of each round; raises `BenchError`."""
        return {
            OWN if name == self.case.servers[-1] else name: [sample.cpu_us for sample in each]
            for name, each in measure(self.case, plan, cores).items()
        }


_ALL: Final = ("nginx", "varnish", "sidecache")
_HIT: Final = (Bound(1.25, "nginx"), Bound(0.7, "varnish"))


def _costing(case: Case, *bounds: Bound, how: str, why: str) -> Budget:
    """Return the budget for the CPU of a case, by whose name it goes."""
    return Budget(case.name, "µs", Cost(case), bounds, how, why)


BUDGETS: Final = (
    _costing(
        Case("memory hit", "/hit/1", servers=_ALL, settling=1.0),
        *_HIT,
        how="The same 1 KiB from the memory of each, or for nginx from its files.",
        why="An interpreter checks at every hit what may have ended the answer: its lifetime, a"
        " purge, a newer entry, other rules.",
    ),
    _costing(
        Case(
            "memory hit in br",
            "/text/1",
            fields=("Accept-Encoding: br",),
            coding="br",
            servers=_ALL,
            settling=2.0,
        ),
        *_HIT,
        how="1 KiB of JSON in brotli at its best level, which it has after 16 hits; Debian's nginx"
        " and Varnish have no brotli and send the same KiB as it is.",
        why="As for any hit; fewer bytes are sent, but one more field is looked at.",
    ),
    _costing(
        Case(
            "304 from memory",
            "/hit/1",
            status=304,
            fields=('If-None-Match: "hit"',),
            settling=1.0,
        ),
        Bound(1.25, "nginx"),
        how="The client holds the answer already, and says so by its entity tag.",
        why="No body is written, so what is checked at every hit is most of the cost.",
    ),
    _costing(
        Case(
            "Redis hit",
            "/hit/",
            keys=1000,
            strays=0.001,
            servers=("nginx", "redis"),
            settling=1.0,
        ),
        Bound(6, "nginx"),
        how="A thousand answers in turn without a memory tier, 64 requests in flight; the CPU of"
        " the server of Redis is not counted.",
        why="Three tasks run for it where nginx has a file at hand: the request, and for all who"
        " ask in one turn of the loop the look-up and its call; what is found is decoded and judged"
        " as if it were new.",
    ),
    _costing(
        Case("miss stored", "/miss/", unique=True, upstream=True, settling=1.0),
        Bound(more=200, beside="nginx"),
        how="Another target each time; the upstream's own CPU is not counted.",
        why="Two tasks run for it: the request, and the fetch, which goes on without its client and"
        " which others may share.",
    ),
    _costing(
        Case("pass-through", "/no-store/1", upstream=True, settling=1.0),
        Bound(more=160, beside="nginx"),
        how="The upstream says `no-store`, so each request is fetched for itself.",
        why="It takes a server and a client: as many calls as for a miss, but for those that keep"
        " the answer.",
    ),
    _costing(
        Case("100 KB hit", "/100k/1", settling=1.0),
        Bound(1.5, "nginx"),
        how="nginx sends from a file in the page cache, Sidecache from memory.",
        why="The body is copied into the socket from the interpreter's memory.",
    ),
    Budget(
        "first byte of a streamed miss",
        "ms",
        first_byte.measure,
        (Bound(1, first_byte.UPSTREAM, more=1),),
        how="Wall-clock time until the first byte of a body whose second half comes 10 ms later,"
        " from the upstream itself and through a miss in turn; medians of each round.",
        why="On the way are two more wake-ups of processes, and work that under load takes 0.2 ms"
        " of CPU, but several times that after a pause, when the processor's caches are cold.",
    ),
    Budget(
        "start to ready",
        "s",
        ready.measure,
        (Bound(more=1),),
        how="Wall-clock time from the start of the process to the answer to a first request, seen"
        " every 20 ms; the code has been compiled by a start before.",
        why="Most of it is the import of modules, which one core does at its own speed.",
    ),
    Budget(
        "resident memory",
        "MB",
        resident.measure,
        (Bound(1.6, resident.PAYLOAD, more=60),),
        how="All of the process once it holds 100,000 answers of 2 KiB, beside the bytes of their"
        " bodies; measured once.",
        why="Beside its body each answer takes some 0.8 kB: one string of all that is known of it,"
        " and its places in the store's table and queue.",
    ),
    Budget(
        "p99 of hits beside large misses",
        "ms",
        crowd.measure,
        (Bound(3, crowd.ALONE),),
        how="Wall-clock latency of 400 hits a second, with and without 4 misses a second of 5 MB"
        " that are encoded in brotli on the same core.",
        why="Encoder and event loop share the one core that the server has here, and load and"
        " upstream the other: a hit waits until the system lets each of them run.",
    ),
)
"""What speed there has to be. Each sentence on why is shown only where its budget is missed."""


@dataclass(frozen=True)
class Outcome:
    """What came of one budget: the figures of every round, what was found, and what failed."""

    budget: Budget
    findings: Sequence[Finding]
    figures: Figures
    failed: bool = False


def measured(plan: Plan, cores: Cores, budgets: Sequence[Budget] = BUDGETS) -> Iterator[Outcome]:
    """Measure one budget after the other; raises nothing but an interrupt."""
    for budget in budgets:
        try:
            figures = budget.meter(plan, cores)
            yield Outcome(budget, list(findings(budget, figures)), figures)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
            why = " ".join(f"failed: {error}".split())
            missed = [unmeasured(budget, bound, why) for bound in budget.bounds]
            yield Outcome(budget, missed, {}, failed=True)
