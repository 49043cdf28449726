"""What is asked of a server, in one request or in many."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A request target and fields; with `unique` the target begins ever new ones under load."""

    target: str
    fields: tuple[str, ...] = ()
    unique: bool = False
