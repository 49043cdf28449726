"""The way to the upstream, as clients feel it: full, left alone, several, by a unix socket."""

import asyncio
from pathlib import Path

import orjson
import pytest

from proxy.admin.collectors import AddressesCollector, DeclaredCollector
from proxy.errors import ConfigError
from proxy.sections import Upstream
from proxy.upstream.gateway import Gateway
from proxy.upstream.httpx_pool import HttpxUpstream
from proxy.upstreams import upstream as engine_of
from tests.certificates import Authority
from tests.plays.house import house
from tests.plays.scripted import PATIENCE, End, ScriptedUpstream, fresh, ok

STALE = ("Age: 61", 'ETag: "one"')


async def test_a_full_upstream_is_said_to_be_busy(upstream: ScriptedUpstream) -> None:
    hold = asyncio.Event()
    upstream.reply(hold, ok())
    full = {"max_connections": 1, "queue_wait": "50ms"}
    async with house(upstream.url, upstream=full) as proxy:
        first = asyncio.create_task(proxy.ask("/first"))
        await upstream.arrival()
        answer = await proxy.ask("/second")
        hold.set()
        assert (await first).status == 200
    assert (answer.status, answer.all("retry-after")) == (503, [b"1"])
    assert answer.told == "sidecache; fwd=uri-miss; detail=upstream-busy"
    assert orjson.loads(answer.body)["title"] == "Upstream busy"
    assert len(upstream.heard) == 1


async def test_a_stale_answer_stands_in_for_a_full_upstream(upstream: ScriptedUpstream) -> None:
    full = {"max_connections": 1, "queue_wait": "50ms"}
    async with house(upstream.url, upstream=full) as proxy:
        upstream.reply(fresh(b"kept", *STALE))
        await proxy.ask("/thing")
        hold = asyncio.Event()
        upstream.reply(hold, ok())
        first = asyncio.create_task(proxy.ask("/first"))
        await upstream.arrival(2)
        answer = await proxy.ask("/thing")
        hold.set()
        await first
    assert (answer.status, answer.body) == (200, b"kept")
    assert answer.told == "sidecache; hit; ttl; detail=stale-unreachable"


async def test_a_stale_answer_comes_at_once_while_the_upstream_is_left_alone(
    upstream: ScriptedUpstream,
) -> None:
    times = {"failures": 2, "calm": 0, "timeouts": {"first_byte": "50ms"}}
    async with house(upstream.url, upstream=times) as proxy:
        upstream.reply(fresh(b"kept", *STALE))
        await proxy.ask("/thing")
        for _ in range(2):
            upstream.reply(asyncio.Event())
            assert (await proxy.ask("/thing")).told.endswith("detail=stale-unreachable")
        assert (await proxy.ask("/thing")).body == b"kept"
        unknown = await proxy.ask("/other")
    assert len(upstream.heard) == 3
    assert unknown.status == 502
    assert unknown.told == "sidecache; fwd=uri-miss; detail=upstream-unreachable"


async def test_an_upstream_that_comes_back_is_found_again(upstream: ScriptedUpstream) -> None:
    async with house(upstream.url, upstream={"failures": 1}) as proxy:
        upstream.reply(End.CLOSE)
        assert (await proxy.ask("/thing")).status == 502
        upstream.reply(ok(b"back"))
        async with asyncio.timeout(PATIENCE):
            while (await proxy.ask("/thing")).status != 200:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)
    assert len(upstream.heard) == 2


async def test_several_upstreams_share_the_work_and_one_may_be_gone() -> None:
    async with ScriptedUpstream() as one, ScriptedUpstream() as two:
        urls = [one.url, two.url, "http://127.0.0.1:1"]
        async with house(one.url, upstream={"url": urls}) as proxy:
            for number in range(40):
                one.reply(ok())
                two.reply(ok())
                assert (await proxy.ask(f"/{number}")).status == 200
    assert one.heard
    assert two.heard
    assert len(one.heard) + len(two.heard) == 40


async def test_an_upstream_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with ScriptedUpstream(path=path) as upstream, house(f"unix://{path}") as proxy:
        upstream.reply(fresh())
        assert (await proxy.ask("/thing")).body == b"hello"
        assert (await proxy.ask("/thing")).told == "sidecache; hit; ttl; detail=fresh"
    assert upstream.heard[0].first("host")  # as the client sent it


async def test_stock_httpx_in_its_place(upstream: ScriptedUpstream) -> None:
    async with house(upstream.url, upstream={"engine": "httpx"}) as proxy:
        upstream.reply(fresh())
        assert (await proxy.ask("/thing")).body == b"hello"
        assert (await proxy.ask("/thing")).told == "sidecache; hit; ttl; detail=fresh"


async def test_what_is_counted_of_the_way_is_told(upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    upstream.reply(End.CLOSE)
    upstream.reply(ok())
    async with house(upstream.url) as proxy:
        await proxy.ask("/one")
        await proxy.ask("/two")
        engine = proxy.service._upstream  # noqa: SLF001 - what is counted there
        assert isinstance(engine, Gateway)
        transport = engine.dispatcher
        metrics = [
            *DeclaredCollector("upstream", transport.stats).collect(),
            *AddressesCollector(transport.members.states).collect(),
        ]
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in metrics
        for sample in metric.samples
    }
    assert all(metric.documentation.endswith(".") for metric in metrics)
    assert samples["sidecache_upstream_in_flight",] == 0
    assert samples["sidecache_upstream_latency_seconds_count",] == 2
    assert samples["sidecache_upstream_retries_total",] == 1
    assert samples["sidecache_upstream_addresses", "closed"] == 1


async def test_what_a_hit_saves_is_what_its_fetch_took(upstream: ScriptedUpstream) -> None:
    slept = asyncio.Event()
    upstream.reply(slept, fresh())
    async with house(upstream.url) as proxy:
        asking = asyncio.create_task(proxy.ask("/one"))
        await upstream.arrival()
        await asyncio.sleep(0.1)
        slept.set()
        await asking
        missed = proxy.service.stats.upstream_seconds_saved
        await proxy.ask("/one")
        await proxy.ask("/one")
        saved = proxy.service.stats.upstream_seconds_saved
    assert missed == 0
    assert saved > 0.1


def settings(**changes: object) -> Upstream:
    return Upstream.model_validate({"url": "https://api.test"} | changes)


def test_settings_choose_the_engine() -> None:
    assert isinstance(engine_of(settings(health={"path": "/healthz"})), Gateway)
    assert isinstance(engine_of(settings(engine="httpx")), HttpxUpstream)


def test_files_of_certificates_are_read(tmp_path: Path) -> None:
    files = Authority(tmp_path).files("proxy")
    tls = {"ca": files.ca, "cert": files.certificate, "key": files.key}
    assert isinstance(engine_of(settings(tls=tls)), Gateway)
    assert isinstance(engine_of(settings(tls=tls, engine="httpx")), HttpxUpstream)
    with pytest.raises(ConfigError, match=r"upstream\.tls: .*No such file"):
        engine_of(settings(tls={"ca": tmp_path / "none.pem"}))
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"upstream\.tls"):
        engine_of(settings(tls={"ca": tmp_path / "bad.pem"}))


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"http2": "on"}, "engine: httpx"),
        ({"engine": "httpx", "url": ["http://a", "http://b"]}, "takes one"),
        ({"engine": "httpx", "url": "unix:///a"}, "takes one"),
        ({"health": {"path": "healthz"}}, "path"),
        ({"tls": {"cert": "a"}}, "belong together"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        settings(**changes)
