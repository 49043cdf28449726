"""Plays: answers in the codings that clients take, each made once (9110 §8.4, §12.5.3)."""

import asyncio
import gzip
from collections.abc import Iterable

import brotli
import pytest

from proxy.coding.packing import Level, pack
from proxy.engine import renditions
from proxy.engine.entry import CODED_OVERHEAD, Coded
from proxy.errors import UpstreamBroken
from proxy.http.codings import Coding
from proxy.store import memory
from proxy.store.memory import MemoryStore
from tests.engine.house import House
from tests.engine.scripted import PATIENCE, Piece, Play, Told, ask, reply, settle

BR, GZIP = Coding.BR, Coding.GZIP
FRESH, TAG, JSON = "Cache-Control: max-age=60", 'ETag: "a"', "Content-Type: application/json"
KEPT = (FRESH, TAG, JSON)
TAKES_BR, TAKES_GZIP = "Accept-Encoding: br", "Accept-Encoding: gzip"
SMALL = b'{"name": "Ash bed"}' * 40
LARGE = b"".join(b'{"name": "Ash bed No. %d", "price": %d}\n' % (n, n * n) for n in range(1_000))


def halves(body: bytes) -> list[bytes]:
    return [body[: len(body) // 2], body[len(body) // 2 :]]


async def landed(client: "asyncio.Task[Told]") -> Told:
    """Wait for a client, threads and all."""
    async with asyncio.timeout(PATIENCE):
        return await client


# Kept


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "chunked"])
async def test_who_comes_first_gets_the_bytes_that_all_others_get(
    play: Play, body: bytes, *, length: bool
) -> None:
    play.script(reply(200, *KEPT, body=halves(body), length=length))
    first = await play.get(TAKES_BR)
    await settle()
    made = list(play.coder.made)
    again = await play.get(TAKES_BR)
    assert brotli.decompress(first.body) == body
    assert again.body == first.body
    assert again["etag"] == first["etag"] != '"a"'
    assert again["content-encoding"] == first["content-encoding"] == "br"
    assert again["vary"] == first["vary"] == "Accept-Encoding"
    assert again["content-length"] == str(len(first.body))
    assert again.how.startswith("hit")
    assert play.coder.made == made  # nothing was coded the second time
    assert len(made) == 1


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_9111_5_1_only_what_was_generated_before_has_an_age(play: Play, body: bytes) -> None:
    play.script(reply(200, *KEPT, body=body))
    first = await play.get(TAKES_BR)
    play.later(5)
    assert first["age"] is None
    assert (await play.get(TAKES_BR))["age"] == "5"


async def test_the_plain_body_is_for_all_others(play: Play) -> None:
    await play.fill(*KEPT, body=SMALL)
    plain = await play.get()
    assert (plain.body, plain["content-encoding"], plain["etag"]) == (SMALL, None, '"a"')
    assert plain["vary"] == "Accept-Encoding"  # 9110 §12.5.5: it could have been another
    assert (await play.get(TAKES_BR))["content-encoding"] == "br"


async def test_each_coding_is_made_once_whoever_waits_for_it(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    play.coder.open.clear()
    clients = [play.begin(TAKES_GZIP) for _ in range(3)]
    await settle()
    play.coder.open.set()
    answers = [await landed(client) for client in clients]
    assert {gzip.decompress(told.body) for told in answers} == {LARGE}
    assert len({told["etag"] for told in answers}) == 1
    assert play.coder.made == [("quick", GZIP, len(LARGE))]


async def test_while_the_coder_is_busy_the_plain_body_will_do(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    play.coder.busy = True
    assert (await play.get(TAKES_BR)).body == LARGE
    only = await landed(play.begin("Accept-Encoding: br, identity;q=0"))
    assert brotli.decompress(only.body) == LARGE  # there is no other way
    assert only["content-encoding"] == "br"


async def test_a_client_that_leaves_holds_nobody_up(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    play.coder.open.clear()
    leaver, stayer = play.begin(TAKES_BR), play.begin(TAKES_BR)
    await settle()
    leaver.cancel()
    play.coder.open.set()
    assert brotli.decompress((await landed(stayer)).body) == LARGE
    await asyncio.gather(leaver, return_exceptions=True)


async def test_what_does_not_shrink_stays_plain(play: Play) -> None:
    noise = bytes((n * n * 31 + n // 7) % 251 for n in range(300))
    await play.fill(FRESH, TAG, JSON, body=noise)
    assert (await play.get("Accept-Encoding: zstd, br, gzip")).body == noise
    assert (await play.get("Accept-Encoding: gzip, identity;q=0"))["content-encoding"] == "gzip"


async def test_nor_twice_when_memory_has_unpacked_it_anew(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "AWAKE", 1)
    await play.fill(*KEPT, body=LARGE)
    play.coder.open.clear()
    first = play.begin(TAKES_BR)
    await settle()
    play.script(reply(200, *KEPT, body=b"other"))
    for _ in range(2):
        assert (await play.get(target="/other")).body == b"other"
    second = play.begin(TAKES_BR)
    await settle()
    play.coder.open.set()
    assert (await landed(first)).body == (await landed(second)).body
    assert play.coder.made == [("quick", BR, len(LARGE))]


async def test_codings_are_counted_in_the_size_of_an_entry(play: Play) -> None:
    assert isinstance(play.near, MemoryStore)
    await play.fill(*KEPT, body=LARGE)
    before = play.near.bytes
    coded = await play.get(TAKES_GZIP)
    assert 0 < play.near.bytes - before - len(coded.body) < 100  # and what is known of it


async def test_an_entry_that_would_be_too_large_with_a_coding_stays_without() -> None:
    play = Play(near=MemoryStore(len(LARGE) + 5_000, max_share=1.0))
    await play.fill(*KEPT, body=LARGE)
    bulky = pack(GZIP, Level.QUICK, LARGE) + bytes(6_000)
    (entry,) = play.kept()
    play.shelf.recode(play.key(), entry, Coded(GZIP, bulky, b"0f"))
    assert [each.codings for each in play.kept()] == [()]
    await play.end()


async def test_what_is_asked_for_often_is_made_as_small_as_can_be(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renditions, "POLISHED_AFTER", 3)
    await play.fill(*KEPT, body=LARGE)
    quick = await play.get(TAKES_BR)
    for _ in range(3):
        assert (await play.get(TAKES_BR))["etag"] == quick["etag"]
    await settle()
    best = await play.get(TAKES_BR)
    assert play.coder.made == [("quick", BR, len(LARGE)), ("best", BR, len(LARGE))]
    assert brotli.decompress(best.body) == LARGE
    assert len(best.body) < len(quick.body)
    assert best["etag"] != quick["etag"]  # 9110 §8.8.1: other bytes, another strong tag
    known = await play.get(TAKES_BR, f"If-None-Match: {quick['etag']}")
    assert (known.status, known["etag"]) == (304, quick["etag"])
    resumed = await play.get(TAKES_BR, f"If-Range: {quick['etag']}", "Range: bytes=1-")
    assert resumed.status == 200
    for _ in range(9):
        await play.get(TAKES_BR)
    assert len(play.coder.made) == 2  # it cannot become better


async def test_a_best_coding_that_is_no_better_is_not_tried_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renditions, "POLISHED_AFTER", 1)
    await play.fill(*KEPT, body=LARGE)

    async def no_better(_: Coding, body: bytes) -> bytes:
        return body

    monkeypatch.setattr(play.coder, "encode_best", no_better)
    tags = set()
    for _ in range(4):
        tags.add((await play.get(TAKES_BR))["etag"])
        await settle()
    assert len(tags) == 1
    assert [(c.coding, c.best) for e in play.kept() for c in e.codings] == [(BR, True)]


async def test_what_could_not_be_made_better_is_left_alone_for_a_while(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renditions, "POLISHED_AFTER", 1)
    await play.fill(*KEPT, body=LARGE)
    await play.get(TAKES_BR)
    asked = []

    async def never(coding: Coding, _: bytes) -> None:
        asked.append(coding)

    monkeypatch.setattr(play.coder, "encode_best", never)
    for _ in range(9):
        await play.get(TAKES_BR)
        await settle()
    assert asked == [BR]


async def test_nothing_coded_is_nothing_decoded(play: Play) -> None:
    play.script(reply(200, *KEPT, "Content-Encoding: gzip", body=b""))
    await play.get(TAKES_GZIP)
    told = await play.get(TAKES_BR)
    assert (told.body, told["content-encoding"]) == (b"", None)


async def test_a_freshened_answer_keeps_its_codings(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    before = await play.get(TAKES_BR)
    play.later(61)
    play.script(reply(304, *KEPT))
    assert (await play.get(TAKES_BR)).body == before.body
    assert len(play.coder.made) == 1


# Conditions


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("takes", [TAKES_BR, TAKES_GZIP, "Accept-Encoding: zstd", "X: 1"])
async def test_9110_13_1_2_the_tag_of_a_coding_is_understood(
    play: Play, body: bytes, takes: str
) -> None:
    await play.fill(*KEPT, body=body)
    tag = (await play.get(takes))["etag"]
    made = list(play.coder.made)
    told = await play.get(takes, f"If-None-Match: {tag}")
    assert (told.status, told.body, told["etag"]) == (304, b"", tag)
    assert (told["content-encoding"], told["content-length"]) == (None, None)
    assert told["vary"] == "Accept-Encoding"
    assert play.coder.made == made


async def test_a_304_needs_no_body_to_be_made(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    told = await play.get(TAKES_BR, 'If-None-Match: "a-sc.br.0f"')
    assert (told.status, told["etag"]) == (304, '"a-sc.br.0f"')
    assert play.coder.made == []


async def test_9110_8_8_3_3_the_tag_of_another_coding_is_another_tag(play: Play) -> None:
    await play.fill(*KEPT, body=SMALL)
    told = await play.get(TAKES_BR, f"If-None-Match: {(await play.get(TAKES_GZIP))['etag']}")
    assert told.status == 200
    assert told["content-encoding"] == "br"


async def test_the_upstream_is_asked_by_its_own_tag(play: Play) -> None:
    await play.fill(*KEPT, body=SMALL)
    tag = (await play.get(TAKES_BR))["etag"]
    play.later(61)
    play.script(reply(304, *KEPT))
    told = await play.get(TAKES_BR, f"If-None-Match: {tag}")
    assert told.status == 304
    assert play.upstream.sent[-1].fields.all(b"if-none-match") == (b'"a"',)


async def test_where_nothing_is_kept_a_condition_is_put_in_the_upstream_s_words(
    play: Play,
) -> None:
    play.script(reply(304, TAG))
    told = await play.get(TAKES_BR, 'If-None-Match: "b-sc.gzip.1", "a-sc.br.0f"')
    assert play.upstream.sent[-1].fields.all(b"if-none-match") == (b'"a"',)  # gzip is not given
    assert (told.status, told["etag"]) == (304, '"a-sc.br.0f"')
    assert told["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "lines",
    [["Accept-Encoding: identity"], [TAKES_GZIP], [TAKES_BR, "Cache-Control: no-transform"]],
)
async def test_9110_13_1_2_a_coding_that_would_not_be_given_is_not_asked_about(
    play: Play, lines: list[str]
) -> None:
    play.script(reply(200, *KEPT, body=SMALL))
    told = await play.get('If-None-Match: "a-sc.br.0f"', *lines)
    assert b"if-none-match" not in play.upstream.sent[-1].fields
    assert told.status == 200


PUBLISHED = (*KEPT, "Content-Location: /thing")


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "condition", ["X: 1", 'If-None-Match: "a-sc.br.0f"', 'If-None-Match: "a"', "Range: bytes=1-2"]
)
async def test_9110_13_2_1_what_a_post_brings_is_answered_whole(
    play: Play, body: bytes, condition: str
) -> None:
    play.script(reply(200, *PUBLISHED, body=body))
    told = await landed(play.begin(TAKES_BR, condition, method="POST"))
    assert (told.status, brotli.decompress(told.body)) == (200, body)
    await settle()
    made = list(play.coder.made)
    again = await play.get(TAKES_BR)
    assert again.body == told.body
    assert again["etag"] == told["etag"]
    assert play.coder.made == made


async def test_what_a_post_brings_varies_as_a_get_of_it_would(play: Play) -> None:
    play.script(reply(200, *PUBLISHED, "Vary: Accept-Encoding", body=SMALL))
    await play.get(TAKES_BR, method="POST")
    assert (await play.get(TAKES_GZIP)).how.startswith("hit")


async def test_9110_13_1_5_a_date_is_no_condition_for_who_could_be_given_several(
    play: Play,
) -> None:
    modified = "Tue, 14 Nov 2023 00:00:00 GMT"
    await play.fill(FRESH, JSON, f"Last-Modified: {modified}", body=SMALL)
    ranged = ["Range: bytes=1-2", f"If-Range: {modified}"]
    assert (await play.get(*ranged)).status == 206
    assert (await play.get(TAKES_BR, *ranged)).status == 200
    assert (await play.get("Accept-Encoding: deflate", *ranged)).status == 206


async def test_a_write_is_conditional_on_the_upstream_s_own_tag(play: Play) -> None:
    play.script(reply(204))
    await play.get('If-Match: "a-sc.br.0f"', method="PUT")
    assert play.upstream.sent[-1].fields.all(b"if-match") == (b'"a"',)


async def test_a_generated_tag_is_that_of_the_body(play: Play) -> None:
    play.under({"name": "default", "etag": "generate"})
    await play.fill(FRESH, JSON, "Last-Modified: Tue, 14 Nov 2023 00:00:00 GMT", body=SMALL)
    told = await play.get()
    tag = told["etag"]
    assert tag is not None
    assert (await play.get(f"If-None-Match: {tag}")).status == 304
    coded = await play.get(TAKES_BR)
    assert coded["etag"] != tag
    assert (await play.get(TAKES_BR, f"If-None-Match: {coded['etag']}")).status == 304
    play.later(61)
    play.script(reply(304, FRESH))
    again = await play.get()
    assert play.upstream.sent[-1].fields.all(b"if-none-match") == ()  # it does not know the tag
    assert again["etag"] == tag
    play.later(61)
    play.script(reply(200, FRESH, JSON, body=SMALL + b" "))
    await play.get()
    assert (await play.get())["etag"] != tag


async def test_a_tag_is_generated_only_where_there_is_none(play: Play) -> None:
    play.under({"name": "default", "etag": "generate"})
    await play.fill(*KEPT, body=SMALL)
    assert (await play.get())["etag"] == '"a"'


# Ranges


async def test_9110_14_2_a_range_is_one_of_the_coding(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    whole = await play.get(TAKES_BR)
    part = await play.get(TAKES_BR, "Range: bytes=2-9")
    assert (part.status, part.body, part["etag"]) == (206, whole.body[2:10], whole["etag"])
    assert part["content-range"] == f"bytes 2-9/{len(whole.body)}"
    assert part["content-encoding"] == "br"
    rest = await play.get(TAKES_BR, "Range: bytes=10-", f"If-Range: {whole['etag']}")
    assert (rest.status, whole.body[:10] + rest.body) == (206, whole.body)
    other = await play.get(TAKES_GZIP, "Range: bytes=10-", f"If-Range: {whole['etag']}")
    assert other.status == 200
    assert gzip.decompress(other.body) == LARGE


async def test_9110_8_4_several_ranges_of_a_coding_are_the_whole(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    told = await play.get(TAKES_GZIP, "Range: bytes=0-3,100-103")
    assert (told.status, gzip.decompress(told.body)) == (200, LARGE)


async def test_9110_14_6_several_ranges_come_from_what_is_kept(play: Play) -> None:
    await play.fill(*KEPT, body=LARGE)
    told = await play.get("Range: bytes=0-3,10-13,-2")
    boundary = (told["content-type"] or "").partition("boundary=")[2].encode()
    bodies = [part.partition(b"\r\n\r\n")[2] for part in told.body.split(b"--" + boundary)[1:-1]]
    assert told.status == 206
    assert [body.removesuffix(b"\r\n") for body in bodies] == [LARGE[:4], LARGE[10:14], LARGE[-2:]]
    assert told["content-length"] == str(len(told.body))


async def test_a_range_of_a_coding_that_is_not_kept_is_the_whole(play: Play) -> None:
    play.script(reply(200, TAG, JSON, "Cache-Control: no-store", body=SMALL))
    told = await play.get(TAKES_BR, "Range: bytes=9-", 'If-Range: "a-sc.br.0f"')
    assert b"range" not in play.upstream.sent[-1].fields
    assert told.status == 200
    assert brotli.decompress(told.body) == SMALL


WHOLE = {"name": "default", "range_on_miss": "whole"}


async def test_a_range_on_a_miss_is_passed_on_and_no_more(play: Play) -> None:
    part = ("Content-Range: bytes 5-9/760", TAG, JSON)
    play.script(reply(206, *part, body=SMALL[5:10]))
    told = await play.get(TAKES_BR, "Range: bytes=5-9")
    assert (told.status, told.body, told["content-encoding"]) == (206, SMALL[5:10], None)
    assert play.upstream.sent[-1].fields.all(b"range") == (b"bytes=5-9",)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_range_on_a_miss_fetches_the_whole_once_if_the_rule_says_so(
    play: Play, body: bytes
) -> None:
    play.under(WHOLE)
    play.script(reply(200, *KEPT, body=halves(body)))
    told = await play.get("Range: bytes=5-9")
    assert (told.status, told.body) == (206, body[5:10])
    assert b"range" not in play.upstream.sent[-1].fields
    assert (await play.get("Range: bytes=-3")).body == body[-3:]
    assert (await play.get()).body == body
    assert play.asked == 1


async def test_what_cannot_be_kept_whole_is_asked_for_by_the_range_after_all(play: Play) -> None:
    play.under(WHOLE)
    part = ("Content-Range: bytes 5-9/760", "Cache-Control: no-store")
    play.script(
        reply(200, "Cache-Control: no-store", body=SMALL),
        reply(206, *part, body=SMALL[5:10]),
        reply(206, *part, body=SMALL[5:10]),
    )
    for _ in range(2):
        told = await play.get("Range: bytes=5-9")
        assert (told.status, told.body) == (206, SMALL[5:10])
    ranges = [request.fields.all(b"range") for request in play.upstream.sent]
    assert ranges == [(), (b"bytes=5-9",), (b"bytes=5-9",)]  # the mark: it is not tried again


async def test_a_conditional_range_is_not_widened(play: Play) -> None:
    play.under(WHOLE)
    play.script(reply(206, "Content-Range: bytes 5-9/760", TAG, body=SMALL[5:10]))
    await play.get("Range: bytes=5-9", 'If-None-Match: "b"')
    assert play.upstream.sent[-1].fields.all(b"range") == (b"bytes=5-9",)


# What the client takes


async def test_9110_12_5_3_who_takes_nothing_plain_never_gets_it(play: Play) -> None:
    await play.fill(*KEPT, body=SMALL)
    told = await play.get("Accept-Encoding: identity;q=0")
    assert told.status == 406
    assert told["cache-status"] == "sidecache; hit; detail=not-acceptable"
    assert told["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("said", [KEPT, (JSON, "Cache-Control: no-store")], ids=["kept", "not"])
async def test_9110_12_5_3_nor_from_the_upstream(play: Play, said: tuple[str, ...]) -> None:
    play.script(reply(200, *said, body=SMALL))
    assert (await play.get("Accept-Encoding: identity;q=0")).status == 406


async def test_9111_4_1_the_spelling_makes_no_variants(play: Play) -> None:
    play.script(reply(200, *KEPT, "Vary: Accept-Encoding", body=SMALL))
    for takes in ("gzip, br", "br;q=1.0,gzip", "deflate", "", "*"):
        assert (await play.get(f"Accept-Encoding: {takes}"))["vary"] == "Accept-Encoding"
    assert len(play.kept()) == 1
    assert play.upstream.sent[-1].fields.all(b"accept-encoding") == (b"identity",)


# What the upstream coded


async def test_what_came_coded_is_kept_as_it_came(play: Play) -> None:
    coded = gzip.compress(LARGE)
    play.script(reply(200, *KEPT, "Content-Encoding: gzip", body=halves(coded)))
    first = await play.get("Accept-Encoding: br, gzip")
    again = await play.get(TAKES_GZIP)
    assert first.body == again.body == coded
    assert first["etag"] == again["etag"] == '"a"'
    assert play.coder.made == []
    for _ in range(2):
        plain = await landed(play.begin(TAKES_BR))
        assert (plain.body, plain["content-encoding"]) == (LARGE, None)
        assert plain["etag"] not in {None, '"a"'}
        assert plain["vary"] == "Accept-Encoding"
    assert play.coder.made == [("decode", GZIP, len(coded))]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_it_is_decoded_on_its_way_for_who_cannot_take_it(play: Play, body: bytes) -> None:
    coded = gzip.compress(body)
    play.script(reply(200, *KEPT, "Content-Encoding: gzip", body=halves(coded), length=False))
    assert (await landed(play.begin(TAKES_BR))).body == body
    await settle()
    assert (await landed(play.begin(TAKES_BR))).body == body
    assert play.asked == 1


@pytest.mark.parametrize("coded", [b"no gzip" * 50, gzip.compress(bytes(3_000_000))])
async def test_what_cannot_be_decoded_goes_as_it_came(play: Play, coded: bytes) -> None:
    play.script(reply(200, *KEPT, "Content-Encoding: gzip", body=coded))
    await landed(play.begin(TAKES_GZIP))
    for _ in range(2):
        told = await landed(play.begin(TAKES_BR))
        assert (told.body, told["content-encoding"]) == (coded, "gzip")
    assert len(play.coder.made) == 1


async def test_a_body_that_proves_undecodable_on_its_way_is_cut(play: Play) -> None:
    said = (JSON, "Content-Encoding: gzip", "Cache-Control: no-store")
    play.script(reply(200, *said, body=[gzip.compress(LARGE)[:400], b"nonsense" * 20]))
    told = await landed(play.begin(TAKES_BR))
    assert told.cut is not None
    assert LARGE.startswith(told.body)


# What is not kept


async def test_a_body_that_passes_is_coded_as_it_comes(play: Play) -> None:
    gate = asyncio.Event()
    pieces: list[Piece] = [SMALL, gate, SMALL]
    lines = (JSON, TAG, "Accept-Ranges: bytes", "Cache-Control: no-store")
    play.script(reply(200, *lines, body=pieces, length=False))
    answer = await play.open(ask(TAKES_BR))
    assert answer.stream is not None
    stream = aiter(answer.stream)
    decoder = brotli.Decompressor()
    assert decoder.process(await anext(stream)) == SMALL  # before the next has come
    gate.set()
    rest = b"".join([chunk async for chunk in stream])
    assert decoder.process(rest) == SMALL
    assert decoder.is_finished()
    await answer.stream.aclose()
    fields = answer.fields
    assert fields.first(b"content-encoding") == b"br"
    assert b"content-length" not in fields
    assert b"accept-ranges" not in fields
    assert (fields.first(b"etag") or b"").startswith(b'"a-sc.br.')


@pytest.mark.parametrize(("method", "tag"), [("POST", '"a"'), ("HEAD", None)], ids=["post", "head"])
async def test_other_methods_are_answered_in_a_coding_too(
    play: Play, method: str, tag: str | None
) -> None:
    play.script(reply(200, JSON, TAG, body=SMALL if method == "POST" else b"", length=False))
    told = await play.get(TAKES_BR, method=method)
    assert told["content-encoding"] == "br"
    assert told["vary"] == "Accept-Encoding"
    if tag is not None:
        assert told["etag"] == tag  # of what the POST has made, not of its answer


async def test_a_delete_is_answered_as_the_upstream_answers(play: Play) -> None:
    play.script(reply(200, JSON, body=SMALL))
    assert (await play.get(TAKES_BR, method="DELETE")).body == SMALL


async def test_events_leave_as_they_come(play: Play) -> None:
    play.script(reply(200, "Content-Type: text/event-stream", body=[b"data: 1\n\n"], length=False))
    told = await play.get(TAKES_BR)
    assert (told.body, told["content-encoding"], told["vary"]) == (b"data: 1\n\n", None, None)


async def test_a_body_that_outgrows_its_bound_is_coded_on_all_the_same(play: Play) -> None:
    play.under({"name": "default", "max_body": "40KB"})
    pieces = [LARGE, LARGE, LARGE]
    play.script(reply(200, *KEPT, body=pieces, length=False))
    told = await landed(play.begin(TAKES_BR))
    assert brotli.decompress(told.body) == LARGE * 3
    assert not play.kept()


async def test_a_small_body_that_breaks_off_before_it_could_be_coded_is_an_error(
    play: Play,
) -> None:
    broken: Iterable[Piece] = [SMALL, UpstreamBroken("gone")]
    lines = (*KEPT, f"Content-Length: {2 * len(SMALL)}")
    play.script(reply(200, *lines, body=broken))
    told = await play.get(TAKES_BR)
    assert (told.status, told.reason) == (502, "uri-miss")


async def test_a_large_body_that_breaks_off_is_visibly_cut(play: Play) -> None:
    broken: Iterable[Piece] = [LARGE, UpstreamBroken("gone")]
    play.script(reply(200, *KEPT, body=broken, length=False))
    told = await landed(play.begin(TAKES_BR))
    assert told.cut is not None
    assert not play.kept()


# Along with a fetch


async def test_followers_read_along_each_in_its_coding(play: Play) -> None:
    gate = asyncio.Event()
    pieces: list[Piece] = [LARGE, gate, LARGE]
    play.script(reply(200, *KEPT, body=pieces, length=False))
    clients = [play.begin(*lines) for lines in ([TAKES_BR], [TAKES_BR], [TAKES_GZIP], [])]
    await settle()
    gate.set()
    one, two, three, four = [await landed(client) for client in clients]
    assert one.body == two.body
    assert one["etag"] == two["etag"] != three["etag"]
    assert brotli.decompress(one.body) == gzip.decompress(three.body) == four.body == LARGE * 2
    assert play.asked == 1
    assert sorted(c.coding.value for e in play.kept() for c in e.codings) == ["br", "gzip"]


async def test_a_follower_that_knows_it_already_is_told_so(play: Play) -> None:
    gate = asyncio.Event()
    pieces: list[Piece] = [LARGE, gate, LARGE]
    play.script(reply(200, *KEPT, f"Content-Length: {2 * len(LARGE)}", body=pieces))
    leader = play.begin(TAKES_BR)
    await settle()
    follower = play.begin(TAKES_BR, 'If-None-Match: "a-sc.br.0f"')
    told = await landed(follower)
    assert (told.status, told["etag"]) == (304, '"a-sc.br.0f"')
    gate.set()
    await landed(leader)


async def test_when_all_have_left_what_is_kept_is_coded_to_its_end(play: Play) -> None:
    gate = asyncio.Event()
    pieces: list[Piece] = [LARGE, gate, LARGE]
    play.script(reply(200, *KEPT, body=pieces, length=False))
    answer = await play.open(ask(TAKES_BR))
    assert answer.stream is not None
    await anext(aiter(answer.stream))
    await answer.stream.aclose()
    gate.set()
    async with asyncio.timeout(PATIENCE):
        while not any(entry.codings for entry in play.kept()):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.001)
    assert brotli.decompress((await play.get(TAKES_BR)).body) == LARGE * 2


# In both tiers


async def test_a_coding_is_shared_with_its_entry(house: House) -> None:
    house.script(reply(200, *KEPT, body=LARGE))
    first = await house.one.get(TAKES_BR)
    await settle()
    told = await house.two.get(TAKES_BR)
    assert told.body == first.body
    assert house.two.coder.made == []
    other = await house.two.get(TAKES_GZIP)
    await settle()
    three = house.opened("three")
    assert (await three.get(TAKES_GZIP)).body == other.body
    assert three.coder.made == []


async def test_a_coding_does_not_bring_an_entry_back_that_was_replaced(house: House) -> None:
    house.script(reply(200, *KEPT, body=LARGE), reply(200, FRESH, 'ETag: "b"', JSON, body=SMALL))
    await house.one.get()
    await house.two.get("Cache-Control: no-cache")
    await settle()
    await house.one.get(TAKES_BR)  # of what it holds in memory
    await settle()
    assert (await house.opened("three").get()).body == SMALL


def test_a_coding_takes_the_place_of_its_like() -> None:
    one, best = Coded(BR, b"1", b"0"), Coded(BR, b"2", b"1", best=True)
    assert Coded.of(BR, b"x").mark == Coded.of(BR, b"x").mark != Coded.of(BR, b"y").mark
    assert one.cost == CODED_OVERHEAD + 1
    assert best != one
