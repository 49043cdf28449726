"""Records: what the purge log and its replicas are in bytes.

Words only: nothing here connects, and nothing is judged. Times on the wire are milliseconds of
Redis's clock; here they are seconds of the same clock, unless said otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from proxy.engine.purge import MOST_PATTERNS, MOST_TAGS, Facts, Mode, Purge, Record


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a namespace's log, in one cluster slot."""

    ledger: bytes
    log: bytes
    replicas: bytes

    @classmethod
    def of(cls, namespace: str) -> "Keys":
        """Return the keys under a namespace."""
        tag = b"{%b}" % namespace.encode()
        return cls(tag + b":ledger", tag + b":log", tag + b":replicas")


@dataclass(frozen=True, slots=True)
class Line:
    """What a replica last said of itself: silent for longer than `window`, it serves nothing."""

    name: bytes
    seen: float
    window: float
    applied: int
    epoch: bytes
    address: str

    @property
    def text(self) -> bytes:
        """The line as another replica brings it: without when it was seen."""
        window = round(self.window * 1_000)
        return b"%d:%d:%b:%b" % (window, self.applied, self.epoch, self.address.encode())


@dataclass(frozen=True, slots=True)
class State:
    """Where the log stands at a `time`, and since when it has had this epoch (`begun`).

    `present` is the number of replicas; their `lines`, and the `patterns` in their order, are
    there where they were asked for.
    """

    epoch: bytes
    sequence: int
    nonce: bytes
    time: float
    begun: float
    present: int
    patterns: tuple[Record, ...] = ()
    lines: tuple[Line, ...] = ()


def checked(purge: Purge) -> Purge:
    """Return a purge that the log takes; raise `ValueError` for one that names too much."""
    if len(purge.tags) > MOST_TAGS or len(purge.patterns) > MOST_PATTERNS:
        raise ValueError(
            f"a purge names at most {MOST_TAGS} tags and {MOST_PATTERNS} patterns, "
            f"this one {len(purge.tags)} and {len(purge.patterns)}"
        )
    return purge


def nonce() -> bytes:
    """Return what no other record has."""
    return token_hex(8).encode()


def packed(words: Iterable[bytes]) -> bytes:
    """Return byte strings as one, which `unpacked` and the scripts take apart again."""
    return b"".join(b"%d:%b" % (len(word), word) for word in words)


def unpacked(text: bytes) -> tuple[bytes, ...]:
    """Take apart what `packed` made; raise `ValueError` for anything else."""
    words = []
    while text:
        length, _, rest = text.partition(b":")
        word, text = rest[: int(length)], rest[int(length) :]
        if len(word) != int(length):
            raise ValueError("a word of a purge is cut off")
        words.append(word)
    return tuple(words)


def record(name: bytes, fields: Mapping[bytes, bytes], offset: float) -> Record:
    """Read a record of the stream; `offset` is Redis's clock minus the engine's.

    Raises `ValueError` where it is none of ours.
    """
    sequence, _, _ = name.partition(b"-")
    try:
        return Record(
            sequence=int(sequence),
            nonce=fields[b"nonce"],
            prior=fields[b"prior"],
            purge=Purge(
                unpacked(fields[b"tags"]), unpacked(fields[b"patterns"]), _mode(fields[b"mode"])
            ),
            at=seconds(fields[b"at"]) - offset,
        )
    except KeyError as error:
        raise ValueError(f"a record of the purge log has no {error}") from error


def readable(answer: Iterable[tuple[bytes, Mapping[bytes, bytes]]], offset: float) -> list[Record]:
    """Read the records of the stream up to the first that is none of ours."""
    found: list[Record] = []
    with suppress(ValueError):
        found.extend(record(name, fields, offset) for name, fields in answer)
    return found


def facts(place: tuple[bytes, bytes, bytes], times: Sequence[bytes | None], offset: float) -> Facts:
    """Read epoch, sequence and floor, and of some tags the hard purges, then the soft ones."""
    half = len(times) // 2
    hard = (int(time) for time in times[:half] if time is not None)
    soft = (time.split(b":") for time in times[half:] if time is not None)
    latest = max(((int(sequence), seconds(at) - offset) for sequence, at in soft), default=(0, 0.0))
    epoch, sequence, floor = place
    return Facts(epoch, int(sequence), int(floor), max(hard, default=0), *latest)


def patterns(slots: Sequence[bytes | None], offset: float) -> tuple[Record, ...]:
    """Read the purges by pattern that the ledger's hash holds, in their order."""
    found = []
    for slot in slots:
        if slot is not None:
            sequence, at, mode, pattern = slot.split(b":", 3)
            purge = Purge(patterns=(pattern,), mode=_mode(mode))
            found.append(Record(int(sequence), b"", b"", purge, seconds(at) - offset))
    return tuple(sorted(found, key=lambda each: each.sequence))


def lines(answer: Sequence[bytes]) -> tuple[Line, ...]:
    """Read the replicas' lines: names and lines in turn; raise `ValueError` for others."""
    found = []
    for name, text in zip(answer[::2], answer[1::2], strict=True):
        seen, window, applied, epoch, address = text.split(b":", 4)
        shown = address.decode(errors="backslashreplace")
        found.append(Line(name, seconds(seen), seconds(window), int(applied), epoch, shown))
    return tuple(found)


def state(answer: Sequence[Any], now: float) -> State:
    """Read what the script answers; `now` is the engine's clock meanwhile."""
    epoch, sequence, nonce, begun, time, present, slots, answered = answer
    at = seconds(time)
    return State(
        epoch=epoch,
        sequence=int(sequence),
        nonce=nonce,
        time=at,
        begun=seconds(begun),
        present=present,
        patterns=patterns(slots, at - now),
        lines=lines(answered),
    )


def seconds(milliseconds: bytes) -> float:
    """Return the seconds that a number of milliseconds says."""
    return int(milliseconds) / 1_000


def _mode(name: bytes) -> Mode:
    return Mode(name.decode(errors="replace"))
