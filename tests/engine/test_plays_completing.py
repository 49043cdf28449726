"""Plays of completing: a stored beginning becomes a whole by the bytes that were missing."""

import pytest

from tests.engine.scripted import Play, reply

PART = ("Cache-Control: max-age=60", 'ETag: "1"')


async def begun(play: Play, *lines: str) -> None:
    """Have the first three of five bytes stored."""
    play.script(reply(206, *(lines or PART), "Content-Range: bytes 0-2/5", body=b"hel"))
    await play.get("Range: bytes=0-2")


async def test_9111_3_3_the_rest_is_asked_for_and_the_whole_is_kept(play: Play) -> None:
    await begun(play)
    play.script(reply(206, *PART, "X: new", "Content-Range: bytes 3-4/5", body=b"lo"))

    told = await play.get()

    question = play.upstream.sent[-1].fields
    assert question.all(b"range") == (b"bytes=3-",)
    assert question.all(b"if-range") == (b'"1"',)
    assert (told.status, told.body, told["content-length"]) == (200, b"hello", "5")
    assert (told["x"], told["content-range"], told.reason) == ("new", None, "partial")
    hit = await play.get()
    assert (hit.status, hit.body, hit.reason) == (200, b"hello", "fresh")
    assert play.asked == 2


async def test_9111_3_3_another_representation_comes_whole(play: Play) -> None:
    await begun(play)
    play.script(reply(200, "Cache-Control: max-age=60", 'ETag: "2"', body=b"other"))

    told = await play.get()

    assert (told.status, told.body) == (200, b"other")
    assert play.stored().part is None


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(('ETag: "2"', "Content-Range: bytes 3-4/5"), id="9111-3.4-other-tag"),
        pytest.param(('ETag: W/"1"', "Content-Range: bytes 3-4/5"), id="9111-3.4-weak-tag"),
        pytest.param(('ETag: "1"', "Content-Range: bytes 2-4/5"), id="9111-3.4-other-bytes"),
        pytest.param(('ETag: "1"', "Content-Range: bytes 3-4/6"), id="9111-3.4-other-size"),
        pytest.param(('ETag: "1"',), id="9111-3.4-no-place"),
        pytest.param(
            ('ETag: "1"', "Content-Range: bytes 3-4/5", "Cache-Control: no-store"),
            id="9111-3.4-not-to-be-kept",
        ),
    ],
)
async def test_what_does_not_fit_is_asked_for_anew(play: Play, rest: tuple[str, ...]) -> None:
    await begun(play)
    play.script(reply(206, *rest, body=b"lo"), reply(200, *PART, body=b"whole"))

    told = await play.get()

    assert (told.status, told.body) == (200, b"whole")
    assert b"range" not in play.upstream.sent[-1].fields


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Cache-Control: max-age=60",), id="9111-3.4-no-validator"),
        pytest.param(("Cache-Control: max-age=60", 'ETag: W/"1"'), id="9111-3.4-weak"),
    ],
)
async def test_without_a_strong_tag_the_whole_is_asked_for(
    play: Play, lines: tuple[str, ...]
) -> None:
    await begun(play, *lines)
    play.script(reply(200, *PART, body=b"whole"))

    assert (await play.get()).body == b"whole"
    assert b"range" not in play.upstream.sent[-1].fields


async def test_a_rest_that_breaks_off_is_cut_and_not_kept(play: Play) -> None:
    await begun(play)
    play.script(reply(206, *PART, "Content-Range: bytes 3-4/5", "Content-Length: 2", body=b"l"))

    told = await play.get()

    assert told.cut
    assert play.stored().part is not None


async def test_a_rest_that_cannot_be_satisfied_is_answered_with_the_whole(play: Play) -> None:
    await begun(play)
    play.script(reply(416, *PART), reply(200, *PART, body=b"new"))
    assert (await play.get()).body == b"new"
