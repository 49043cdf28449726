"""Logs: JSON lines written by a thread of their own, so that a full pipe stops no request.

The queue is bounded; what does not fit is dropped and counted. Several processes may write to one
pipe: what is written at a time is no more than a pipe takes whole, but for lines that are longer.
"""

import logging
import os
import select
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import RawIOBase
from queue import Full, Queue
from threading import Thread
from typing import BinaryIO, Final, Protocol

import orjson

from proxy.engine.stats import Stats

QUEUE_LIMIT: Final = 10_000
BATCH: Final = 100
STANDARD_OUTPUT: Final = 1

WHOLE: Final[int] = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes in one piece: no line of another process gets into them."""

CLOSING: Final = 1.0
"""Seconds that a reader which is stuck is waited for at the end."""


class LineWriter:
    """Writes lines to an unbuffered stream from its own thread; `close` waits for the last one.

    Unbuffered, because a buffer has a lock: the interpreter cannot end while a thread that is
    stuck in a full pipe holds it.
    """

    def __init__(self, stream: RawIOBase | BinaryIO, stats: Stats) -> None:
        self._stream = stream
        self._stats = stats
        self._lines: Queue[bytes | None] = Queue(QUEUE_LIMIT)
        self._thread = Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue a line; never waits."""
        try:
            self._lines.put_nowait(line)
        except Full:
            self._stats.log_lines_dropped += 1

    def close(self) -> None:
        """Write what is queued, as far as its reader takes it in time."""
        try:
            self._lines.put(None, timeout=CLOSING)
        except Full:
            return
        self._thread.join(CLOSING)

    def _run(self) -> None:
        going = True
        while going:
            lines = self._waiting()
            if None in lines:
                lines, going = lines[: lines.index(None)], False
            try:
                for text in _portions(line + b"\n" for line in lines if line is not None):
                    self._write_all(text)
            except (OSError, ValueError):  # the reader is gone; a log is no reason to stop
                self._stats.log_lines_dropped += len(lines)

    def _waiting(self) -> list[bytes | None]:
        """Return the lines that wait, at least one, and not too many for one write."""
        lines = [self._lines.get()]
        while len(lines) < BATCH and not self._lines.empty():
            lines.append(self._lines.get())
        return lines

    def _write_all(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            rest = rest[self._stream.write(rest) or 0 :]


class Writer(Protocol):
    """What lines are given to."""

    def write(self, line: bytes) -> None:
        """Write a line, or queue it; never wait."""


class DirectWriter:
    """Writes lines at once, where there is room: for a process that has no thread to wait."""

    def write(self, line: bytes) -> None:
        """Write a line, if its reader is not too slow for it."""
        with suppress(OSError, ValueError):
            _, free, _ = select.select((), (STANDARD_OUTPUT,), (), 0.0)
            if free:
                os.write(STANDARD_OUTPUT, line + b"\n")


class JsonHandler(logging.Handler):
    """Log records as JSON lines through a `Writer`."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an exception becomes a field, never a bare traceback."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = _text(logging.Formatter().formatException(record.exc_info))
        self._writer.write(orjson.dumps(line))


def _portions(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines together, as many as a pipe takes at a time without a part between."""
    portion = b""
    for line in lines:
        if portion and len(portion) + len(line) > WHOLE:
            yield portion
            portion = b""
        portion += line
    yield portion


def _text(text: str) -> str:
    """Return text that has an encoding: surrogates, as odd file names bring them, have none."""
    return text.encode(errors="replace").decode()


def install(writer: Writer, level: str) -> None:
    """Send every logger's records of `level` and above through `writer`."""
    logging.getLogger().handlers[:] = [JsonHandler(writer)]
    set_level(level)
    for name in ("httpx", "httpcore", "asyncio", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It has a line for every malformed request, which a client must not be able to order.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def set_level(level: str) -> None:
    """Write records of `level` and above from now on."""
    logging.getLogger().setLevel(level.upper())
