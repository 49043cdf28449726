"""`sidecache warm`: have URLs asked for, so that they are stored before clients come.

This module must not know how a URL is warmed; it asks a running proxy.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from proxy.cli.options import admin_option
from proxy.cli.remote import Json, Remote, RemoteError, remote
from proxy.cli.shown import echo

_MOST: Final = 1_000
_LARGEST: Final = 500_000
"""URLs, and their characters, that are sent at a time."""


@click.command(short_help="Ask for URLs through the proxy, so that they are stored.")
@click.argument("sources", nargs=-1, metavar="FILE|-|URL...")
@click.option("--sitemap", metavar="URL", help="A sitemap on the upstream, instead of URLs.")
@click.option("--host", metavar="HOST", help="The host that clients ask for, for bare paths.")
@click.option(
    "--concurrency", type=click.IntRange(1, 32), default=4, show_default=True, metavar="N"
)
@admin_option
@click.pass_context
def warm(  # noqa: PLR0913, PLR0917 - one argument a flag
    ctx: click.Context,
    sources: tuple[str, ...],
    sitemap: str | None,
    host: str | None,
    concurrency: int,
    admin: str,
) -> None:
    """Ask for URLs through the proxy: those given, those in FILE, one a line, or in a sitemap.

    Exits with 1 if any of them failed. The token comes from SIDECACHE_ADMIN_TOKEN.
    """
    if bool(sources) == (sitemap is not None):
        raise click.UsageError("give one of the two: URLs (or a file of them) or --sitemap")
    urls = [url for source in sources for url in _urls(source)]
    wanted: list[Json] = [{"urls": part} for part in _parts(urls)]
    if sitemap is not None:
        wanted = [{"sitemap": sitemap}]
    how: Json = {"concurrency": concurrency} | ({"host": host} if host else {})
    total = failed = 0
    with remote(admin) as api:
        results = _results(api, [each | how for each in wanted])
        length, quiet = len(urls) or None, not sys.stderr.isatty()
        with click.progressbar(results, length=length, file=sys.stderr, hidden=quiet) as bar:
            for one in bar:
                total += 1
                failed += _failed(one)
    click.echo(f"{total - failed} of {total} warmed")
    ctx.exit(1 if failed else 0)


def _urls(source: str) -> Iterator[str]:
    """Yield the URLs that an argument stands for."""
    if "://" in source:
        yield source
    elif source == "-" or Path(source).is_file():
        with click.open_file(source, encoding="utf-8") as file:
            yield from (url for line in file if (url := line.strip()) and url[0] != "#")
    elif source.startswith("/"):
        yield source
    else:
        raise RemoteError(f"{source}: neither a URL nor a file")


def _parts(urls: Sequence[str]) -> Iterator[list[str]]:
    """Yield URLs in parts that one request takes."""
    part: list[str] = []
    size = 0
    for url in urls:
        if part and (len(part) >= _MOST or size + len(url) > _LARGEST):
            yield part
            part, size = [], 0
        part.append(url)
        size += len(url)
    if part:
        yield part


def _results(api: Remote, bodies: Sequence[Json]) -> Iterator[Json]:
    """Yield what became of each URL; raises `RemoteError` where the proxy did not finish."""
    for body in bodies:
        summary: Json | None = None
        for line in api.lines("/v1/warm", body):
            if "url" in line:
                yield line
            else:
                summary = line
        if summary is None:
            raise RemoteError("the proxy broke off; ask it again")


def _failed(one: Json) -> bool:
    """Tell whether a URL failed, and say so."""
    failed: bool = one["outcome"] == "error" or one["status"] >= 400  # noqa: PLR2004 - 4xx and 5xx
    if failed:
        echo(f"{one['status']} {one['reason']}: {one['url']}", err=True)
    return failed
