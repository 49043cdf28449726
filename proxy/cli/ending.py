"""The ending: how a running proxy goes, so that nobody notices.

Not ready any more at once; new clients are taken while the word spreads, each told to come back
elsewhere; then what is under way is finished. This module must not know what is served.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import uvicorn

log = logging.getLogger("sidecache")


class Ending:
    """Ends a data server, and the servers of operators after it.

    `leave` is called as soon as the end begins, `delay` are the seconds that new clients are taken
    after that.
    """

    def __init__(
        self,
        data: uvicorn.Server,
        operators: Sequence[uvicorn.Server],
        leave: Callable[[], None],
        delay: float,
    ) -> None:
        self._data = data
        self._operators = operators
        self._leave = leave
        self._delay = delay
        self._begun = False

    def leave(self) -> None:
        """Be ready no more and let the word spread, however long it takes to be told to go."""
        log.info("not ready any more; new clients are taken until the end")
        self._leave()

    def begin(self) -> None:
        """Go, as an orchestrator asks for it; asked again, at once."""
        if self._begun or not self._delay:
            self.now()
            return
        self._begun = True
        log.info("not ready any more; new clients are taken for %g s", self._delay)
        self._leave()
        asyncio.get_running_loop().call_later(self._delay, self.now)

    def now(self) -> None:
        """Take no one else, and finish what is under way."""
        self._begun = True
        log.info("no new clients any more; what is under way is finished")
        self._leave()
        self._data.should_exit = True

    async def served(self, serving: "list[asyncio.Task[None]]") -> None:
        """Wait until the data server has ended; operators can look on until then."""
        data, *operators = serving
        try:
            await data
        finally:
            for server in self._operators:
                server.should_exit = True
        await asyncio.gather(*operators)
