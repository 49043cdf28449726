"""Plays of leaving: clients that go at any moment, and fetches that are stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from proxy.engine import boarding
from proxy.errors import ClientGone, RequestError, UpstreamUnreachable
from proxy.http.message import Request
from proxy.policy import admission
from proxy.policy.reasons import Reason
from proxy.rules.keys import Key, key_for
from proxy.rules.rule import Rule
from tests.engine.scripted import Play, Reply, ask, failing, reply, settle

FRESH = "Cache-Control: max-age=60"


async def cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_unlanded_fetch_ends_with_its_only_client(play: Play) -> None:
    play.script(reply(200, FRESH, waits=asyncio.Event()))
    client = play.begin()
    await settle()
    await cancel(client)
    await settle()
    assert play.upstream.cancelled == 1
    assert len(play.corridor.tasks) == 0
    play.script(reply(200, FRESH))
    assert (await play.get()).body == b"hello"


async def test_nobody_joins_a_fetch_that_has_been_given_up(play: Play) -> None:
    play.script(reply(200, FRESH, waits=asyncio.Event()), reply(200, FRESH))
    leader = play.begin()
    await settle()
    leader.cancel()
    newcomer = play.begin()  # comes in the turn in which the leader leaves
    assert (await newcomer).body == b"hello"
    assert leader.cancelled()


async def test_an_unlanded_fetch_goes_on_for_its_followers(play: Play) -> None:
    head = asyncio.Event()
    play.script(reply(200, FRESH, waits=head))
    leader, follower = play.begin(), play.begin()
    await settle()
    await cancel(leader)
    head.set()
    assert (await follower).body == b"hello"
    assert play.kept()


async def test_an_unlanded_fetch_ends_with_its_last_follower(play: Play) -> None:
    play.script(reply(200, FRESH, waits=asyncio.Event()))
    clients = [play.begin() for _ in range(3)]
    await settle()
    for client in clients:
        assert play.upstream.cancelled == 0
        await cancel(client)
        await settle()
    assert play.upstream.cancelled == 1


async def test_an_unshareable_answer_whose_leader_has_left_is_closed(play: Play) -> None:
    head = asyncio.Event()
    private = "Cache-Control: private"
    play.script(reply(200, private, body=b"whose", waits=head), reply(200, private, body=b"mine"))
    leader, follower = play.begin(), play.begin()
    await settle()
    await cancel(leader)
    head.set()
    assert (await follower).body == b"mine"
    assert play.upstream.inbounds[0].taken == 0


async def test_a_landed_body_is_stored_though_all_have_left(play: Play) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, body=[b"hel", rest, b"lo"]))
    leader, follower = play.begin(), play.begin()
    await settle()
    await cancel(leader)
    await cancel(follower)
    rest.set()
    await settle()
    assert (await play.get()).body == b"hello"
    assert play.asked == 1


async def test_followers_go_on_when_the_leader_leaves_amid_the_body(play: Play) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, body=[b"hel", rest, b"lo"]))
    clients = [play.begin() for _ in range(3)]
    await settle()
    await cancel(clients[0])
    await cancel(clients[1])
    rest.set()
    assert (await clients[2]).body == b"hello"


async def test_what_is_passed_on_ends_with_its_client(play: Play) -> None:
    play.script(reply(200, "Cache-Control: no-store", body=[b"hel", asyncio.Event(), b"lo"]))
    client = play.begin()
    await settle()
    assert not play.upstream.inbounds[0].over
    await cancel(client)
    assert play.upstream.inbounds[0].over


async def test_a_client_that_leaves_amid_its_own_body(play: Play) -> None:
    play.script(failing(ClientGone("left")))
    with pytest.raises(ClientGone):
        await play.get(method="PUT")


async def test_a_leader_whose_request_cannot_be_sent_harms_nobody_else(play: Play) -> None:
    head = asyncio.Event()
    play.script(failing(RequestError("bad field"), waits=head), reply(200, FRESH))
    leader, follower = play.begin(), play.begin()
    await settle()
    head.set()
    told = await leader
    assert (told.status, told.account.failed) == (400, Reason.BAD_REQUEST)
    assert (await follower).body == b"hello"


async def test_an_unforeseen_error_is_a_500_and_a_line_in_the_log(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    play.script(failing(ZeroDivisionError("a bug")), reply(200, FRESH))
    with caplog.at_level(logging.ERROR):
        told = await play.get()
    assert (told.status, told.account.failed) == (500, Reason.INTERNAL_ERROR)
    assert "a bug" in caplog.text
    assert "a bug" not in told.body.decode()
    assert (await play.get()).body == b"hello"


async def test_an_unforeseen_error_after_the_head_closes_the_inbound(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(admission, "judge", broken)
    play.script(reply(200, FRESH))
    assert (await play.get()).status == 500
    assert play.upstream.inbounds[0].over


async def test_at_the_end_of_the_process_every_wait_ends(play: Play) -> None:
    play.script(reply(200, FRESH, waits=asyncio.Event()))
    clients = [play.begin() for _ in range(3)]
    await settle()
    await play.corridor.tasks.aclose()
    assert {(await client).status for client in clients} == {502}


async def test_at_the_end_of_the_process_a_body_under_way_is_cut(play: Play) -> None:
    play.script(reply(200, FRESH, body=[b"hel", asyncio.Event(), b"lo"]))
    client = play.begin()
    await settle()
    await play.corridor.tasks.aclose()
    told = await client
    assert (told.body, told.cut is not None) == (b"hel", True)
    assert play.kept() == ()


async def fresh(_: Play) -> Request:
    return ask()


async def stored(play: Play, window: str = "") -> Request:
    await play.fill("Cache-Control: max-age=60" + window, 'ETag: "1"')
    play.later(70)
    return ask()


async def revalidating(play: Play) -> Request:
    return await stored(play, ", stale-while-revalidate=60")


async def sheltered(play: Play) -> Request:
    return await stored(play, ", stale-if-error=60")


async def small(play: Play) -> Request:
    play.under({"max_body": 4})
    return ask()


async def head_only(_: Play) -> Request:
    return ask(method="HEAD")


async def conditional(_: Play) -> Request:
    return ask('If-None-Match: "1"')


Scene = tuple[Callable[[Play], Awaitable[Request]], Callable[[], Reply]]
SCENES: dict[str, Scene] = {
    "kept": (fresh, lambda: reply(200, FRESH, body=[b"h", b"ello"])),
    "kept-without-length": (fresh, lambda: reply(200, FRESH, body=[b"h", b"ello"], length=False)),
    "private": (fresh, lambda: reply(200, "Cache-Control: private", body=[b"h", b"ello"])),
    "grown-too-large": (small, lambda: reply(200, FRESH, body=[b"h", b"ello"], length=False)),
    "validated": (stored, lambda: reply(304, FRESH)),
    "removed": (stored, lambda: reply(304, "Cache-Control: no-store")),
    "refresh": (revalidating, lambda: reply(304, FRESH)),
    "refresh-in-vain": (revalidating, lambda: reply(200, "Cache-Control: private", body=[b"h"])),
    "instead-of-error": (sheltered, lambda: reply(503, body=[b"do", b"wn"])),
    "head": (head_only, lambda: reply(200, FRESH, body=[])),
    "not-modified": (conditional, lambda: reply(200, FRESH, 'ETag: "1"', body=[b"h", b"i"])),
    "unreachable": (fresh, lambda: failing(UpstreamUnreachable("refused"))),
}


@pytest.mark.parametrize("step", range(16))
@pytest.mark.parametrize("leaver", ["alone", "leader", "follower"])
@pytest.mark.parametrize("scene", SCENES)
async def test_a_client_may_leave_at_any_step(
    play: Play, scene: str, leaver: str, step: int
) -> None:
    prepare, answer = SCENES[scene]
    request = await prepare(play)
    asked = play.asked
    play.script(*(answer() for _ in range(3)))
    clients = [
        asyncio.create_task(play.tell(request)) for _ in range(1 if leaver == "alone" else 3)
    ]
    for _ in range(step):
        await asyncio.sleep(0)
    clients[leaver == "follower"].cancel()
    ends = await asyncio.gather(*clients, return_exceptions=True)
    await settle()
    bodies = [b"" if isinstance(end, BaseException) else end.body for end in ends]
    expected = [next((b for b in bodies if b), b"")] * len(ends)
    assert all(body in {b"", whole} for body, whole in zip(bodies, expected, strict=True))
    assert sum(isinstance(end, BaseException) for end in ends) <= 1
    assert len(play.corridor.flights) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert play.asked - asked <= 3
    play.upstream.script.clear()


async def test_a_collision_of_digests_is_a_miss_in_store_and_flights(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def colliding(rule: Rule, request: Request) -> Key:
        return replace(key_for(rule, request), digest=b"same")

    monkeypatch.setattr(boarding, "key_for", colliding)
    rest = asyncio.Event()
    play.script(
        reply(200, FRESH, body=[b"on", rest, b"e"]), reply(200, FRESH, body=[b"t", rest, b"wo"])
    )
    clients = [play.begin(target="/one"), play.begin(target="/two")]
    await settle()
    assert play.asked == 2
    rest.set()
    assert [(await client).body for client in clients] == [b"one", b"two"]
    assert (await play.get(target="/two")).body == b"two"
    play.script(reply(200, FRESH, body=b"one again"))
    assert (await play.get(target="/one")).body == b"one again"
