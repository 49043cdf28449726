"""Scripts: Lua that the server runs in one piece, known to it by its digest.

Nothing of what the scripts mean belongs here.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from proxy.store.redis.client import Client
from proxy.store.redis.failures import answer

_ALLOWED = b"#!lua flags=allow-oom\n"

Argument = bytes | str | int | float
Call = tuple[Sequence[bytes], Sequence[Argument]]
"""Keys and arguments."""


class Script:
    """The script in `lua/<name>.lua`.

    With `when_full` it may write where memory is all used up, as far as the server lets a script
    say so (Redis 7 and Valkey do).
    """

    def __init__(self, name: str, *, when_full: bool = False) -> None:
        self.text = files("proxy.store.redis").joinpath("lua", f"{name}.lua").read_bytes()
        texts = (_ALLOWED + self.text, self.text) if when_full else (self.text,)
        self._known = tuple((each, sha1(each, usedforsecurity=False).hexdigest()) for each in texts)

    async def run(self, client: Client, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:  # noqa: ANN401 - a reply is what the script makes it
        """Run it once; its text travels only where the server does not know it yet."""
        (text, digest), *others = self._known
        words = (len(keys), *keys, *args)
        try:
            return await client.execute_command("EVALSHA", digest, *words)
        except NoScriptError:
            pass
        try:
            return await client.execute_command("EVAL", text, *words)
        except ResponseError as error:
            if not others or "compiling" not in str(error):
                raise
        self._known = tuple(others)  # an older server takes the first line for Lua
        return await self.run(client, keys, args)

    async def run_each(self, client: Client, calls: Iterable[Call]) -> list[Any]:
        """Run it for each of several calls in one round trip; None where one was wrong by itself.

        Its text travels each time: to find out first who knows it would take longer.
        """
        pipeline: Any = client.pipeline(transaction=False)
        for keys, args in calls:
            pipeline.execute_command("EVAL", self._known[0][0], len(keys), *keys, *args)
        return [answer(reply) for reply in await pipeline.execute(raise_on_error=False)]
