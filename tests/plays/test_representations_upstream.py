"""What the upstream coded itself, exact bytes: kept as it came, decoded for who cannot take it."""

import asyncio
from collections.abc import Callable

import pytest

from tests.plays.decoding import CODINGS, encoded
from tests.plays.origin import Resource
from tests.plays.rawclient import Cut, Response, request
from tests.plays.representing import (
    EACH,
    LARGE,
    SMALL,
    Place,
    content,
    hit,
    place,
    read,
    resource,
    tag,
    taking,
    told,
)
from tests.plays.scripted import End, response

BODIES = {"small": SMALL, "large": LARGE}


def native(coding: str, body: bytes, name: str = "", *, counted: bool = True) -> Resource:
    """Return what an upstream sends in a coding although it was asked for none."""
    packed = encoded(coding, body)
    return resource(packed, f"Content-Encoding: {name or coding}", counted=counted)


# --- Although it was asked for none. -----------------------------------------------------------


@pytest.mark.parametrize("counted", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("coding", CODINGS)
async def test_9110_8_4_what_the_client_takes_stays_as_it_came(
    coding: str, body: str, *, counted: bool
) -> None:
    thing = native(coding, BODIES[body], counted=counted)
    async with place(thing) as here:
        for accepts in (coding, "*", f"{coding};q=0.1, identity;q=0"):
            answer = await here.get(taking(accepts))
            assert (answer.status, answer.body) == (200, thing.body)
            assert told(answer, "content-encoding", "etag", "vary") == (
                *(coding, '"v1"', "Accept-Encoding"),
            )
        part = await here.get(taking(coding), "Range: bytes=5-9", 'If-Range: "v1"')
        assert (part.status, part.body) == (206, thing.body[5:10])
        assert here.origin.heard[0].all("accept-encoding") == [b"identity"]
        assert (here.made, len(here.heard)) == (0, 1)


@pytest.mark.parametrize("counted", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("coding", CODINGS)
async def test_9110_8_4_who_cannot_take_it_gets_it_plain(
    coding: str, body: str, *, counted: bool
) -> None:
    """Not in yet another coding: that would be made of what had to be unmade."""
    thing = native(coding, BODIES[body], counted=counted)
    others = ", ".join(each for each in CODINGS if each != coding)
    async with place(thing) as here:
        tags = set()
        for accepts in ("identity", "", others, f"{coding};q=0"):
            answer = await here.get(taking(accepts))
            assert content(answer) == (200, None, BODIES[body])
            assert told(answer, "vary") == ("Accept-Encoding",)
            tags.add(tag(answer))
        (known,) = tags
        assert known != '"v1"'
        same = await here.get(f"If-None-Match: {known}", taking("identity"))
        assert (same.status, tag(same)) == (304, known)
        part = await here.get(taking("identity"), "Range: bytes=5-9", f"If-Range: {known}")
        assert (part.status, part.body) == (206, BODIES[body][5:10])
        native_ = await here.get(taking("identity"), "Range: bytes=5-9", 'If-Range: "v1"')
        assert content(native_) == (200, None, BODIES[body])
        assert len(here.heard) == 1


async def test_9110_8_4_without_the_field_anything_will_do() -> None:
    """§12.5.3: "any content coding is considered acceptable"; plain is best all the same."""
    thing = native("gzip", SMALL)
    async with place(thing) as here:
        answer = await here.get()
        assert answer.status == 200
        assert answer.body in {thing.body, SMALL}


@pytest.mark.parametrize("said", ["identity;q=0", "br, identity;q=0", "*;q=0"])
async def test_9110_15_5_7_neither_its_coding_nor_none(said: str) -> None:
    async with place(native("gzip", SMALL)) as here:
        missed = await here.get(taking(said))
        await here.get()
        found = await here.get(taking(said))
        assert [missed.status, found.status] == [406, 406]


@pytest.mark.parametrize("coding", ["gzip", "identity", "br"])
async def test_9110_8_4_1_3_x_gzip_is_gzip(coding: str) -> None:
    thing = native("gzip", SMALL, "x-gzip")
    async with place(thing) as here:
        for _ in range(2):
            answer = await here.get(taking(coding))
            given = ("x-gzip", thing.body) if coding == "gzip" else (None, SMALL)
            assert (*told(answer, "content-encoding"), answer.body) == given


@pytest.mark.parametrize("name", ["exi", "gzip, br", "aws-chunked", "compress", "br,exi", "gzip "])
@pytest.mark.parametrize("accepts", ["gzip, br, zstd", "identity", "", "identity;q=0", "exi"])
async def test_9110_8_4_what_nobody_knows_goes_as_it_came(name: str, accepts: str) -> None:
    thing = native("gzip", SMALL, name)
    known = name.strip() == "gzip"
    async with place(thing) as here:
        for _ in range(2):
            answer = await here.get(taking(accepts))
            if known and "gzip" not in accepts:
                assert answer.status == (406 if accepts == "identity;q=0" else 200)
                continue
            assert (answer.status, answer.body) == (200, thing.body)
            assert told(answer, "content-encoding", "etag") == (name.strip(), '"v1"')


@pytest.mark.parametrize("name", ["identity", "Identity", "identity, identity"])
async def test_9110_8_4_identity_is_no_coding(name: str) -> None:
    async with place(resource(SMALL, f"Content-Encoding: {name}")) as here:
        assert content(await here.get(taking("br"))) == (200, "br", SMALL)
        answer = await here.get(taking("identity"))
        assert (answer.body, tag(answer)) == (SMALL, '"v1"')


@pytest.mark.parametrize(
    "line", ["Cache-Control: no-transform", "Repr-Digest: sha-256=:AAAA:", "Content-Digest: x=:AA:"]
)
async def test_9110_7_7_nor_is_anything_decoded_that_may_not_be_changed(line: str) -> None:
    packed = encoded("gzip", SMALL)
    async with place(resource(packed, line, "Content-Encoding: gzip")) as here:
        for accepts in ("identity", "br", "gzip"):
            answer = await here.get(taking(accepts))
            assert (answer.body, tag(answer)) == (packed, '"v1"')
            assert told(answer, "content-encoding", "vary") == ("gzip", None)


@pytest.mark.parametrize("coding", EACH)
async def test_9110_9_3_2_the_head_of_what_the_upstream_coded(coding: str) -> None:
    async with place(native("gzip", LARGE)) as here:
        missed = await here.get(taking(coding), method="HEAD")
        plain = await here.get(taking(coding))
        await here.proxy.quiet()
        found = await here.get(taking(coding), method="HEAD")
        names = ("content-encoding", "vary", "content-type", "last-modified")
        assert told(missed, *names) == told(plain, *names) == told(found, *names)
        assert told(missed, "etag") == ('"v1"' if coding == "gzip" else None,)
        if coding == "gzip":
            assert told(missed, "content-length") == told(found, "content-length")
        else:
            assert told(missed, "content-length") == (None,)
            assert told(found, "content-length") == (str(len(LARGE)),)


# --- What cannot be decoded. -------------------------------------------------------------------


def _corrupt(body: bytes) -> bytes:
    packed = bytearray(encoded("gzip", body))
    for at in range(len(packed) // 2, len(packed) // 2 + 20):
        packed[at] ^= 0xFF
    return bytes(packed)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "no-gzip-at-all": lambda body: body,
    "corrupt": _corrupt,
    "cut": lambda body: encoded("gzip", body)[:-20],
    "wrong-checksum": lambda body: encoded("gzip", body)[:-8] + bytes(8),
    "more-after-it": lambda body: encoded("gzip", body) + b"more",
}
BOMB = encoded("gzip", bytes(3 * 2**20))
"""A few KiB that become a thousand times as much."""


def _broken(packed: bytes) -> Resource:
    return resource(packed, "Content-Encoding: gzip")


def _as_it_came(answer: Response, thing: Resource) -> None:
    assert (answer.status, answer.body) == (200, thing.body)
    assert told(answer, "content-encoding", "etag") == ("gzip", '"v1"')


@pytest.mark.parametrize("how", BROKEN)
async def test_9110_8_4_what_cannot_be_decoded_goes_as_it_came(how: str) -> None:
    thing = _broken(BROKEN[how](SMALL))
    async with place(thing) as here:
        for accepts in ("identity", "br", "identity", "gzip"):
            _as_it_came(await here.get(taking(accepts)), thing)
        part = await here.get(taking("identity"), "Range: bytes=0-4")
        assert part.body == thing.body[:5]
        same = await here.get(taking("identity"), 'If-None-Match: "v1"')
        assert (same.status, tag(same)) == (304, '"v1"')
        assert len(here.heard) == 1


async def test_a_bomb_goes_as_it_came() -> None:
    assert len(BOMB) < 16_384
    async with place(_broken(BOMB)) as here:
        for accepts in ("identity", "br", "gzip"):
            _as_it_came(await here.get(taking(accepts)), _broken(BOMB))


async def ended(here: Place, *lines: str) -> tuple[Response, bool]:
    """Return an answer, and whether it was cut."""
    async with here.proxy.connect() as client:
        await client.send(request("/thing", *lines))
        answer = await client.head()
        try:
            await answer.rest()
        except Cut:
            return answer, True
        return answer, False


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(_corrupt(LARGE), id="corrupt"),
        pytest.param(encoded("gzip", LARGE)[:-20], id="cut"),
        pytest.param(encoded("gzip", bytes(30 * 2**20)), id="bomb"),
    ],
)
async def test_what_proves_to_be_broken_on_its_way_is_visibly_cut(packed: bytes) -> None:
    """Its head has left when that is found; the next client gets what came, as it came."""
    thing = _broken(packed)
    assert len(packed) > 16_384
    async with place(thing) as here:
        first, cut = await ended(here, taking("identity"))
        assert (first.status, told(first, "content-encoding"), cut) == (200, (None,), True)
        assert len(first.body) < 2 * 2**20
        await here.proxy.quiet()
        for accepts in ("identity", "br", "gzip"):
            answer = await here.get(taking(accepts))
            _as_it_came(answer, thing)
            assert hit(answer)


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
@pytest.mark.parametrize("control", ["no-store", "max-age=86400"])
async def test_what_breaks_off_upstream_breaks_off_in_every_coding(
    control: str, how: End, coding: str
) -> None:
    """Never the proper end of a coded body for half of a plain one."""
    hold = asyncio.Event()
    lines = ("Content-Type: application/json", f"Cache-Control: {control}", 'ETag: "v1"')
    head = response("200 OK", *lines, f"Content-Length: {len(LARGE)}")
    async with place() as here:
        here.origin.reply(head, LARGE[:100_000], hold, how)
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(coding)))
            answer = await client.head()
            assert await answer.piece()
            hold.set()
            with pytest.raises(Cut):
                await answer.rest()
        here.has(resource(LARGE))
        later = await here.get(taking(coding))
        assert (hit(later), read(later)) == (False, LARGE)


@pytest.mark.parametrize("accepts", ["identity", "br", "gzip", "identity;q=0"])
async def test_9110_8_4_nothing_is_nothing_in_every_coding(accepts: str) -> None:
    async with place(resource(b"", "Content-Encoding: gzip")) as here:
        for _ in range(2):
            answer = await here.get(taking(accepts))
            assert (answer.status, answer.body) == (200, b"")


# --- As it was asked for. ----------------------------------------------------------------------


@pytest.mark.parametrize("compress", [{"ask": "client"}, "off"])
@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip, deflate, br", "br, gzip"),
        ("gzip;q=0.9, br;q=0.1", "gzip, br"),
        ("BR , x-gzip", "br, gzip"),
        ("deflate, exi", "identity"),
        ("*", "br, zstd, gzip"),
        ("gzip, identity;q=0", "gzip, identity;q=0"),
        ("zstd;q=0.001, *;q=0", "zstd, identity;q=0"),
    ],
)
async def test_9110_12_5_3_what_the_client_accepts_is_asked_in_one_spelling(
    compress: object, said: str | None, heard: str
) -> None:
    async with place(resource(), compress=compress) as here:
        await here.get(*(() if said is None else (f"Accept-Encoding: {said}",)))
        (line,) = here.origin.heard[0].all("accept-encoding")
        assert sorted(line.split(b", ")) == sorted(heard.encode().split(b", "))


@pytest.mark.parametrize("compress", [{"ask": "client"}, "off"])
async def test_9111_4_1_each_spelling_of_one_wish_is_one_variant(compress: object) -> None:
    """What the upstream codes is kept as it came, each coding as a variant by Vary."""
    async with place(compress=compress) as here:
        for coding in ("gzip", "br", "identity"):
            packed = SMALL if coding == "identity" else encoded(coding, SMALL)
            coded = () if coding == "identity" else (f"Content-Encoding: {coding}",)
            lines = ("Vary: Accept-Encoding", "Cache-Control: max-age=60", f'ETag: "{coding}"')
            typed = "Content-Type: application/json"
            length = f"Content-Length: {len(packed)}"
            here.origin.reply(response("200 OK", typed, *lines, *coded, length, body=packed))
            spellings = {
                "gzip": ("gzip", "x-gzip", "GZIP;q=0.5, deflate", "gzip, br;q=0"),
                "br": ("br", "br;q=1.0", " BR ,exi"),
                "identity": ("", "identity", "exi, compress"),
            }
            for said in spellings[coding]:
                answer = await here.get(taking(said))
                assert (answer.body, tag(answer)) == (packed, f'"{coding}"')
        assert len(here.heard) == 3
        assert here.made == 0


@pytest.mark.parametrize("compress", [{"ask": "client"}, "off"])
async def test_9110_12_5_3_a_coding_that_was_asked_for_is_undone_for_who_cannot_take_it(
    compress: object,
) -> None:
    """An upstream that forgets Vary does not make others get what they cannot read."""
    thing = native("gzip", SMALL)
    async with place(thing, compress=compress) as here:
        first = await here.get(taking("gzip"))
        assert (first.body, tag(first)) == (thing.body, '"v1"')
        plain = await here.get(taking("identity"))
        assert (content(plain), hit(plain)) == ((200, None, SMALL), True)
        assert told(plain, "vary") == ("Accept-Encoding",)


async def test_compress_off_leaves_the_choice_to_the_upstream() -> None:
    """Even a plain body for who forbids it: the upstream knew."""
    async with place(resource(), compress="off") as here:
        for _ in range(2):
            answer = await here.get(taking("br, identity;q=0"))
            assert content(answer) == (200, None, SMALL)
            assert told(answer, "etag", "vary") == ('"v1"', None)
        assert here.made == 0


@pytest.mark.parametrize("coding", CODINGS)
async def test_ask_client_what_comes_plain_is_coded_here(coding: str) -> None:
    async with place(resource(), compress={"ask": "client"}) as here:
        for _ in range(2):
            assert content(await here.get(taking(coding))) == (200, coding, SMALL)
        assert here.origin.heard[0].all("accept-encoding") == [coding.encode()]
