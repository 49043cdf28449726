"""Profiling: where the event loop's thread spends its time, for a while, by pyinstrument.

Imported only when somebody asks. This module must not know who does, or how they are answered.
"""

import asyncio
from enum import Enum
from typing import Any, Final

from proxy.admin.refused import Refused

SAMPLES: Final = 10_000
"""The most samples of one profile; each holds a whole stack."""
FINEST: Final = 0.001
"""Seconds between two samples at least."""


class Form(Enum):
    """How a profile is told, by its media type: a page, or what speedscope.app reads."""

    PAGE = "text/html"
    SPEEDSCOPE = "application/json"


class Profiling:
    """Profiles one at a time."""

    def __init__(self) -> None:
        self._running = False

    async def profile(self, seconds: int, form: Form, worker: int) -> str:
        """Profile the thread of the caller's event loop, told as `worker`'s; raises `Refused`."""
        profiler = _profiler(max(FINEST, seconds / SAMPLES))
        if self._running:
            raise Refused(409, "A profile is being taken; there is one at a time.")
        self._running = True
        try:
            profiler.start(target_description=f"sidecache, worker {worker}, for {seconds} s")
            try:
                await asyncio.sleep(seconds)
            finally:
                session = profiler.stop()
            return await asyncio.to_thread(_renderer(form).render, session)
        finally:
            self._running = False


def _profiler(interval: float) -> Any:  # noqa: ANN401 - of a library that may be absent
    try:
        from pyinstrument import Profiler  # noqa: PLC0415 - an extra
    except ImportError as error:
        detail = "This needs the extra: pip install 'sidecache[profile]'; py-spy needs nothing."
        raise Refused(501, detail) from error
    return Profiler(interval, async_mode="disabled")  # all that the loop does, not this task alone


def _renderer(form: Form) -> Any:  # noqa: ANN401 - see above
    from pyinstrument import renderers  # noqa: PLC0415 - see above

    match form:
        case Form.PAGE:
            return renderers.HTMLRenderer()
        case Form.SPEEDSCOPE:
            # Nothing is too short to be shown: a second has many turns of the loop.
            return renderers.SpeedscopeRenderer(processor_options={"filter_threshold": 0.0})
