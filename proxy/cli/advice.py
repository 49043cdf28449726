"""`sidecache advice`: what traffic says of the rules, and what to change in them.

This module must not know how it is judged; it asks a running proxy.
"""

from collections.abc import Iterator

import click
import orjson

from proxy.cli.options import admin_option
from proxy.cli.remote import Json, remote
from proxy.cli.shown import echo


@click.command(short_help="Tell what traffic says of each rule, and what to change.")
@click.option("--rule", metavar="R", help="Tell of the rule of this name alone.")
@click.option("--json", "as_json", is_flag=True, help="Print what the proxy says, as JSON.")
@admin_option
def advice(*, rule: str | None, as_json: bool, admin: str) -> None:
    """Tell of each rule that was asked for what its traffic says, and what to change in it.

    The token, if one is needed, comes from SIDECACHE_ADMIN_TOKEN.
    """
    with remote(admin) as api:
        report = api.get("/v1/advice")
    rules = [one for one in report["rules"] if rule in {None, one["rule"]}]
    if as_json:
        click.echo(orjson.dumps({"rules": rules}))
        return
    for one in rules:
        if one["requests"] or rule:
            echo("\n".join(_lines(one)))


def _lines(one: Json) -> Iterator[str]:
    """Yield what is told of one rule."""
    ratio = "" if one["hit_ratio"] is None else f", {one['hit_ratio']:.1%} hits"
    would = " would be" if one["mode"] == "shadow" and ratio else ""
    state = " IN QUARANTINE" if one["quarantined"] else ""
    yield f"{one['rule']} ({one['mode']}){state}: {_many(one['requests'], 'request')}{ratio}{would}"
    saved = f"{one['upstream_seconds_saved']:.1f} s and {one['bytes_saved']} bytes"
    yield f"  saved      {saved}"
    yield f"  refetched  {one['refetched_same']} the same, {one['refetched_changed']} changed"
    yield f"  compared   {one['compared_same']} the same, {one['compared_different']} different"
    for each in one["mismatches"]:
        yield f"  mismatch   {_many(each['count'], 'time')}, by {', '.join(each['differed'])}"
    for each in one["misses"]:
        yield f"  missed     {_many(each['count'], 'time')}, {each['reason']}: {each['sentence']}"
    for each in one["advice"]:
        yield f"  advice     {each['text']}"
        for line in (each["change"] or "").splitlines():
            yield f"             {line}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
