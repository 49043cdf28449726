"""Scripts: what a server is told of them."""

from hashlib import sha1
from typing import Any, cast

from redis.exceptions import NoScriptError, ResponseError

from proxy.store.redis.client import Client
from proxy.store.redis.scripts import Script


class OldServer:
    """A server that takes the first line of a script for Lua, as Redis 6.2 does."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def execute_command(self, verb: str, *words: Any) -> str:  # noqa: ANN401 - any command
        if verb == "EVALSHA" and words[0] not in self.known:
            raise NoScriptError
        if verb == "EVAL":
            if words[0].startswith(b"#!"):
                raise ResponseError("Error compiling script (new function): user_script:1: '#'")
            self.known.add(sha1(words[0], usedforsecurity=False).hexdigest())
        return verb


async def test_an_older_server_gets_the_script_alone() -> None:
    script, server = Script("log", when_full=True), cast("Client", OldServer())
    assert await script.run(server, (), ()) == "EVAL"
    assert await script.run(server, (), ()) == "EVALSHA"
