"""`sidecache top`: what a running proxy does, as it does it.

This module asks and waits; what the numbers mean is `proxy.top`'s.
"""

import os
import sys
import time
from dataclasses import asdict

import click
import orjson

from proxy.cli.options import Seconds, admin_option
from proxy.cli.remote import Json, Remote, RemoteError, remote
from proxy.top import screen
from proxy.top.frame import Frame, frame
from proxy.top.lines import lines, printed
from proxy.top.moment import Asked, Moment, moment

_SHORTEST = 0.1
_TALL = 1_000
"""Lines of a frame that nobody has to fit into a screen."""
_PAUSES = 10
"""Frames for which advice and history are good."""


@click.command(short_help="Show what a running proxy does, once a second.")
@click.option("--once", is_flag=True, help="Print one frame and end, as if this were no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one frame as JSON and end.")
@click.option("--interval", type=Seconds(), default="1s", show_default=True, help="Between frames.")
@admin_option
def top(*, once: bool, as_json: bool, interval: float, admin: str) -> None:
    """Show requests, hits, reasons, purges and replicas of a running proxy, as they come.

    Ends with `q` or Ctrl-C. Where the output is no terminal, one frame is printed. The token, if
    one is needed, comes from SIDECACHE_ADMIN_TOKEN; NO_COLOR switches colour off.
    """
    interval = max(interval, _SHORTEST)
    with remote(admin) as api:
        asking = _Asking(api)
        first = asking.moment()
        if once or as_json or not screen.is_screen(sys.stdout, os.environ):
            time.sleep(interval)
            click.echo(_printed(frame(first, asking.moment()), admin, as_json=as_json))
            return
        try:
            _shown(asking, first, admin, interval)
        except KeyboardInterrupt:
            return


class _Asking:
    """Asks for moments; what a release or a role does not give is left out."""

    def __init__(self, api: Remote) -> None:
        self._api = api
        self._asked = 0
        self._slow: dict[str, Json | None] = {}

    def moment(self) -> Moment:
        """Return the numbers as they are now; raises `RemoteError`."""
        stats: object = self._api.get("/v1/stats")
        taken = time.monotonic()
        if not isinstance(stats, dict) or "requests" not in stats:
            raise RemoteError("/v1/stats: this is no admin API of Sidecache; see --admin")
        replicas, problem = self._replicas()
        if self._asked % _PAUSES == 0:
            self._slow = {name: self._optional(f"/v1/{name}") for name in ("advice", "history")}
        self._asked += 1
        return moment(Asked(taken, stats, replicas, problem, **self._slow))

    def _replicas(self) -> tuple[Json | None, str]:
        try:
            return self._api.get("/v1/replicas"), ""
        except RemoteError as error:
            detail = error.problem["detail"] if error.problem else "cannot be had"
            return None, str(detail)

    def _optional(self, path: str) -> Json | None:
        try:
            return self._api.get(path)
        except RemoteError:
            return None


def _shown(asking: _Asking, first: Moment, admin: str, interval: float) -> None:
    """Show frame after frame; one that cannot be had is told of in the last one."""
    colour = screen.has_colour(sys.stdout, os.environ)
    latest, problem = frame(None, first), ""
    with screen.opened(sys.stdout) as terminal:
        while True:
            width, height = screen.size()
            shown = lines(latest, admin, width, height, problem)
            terminal.show([printed(line, colour=colour) for line in shown])
            if terminal.left(interval):
                return
            try:
                latest, problem = frame(latest.now, asking.moment()), ""
            except RemoteError as error:
                problem = str(error)


def _printed(latest: Frame, admin: str, *, as_json: bool) -> str:
    if as_json:
        return orjson.dumps(_plain(latest)).decode()
    width, _ = screen.size()
    colour = screen.has_colour(sys.stdout, os.environ)
    told = lines(latest, admin, width, _TALL)
    return "\n".join(printed(line, colour=colour) for line in told)


def _plain(latest: Frame) -> Json:
    """Return a frame as JSON has it; the counters that it was made of are left out."""
    told = asdict(latest)
    now = told.pop("now")
    kept = ("version", "phase", "started", "in_flight", "memory_bytes", "memory_keys", "trust")
    return told | {name: now[name] for name in (*kept, *_MORE)}


_MORE = ("unconfirmed", "redis", "replicas", "replicas_problem", "advice")
