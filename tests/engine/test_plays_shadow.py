"""Shadow mode: the upstream answers, the cache looks on; plays with a scripted upstream."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.engine import shadow
from proxy.engine.purge import Mode
from proxy.errors import UpstreamBroken
from proxy.http.message import Request
from tests.engine.scripted import Play, Reply, Told, ask, reply

FRESH = "Cache-Control: public, max-age=60"


def counted(play: Play, rule: str = "rule-0") -> dict[str, int]:
    """Return what the cache would have done, by outcome."""
    return {how: n for (name, how), n in play.stats.shadow_requests.items() if name == rule}


def found(play: Play) -> dict[str, int]:
    return {finding: count for (_, finding), count in play.stats.comparisons.items()}


def mismatches(play: Play, rule: str = "rule-0") -> dict[tuple[str, ...], int]:
    return dict(play.stats.rules[rule].mismatches)


def own(request: Request) -> Reply:
    """Answer each caller with what is theirs, as if it were for all."""
    who = request.fields.first(b"authorization") or b"nobody"
    return reply(200, FRESH, body=b"of " + who)


async def asked(play: Play, *callers: str) -> list[bytes]:
    """Have callers ask for the same thing one after the other."""
    told = []
    for caller in callers:
        play.script(own)
        told.append((await play.get(f"Authorization: {caller}")).body)
    return told


async def test_every_answer_is_the_upstreams_own(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    play.script(reply(200, body=b"one"), reply(200, body=b"two"))
    answers = [await play.get(), await play.get()]
    assert [told.body for told in answers] == [b"one", b"two"]
    assert [told.reason for told in answers] == ["shadow", "shadow"]
    assert answers[0].how == "fwd=bypass; detail=shadow"
    assert not play.kept()


async def test_what_would_have_been_is_counted(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m", "stale_while_revalidate": "1m"})

    def slow(request: Request) -> Reply:
        del request
        play.later(2)
        return reply(200)

    for pause in (0, 1, 65, 0, 600):
        play.later(pause)
        play.script(slow)
        await play.get()
    assert counted(play) == {"miss": 2, "hit": 2, "stale": 1}
    tally = play.stats.rules["rule-0"]
    assert (tally.requests, tally.hits, tally.saved_bytes) == (5, 3, 15)
    assert play.stats.shadow_seconds_saved == pytest.approx(6)
    assert found(play) == {"same": 3}


async def test_what_was_fetched_anew_is_held_against_what_it_replaces(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "10s"})
    for body in (b"a", b"a", b"b"):
        play.script(reply(200, body=body))
        await play.get()
        play.later(11)
    tally = play.stats.rules["rule-0"]
    assert (tally.same, tally.changed) == (1, 1)


async def test_a_miss_says_why_it_would_not_have_been_stored(play: Play) -> None:
    play.under({"mode": "shadow"})
    play.script(reply(200), reply(200, "Cache-Control: private, max-age=60"))
    await play.get()
    await play.get()
    reasons = play.stats.rules["rule-0"].misses
    assert {reason.value: count for reason, count in reasons.items()} == {
        "no-lifetime": 1,
        "private": 1,
    }


async def test_a_request_goes_up_as_it_came(play: Play) -> None:
    """What the rule would leave out reaches the upstream, and the answer comes back as it is."""
    rule = {"query": {"include": ["page"]}, "cookies": []}
    play.under({"mode": "shadow", "ttl": "1m", "key": rule, "forward": []})
    body = b"text " * 200
    play.script(reply(200, "Content-Type: text/plain", "Surrogate-Key: a", body=body))
    lines = ("Accept-Encoding: br", "Cookie: a=1", "X-Own: 2", 'If-None-Match: "x"')
    told = await play.get(*lines, target="/thing?page=1&to=x")
    [sent] = play.upstream.sent
    assert sent.target == b"/thing?page=1&to=x"
    assert {*lines} <= {f"{n.decode()}: {v.decode()}" for n, v in sent.fields}
    assert (told.body, told["content-encoding"], told["surrogate-key"]) == (body, None, "a")


@pytest.mark.parametrize("how", [{"method": "HEAD"}, {"target": "/other"}])
async def test_other_requests_are_passed_on_too(play: Play, how: dict[str, str]) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    play.script(reply(200), reply(200))
    await play.get()
    assert (await play.get(**how)).reason == "shadow"
    assert play.asked == 2


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("Cache-Control: only-if-cached", "error"),
        ('If-Match: "x"', "bypass"),
        ("Range: bytes=0-1", "miss"),
        ("X-Plain: 1", "miss"),
    ],
)
async def test_what_the_cache_would_refuse_is_passed_on(
    play: Play, line: str, outcome: str
) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    play.script(reply(200))
    told = await play.get(line)
    assert (told.status, told.reason) == (200, "shadow")
    assert counted(play) == {outcome: 1}


async def test_a_write_is_passed_on_and_voids(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    for method in ("GET", "PUT", "GET"):
        play.script(reply(200, body=b"" if method == "PUT" else b"hello"))
        told = await play.get(method=method)
        assert told.reason == ("method" if method == "PUT" else "shadow")
    assert counted(play) == {"miss": 2}


async def test_a_purge_holds_beside_too(play: Play) -> None:
    tags: dict[str, Any] = {"tags_from_body": {"$.id": "product:{}"}}
    play.under({"mode": "shadow", "ttl": "1m", **tags})
    for name in ("", "", "other", "product:7"):
        if name:
            await play.purge(name, mode=Mode.HARD)
        play.script(reply(200, "Content-Type: application/json", body=b'{"id": 7}'))
        await play.get()
    assert counted(play) == {"miss": 2, "hit": 2}


async def test_a_purge_during_the_fetch_outdates_what_it_brings(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m", "tags": ["a"]})

    async def purged() -> Told:
        play.script(reply(200))
        answer = await play.open(ask())
        await play.purge("a")
        assert answer.stream is not None
        assert [chunk async for chunk in answer.stream]
        await answer.stream.aclose()
        return Told(answer.status, answer.fields, answer.account)

    await purged()
    play.script(reply(200))
    await play.get()
    assert counted(play) == {"miss": 2}


@pytest.mark.parametrize(
    "model", [{"max_body": "3B"}, {"tags_from_body": {"$.id": "{}"}}, {"tags": ["{request.x}"]}]
)
async def test_what_could_not_be_kept_would_not_be(play: Play, model: dict[str, Any]) -> None:
    play.under({"mode": "shadow", "ttl": "1m", **model})
    for _ in range(2):
        play.script(
            reply(200, "Content-Type: application/json", body=(b"[nothing", b"]"), length=False)
        )
        await play.get("X: " + ",".join(map(str, range(200))))
    assert counted(play) == {"miss": 2}


async def test_a_body_that_breaks_off_is_not_compared(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    play.script(reply(200, body=(b"he", UpstreamBroken("gone"))), reply(200))
    assert (await play.get()).cut is not None
    await play.get()
    assert counted(play) == {"miss": 2}


async def test_variants_are_told_apart(play: Play) -> None:
    play.under({"mode": "shadow", "ttl": "1m"})
    for language in ("en", "de", "en", "de"):
        play.script(reply(200, "Vary: Accept-Language, X-None", body=language.encode()))
        await play.get(f"Accept-Language: {language}")
    assert counted(play) == {"miss": 2, "hit": 2}
    assert found(play) == {"same": 2}


WRONG = {"mode": "shadow", "ttl": "1m", "credentials": "share"}


async def test_an_answer_of_another_caller_is_told_by_what_differed(play: Play) -> None:
    play.under(WRONG)
    assert await asked(play, "ann", "bob", "ann") == [b"of ann", b"of bob", b"of ann"]
    assert mismatches(play) == {("authorization",): 1}
    assert found(play) == {"same": 1, "different": 1, "credentials": 1}


async def test_a_refusal_where_another_was_answered_is_a_mismatch(play: Play) -> None:
    play.under(WRONG)
    for caller in ("ann", "bob", "ann"):
        play.script(reply(200, FRESH) if caller == "ann" else reply(403, "Cache-Control: no-store"))
        await play.get(f"Authorization: {caller}")
    assert mismatches(play) == {("authorization",): 1}


@pytest.mark.parametrize("error", [500, 503, 429, 304, 206])
async def test_an_error_for_now_is_no_mismatch(play: Play, error: int) -> None:
    play.under(WRONG)
    for caller in ("ann", "bob", "ann"):
        play.script(reply(200, FRESH) if caller == "ann" else reply(error, body=b""))
        await play.get(f"Authorization: {caller}")
    assert mismatches(play) == {}


async def test_answers_in_other_codings_are_not_compared(play: Play) -> None:
    """Each client is given what the upstream makes for it: that is not another answer."""
    play.under(WRONG)
    for caller, coding in (("ann", "gzip"), ("bob", "br"), ("ann", "gzip"), ("bob", "br")):
        body, line = coding.encode(), f"Content-Encoding: {coding}"
        play.script(reply(200, FRESH, line, body=body))
        await play.get(f"Authorization: {caller}", f"Accept-Encoding: {coding}")
    assert mismatches(play) == {}
    assert found(play) == {"same": 1}


async def test_what_goes_wrong_beside_harms_no_answer(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    play.under(WRONG)
    for broken in ("admitted", "parts_of"):
        with monkeypatch.context() as patched:
            patched.setattr(shadow, broken, None)
            play.script(reply(200, FRESH))
            told = await play.get()
        assert (told.status, told.body, told.cut) == (200, b"hello", None)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


async def test_a_redirect_to_another_place_is_another_answer(play: Play) -> None:
    play.under(WRONG)
    for caller in ("ann", "bob", "ann"):
        play.script(reply(301, FRESH, f"Location: /{caller}", body=b""))
        await play.get(f"Authorization: {caller}")
    assert mismatches(play) == {("authorization",): 1}


async def test_a_change_with_time_is_no_mismatch(play: Play) -> None:
    play.under(WRONG)
    for number, caller in enumerate(("ann", "bob", "ann", "bob", "cat", "ann")):
        play.script(reply(200, FRESH, body=b"%d" % (number // 2)))
        await play.get(f"Authorization: {caller}")
    assert mismatches(play) == {}
    assert found(play) == {"same": 1, "different": 4}


async def test_a_volatile_body_is_no_mismatch(play: Play) -> None:
    play.under(WRONG)
    for number, caller in enumerate(("ann", "bob", "ann", "bob", "cat", "ann")):
        play.script(reply(200, FRESH, body=b"%d" % number))
        await play.get(f"Authorization: {caller}")
    assert mismatches(play) == {}


@pytest.mark.parametrize(
    ("model", "one", "other", "names"),
    [
        ({"key": {"query": {"include": []}}}, "?to=eur", "?to=usd", ("query to",)),
        ({"forward": ["x-plan"]}, "X-Plan: a", "X-Plan: b", ("x-plan",)),
        ({"key": {"cookies": []}}, "Cookie: s=1; t=1", "Cookie: t=1; s=2", ("cookie s",)),
    ],
)
async def test_what_the_rule_ignores_is_named(
    play: Play, model: dict[str, Any], one: str, other: str, names: tuple[str, ...]
) -> None:
    play.under({"mode": "shadow", "ttl": "1m", **model})
    for which in (one, other, one):
        play.script(reply(200, body=which.encode()))
        if which.startswith("?"):
            await play.get(target="/thing" + which)
        else:
            await play.get(which)
    assert mismatches(play) == {names: 1}


async def test_no_value_of_a_request_is_remembered(play: Play) -> None:
    play.under({**WRONG, "tags": ["a"]})
    for caller in ("secret-of-ann", "secret-of-bob", "secret-of-ann"):
        play.script(reply(200, FRESH, "Vary: X-Who", "X-Told: secret-told", body=b"secret-body"))
        await play.get(f"Authorization: {caller}", "X-Who: secret-who", target="/t?token=secret-q")
    held = repr(play.corridor._shadow.imprints._imprints)  # noqa: SLF001 - all that is remembered
    assert len(held) > 1000
    assert "secret-of" not in held
    assert "secret-who" not in held
    assert "secret-told" not in held
    assert "secret-body" not in held


async def test_live_rules_beside_are_not_touched(play: Play) -> None:
    play.under({"match": {"path": "/thing"}, "mode": "shadow", "ttl": "1m"}, {"ttl": "1m"})
    play.script(*(reply(200) for _ in range(3)))
    await play.get()
    await play.get()
    live: Callable[[], Any] = lambda: play.get(target="/live")  # noqa: E731 - asked twice
    assert [(await live()).reason, (await live()).reason] == ["uri-miss", "fresh"]
    assert not play.kept()
    assert play.kept(target="/live")
