"""Any bytes into the edge: no exception, no hang, bounded memory, and only answers come out.

`make fuzz` runs it longer: FUZZ_SECONDS.
"""

import asyncio
import logging
import os
import random
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.edge.doorway import Doorway
from proxy.edge.limits import Edge
from proxy.edge.requests import Receive, Scope, Send
from tests.edge.apps import echo, hello, part, start
from tests.edge.wire import Wire
from tests.plays.rawclient import request

SECONDS: Final = float(os.environ.get("FUZZ_SECONDS", "3"))
LIMITS: Final = Edge(max_head=1_024, max_fields=10, max_target=256, max_body=4_096, max_pipelined=4)
HELD: Final = 400_000
"""Bytes that one connection may hold, one read of it and what waits for its turn."""

WORDS: Final = (
    *(b"GET", b"POST", b"HEAD", b"OPTIONS", b"PRI", b"CONNECT", b"BREW", b" ", b"/", b"*", b"?"),
    *(b"/a", b"http://a/", b"#", b"%00", b"..", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b"\r\n"),
    *(b"\n", b"\r", b"\0", b"\t", b":", b": ", b"Host: a\r\n", b"Host", b"Content-Length: 5\r\n"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"Upgrade: h2c\r\n", b"hello"),
    *(b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"5;a=b"),
    *(b"0\r\nA: b\r\n\r\n", b"ffffffffffffffff\r\n", b"\xff\xfe", b"a" * 300, b"X: y\r\n" * 12),
    *(request("/"), request("/", "Content-Length: 5", method="POST", body=b"hello")),
    request("/", "Transfer-Encoding: chunked", method="POST", body=b"5\r\nhello\r\n0\r\n\r\n"),
)
_ANSWER: Final = re.compile(rb"HTTP/1\.1 (?:100|200|4[0-9]{2}|50[0-9]) ")


async def careless(scope: Scope, _: Receive, send: Send) -> None:
    """Answer without reading the body, in pieces."""
    await send(start((b"x-path", scope["raw_path"])))
    await send(part(b"one", more=True))
    await send(part(b"two"))


APPS: Final = {"echo": echo, "hello": hello, "careless": careless}


async def fed(app: str, pieces: list[bytes]) -> None:
    """Feed one connection and hold what must be true of it."""
    wire = Wire(APPS[app], Doorway(LIMITS))
    unhandled: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    async with asyncio.timeout(10):
        written = await wire.send(*pieces)
    assert not unhandled, unhandled
    assert not written or _ANSWER.match(written), written[:100]
    protocol = wire.protocol
    held = len(protocol.waiting) + len(protocol.url) + sum(map(len, pending(wire)))
    assert held < HELD
    assert len(protocol.pipeline) <= 4 + 8_192 // 18, "a request has 18 bytes at least"
    wire.tick(1_000)
    await wire.quiet()
    wire.tick(1_000)
    assert wire.over or wire.protocol.pending is not None
    wire.lose()
    await wire.quiet()
    assert len(wire.doorway) == 0
    for task in list(wire.state.tasks):
        task.cancel()
    await asyncio.gather(*wire.state.tasks, return_exceptions=True)


def pending(wire: Wire) -> list[bytes]:
    """Return the bodies that wait to be read."""
    cycles = [cycle for cycle, _ in wire.protocol.pipeline]
    return [bytes(cycle.body) for cycle in (*cycles, wire.protocol.pending) if cycle is not None]


RUNNER: Final = asyncio.Runner()


@pytest.fixture(autouse=True, scope="module")
def runner() -> Iterator[None]:
    with RUNNER:
        yield


def run(app: str, pieces: list[bytes]) -> None:
    RUNNER.run(fed(app, pieces))


@pytest.fixture(autouse=True)
def quiet_server() -> None:
    """Nothing that a client sends is an error of the server's."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


SENTENCES = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=30)


@given(app=st.sampled_from(sorted(APPS)), words=SENTENCES)
@settings(
    max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_sentences_of_http(app: str, words: list[bytes]) -> None:
    """As single reads, and as one."""
    run(app, [word for word in words if word])
    run(app, [b"".join(words)] if any(words) else [])


@given(data=st.binary(max_size=2_000))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes(data: bytes) -> None:
    run("hello", [data] if data else [])


def mutated(chance: random.Random) -> list[bytes]:
    """Return requests with a few bytes changed, cut into reads."""
    whole = bytearray(b"".join(chance.choices(WORDS[-3:], k=chance.randint(1, 4))))
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(whole))
        match chance.randrange(4):
            case 0:
                whole[at] = chance.randrange(256)
            case 1:
                del whole[at : at + chance.randint(1, 5)]
            case 2:
                whole[at:at] = chance.choice(WORDS)
            case _:
                whole[at:at] = whole[chance.randrange(len(whole)) :][:40]
        if not whole:
            return []
    cuts = sorted(chance.choices(range(len(whole)), k=chance.randint(0, 5)))
    ends = [0, *cuts, len(whole)]
    pieces = (bytes(whole[a:b]) for a, b in pairwise(ends))
    return [piece for piece in pieces if piece]


def test_requests_with_a_few_bytes_changed() -> None:
    """As many as there is time for; the seed of each is in the error."""
    chance = random.SystemRandom()
    until = time.monotonic() + SECONDS
    runs = 0
    while time.monotonic() < until:
        seed = chance.getrandbits(32)
        dice = random.Random(seed)  # noqa: S311 - chance, not secrecy
        try:
            run(dice.choice(sorted(APPS)), mutated(dice))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        runs += 1
    assert runs
    print(f"{runs} runs")
