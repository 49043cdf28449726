"""Sampling: as the caller does, else a share, and never too many."""

import pytest

from proxy.engine.journey import Sample
from proxy.http.trace_context import TraceParent
from proxy.trace.sampling import Sampler

PLACE = TraceParent(1, 2, sampled=True)


class Chance:
    """Numbers in turn; counts how often it was asked."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def draw(self) -> float:
        return self.numbers.pop(0)


@pytest.mark.parametrize(
    ("ratio", "draw", "traced"),
    [(0, 0.0, False), (1, 0.999, True), (0.5, 0.4, True), (0.5, 0.5, False)],
)
def test_without_a_caller_chance_decides(ratio: float, draw: float, *, traced: bool) -> None:
    sampler = Sampler(ratio, 10, draw=Chance(draw).draw)
    assert sampler.sample(()) == (Sample(None) if traced else None)


@pytest.mark.parametrize("ratio", [0, 1])
def test_with_a_caller_it_decides(ratio: float) -> None:
    sampler = Sampler(ratio, 10, draw=Chance().draw)
    assert sampler.sample((PLACE.render(),)) == Sample(PLACE)
    assert sampler.sample((TraceParent(1, 2, sampled=False).render(),)) is None


def test_what_says_nothing_valid_is_no_caller() -> None:
    assert Sampler(1, 10).sample((b"nonsense",)) == Sample(None)
    assert Sampler(0, 10).sample((b"nonsense",)) is None


def test_a_second_has_only_so_many() -> None:
    now = [5.0]
    sampler = Sampler(1, 2, now=lambda: now[0])
    assert [sampler.sample(()) is not None for _ in range(3)] == [True, True, False]
    assert sampler.sample((PLACE.render(),)) is None
    now[0] = 6.0
    assert sampler.sample(()) is not None
