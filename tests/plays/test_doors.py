"""Two doors: what is remembered leaves before anything is made of the request, and is the same.

The witness of all plays compares the bytes; here it is told which door an answer took.
"""

import asyncio
import gc

import pytest

from proxy.engine.recall import Memory
from tests.plays.house import House, house
from tests.plays.rawclient import RawClient, connected, request
from tests.plays.scripted import ScriptedUpstream, fresh, ok
from tests.plays.witness import Witness

MISS = "sidecache; fwd=uri-miss; ttl; stored; detail=uri-miss"
HIT = "sidecache; hit; ttl; detail=fresh"
BODY = b'{"word": "hit"}' * 100


def told(witness: Witness) -> tuple[int, int]:
    return witness.recalled, witness.by_heart


async def ask(client: RawClient, data: bytes, method: str = "GET") -> str:
    return (await client.ask(data, method)).told


@pytest.mark.parametrize(
    ("lines", "method"),
    [
        ((), "GET"),
        ((), "HEAD"),
        (("Accept-Encoding: br",), "GET"),
        (('If-None-Match: "one"',), "GET"),
        (("Connection: keep-alive", "User-Agent: curl", "X-Other: 1"), "GET"),
        (("Content-Length: 0",), "GET"),
    ],
)
async def test_from_the_third_answer_on_nothing_is_made_of_the_request(
    proxy: House, upstream: ScriptedUpstream, witness: Witness, lines: tuple[str, ...], method: str
) -> None:
    upstream.reply(fresh(BODY, 'ETag: "one"', "Content-Type: application/json"))
    await proxy.ask("/thing")
    data = request("/thing", *lines, method=method)
    async with proxy.connect() as client:
        for _ in range(20):
            assert await ask(client, data, method) == HIT
        await proxy.quiet()  # what is coded has been made as small as can be
        assert await ask(client, data, method) == HIT
        before = sum(told(witness))
        for _ in range(5):
            assert await ask(client, data, method) == HIT
    assert sum(told(witness)) - before == 5
    assert proxy.service.stats.requests["default", "hit"] == 26


async def test_what_comes_again_byte_for_byte_is_not_parsed(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    upstream.reply(fresh())
    async with proxy.connect() as client:
        for _ in range(10):
            await ask(client, request("/thing"))
        assert told(witness) == (2, 6)  # a miss, a hit, two to learn it
        await client.send(*[bytes([byte]) for byte in request("/thing")])
        assert (await client.read()).told == HIT
        assert told(witness) == (3, 6)


async def test_several_requests_in_one_piece_are_never_taken_for_one(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    """Known and unknown ones in one read: each has its answer, in their order."""
    upstream.reply(fresh(b"known"))
    await proxy.ask("/known")
    for number in range(4):
        upstream.reply(ok(b"%d" % number, "Cache-Control: no-store"))
    both = request("/known") + request("/other")
    async with proxy.connect() as client:
        for number in range(4):
            await client.send(both)
            assert [(await client.read()).body for _ in range(2)] == [b"known", b"%d" % number]
        await client.send(request("/known") * 3)
        assert [(await client.read()).body for _ in range(3)] == [b"known"] * 3
    assert told(witness) == (6, 0)


@pytest.mark.parametrize(
    "behind", [b"nonsense\r\n\r\n", b"\x16\x03\x01", b"GET /thing HTTP/3.0\r\n"]
)
async def test_what_is_wrong_behind_a_known_head_is_seen_each_time(
    proxy: House, upstream: ScriptedUpstream, behind: bytes
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    for _ in range(4):
        async with proxy.connect() as client:
            assert (await client.ask(request("/thing") + behind)).told == HIT
            assert (await client.ask(b"\r\n\r\n")).status == 400
            assert await client.ended() == b""


@pytest.mark.parametrize(
    "line", ["Connection: close", "Cache-Control: max-age=100", "Range: bytes=0-1"]
)
async def test_what_is_not_remembered_is_answered_as_ever(
    proxy: House, upstream: ScriptedUpstream, witness: Witness, line: str
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    for _ in range(5):
        assert (await proxy.ask("/thing", line)).told == HIT
    assert told(witness) == (0, 0)


async def test_callers_with_credentials_of_their_own(
    upstream: ScriptedUpstream, witness: Witness
) -> None:
    """Where the rule keys on them, each is remembered for whom it is."""
    rules = [{"name": "mine", "credentials": "key"}]
    async with house(upstream.url, rules=rules) as proxy, proxy.connect() as client:
        callers = [f"Authorization: Bearer {name}" for name in ("ann", "bob")]
        callers += [f"Cookie: session={name}" for name in ("ann", "bob")]
        for caller in callers:
            upstream.reply(fresh(caller.encode()))
        for _ in range(6):
            for caller in callers:
                assert (await client.ask(request("/me", caller))).body == caller.encode()
    assert witness.by_heart == 2 * len(callers)


async def test_a_purge_ends_a_memory_at_once(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    async with proxy.connect() as client:
        for number in range(4):
            upstream.reply(fresh(b"%d" % number, "Surrogate-Key: one"))
            for _ in range(6):
                assert (await client.ask(request("/thing"))).body == b"%d" % number
            upstream.reply(ok(b"done"))
            await proxy.ask("/thing", method="DELETE")
    assert witness.by_heart + witness.recalled == 4 * 4  # each but a miss and the first hit


async def test_nothing_is_left_of_what_has_ended_though_its_head_is_known(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    upstream.reply(fresh())
    async with proxy.connect() as client:
        for _ in range(6):
            await ask(client, request("/of-this-test"))
        assert witness.by_heart
        upstream.reply(ok(b"done"))
        await proxy.ask("/of-this-test", method="DELETE")
        upstream.reply(fresh())
        assert "miss" in (await proxy.ask("/of-this-test", "X-Other: 1")).told
        await proxy.quiet()
        gc.collect()
        left = [each for each in gc.get_objects() if isinstance(each, Memory)]
        assert not [each for each in left if each.where[1] == b"/of-this-test"]


async def test_an_answer_that_ends_its_connection_is_not_remembered(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    """What asks for another protocol, though not of this hop: nobody knows what follows it."""
    upstream.reply(fresh())
    for _ in range(4):
        last = await proxy.ask("/thing", "Upgrade: h2c")
        assert last.first("connection") == b"close"
    assert told(witness) == (0, 0)


async def test_a_friend_and_a_stranger_are_not_told_the_same(
    upstream: ScriptedUpstream, witness: Witness
) -> None:
    """The peer's own forwarding fields are part of the key where the peer is trusted."""
    async with house(upstream.url, trusted_peers=["127.0.0.1"]) as proxy, proxy.connect() as client:
        hosts = [f"X-Forwarded-Host: {name}.test" for name in ("one", "two")]
        for host in hosts:
            upstream.reply(fresh(host.encode()))
        for _ in range(6):
            for host in hosts:
                assert (await client.ask(request("/thing", host))).body == host.encode()
    assert witness.by_heart == 4


@pytest.mark.parametrize("keyed", [True, False], ids=["by-key", "by-vary"])
async def test_peers_that_are_told_apart_are_not_told_the_same(
    upstream: ScriptedUpstream, *, keyed: bool
) -> None:
    """What tells them apart is no line of their requests, which are the same byte for byte."""
    key = {"headers": ["X-Forwarded-For"]} if keyed else {}
    vary = () if keyed else ("Vary: X-Forwarded-For",)
    rules = [{"name": "mine", "key": key}]
    peers = ("127.0.0.1", "127.0.0.2")
    async with house(upstream.url, rules=rules) as proxy:
        for peer in peers:
            upstream.reply(fresh(peer.encode(), *vary))
        for _ in range(4):
            for peer in peers:
                async with connected(proxy.port, local=peer) as client:
                    assert (await client.ask(request("/me"))).body == peer.encode()


async def test_the_last_answers_end_their_connections(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    upstream.reply(fresh())
    for _ in range(6):
        await proxy.ask("/thing")
    before = told(witness)
    assert sum(before)
    proxy.service.leave()
    answer = await proxy.ask("/thing")
    assert answer.first("connection") == b"close"
    assert told(witness) == before


async def test_where_every_answer_is_logged_every_answer_is_logged(
    upstream: ScriptedUpstream, witness: Witness
) -> None:
    async with house(upstream.url, log={"access": "all"}) as proxy:
        upstream.reply(fresh())
        for _ in range(6):
            await proxy.ask("/thing")
    assert told(witness) == (0, 0)


async def test_a_connection_that_was_only_told_what_is_known_is_idle(
    upstream: ScriptedUpstream,
) -> None:
    """It is kept for as long as others that have asked something, not as one that is silent."""
    limits = {"head_timeout": "0.3s", "idle_timeout": "30s"}
    async with house(upstream.url, edge=limits) as proxy:
        upstream.reply(fresh())
        for _ in range(3):
            await proxy.ask("/thing")
        async with proxy.connect() as client:
            assert await ask(client, request("/thing")) == HIT
            await asyncio.sleep(0.6)
            assert await ask(client, request("/thing")) == HIT


@pytest.mark.parametrize("name", ["Accept-Language", "X-Tenant", "User-Agent", "Accept"])
async def test_who_asks_for_another_variant_is_not_given_what_is_remembered(
    proxy: House, upstream: ScriptedUpstream, witness: Witness, name: str
) -> None:
    async with proxy.connect() as client:
        upstream.reply(fresh(b"a", f"Vary: {name}"))
        upstream.reply(fresh(b"b", f"Vary: {name}"))
        for _ in range(6):
            for value in (b"a", b"b"):
                line = f"{name}: {value.decode()}"
                assert (await client.ask(request("/thing", line))).body == value
    assert witness.by_heart == 4


async def test_vary_on_more_than_before_is_heeded(
    proxy: House, upstream: ScriptedUpstream, witness: Witness
) -> None:
    """One variant after another brings a field that decides, and each is heeded from then on."""
    async with proxy.connect() as client:
        upstream.reply(fresh(b"plain", "Vary: X-One"))
        for _ in range(5):
            assert await ask(client, request("/thing")) in {HIT, MISS}
        upstream.reply(fresh(b"one", "Vary: X-One, X-Two"))
        for line, body in ((("X-One: 1",), b"one"), ((), b"plain")) * 4:
            assert (await client.ask(request("/thing", *line))).body == body
        upstream.reply(fresh(b"two", "Vary: X-One, X-Two"))
        assert (await client.ask(request("/thing", "X-One: 1", "X-Two: 2"))).body == b"two"
    assert sum(told(witness))
