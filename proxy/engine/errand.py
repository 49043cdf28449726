"""Errand: what a fetch is to bring.

This module must not know how anything is fetched, or what becomes of it.
"""

from collections.abc import AsyncIterator, Callable

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.ports import Informed
from proxy.values import valueclass


@valueclass(frozen=True, slots=True)
class Errand:
    """What to fetch: a request, its body if it has one, the entry to validate or to complete.

    `answered` tells whether what is on the shelf by now will do; None for a fetch that no other
    can stand in for. `informed` hears of interim responses, which are for the leader alone.
    """

    boarded: Boarded
    body: AsyncIterator[bytes] | None = None
    entry: Entry | None = None
    part: Entry | None = None
    answered: Callable[[], bool] | None = None
    informed: Informed | None = None
