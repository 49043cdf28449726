"""wrk as a client of a fleet: it has a request under way on every connection at every moment.

So it cannot miss a connection that is closed without a word. Nothing here knows the proxy.
"""

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).with_suffix(".lua")
_LONGEST: Final = "1h"
_REQUESTS: Final = re.compile(r"^ +(\d+) requests in ", re.MULTILINE)
_FAILURES: Final = re.compile(r"^ +(?:Socket errors|Non-2xx).*$", re.MULTILINE)


class Wrk:
    """wrk before a port, from `start` to `stop`; until then `progress` tells its answers, roughly.

    After that `answers` is what it has counted, and `failures` are the lines it has on them.
    """

    def __init__(self, port: int, progress: Callable[[], int]) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._url = f"http://127.0.0.1:{port}"
        self._progress = progress

    async def start(self) -> None:
        """Let it ask on and on."""
        words = ("-t1", f"-c{CONNECTIONS}", f"-d{_LONGEST}", "--timeout", "10s", "-s", str(_SCRIPT))
        self._process = await asyncio.create_subprocess_exec(
            "wrk", *words, self._url, stdout=asyncio.subprocess.PIPE
        )

    async def until(self, answers: int) -> None:
        """Wait until there have been so many answers at least, or it has ended."""
        begun = answers + 2 * CONNECTIONS  # some of those that have begun are under way
        while self._progress() < begun and self._process.returncode is None:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """End it, and read what it says."""
        self._process.send_signal(signal.SIGINT)
        told = (await self._process.communicate())[0].decode()
        found = _REQUESTS.search(told)
        assert found, told
        self.answers = int(found[1])
        self.failures = [line.strip() for line in _FAILURES.findall(told)]
