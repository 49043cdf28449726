"""The stage for clients that others have written: the proxy on the event loop of production."""

import asyncio
from collections.abc import Callable, Mapping

from tests.loops import new_event_loop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}
