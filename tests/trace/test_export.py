"""Export over real sockets: to a collector, to one that is stuck, to none."""

import logging
from collections.abc import AsyncIterator

import pytest

from bench.ports import free_port
from proxy import traces
from proxy.errors import ConfigError
from proxy.settings import load
from proxy.trace import export
from tests.plays.house import house
from tests.plays.process import Serving, serving
from tests.plays.rawclient import Response, connected, request
from tests.plays.scripted import ScriptedUpstream, fresh
from tests.trace.collector import Collector, collecting


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        scripted.reply(fresh())
        yield scripted


def names(collector: Collector) -> set[str]:
    return {resource["service.name"] for resource in collector.resources}


async def test_what_waits_is_given_away_at_the_end(upstream: ScriptedUpstream) -> None:
    with collecting() as collector:
        async with house(upstream.url, traces={"ratio": 1, "endpoint": collector.url}) as proxy:
            await proxy.ask("/thing")
            await proxy.quiet()
    assert (set(collector.paths), names(collector)) == ({"/v1/traces"}, {"sidecache"})
    assert sorted(span.kind for span in collector.spans) == [2, 3]  # of the server, of the client
    assert len({span.trace_id for span in collector.spans}) == 1
    place = upstream.heard[0].first("traceparent")
    assert place is not None
    assert place.split(b"-")[2].decode() in {span.span_id.hex() for span in collector.spans}


async def test_the_sdk_s_own_variables_hold(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-cache")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # but not this one: ours decides
        async with house(upstream.url, traces={"ratio": 1}) as proxy:
            await proxy.ask("/thing")
            await proxy.quiet()
    assert names(collector) == {"shop-cache"}
    assert collector.resources[0]["deployment.environment.name"] == "test"


async def test_a_setting_wins_over_the_sdk_s_variable(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "theirs")
    with collecting() as collector:
        own = {"ratio": 1, "endpoint": f"{collector.url}/base/", "service": "ours"}
        async with house(upstream.url, traces=own) as proxy:
            await proxy.ask("/thing")
            await proxy.quiet()
    assert (set(collector.paths), names(collector)) == ({"/base/v1/traces"}, {"ours"})


def test_the_sdk_can_be_switched_off() -> None:
    settings = load(None, {"upstream": "http://127.0.0.1:9", "traces.ratio": "1"}, {})
    assert settings.traces is not None
    assert traces.tracer(settings, {"OTEL_SDK_DISABLED": "true"}) is None


def test_a_variable_that_the_sdk_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")  # of which a batch is larger
    settings = load(None, {"upstream": "http://127.0.0.1:9", "traces.ratio": "1"}, {})
    with pytest.raises(ConfigError, match=r"^traces: max_export_batch_size must be"):
        traces.tracer(settings, {})


async def test_without_a_collector_only_the_log_tells(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(export, "FLUSHING", 0.3)
    caplog.set_level(logging.WARNING)
    nobody = f"http://127.0.0.1:{free_port()}"
    async with house(upstream.url, traces={"ratio": 1, "endpoint": nobody}) as proxy:
        assert (await proxy.ask("/thing")).status == 200
        await proxy.quiet()
    assert {record.name.partition(".")[0] for record in caplog.records} == {"opentelemetry"}


async def asked(proxy: Serving) -> Response:
    async with connected(proxy.port) as client:
        return await client.ask(request("/thing"))


async def test_a_collector_that_is_stuck_holds_up_neither_answers_nor_the_end(
    upstream: ScriptedUpstream,
) -> None:
    """As a process, since that does not end before its threads do."""
    with collecting() as collector:
        collector.free.clear()
        variables = {
            "SIDECACHE_TRACES__RATIO": "1",
            "SIDECACHE_TRACES__ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "10",
        }
        with serving("--upstream", upstream.url, variables=variables) as proxy:
            await asked(proxy)
            assert collector.arrived.wait(20)
            for _ in range(3):
                assert (await asked(proxy)).told == "sidecache; hit; ttl; detail=fresh"
            proxy.stop()
            assert not collector.free.is_set()
