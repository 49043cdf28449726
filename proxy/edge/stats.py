"""What is counted of the clients' connections: plain numbers, each with its sentence.

Refused requests are not among them: they are answered, and counted, like any other.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Deadline(Enum):
    """A deadline that ends a connection without a word."""

    SILENT = "silent"
    """Nothing was ever said on it."""
    IDLE = "idle"
    UNREAD = "unread"
    """Its client does not read, or too slowly."""
    TUNNEL = "tunnel"
    """Nothing has gone through for too long."""


@dataclass(slots=True)
class EdgeStats:
    """Everything that is counted; the metadata of each field is its sentence and its labels."""

    connections: int = field(
        default=0, metadata={"help": "Connections of clients that are open now.", "gauge": True}
    )
    accepted: int = field(default=0, metadata={"help": "Connections that clients opened."})
    turned_away: int = field(
        default=0, metadata={"help": "Connections for which there was no room."}
    )
    expired: Counter[str] = field(
        default_factory=Counter,
        metadata={
            "help": "Connections that were closed without a word, by the deadline that passed.",
            "labels": ("deadline",),
        },
    )
