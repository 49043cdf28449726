"""Counts: a worker's counters go on where those of the one before it in its place stopped.

What was last told of them lies in a file, so that the sum over all workers, which Prometheus
takes the rate of, never goes down when one of them dies. This module must not know what is counted.
"""

from collections.abc import Callable
from pathlib import Path

from proxy.workers.exposition import joined, lasting


class Counts:
    """The metrics of the worker in a place, as often as they are asked for.

    `render` returns what this process alone has counted.
    """

    def __init__(self, folder: Path, number: int, render: Callable[[], bytes]) -> None:
        self._file = _file(folder, number)
        self._before = left_behind(folder, number)
        self._render = render

    def __call__(self) -> bytes:
        """Return them, having noted that they were told."""
        text = joined((self._render(), self._before))
        new = self._file.with_suffix(".new")
        new.write_bytes(text)
        new.replace(self._file)
        return text


def left_behind(folder: Path, number: int) -> bytes:
    """Return what was last told of the counters in a place; of gauges nothing is left."""
    try:
        return lasting(_file(folder, number).read_bytes())
    except FileNotFoundError:
        return b""


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number}.metrics"
