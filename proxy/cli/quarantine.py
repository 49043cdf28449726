"""`sidecache quarantine`: which rules are out of use, and the end of that.

This module must not know why they are; it asks a running proxy.
"""

from urllib.parse import quote

import click

from proxy.cli.options import admin_option
from proxy.cli.remote import remote
from proxy.cli.shown import echo


@click.command(short_help="Tell which rules are out of use, or put one back into use.")
@click.option("--end", "ended", metavar="R", help="Put the rule of this name back into use.")
@admin_option
def quarantine(*, ended: str | None, admin: str) -> None:
    """Tell which rules are passed by because callers got each other's answers under them.

    `--end` is for whoever knows that a rule is right after all: what was kept under it before is
    not used again. It needs a token of role admin, and ends with 1 where the rule is in use. The
    token comes from SIDECACHE_ADMIN_TOKEN.
    """
    with remote(admin) as api:
        if ended is not None:
            api.delete(f"/v1/quarantine/{quote(ended, safe='')}")
            echo(f"{ended}: in use again")
            return
        for name in api.get("/v1/quarantine")["rules"]:
            echo(name)
