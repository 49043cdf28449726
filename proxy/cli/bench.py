"""`sidecache bench`: ask for the same things through the proxy and around it, and compare.

This module reads flags and prints; what is sent and counted is `proxy.loadtest`'s.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import IO, Final

import click
import orjson

from proxy.cli.options import Seconds
from proxy.cli.shown import echo
from proxy.errors import ConfigError, SidecacheError
from proxy.loadtest.client import Client, client
from proxy.loadtest.comparing import differences
from proxy.loadtest.report import Report, lines, plain
from proxy.loadtest.sample import Sample
from proxy.loadtest.targets import MOST, Asked, Pair, Target, pairs

_LONGEST: Final = 600.0
"""Seconds that a side is asked in all."""
_COMPARED: Final = 100
"""URLs whose answers are compared before the rounds."""
_LONGEST_LINE: Final = 8_192


@click.command(short_help="Measure URLs through the proxy, and around it.")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--direct", multiple=True, metavar="URL", help="Where the API is without the proxy.")
@click.option(
    "--paths", type=click.File(), metavar="FILE|-", help="More paths, or URLs, one a line."
)
@click.option("--header", "headers", multiple=True, metavar="'N: v'", help="A request field.")
@click.option("--head", is_flag=True, help="Ask by HEAD instead of GET.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True)
@click.option("--duration", type=Seconds(), default="10s", show_default=True, help="For each side.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; times are in seconds.")
@click.pass_context
def bench(  # noqa: PLR0913 - one argument a flag
    ctx: click.Context,
    /,
    *,
    urls: tuple[str, ...],
    direct: tuple[str, ...],
    paths: IO[str] | None,
    headers: tuple[str, ...],
    head: bool,
    concurrency: int,
    duration: float,
    rounds: int,
    as_json: bool,
) -> None:
    """Measure URLs through the proxy and, with --direct, around it, in rounds that take turns.

    --direct is http://host:port for all URLs, or a URL for each. Before the rounds, the answers of
    both sides are compared. Only GET and HEAD are sent, never more at once than --concurrency; when
    most requests of a round fail, that is the end. The exit status is 1 if an answer differed or a
    request failed.
    """
    if not 0 < duration <= _LONGEST:
        raise click.BadParameter(f"more than 0 and at most {_LONGEST:g} s", param_hint="--duration")
    asked = Asked("HEAD" if head else "GET", tuple(map(_line, headers)))
    wanted = pairs(urls, _read(paths), direct, asked)
    report = asyncio.run(_tried(wanted, concurrency, duration / rounds, rounds))
    if as_json:
        click.echo(orjson.dumps(plain(report)))
    else:
        echo("\n".join(lines(report)))
    ctx.exit(1 if report.flawed else 0)


def _line(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(f"--header {text!r}: expected 'Name: value'")
    return name.strip().encode(), value.strip().encode("latin-1", "replace")


def _read(file: IO[str] | None) -> Sequence[str]:
    """Return the paths in a file; empty lines and comments are left out."""
    found: list[str] = []
    while file is not None and len(found) <= MOST and (line := file.readline(_LONGEST_LINE)):
        if (path := line.strip()) and not path.startswith("#"):
            found.append(path)
    return found


async def _tried(wanted: Sequence[Pair], concurrency: int, seconds: float, rounds: int) -> Report:
    through = [pair.through for pair in wanted]
    direct = [pair.direct for pair in wanted if pair.direct is not None]
    async with client([*through, *direct], concurrency) as asking:
        differing, changing = await _compared(asking, wanted[:_COMPARED])
        sides = {"through": through} | ({"direct": direct} if direct else {})
        found = await _in_turns(asking, sides, concurrency, (seconds, rounds))
    return Report(tuple(found["through"]), tuple(found.get("direct", ())), differing, changing)


async def _in_turns(
    asking: Client,
    sides: Mapping[str, Sequence[Target]],
    concurrency: int,
    plan: tuple[float, int],
) -> dict[str, list[Sample]]:
    """Return the rounds of each side; who begins changes from one to the next.

    `plan` is seconds a round, and rounds. Where a side fails all is at an end.
    """
    seconds, rounds = plan
    names = list(sides)
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            sample = await asking.round(sides[name], concurrency, seconds)
            found[name].append(sample)
            if sample.hopeless:
                return found
        names.reverse()
    return found


async def _compared(
    asking: Client, wanted: Sequence[Pair]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what differs between the sides, and what differs from itself."""
    differing, changing = list[str](), list[str]()
    for pair in wanted:
        if pair.direct is None:
            continue
        try:
            await _held_together(asking, pair.through, pair.direct, differing, changing)
        except SidecacheError as error:
            differing.append(f"{pair.through.url}: {error.title}: {error}")
    return tuple(differing), tuple(changing)


async def _held_together(
    asking: Client, through: Target, direct: Target, differing: list[str], changing: list[str]
) -> None:
    first = await asking.given(direct)
    there = await asking.given(through)
    again = await asking.given(direct)
    if first.told != again.told:
        changing.append(through.url)
        return
    differing += (f"{through.url}: {each}" for each in differences(there, again))
