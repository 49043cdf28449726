"""Patience: how long the place of a worker that died stays empty.

This module must not know processes, nor the time.
"""

from typing import Final

LONGEST: Final = 30.0
"""Seconds that a place stays empty at most."""

STEADY: Final = 60.0
"""Seconds of service after which a death is a first one again."""


class Patience:
    """The pauses before the successors in one place: none at first, then ever longer ones."""

    def __init__(self) -> None:
        self._deaths = 0

    def pause(self, served: float) -> float:
        """Return the seconds to wait before the next worker, now that one died.

        `served` is for how many seconds that one was ready.
        """
        self._deaths = 1 if served >= STEADY else self._deaths + 1
        return 0.0 if self._deaths == 1 else min(2.0 ** (self._deaths - 2), LONGEST)
