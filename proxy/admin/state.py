"""State: the numbers, rules, settings and replicas of a running proxy, as they are now.

This module counts and decides nothing.
"""

from typing import Any

from fastapi import APIRouter

from proxy import __version__
from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control, Redis
from proxy.admin.guard import needs
from proxy.admin.plain import plain, spread
from proxy.admin.problems import told
from proxy.engine.ports import Replica
from proxy.policy.reasons import Reason

Json = dict[str, Any]


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the routes; all of them read."""
    routes = APIRouter(
        prefix="/v1",
        tags=["inspection"],
        dependencies=[needs(gate, Role.READ)],
        responses=told(401, 403, 429),
    )

    @routes.get("/stats")
    async def stats() -> Json:
        """Return what has been counted since the start, and how the shared store is doing."""
        return _stats(control)

    @routes.get("/rules")
    async def rules() -> Json:
        """Return the rules in force, in the order in which they are tried."""
        return {"rules": plain(control.corridor.snapshot.ruleset.rules)}

    @routes.get("/reasons")
    async def reasons() -> Json:
        """Return every reason there is: what it explains, its sentence, and the clause behind."""
        return {reason.token: _reason(reason) for reason in Reason}

    @routes.get("/config")
    async def config() -> Json:
        """Return all settings as they were read; secrets are named by their place, never shown."""
        return dict(control.config())

    @routes.get("/replicas", responses=told(503))
    async def replicas() -> Json:
        """Return the replicas that may serve what they hold, and how far this one can be believed.

        `lag` counts the purges that a replica is behind, `seen` the seconds since it was heard of.
        """
        known = await control.replicas()
        return {"replicas": [_replica(each) for each in known], "ledger": _ledger(control)}

    return routes


def _stats(control: Control) -> Json:
    stats, memory = control.stats, control.memory
    return {
        "version": __version__,
        "phase": control.phase().value,
        "started": round(control.history.started, 3),
        "requests": [
            {"rule": rule, "outcome": outcome, "count": count}
            for (rule, outcome), count in stats.requests.items()
        ],
        "reasons": plain(stats.reasons),
        "storing": plain(stats.storing),
        "body_bytes": plain(stats.body_bytes),
        "purges": [
            {"mode": mode, "source": source, "count": count}
            for (mode, source), count in stats.purges.items()
        ],
        "collapsed": stats.collapsed,
        "in_flight": stats.in_flight,
        "upstream_seconds_saved": round(stats.upstream_seconds_saved, 3),
        "latency": {outcome: spread(each.counts) for outcome, each in stats.latency.items()},
        "memory": {"bytes": memory.bytes, "keys": len(memory), "evictions": memory.evictions},
        "ledger": _ledger(control),
        "redis": None if control.redis is None else _redis(control.redis),
    }


def _redis(redis: Redis) -> Json:
    """Return how calls to Redis go; `untold` purges wait to be told to the log."""
    calls, log = redis.link.stats, redis.log
    return {
        "usable": redis.link.usable,
        "operations": calls.operations,
        "failures": plain(calls.failures),
        "spared": calls.spared,
        "latency": spread(calls.latency.counts),
        "untold": log.untold,
        "rebases": log.rebases,
        "reconnects": log.reconnects,
    }


def _reason(reason: Reason) -> Json:
    meaning = reason.meaning
    return {
        "family": meaning.family.name.lower(),
        "clause": meaning.clause,
        "sentence": meaning.sentence,
    }


def _ledger(control: Control) -> Json:
    ledger, now = control.ledger, control.now()
    return {
        "epoch": ledger.epoch.decode(),
        "sequence": ledger.sequence,
        "trust": ledger.trust(now).value,
        "unconfirmed_for": round(ledger.lag(now), 3),
    }


def _replica(replica: Replica) -> Json:
    return {
        "name": replica.name,
        "address": replica.address,
        "applied": replica.applied,
        "lag": replica.lag,
        "seen": round(replica.seen, 3),
    }
