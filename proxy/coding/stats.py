"""What is counted of the codings: plain numbers, on the event loop, read at scrape."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from proxy.coding.packing import Level
from proxy.http.codings import Coding

Kind = tuple[str, str]
"""Coding and level: the labels."""


_KIND = ("coding", "level")


@dataclass(slots=True)
class CodingStats:
    """The counters; the metadata of each field are its sentence and its labels."""

    encoded: Counter[Kind] = field(
        default_factory=Counter,
        metadata={"help": "Bodies encoded, by coding and level.", "labels": _KIND},
    )
    encoded_bytes_in: Counter[Kind] = field(
        default_factory=Counter,
        metadata={
            "help": "Bytes of bodies before they were encoded, by coding and level.",
            "labels": _KIND,
        },
    )
    encoded_bytes_out: Counter[Kind] = field(
        default_factory=Counter,
        metadata={
            "help": "Bytes of bodies after they were encoded, by coding and level.",
            "labels": _KIND,
        },
    )
    encode_seconds: defaultdict[Kind, float] = field(
        default_factory=lambda: defaultdict(float),
        metadata={"help": "CPU seconds that encoding took, by coding and level.", "labels": _KIND},
    )
    refused: Counter[str] = field(
        default_factory=Counter,
        metadata={
            "help": "Bodies not encoded because too many waited or it failed, by level.",
            "labels": ("level",),
        },
    )
    decoded: Counter[str] = field(
        default_factory=Counter,
        metadata={"help": "Bodies decoded to their end, by coding.", "labels": ("coding",)},
    )
    decode_failures: Counter[str] = field(
        default_factory=Counter,
        metadata={
            "help": "Bodies that could not be decoded or became too large, by coding.",
            "labels": ("coding",),
        },
    )

    def worked(self, coding: Coding, level: Level, size: int, made: int, seconds: float) -> None:
        """Count work on a body: bytes in and out, and CPU seconds."""
        kind = (coding.value, level.value)
        self.encoded_bytes_in[kind] += size
        self.encoded_bytes_out[kind] += made
        self.encode_seconds[kind] += seconds

    def ended(self, coding: Coding, level: Level) -> None:
        """Count a body that has been encoded to its end."""
        self.encoded[coding.value, level.value] += 1
