"""Clock: the time of Redis, by which replicas whose clocks differ agree on ages.

How it is learnt is not known here.
"""

from typing import Protocol


class SharedClock(Protocol):
    """What is known of the time of Redis."""

    @property
    def offset(self) -> float | None:
        """Seconds that Redis is ahead of the engine's clock; None until that is known.

        Until then nothing is shared: nobody could tell how old it is, nor what has been purged.
        """
