"""A frame as lines of text, as wide and as high as there is room, with or without colour.

This module must not know terminals: a line is text in pieces, each with a style.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.top.frame import Cause, Frame, Traffic
from proxy.top.moment import Moment, Replica

NARROWEST: Final = 20
_NARROW: Final = 70
_FEW: Final = 3
_BARS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_GOOD: Final = 0.8
_POOR: Final = 0.3


class Style(Enum):
    """How a piece of a line looks, as the parameter of SGR (ECMA-48 §8.3.117)."""

    PLAIN = ""
    TITLE = "1"
    DIM = "2"
    GOOD = "32"
    WARNING = "33"
    BAD = "31"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a line."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Piece, ...]


def lines(frame: Frame, where: str, width: int, height: int, problem: str = "") -> list[Line]:
    """Return a frame as at most `height` lines of at most `width` characters.

    `problem` is why the frame is an old one, if it is.
    """
    width = max(width, NARROWEST)
    head = [*_head(frame, where, problem), *_health(frame), ()]
    foot = [*_advised(frame.now)]
    room = max(height - len(head) - len(foot) - 2 * _FEW, _FEW)
    body = [
        *_table(frame.rules, width, max(room // 2, _FEW)),
        (),
        *_causes("why requests went on", frame.misses, width, max(room // 4, _FEW)),
        *_causes("why nothing was kept", frame.unstored, width, max(room // 4, _FEW)),
    ]
    return [cut(line, width) for line in (*head, *body, *foot)][:height]


def printed(line: Line, *, colour: bool) -> str:
    """Return a line as text, with its styles if there is colour."""
    return "".join(
        f"\x1b[{piece.style.value}m{piece.text}\x1b[0m"
        if colour and piece.style is not Style.PLAIN
        else piece.text
        for piece in line
    ).rstrip(" ")


def cut(line: Line, width: int) -> Line:
    """Return as much of a line as there is room for."""
    kept: list[Piece] = []
    for piece in line:
        text = "".join(c if c.isprintable() else "?" for c in piece.text)
        kept.append(
            Piece(text if len(text) <= width else f"{text[: max(width - 1, 0)]}…", piece.style)
        )
        width -= len(text)
        if width <= 0:
            break
    return tuple(kept)


def _head(frame: Frame, where: str, problem: str) -> Iterator[Line]:
    now = frame.now
    phase = f" {now.phase}" if now.phase not in {"", "ready"} else ""
    version = f" {now.version}" if now.version else ""
    yield (
        Piece(f"sidecache{version}", Style.TITLE),
        Piece(f"  {where}"),
        Piece(phase, Style.WARNING),
        Piece("  restarted" if frame.restarted else "", Style.WARNING),
    )
    if problem:
        yield (Piece(problem, Style.BAD),)
    total = frame.all
    yield (
        Piece(f"{_rate(total.rate)} requests/s"),
        Piece("  hits "),
        *_ratio(total.hit_ratio),
        Piece("  ever "),
        *_ratio(total.hit_ratio_ever),
        Piece(f"  {_size(frame.bytes_rate)}/s"),
        Piece(f"  in flight {now.in_flight}"),
        Piece(f"  errors {_rate(total.errors)}/s", Style.BAD if total.errors else Style.PLAIN),
    )
    if any(now.past):
        yield Piece("last hour ", Style.DIM), Piece(_bars(now.past, 60))


def _health(frame: Frame) -> Iterator[Line]:
    now = frame.now
    yield (
        Piece(f"memory {_size(now.memory_bytes)}  {now.memory_keys} keys"),
        Piece(f"  evicted {_rate(frame.evictions_rate)}/s"),
        Piece(f"  shared fetches {_rate(frame.collapsed_rate)}/s"),
    )
    trust = Style.GOOD if now.trust == "confirmed" else Style.BAD
    pieces = [Piece("purges "), Piece(now.trust or "unknown", trust)]
    if now.trust != "confirmed":
        pieces.append(Piece(f" for {now.unconfirmed:.1f} s", Style.BAD))
    yield (*pieces, *_redis(now), *_replicas(now))


def _redis(now: Moment) -> Iterator[Piece]:
    if now.redis is None:
        return
    usable = bool(now.redis.get("usable"))
    yield Piece("  redis ")
    yield Piece("usable", Style.GOOD) if usable else Piece("left alone", Style.BAD)
    if untold := now.redis.get("untold"):
        yield Piece(f", {untold} purges untold", Style.BAD)


def _replicas(now: Moment) -> Iterator[Piece]:
    if now.replicas_problem:
        yield Piece(f"  replicas: {now.replicas_problem}", Style.BAD)
        return
    if not now.replicas:
        return
    behind = [replica for replica in now.replicas if replica.lag]
    yield Piece(f"  replicas {len(now.replicas)}")
    if behind:
        yield Piece(f", behind: {', '.join(map(_behind, behind))}", Style.WARNING)


def _behind(replica: Replica) -> str:
    return f"{replica.name} by {replica.lag}"


def _table(rules: Sequence[Traffic], width: int, most: int) -> Iterator[Line]:
    """Yield a row for each rule; where it is narrow, with fewer columns."""
    wide = width >= _NARROW
    name = max(min(width - (54 if wide else 18), 40), 8)
    titles = ("req/s", "hits", "miss/s", "err/s", "ever", "requests") if wide else ("req/s", "hits")
    yield (Piece(f"{'rule':<{name}}" + "".join(f"{t:>9}" for t in titles), Style.TITLE),)
    for rule in rules[:most]:
        cells = [Piece(f"{_short(rule.name, name):<{name}}{_rate(rule.rate):>9}")]
        cells += _ratio(rule.hit_ratio, 9)
        if wide:
            cells.append(Piece(f"{_rate(rule.misses):>9}"))
            cells.append(
                Piece(f"{_rate(rule.errors):>9}", Style.BAD if rule.errors else Style.PLAIN)
            )
            cells += _ratio(rule.hit_ratio_ever, 9)
            cells.append(Piece(f"{_count(rule.total):>9}"))
        yield tuple(cells)
    if len(rules) > most:
        yield (Piece(f"and {len(rules) - most} more", Style.DIM),)


def _causes(title: str, causes: Sequence[Cause], width: int, most: int) -> Iterator[Line]:
    if not causes:
        return
    yield (Piece(f"{title:<24}{'/s':>8}{'ever':>9}", Style.TITLE),)
    for cause in causes[:most]:
        row = f"{_short(cause.reason, 24):<24}{_rate(cause.rate):>8}{_count(cause.total):>9}"
        yield Piece(row), Piece(f"  {cause.sentence}" if width >= _NARROW else "", Style.DIM)


def _advised(now: Moment) -> Iterator[Line]:
    if not now.advice:
        return
    yield (Piece("advice", Style.TITLE),)
    for rule, text in now.advice[:_FEW]:
        yield Piece(f"{rule}: ", Style.WARNING), Piece(text)


def _ratio(value: float | None, width: int = 0) -> tuple[Piece, ...]:
    if value is None:
        return (Piece(f"{'-':>{width}}" if width else "-", Style.DIM),)
    style = Style.GOOD if value >= _GOOD else Style.BAD if value < _POOR else Style.WARNING
    return (Piece(f"{f'{100 * value:.1f}%':>{width or 1}}", style),)


def _rate(value: float) -> str:
    return f"{value:.1f}" if value < 100 else _count(round(value))  # noqa: PLR2004 - three digits


def _count(value: int) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e5, "k")):
        if value >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.1f}{unit}"
    return str(value)


def _size(value: float) -> str:
    unit = 0
    while value >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - a KiB
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _bars(values: Iterable[float], most: int) -> str:
    """Return values as bars, the latest at the end; each bar is the mean of as many."""
    told = list(values)
    step = -(-len(told) // most)
    parts = [told[at : at + step] for at in range(len(told) % step, len(told), step)]
    means = [sum(part) / len(part) for part in parts]
    top = max(means, default=0.0) or 1.0
    return "".join(_BARS[min(int(mean / top * len(_BARS)), len(_BARS) - 1)] for mean in means)


def _short(text: str, width: int) -> str:
    return text if len(text) < width else f"{text[: width - 2]}…"
