"""What stock httpx needs beyond the contract: surplus on encrypted connections."""

import ssl
from typing import Any

import pytest

from proxy.upstream.httpx_pool import HttpxUpstream
from tests.plays.scripted import ScriptedUpstream, fresh, ok
from tests.upstream.asking import outbound, read

RECORD = 16_384
"""The most that one TLS record carries."""


@pytest.fixture
def without_certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and a client that agree on a key without showing who they are."""
    contexts = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    for context in contexts:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return contexts


@pytest.mark.parametrize("surplus", [b"", fresh(b"evil")], ids=["clean", "surplus"])
@pytest.mark.parametrize("size", [5000, RECORD, 65_536, 200_000])
async def test_surplus_ends_an_encrypted_connection_too(
    without_certificates: tuple[ssl.SSLContext, ssl.SSLContext], surplus: bytes, size: int
) -> None:
    """There it may wait as a record of its own, received but not yet decrypted."""
    server, client = without_certificates
    said = ok(b"x" * size)
    said = ok(b"x" * (2 * size - len(said)))
    assert len(said) == size
    async with ScriptedUpstream(server) as origin:
        pool = HttpxUpstream(origin.url)
        core: Any = pool
        core._shards[0].transport._pool._ssl_context = client  # noqa: SLF001 - no setting is so careless
        origin.reply(said + surplus)
        await read(await pool.send(outbound()))
        origin.reply(ok(b"good"))
        assert await read(await pool.send(outbound())) == b"good"
        assert [heard.connection for heard in origin.heard] == [1, 2 if surplus else 1]
        await pool.aclose()
