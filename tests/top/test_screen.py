"""The terminal while it is ours, and after."""

import os
import pty
import signal
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import IO

import pytest

from proxy.top import screen


@dataclass
class Terminal:
    """A pseudo-terminal: whoever sits before it, and the program's side as input and output."""

    person: int
    program: IO[str]

    def shown(self) -> str:
        return os.read(self.person, 65_536).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    person, side = pty.openpty()
    with os.fdopen(side, "w+b", buffering=0) as raw:
        monkeypatch.setattr(sys, "stdin", raw)
        with os.fdopen(os.dup(side), "w") as program:
            yield Terminal(person, program)
    os.close(person)


def test_frames_come_one_in_the_place_of_another(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.person)
    with screen.opened(terminal.program) as shown:
        assert termios.tcgetattr(terminal.person) != before
        shown.show(["a", "b"])
        assert terminal.shown() == "\x1b[?1049h\x1b[?25l\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"
    assert terminal.shown() == "\x1b[?25h\x1b[?1049l"
    assert termios.tcgetattr(terminal.person) == before


@pytest.mark.parametrize(("pressed", "left"), [(b"q", True), (b"Q", True), (b"xyz", False)])
def test_a_key_ends_it(terminal: Terminal, pressed: bytes, *, left: bool) -> None:
    with screen.opened(terminal.program) as shown:
        assert not shown.left(0.0)
        os.write(terminal.person, pressed)
        assert shown.left(5.0 if left else 0.1) is left


def test_without_keys_it_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO())
    out = StringIO()
    with screen.opened(out) as shown:
        assert not shown.left(0.0)
    assert out.getvalue() == "\x1b[?1049h\x1b[?25l\x1b[?25h\x1b[?1049l"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_all_as_it_was(terminal: Terminal, number: signal.Signals) -> None:
    before = (termios.tcgetattr(terminal.person), signal.getsignal(number))
    with pytest.raises(KeyboardInterrupt), screen.opened(terminal.program):
        signal.raise_signal(number)
    assert (termios.tcgetattr(terminal.person), signal.getsignal(number)) == before
    assert terminal.shown().endswith("\x1b[?1049l")


@pytest.mark.parametrize(
    ("environ", "is_screen", "has_colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
    ],
)
def test_what_is_a_screen(
    terminal: Terminal, environ: dict[str, str], *, is_screen: bool, has_colour: bool
) -> None:
    assert screen.is_screen(terminal.program, environ) is is_screen
    assert screen.has_colour(terminal.program, environ) is has_colour
    assert not screen.is_screen(StringIO(), environ)
