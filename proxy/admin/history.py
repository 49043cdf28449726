"""History: `/v1/history`, what was counted in the latest hour, interval by interval.

This module counts and decides nothing.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.plain import spread
from proxy.admin.problems import told
from proxy.engine.history import INTERVAL, POINTS, Window
from proxy.engine.stats import BUCKETS

LONGEST: Final = INTERVAL * POINTS
"""Seconds."""

Json = dict[str, Any]


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get(
        "/history", dependencies=[needs(gate, Role.READ)], responses=told(401, 403, 422, 429)
    )
    async def history(
        seconds: Annotated[
            float, Query(ge=INTERVAL, le=LONGEST, description="How far to look back")
        ] = LONGEST,
        rule: Annotated[
            str | None, Query(max_length=64, description="Whose `outcomes`, instead of all rules'")
        ] = None,
    ) -> Json:
        """Return what this replica has counted lately; a restart forgets it.

        `times` are the edges of the intervals, seconds since the epoch, the last one now. They
        differ in length. `outcomes` has the requests of each; `window` is all of them together, in
        the shapes of `/v1/stats`. Of more than a hundred rules, the last are counted as `(others)`.
        """
        window = control.history.window(control.now(), seconds)
        return {
            "interval": INTERVAL,
            "rule": rule,
            "times": [round(time, 3) for time in window.times],
            "outcomes": _outcomes(window, rule),
            "window": _together(window),
        }

    return routes


def _outcomes(window: Window, rule: str | None) -> Json:
    """Return the requests of each interval by outcome; those that there were at any time."""
    group = ("outcomes",) if rule is None else ("requests", rule)
    outcomes = [str(outcome) for (outcome,), _ in window.totals("outcomes")]
    return {outcome: window.series(*group, outcome) for outcome in outcomes}


def _together(window: Window) -> Json:
    times = window.times
    return {
        "seconds": round(times[-1] - times[0], 3),
        "requests": [
            {"rule": rule, "outcome": outcome, "count": count}
            for (rule, outcome), count in window.totals("requests")
        ],
        "reasons": _by_label(window, "reasons"),
        "storing": _by_label(window, "storing"),
        "body_bytes": _by_label(window, "body_bytes"),
        "collapsed": int(window.total("collapsed")),
        "upstream_seconds_saved": round(window.total("upstream_seconds_saved"), 3),
        "latency": _latency(window),
    }


def _by_label(window: Window, name: str) -> Json:
    return {str(label): count for (label,), count in window.totals(name)}


def _latency(window: Window) -> Json:
    counts: dict[str, list[int]] = {}
    for (outcome, bucket), count in window.totals("latency"):
        counts.setdefault(str(outcome), [0] * (len(BUCKETS) + 1))[int(bucket)] = count
    return {outcome: spread(each) for outcome, each in counts.items()}
