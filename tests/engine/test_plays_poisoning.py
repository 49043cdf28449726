"""Plays of poisoning: what a key ignores must not shape what is kept under it."""

import pytest

from tests.engine.scripted import Play, ask, reply

ITSELF = ("Cache-Control: max-age=60", "Content-Location: {}")
EXPOSED: dict[str, tuple[dict[str, object], list[str] | None, str, str]] = {
    "cookie": ({"cookies": ["lang"]}, None, "/thing", "Cookie: lang=de; session=1"),
    "parameter": ({"query": {"exclude": ["utm_*"]}}, None, "/thing?utm_x=1", "X-A: 1"),
    "field": ({}, [], "/thing", "X-A: 1"),
}


@pytest.mark.parametrize(("key", "forward", "target", "line"), EXPOSED.values(), ids=EXPOSED)
async def test_a_post_that_showed_more_than_its_key_holds_is_not_kept(
    play: Play, key: dict[str, object], forward: list[str] | None, target: str, line: str
) -> None:
    """A write goes up unselected; for GET its answer would be another caller's."""
    play.under({"key": key, "forward": forward})
    lines = [text.format(target) for text in ITSELF]
    play.script(reply(200, *lines, body=b"poison"), reply(200, "Cache-Control: no-store"))
    told = await play.tell(ask(line, method="POST", target=target))
    assert told.body == b"poison"
    assert (await play.get("Cookie: lang=de")).body == b"hello"


async def test_a_post_that_showed_what_its_key_holds_is_kept(play: Play) -> None:
    play.under({"key": {"cookies": ["lang"]}, "forward": ["accept"]})
    play.script(reply(200, *(text.format("/thing") for text in ITSELF)))
    lines = ("Cookie: lang=de", "Accept: a/b", "Content-Type: c/d", "Content-Length: 4")
    await play.tell(ask(*lines, method="POST", has_body=True), b"form")
    assert (await play.get("Cookie: lang=de")).reason == "fresh"
