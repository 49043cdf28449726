"""What is counted of the way to the upstream: plain numbers, each with its sentence."""

from collections import Counter
from dataclasses import dataclass, field

from proxy.engine.stats import Histogram


@dataclass(slots=True)
class UpstreamStats:
    """Everything that is counted; the metadata of each field is its sentence."""

    in_flight: int = field(
        default=0,
        metadata={"help": "Requests that hold a place at the upstream now.", "gauge": True},
    )
    waiting: int = field(
        default=0,
        metadata={"help": "Requests that wait for a place at the upstream now.", "gauge": True},
    )
    queued: int = field(
        default=0, metadata={"help": "Requests that had to wait for a place at the upstream."}
    )
    turned_away: int = field(
        default=0, metadata={"help": "Requests that found no place at the upstream."}
    )
    open: int = field(default=0, metadata={"help": "Connections to the upstream.", "gauge": True})
    idle: int = field(
        default=0, metadata={"help": "Connections to the upstream that are idle.", "gauge": True}
    )
    connects: int = field(default=0, metadata={"help": "Connections opened to the upstream."})
    retries: int = field(
        default=0, metadata={"help": "Requests sent again, or to another address."}
    )
    retries_spared: int = field(
        default=0, metadata={"help": "Requests not sent again because too many others were."}
    )
    ejections: int = field(
        default=0, metadata={"help": "Times that an address was left alone because it failed."}
    )
    failed_fast: int = field(
        default=0, metadata={"help": "Requests not sent because every address is left alone."}
    )
    timeouts: Counter[str] = field(
        default_factory=Counter,
        metadata={"help": "Time-outs at the upstream, by phase.", "labels": ("phase",)},
    )
    dropped: Counter[str] = field(
        default_factory=Counter,
        metadata={"help": "Idle connections that ended, by cause.", "labels": ("cause",)},
    )
    latency: Histogram = field(
        default_factory=Histogram,
        metadata={"help": "Seconds from a request's sending to its response's head."},
    )
