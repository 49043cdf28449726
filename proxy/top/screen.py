"""The terminal: frames one after another in the place of the last, and everything as it was after.

This module must not know what a frame shows.
"""

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, Final

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
"""The alternate screen, without a cursor."""
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"
_QUIT: Final = b"qQ\x03\x04"


def is_screen(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Tell whether frames can be shown in place, and not only one after the other."""
    return stream.isatty() and environ.get("TERM", "dumb") != "dumb"


def has_colour(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Tell whether colour is wanted: on a terminal, unless NO_COLOR holds anything."""
    return is_screen(stream, environ) and not environ.get("NO_COLOR")


def size() -> tuple[int, int]:
    """Return columns and rows, as they are now."""
    found = shutil.get_terminal_size((80, 24))
    return found.columns, found.lines


class Screen:
    """A terminal that is ours until the block of `opened` ends."""

    def __init__(self, out: IO[str], keys: int | None) -> None:
        self._out = out
        self._keys = keys

    def show(self, lines: Sequence[str]) -> None:
        """Show lines in the place of those before."""
        text = "\n".join(f"{line}{_REST_OF_LINE}" for line in lines)
        self._out.write(f"{_HOME}{text}{_REST_OF_SCREEN}")
        self._out.flush()

    def left(self, seconds: float) -> bool:
        """Wait, and tell whether somebody pressed `q` meanwhile."""
        ready, _, _ = select.select([] if self._keys is None else [self._keys], [], [], seconds)
        if not ready or self._keys is None:
            return False
        pressed = os.read(self._keys, 64)
        if not pressed:  # nobody is there any more
            self._keys = None
        return any(key in _QUIT for key in pressed)


@contextmanager
def opened(out: IO[str]) -> Iterator[Screen]:
    """Have the terminal as a screen; whatever ends the block, all is as it was before.

    SIGTERM and SIGHUP end it as Ctrl-C does: by KeyboardInterrupt.
    """
    keys = sys.stdin.fileno() if sys.stdin.isatty() else None
    before = None if keys is None else termios.tcgetattr(keys)
    handlers = {each: signal.signal(each, _interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        if keys is not None:
            tty.setcbreak(keys)
        out.write(_ENTER)
        yield Screen(out, keys)
    finally:
        out.write(_LEAVE)
        out.flush()
        if keys is not None and before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
