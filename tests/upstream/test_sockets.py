"""The own engine over TLS and over a unix socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.engine.ports import Upstream
from proxy.errors import UpstreamUnreachable
from proxy.store.redis.client import Tls
from proxy.upstream.build import Plan, gateway, tls_context
from tests.certificates import Authority
from tests.plays.scripted import ScriptedUpstream, fresh, ok
from tests.upstream.asking import outbound, read


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> Tls:
    return authority.files("server")


def server(files: Tls, *, mutual: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert files.certificate
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.ca)
    return context


def trusting(files: Tls, *, own: bool = False) -> Plan:
    cert, key = (files.certificate, files.key) if own else (None, None)
    return Plan(tls=tls_context(files.ca, cert, key))


async def answered(pool: Upstream, origin: ScriptedUpstream, said: bytes, times: int = 2) -> None:
    for _ in range(times):
        origin.reply(said)
        assert await read(await pool.send(outbound())) == b"hello"


async def test_tls_is_spoken_to_whom_the_authority_knows(files: Tls) -> None:
    names: list[str | None] = []
    context = server(files)
    context.sni_callback = lambda _, name, __: names.append(name)
    async with ScriptedUpstream(context) as origin:
        pool = gateway([origin.url], trusting(files))
        await answered(pool, origin, ok())
        assert origin.connections == 1
        assert names == [None]  # an address is not a name, 6066 §3
        await pool.aclose()


async def test_a_name_is_shown_and_has_to_be_proved(files: Tls) -> None:
    names: list[str | None] = []
    context = server(files)
    context.sni_callback = lambda _, name, __: names.append(name)
    async with ScriptedUpstream(context) as origin:
        pool = gateway([f"https://localhost:{origin.port}"], trusting(files))
        with pytest.raises(UpstreamUnreachable, match=r"certificate|refused|Connect"):
            await pool.send(outbound())
        assert names[:1] == ["localhost"]
        assert not origin.heard
        await pool.aclose()


@pytest.mark.parametrize("usual", [True, False], ids=["usual-authorities", "another-authority"])
async def test_who_is_not_known_gets_no_request(files: Tls, tmp_path: Path, *, usual: bool) -> None:
    async with ScriptedUpstream(server(files)) as origin:
        other = Authority(tmp_path, "another").ca
        pool = gateway([origin.url], None if usual else Plan(tls=tls_context(other)))
        with pytest.raises(UpstreamUnreachable, match="not trusted"):
            await pool.send(outbound())
        assert not origin.heard
        await pool.aclose()


@pytest.mark.parametrize("own", [True, False], ids=["with", "without"])
async def test_a_certificate_of_our_own_is_shown(files: Tls, *, own: bool) -> None:
    async with ScriptedUpstream(server(files, mutual=True)) as origin:
        pool = gateway([origin.url], trusting(files, own=own))
        if own:
            await answered(pool, origin, ok())
        else:
            origin.reply(ok())
            with pytest.raises(Exception, match=r"broke off|ended|no connection"):
                await read(await pool.send(outbound()))
            assert not origin.heard
        await pool.aclose()


@pytest.mark.parametrize("size", [10, 16_384, 65_536, 200_000])
async def test_surplus_ends_an_encrypted_connection_too(files: Tls, size: int) -> None:
    async with ScriptedUpstream(server(files)) as origin:
        pool = gateway([origin.url], trusting(files))
        origin.reply(ok(b"x" * size) + fresh(b"evil"))
        assert await read(await pool.send(outbound())) == b"x" * size
        await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
        await answered(pool, origin, ok(), times=1)
        await pool.aclose()


async def test_a_large_body_both_ways_over_tls(files: Tls) -> None:
    async with ScriptedUpstream(server(files)) as origin:
        pool = gateway([origin.url], trusting(files))
        body = bytes(range(256)) * 10_000

        async def upload() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 50_000):
                yield body[at : at + 50_000]

        origin.reply(ok(body))
        length = (b"Content-Length", b"%d" % len(body))
        inbound = await pool.send(outbound(length, method="POST", body=upload()))
        assert await read(inbound) == body
        assert origin.heard[0].body == body
        await pool.aclose()


async def test_a_unix_socket(tmp_path: Path) -> None:
    async with ScriptedUpstream(path=tmp_path / "api.sock") as origin:
        pool = gateway([f"unix://{tmp_path}/api.sock"])
        await answered(pool, origin, ok(), times=3)
        assert origin.connections == 1
        await pool.aclose()


async def test_a_unix_socket_where_nobody_listens(tmp_path: Path) -> None:
    pool = gateway([f"unix://{tmp_path}/api.sock"])
    with pytest.raises(UpstreamUnreachable):
        await pool.send(outbound())
    await pool.aclose()
