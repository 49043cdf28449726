"""Secrets: what an upstream sends by mistake stays out of answers and logs."""

import logging

import pytest

from tests.plays.house import House
from tests.plays.scripted import End, ScriptedUpstream, response

CANARY = "s3cr3t"
MISTAKES = {
    "status-line": f"password={CANARY}\r\n\r\n".encode(),
    "field-line": f"HTTP/1.1 200 OK\r\nkey {CANARY}\r\n\r\n".encode(),
    "field-name": f"HTTP/1.1 200 OK\r\nkey {CANARY}: x\r\n\r\n".encode(),
    "length": response("200 OK", f"Content-Length: {CANARY}"),
    "chunk": response("200 OK", "Transfer-Encoding: chunked", body=CANARY.encode() + b"\r\n"),
}


@pytest.mark.parametrize("said", MISTAKES.values(), ids=MISTAKES)
async def test_what_cannot_be_parsed_is_quoted_to_nobody(
    proxy: House, upstream: ScriptedUpstream, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    upstream.reply(said, End.CLOSE)
    async with proxy.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
        assert CANARY.encode() not in await client.ended()
    assert CANARY not in caplog.text
