"""Sampling: which requests are traced. Decided before anything is noted of them.

This module must not know what is noted.
"""

import random
import time
from collections.abc import Callable

from proxy.engine.journey import Sample
from proxy.http.trace_context import parse


class Sampler:
    """Does as the caller does (W3C Trace Context §3.2.2.5); of requests without one, a share.

    At most `most` a second: a caller that nobody knows must not make everything be traced.
    """

    def __init__(
        self,
        ratio: float,
        most: int,
        *,
        now: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._ratio = ratio
        self._most = most
        self._now = now
        self._draw = draw
        self._second = 0
        self._count = 0

    def sample(self, traceparents: tuple[bytes, ...]) -> Sample | None:
        """See `Tracer.sample`."""
        parent = parse(traceparents) if traceparents else None
        wanted = self._draw() < self._ratio if parent is None else parent.sampled
        return Sample(parent) if wanted and self._there_is_room() else None

    def _there_is_room(self) -> bool:
        second = int(self._now())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= self._most
