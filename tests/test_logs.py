"""The log: JSON lines, written aside, dropped and counted rather than waited for."""

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from proxy import logs
from proxy.engine.stats import Stats
from proxy.logs import DirectWriter, JsonHandler, LineWriter, install


class Blocked(io.RawIOBase):
    """A pipe whose reader sleeps until it is woken."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.woken = threading.Event()
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, line: object) -> int:
        self.entered.set()
        self.woken.wait(10)
        self.written.append(bytes(line))  # type: ignore[call-overload]  # whatever buffer it is
        return len(self.written[-1])


class Broken(io.RawIOBase):
    """A pipe whose reader is gone."""

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise BrokenPipeError


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Return the root logger, and put it back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def told(write: str, *arguments: object, stream: io.BytesIO | None = None) -> dict[str, object]:
    out = stream or io.BytesIO()
    writer = LineWriter(out, Stats())
    record = logging.LogRecord("sidecache.x", logging.INFO, "f", 1, write, arguments, None)
    JsonHandler(writer).emit(record)
    writer.close()
    line: dict[str, object] = orjson.loads(out.getvalue())
    return line


def test_lines_arrive_in_order_and_whole() -> None:
    out = io.BytesIO()
    writer = LineWriter(out, Stats())
    for number in range(1000):
        writer.write(b"%d" % number)
    writer.close()
    assert out.getvalue().split() == [b"%d" % number for number in range(1000)]


def test_a_blocked_reader_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_LIMIT", 10)
    out, stats = Blocked(), Stats()
    writer = LineWriter(out, stats)
    writer.write(b"first")
    assert out.entered.wait(10)
    for _ in range(25):
        writer.write(b"more")
    assert stats.log_lines_dropped == 15
    out.woken.set()
    writer.close()
    assert b"".join(out.written) == b"first\n" + b"more\n" * 10


def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_LIMIT", 1)
    monkeypatch.setattr(logs, "CLOSING", 0.01)
    for more in (0, 5):
        out = Blocked()
        writer = LineWriter(out, Stats())
        writer.write(b"first")
        assert out.entered.wait(10)
        for _ in range(more):
            writer.write(b"more")
        writer.close()
        out.woken.set()


def test_a_reader_that_is_gone_is_counted() -> None:
    stats = Stats()
    writer = LineWriter(Broken(), stats)
    for _ in range(3):
        writer.write(b"line")
    writer.close()
    assert stats.log_lines_dropped == 3


def test_a_closed_stream_is_counted() -> None:
    out, stats = io.BytesIO(), Stats()
    writer = LineWriter(out, stats)
    out.close()
    writer.write(b"line")
    writer.close()
    assert stats.log_lines_dropped == 1


def test_a_record_is_a_line_of_json() -> None:
    line = told('%s of %d\nand "more"', "one", 2)
    assert line["message"] == 'one of 2\nand "more"'
    assert (line["level"], line["logger"]) == ("info", "sidecache.x")
    assert isinstance(line["time"], float)


def test_a_record_may_hold_what_is_no_text() -> None:
    """A lone surrogate, as file names bring them, costs a character and not the line."""
    assert told("%s", os.fsdecode(b"\xff"))["message"] == "?"


def test_an_exception_is_a_field() -> None:
    out = io.BytesIO()
    writer = LineWriter(out, Stats())
    try:
        raise ValueError("broken")  # noqa: TRY301 - so that there is a traceback
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "oh", (), sys.exc_info())
    JsonHandler(writer).emit(record)
    writer.close()
    [text] = out.getvalue().splitlines()
    assert "ValueError: broken" in orjson.loads(text)["exception"]


def test_install_sends_everything_through_the_writer(root: logging.Logger) -> None:
    out = io.BytesIO()
    writer = LineWriter(out, Stats())
    install(writer, "warning")
    logging.getLogger("sidecache.engine").info("too quiet")
    logging.getLogger("sidecache.engine").warning("loud enough")
    logging.getLogger("httpx").info("of no interest")
    writer.close()
    assert root.level == logging.WARNING
    assert [orjson.loads(line)["message"] for line in out.getvalue().splitlines()] == [
        "loud enough"
    ]


class Pipe(io.BytesIO):
    """A pipe that notes what is written to it at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.portions: list[bytes] = []

    def write(self, text: Any) -> int:  # noqa: ANN401 - whatever buffer it is
        self.portions.append(bytes(text))
        return super().write(text)


def test_several_processes_may_share_a_pipe() -> None:
    """No more than a pipe takes whole is written at a time, and whole lines of it."""
    out = Pipe()
    writer = LineWriter(out, Stats())
    lines = [b"%d" % number * 300 for number in range(100)] + [b"x" * 10_000, b"last"]
    for line in lines:
        writer.write(line)
    writer.close()
    assert out.getvalue().split() == lines
    assert all(portion.endswith(b"\n") for portion in out.portions)
    long = [portion for portion in out.portions if len(portion) > logs.WHOLE]
    assert long == [b"x" * 10_000 + b"\n"]


def test_a_line_is_written_at_once_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(logs, "STANDARD_OUTPUT", writing)
    writer = DirectWriter()
    for _ in range(2_000):  # more than a pipe takes
        writer.write(b"x" * 99)
    os.close(writing)
    writer.write(b"nowhere")
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
        text = pipe.read()
    assert text.endswith(b"\n")
    assert set(text.split()) == {b"x" * 99}
    assert len(text) < 2_000 * 100
