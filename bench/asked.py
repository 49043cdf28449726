"""What is asked of a server, in one request or in many."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A request target and fields; with a `body` it is a POST.

    With `unique` the target begins ever new ones under load, with `keys` ones that come round
    again after so many. `every` are the milliseconds from an answer to a connection's next
    request, 0 where that follows at once.
    """

    target: str
    fields: tuple[str, ...] = ()
    unique: bool = False
    keys: int = 0
    body: str = ""
    every: int = 0

    @property
    def is_prefix(self) -> bool:
        """Whether the target is only the beginning of those that are asked for."""
        return self.unique or self.keys > 0
