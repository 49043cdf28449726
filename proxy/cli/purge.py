"""`sidecache purge`: have something purged, and know who has done so.

This module must not know how a purge is made; it asks a running proxy.
"""

import time
from contextlib import suppress
from typing import Any, Final, NoReturn

import click
import orjson

from proxy.admin.refused import TITLES
from proxy.cli.options import Seconds, admin_option
from proxy.cli.remote import Json, Remote, RemoteError, remote
from proxy.cli.shown import echo

UNCONFIRMED: Final = 2
"""The exit status of a purge that was accepted but not confirmed by all in time."""

_UNAVAILABLE: Final = 503

_LONGEST: Final = 60.0
"""Seconds that one request waits at most; the rest is polled."""
_PAUSE: Final = 0.1


class _Misused(click.UsageError):
    """Ends with 1: by 2 this verb says something else."""

    exit_code = 1


class _Purge(click.Command):
    """A command whose misuse is `_Misused`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _Misused(error.message, error.ctx) from error


@click.command(cls=_Purge, short_help="Purge answers by tag, URL, prefix, wildcard or rule.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="What has this tag.")
@click.option("--url", "urls", multiple=True, metavar="U", help="A URL, or a path on any host.")
@click.option("--prefix", "prefixes", multiple=True, metavar="P", help="What lies below.")
@click.option("--wildcard", "wildcards", multiple=True, metavar="W", help="What matches; * is any.")
@click.option("--rule", metavar="R", help="What is kept under the rule of this name.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--soft", "mode", flag_value="soft", help="Make stale instead of removing.")
@click.option("--refresh", "mode", flag_value="refresh", help="Make stale, refetch what is hot.")
@click.option("--wait", type=click.Choice(["all", "local"]), default="all", show_default=True)
@click.option("--timeout", type=Seconds(), default="10s", show_default=True)
@click.option("--dry-run", is_flag=True, help="Only count what the asked replica would purge.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt, or the problem, as JSON.")
@admin_option
@click.pass_context
def purge(
    ctx: click.Context,
    /,
    *,
    admin: str,
    timeout: float,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - the body's fields, which the API reads
) -> None:
    """Purge what has a tag, or lies at a URL, below a prefix, or under a rule.

    Exits with 0 once every replica has applied it, with 2 if not all have confirmed in time or
    only the asked replica could apply it, as the shared store cannot be reached, and with 1 if it
    was refused or the proxy cannot be reached. The token, if one is needed, comes from
    SIDECACHE_ADMIN_TOKEN.
    """
    body = {name: value for name, value in asked.items() if value}
    until = time.monotonic() + timeout
    within = min(timeout, _LONGEST)
    with remote(admin) as api:
        try:
            receipt = api.post("/v1/purge", body | {"timeout": within}, within)
        except RemoteError as error:
            _fail(ctx, error, as_json=as_json)
        if asked["wait"] == "all" and not asked["dry_run"]:
            receipt = _waited(api, receipt, until)
    if as_json:
        click.echo(orjson.dumps(receipt))
    else:
        echo(_told(receipt))
    if receipt.get("state") == "pending" and asked["wait"] == "all":
        ctx.exit(UNCONFIRMED)


def _fail(ctx: click.Context, error: RemoteError, *, as_json: bool) -> NoReturn:
    """End with what was said instead of a receipt."""
    if as_json and error.problem is not None:
        click.echo(orjson.dumps(error.problem))
    if not _holds_there(error.problem):
        raise error
    echo(str(error), err=True)
    ctx.exit(UNCONFIRMED)


def _holds_there(problem: Json | None) -> bool:
    """Tell whether a problem says that the purge is applied where it was asked for, and only so."""
    wanted = {"type": "about:blank", "title": TITLES[_UNAVAILABLE], "status": _UNAVAILABLE}
    return problem is not None and wanted.items() <= problem.items()


def _waited(api: Remote, receipt: Json, until: float) -> Json:
    """Ask for the receipt until it is complete or time is up."""
    while receipt["state"] == "pending" and time.monotonic() < until:
        time.sleep(_PAUSE)
        with suppress(RemoteError):  # it was accepted; that nobody can say more is no refusal
            receipt = api.get(f"/v1/purges/{receipt['id']}")
    return receipt


def _told(receipt: Json) -> str:
    """Return a line for each replica, and a summary."""
    if "matching" in receipt:
        return f"{receipt['matching']} would be purged, counting {receipt['scope']}"
    replicas = receipt["replicas"]
    lines = [f"{one['state']:<9}  {one['name']}  {one['address']}".rstrip() for one in replicas]
    return "\n".join([*lines, _summary(receipt)])


def _summary(receipt: Json) -> str:
    what = f"purge {receipt['id']} ({receipt['mode']})"
    if receipt["state"] == "complete":
        return f"{what}: complete"
    return f"{what}: accepted, not confirmed yet by {', '.join(receipt['missing'])}"
