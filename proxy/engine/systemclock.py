"""The system's clock: time that is never set back, and chance.

Nothing of what is measured by it belongs here.
"""

import random
import time
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The system's time as it was at the start, carried on by a clock that is never set.

    A step of the wall clock can thus neither revive nor kill what is stored. The time for which
    the machine was suspended counts, wherever the system can tell: a lease ends in it.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(_CLOCK)

    def now(self) -> float:
        """See `Clock.now`."""
        return self._offset + time.clock_gettime(_CLOCK)

    def draw(self) -> float:
        """See `Clock.draw`."""
        return random.random()  # noqa: S311 - jitter, not secrecy
