"""Plays of writing: what an unsafe method voids, and the one answer to it that is kept."""

import asyncio
from contextlib import suppress

import pytest

from proxy.errors import (
    ClientGone,
    SidecacheError,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tests.engine.scripted import Play, ask, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
TARGETS = ("/thing", "/thing?a=1", "/other", "/third")


async def stocked(play: Play) -> None:
    for target in TARGETS:
        play.script(reply(200, FRESH))
        await play.get(target=target)


def left(play: Play) -> list[str]:
    return [target for target in TARGETS if play.kept(target=target)]


INVALIDATIONS: dict[str, tuple[int, tuple[str, ...], list[str]]] = {
    "9111-4.4-target": (204, (), ["/thing?a=1", "/other", "/third"]),
    "9111-4.4-redirect-is-no-error": (303, (), ["/thing?a=1", "/other", "/third"]),
    "9111-4.4-location": (201, ("Location: /other",), ["/thing?a=1", "/third"]),
    "9111-4.4-absolute-location": (
        201,
        ("Location: HTTP://API.test:80/other",),
        ["/thing?a=1", "/third"],
    ),
    "9111-4.4-content-location": (200, ("Content-Location: /third",), ["/thing?a=1", "/other"]),
    "9111-4.4-both": (200, ("Location: ?a=1", "Content-Location: /third"), ["/other"]),
    "9111-4.4-other-origin": (
        200,
        ("Location: http://other.test/other", "Content-Location: https://api.test/third"),
        ["/thing?a=1", "/other", "/third"],
    ),
    "9111-4.4-client-error": (409, ("Location: /other",), list(TARGETS)),
    "9111-4.4-server-error": (500, ("Location: /other",), list(TARGETS)),
}


@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [pytest.param(*row, id=name) for name, row in INVALIDATIONS.items()],
)
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PURGEALL"])
async def test_an_unsafe_method_voids(
    play: Play, method: str, status: int, lines: tuple[str, ...], expected: list[str]
) -> None:
    await stocked(play)
    play.script(reply(status, *lines, body=[] if status == 204 else b"done"))
    assert (await play.get(method=method)).how.startswith("fwd=method")
    assert left(play) == expected


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "HEAD"])
async def test_9110_9_2_1_a_safe_method_voids_nothing(play: Play, method: str) -> None:
    await stocked(play)
    play.script(reply(200, "Location: /other", body=[]))
    await play.get("Cache-Control: no-cache", method=method)
    assert left(play) == list(TARGETS)


async def test_what_a_write_voids_is_what_reads_are_kept_under(play: Play) -> None:
    play.under(
        {"match": {"methods": ["PUT"]}},
        {"match": {"path": "/thing"}, "key": {"query": {"include": ["page"]}}},
        {},
    )
    play.script(reply(200, FRESH), reply(204, body=[]))
    await play.get(target="/thing?page=1&utm=x")
    assert play.kept(target="/thing?page=1")
    await play.get(method="PUT", target="/thing?page=1&by=me")
    assert play.kept(target="/thing?page=1") == ()


async def test_every_variant_is_voided(play: Play) -> None:
    play.script(*(reply(200, FRESH, "Vary: X") for _ in range(2)), reply(204, body=[]))
    await play.get("X: 1")
    await play.get("X: 2")
    assert len(play.kept()) == 2
    await play.get(method="DELETE")
    assert play.kept() == ()


async def test_a_fetch_under_way_is_delivered_but_not_kept(play: Play) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, body=[b"ol", rest, b"d"]), reply(204, body=[]))
    reader = play.begin()
    await settle()
    await play.get(method="PUT")
    play.script(reply(200, FRESH, body=b"new"))
    assert (await play.get()).body == b"new"  # it does not join the older fetch
    rest.set()
    assert (await reader).body == b"old"
    assert [e.body for e in play.kept()] == [b"new"]


async def test_a_validation_under_way_is_delivered_but_not_kept(play: Play) -> None:
    await play.fill(FRESH, 'ETag: "1"')
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head), reply(204, body=[]), reply(200, FRESH, body=b"own"))
    readers = [play.begin(), play.begin()]
    await settle()
    await play.get(method="PUT")
    head.set()
    told = [await reader for reader in readers]
    assert [(t.body, t.how.rpartition("detail=")[2]) for t in told] == [
        (b"hello", "outdated"),
        (b"own", "uri-miss"),  # what was to be validated is gone
    ]
    assert [e.body for e in play.kept()] == [b"own"]


async def test_9110_9_3_3_post_with_its_own_content_location_is_kept_for_get(play: Play) -> None:
    await play.fill(FRESH, body=b"old")
    play.script(reply(200, FRESH, 'ETag: "1"', "Content-Location: /thing", body=[b"ne", b"w"]))
    told = await play.tell(
        ask("Content-Length: 4", 'If-None-Match: "1"', method="POST", has_body=True), b"form"
    )
    assert (told.status, told.body) == (200, b"new")
    assert told.how == "fwd=method; ttl=60; stored; detail=method"
    hit = await play.get()
    assert (hit.body, hit.reason) == (b"new", "fresh")


async def test_the_rule_for_get_decides_about_what_post_brings(play: Play) -> None:
    play.under(
        {"match": {"methods": ["POST"]}, "cache": "off"},
        {"match": {"path": "/mine/**"}, "cache": "off"},
        {},
    )
    answer = (FRESH, "Content-Location: /thing")
    mine = (FRESH, "Content-Location: /mine/thing")
    play.script(reply(200, *answer), reply(200, *mine), reply(200, FRESH, body=b"own"))
    await play.get(method="POST")
    await play.get(method="POST", target="/mine/thing")
    assert (await play.get()).reason == "fresh"
    assert (await play.get(target="/mine/thing")).body == b"own"


UNKEPT = {
    "9110-9.3.3-no-content-location": (FRESH,),
    "9110-9.3.3-another-content-location": (FRESH, "Content-Location: /other"),
    "9110-9.3.3-no-lifetime": ("Content-Location: /thing", 'ETag: "1"'),
    "9111-5.2.2.5-no-store": ("Cache-Control: no-store", "Content-Location: /thing"),
}


@pytest.mark.parametrize("name", UNKEPT)
async def test_another_answer_to_post_is_not_kept(play: Play, name: str) -> None:
    play.script(reply(200, *UNKEPT[name]))
    await play.get(method="POST")
    assert play.kept() == ()


@pytest.mark.parametrize("reader", ["GET", "POST"])
async def test_a_post_that_a_purge_overtakes_is_not_kept(play: Play, reader: str) -> None:
    head = asyncio.Event()
    play.script(reply(200, FRESH, "Content-Location: /thing", waits=head), reply(204, body=[]))
    client = asyncio.create_task(play.tell(ask(method=reader)))
    await settle()
    await play.get(method="DELETE")
    head.set()
    assert (await client).body == b"hello"
    assert play.kept() == ()


UNANSWERED = {
    "broken": (UpstreamBroken("cut"), True),
    "timeout": (UpstreamTimeout("late"), True),
    "client-gone-in-its-body": (ClientGone("gone"), True),
    "never-sent": (UpstreamUnreachable("refused"), False),
}


@pytest.mark.parametrize(("error", "voids"), UNANSWERED.values(), ids=UNANSWERED)
async def test_a_write_without_an_answer_may_have_happened(
    play: Play, error: SidecacheError, *, voids: bool
) -> None:
    await play.fill(FRESH)
    play.script(failing(error))
    with suppress(ClientGone):
        await play.get(method="PUT")
    assert (play.kept() == ()) is voids


@pytest.mark.parametrize(("status", "voids"), [(204, True), (401, False)])
async def test_a_write_whose_client_leaves_is_seen_to_its_end(
    play: Play, status: int, *, voids: bool
) -> None:
    """Whoever may not write could otherwise void what is stored, by leaving early."""
    head = asyncio.Event()
    await play.fill(FRESH)
    play.script(reply(status, body=[], waits=head))
    client = play.begin(method="PUT")
    await settle()
    client.cancel()
    await settle()
    assert play.kept()
    head.set()
    await settle()
    assert (play.kept() == ()) is voids


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
async def test_9110_7_6_2_max_forwards_0_ends_here(play: Play, method: str) -> None:
    told = await play.get("Max-Forwards: 0", method=method)
    assert (told.status, told.reason) == (501, "max-forwards")
    assert play.asked == 0


async def test_9110_7_6_2_max_forwards_is_counted_down(play: Play) -> None:
    play.script(reply(200))
    await play.get("Max-Forwards: 1", method="OPTIONS")
    assert play.upstream.sent[-1].fields.all(b"max-forwards") == (b"0",)


async def test_9111_5_2_2_6_no_transform_bytes_stay_as_they_came(play: Play) -> None:
    coded = b"\x1f\x8b\x08 coded"
    said = ("Cache-Control: max-age=60, no-transform", "Content-Encoding: gzip")
    play.script(reply(200, *said, body=coded))
    first, second = await play.get("Accept-Encoding: br"), await play.get()
    assert first.body == second.body == coded
    assert second["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        pytest.param("/~thing", "/%7Ething", id="9110-4.2.3-unreserved"),
        pytest.param("/a%2fb", "/a%2Fb", id="9110-4.2.3-case-of-escapes"),
    ],
)
async def test_a_write_voids_every_spelling_of_its_uri(
    play: Play, stored: str, written: str
) -> None:
    play.script(reply(200, FRESH), reply(204))
    await play.get(target=stored)
    await play.get(target=written, method="DELETE")
    assert not play.kept(target=stored)
