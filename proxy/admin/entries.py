"""Entries: what is held, told without its bodies and without any secret.

This module must not decide whether an entry may be used; the ledger and the entry tell.
"""

import re
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.plain import text
from proxy.admin.problems import told
from proxy.admin.refused import Refused
from proxy.engine.entry import Entry
from proxy.engine.turns import by_turns
from proxy.rules import labels, patterns

MOST: Final = 1_000
"""Entries that one answer lists."""

_DIGEST: Final = re.compile(r"(?:[0-9a-f]{2}){1,64}")
_SECRET: Final = frozenset({b"authorization", b"cookie"})

Json = dict[str, Any]


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get(
        "/entries", dependencies=[needs(gate, Role.READ)], responses=told(401, 403, 422, 429)
    )
    async def entries(
        key: Annotated[str | None, Query(description="A key's digest, hexadecimal")] = None,
        prefix: Annotated[str | None, Query(description="`/path` or `host/path`")] = None,
        tag: Annotated[str | None, Query(description="A tag")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        cursor: Annotated[
            int, Query(ge=0, le=2**53, description="The `cursor` of the page before")
        ] = 0,
    ) -> Json:
        """List what this replica holds in memory, the oldest key first.

        What comes and goes between two pages may be left out, or told twice. The cursor is null
        when there is no more.
        """
        wanted = _filter(prefix, tag)
        if key is not None:
            found = [e for e in control.memory.peek(_digest(key)) if wanted(e)]
            return {"entries": [shown(e, control) for e in found[:limit]], "cursor": None}
        return await _page(control, wanted, limit, cursor)

    return routes


def shown(entry: Entry, control: Control) -> Json:
    """Return what is known of an entry at this moment; times in seconds."""
    stored, now = entry.stored, control.now()
    return {
        "location": text(entry.labels.location),
        "status": stored.status,
        "bytes": len(entry.body),
        "codings": {
            coded.coding.value: {"bytes": len(coded.body), "best": coded.best}
            for coded in entry.codings
        },
        "age": round(stored.age(now), 3),
        "ttl": round(stored.ttl(now), 3),
        "lifetime": stored.lifetime.seconds,
        "lifetime_from": stored.lifetime.source.value,
        "stale_while_revalidate": stored.stale_while_revalidate,
        "stale_if_error": stored.stale_if_error,
        "variant": {text(name): _selecting(name, value) for name, value in stored.selecting},
        "tags": [name for name in map(labels.shown, entry.labels.tags) if name is not None],
        "born": {"epoch": entry.born.epoch.decode(), "sequence": entry.born.sequence},
        "standing": control.ledger.standing(entry.labels, entry.born).value,
    }


async def _page(control: Control, wanted: Callable[[Entry], bool], limit: int, start: int) -> Json:
    found: list[Json] = []
    async with aclosing(by_turns(enumerate(control.memory.items(start), start + 1))) as walk:
        async for at, (digest, entries) in walk:
            found += [{"key": digest.hex()} | shown(e, control) for e in entries if wanted(e)]
            if len(found) >= limit:
                return {"entries": found, "cursor": at}
    return {"entries": found, "cursor": None}


def _filter(prefix: str | None, tag: str | None) -> Callable[[Entry], bool]:
    try:
        pattern = None if prefix is None else patterns.prefix(prefix.encode())
    except ValueError as error:
        raise Refused(422, f"prefix: {error}") from error
    label = None if tag is None else labels.tag(tag.encode())

    def wanted(entry: Entry) -> bool:
        if label is not None and label not in entry.labels.tags:
            return False
        return pattern is None or patterns.matches(pattern, entry.labels.location)

    return wanted


def _digest(key: str) -> bytes:
    if not _DIGEST.fullmatch(key):
        raise Refused(422, "key: a digest is hexadecimal, as explain shows it")
    return bytes.fromhex(key)


def _selecting(name: bytes, value: bytes | None) -> str | None:
    """Return a selecting field's value; never a caller's credentials."""
    if value is None or name not in _SECRET:
        return None if value is None else text(value)
    return "(hidden)"
