"""Identity: who one proxy is among its replicas and its workers."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """How other replicas know this one; `address` is where clients reach it.

    `place` is the name of a worker's place among several, in which there is one at a time, and
    `worker` its number.
    """

    address: str
    place: str = ""
    worker: int = 0

    @property
    def name(self) -> str:
        """Its name, but for what makes it another one after a restart."""
        host = socket.gethostname()
        return f"{host}-{self.place}" if self.place else host
