"""A sample of hits is verified, and a rule that mixes callers is quarantined; scripted plays."""

import asyncio
import gc
from typing import Any

import pytest

from proxy.engine import verifying
from proxy.engine.boarding import board
from proxy.engine.snapshot import Snapshot
from proxy.engine.verifying import MOST, ROUNDS, sampled
from proxy.errors import UpstreamBroken, UpstreamBusy
from proxy.http.message import Request
from tests.engine.scripted import Play, Reply, Step, ask, failing, reply, ruleset, settle

FRESH = "Cache-Control: max-age=60"
SHARED: dict[str, Any] = {"mode": {"verify": "100%"}, "credentials": "share", "ttl": "1m"}


def own(request: Request) -> Reply:
    """Answer each caller with what is theirs, as if it were for all."""
    who = request.fields.first(b"authorization") or b"nobody"
    return reply(200, FRESH, body=b"of " + who)


DUEL: list[Step] = [own] * (1 + 2 * ROUNDS + 1)
"""A second caller's answer, then the two in turn, and then the first one without credentials."""


def guarded(request: Request) -> Reply:
    """Answer everybody alike, but refuse credentials that are nobody's."""
    known = request.fields.first(b"authorization") in {None, b"ann"}
    return reply(200, FRESH, body=b"for all") if known else reply(401)


def members(request: Request) -> Reply:
    """Answer one caller alone."""
    known = request.fields.first(b"authorization") == b"ann"
    return reply(200, FRESH, body=b"of ann") if known else reply(401)


def worded(request: Request) -> Reply:
    """Answer by what nobody's credentials have a part in."""
    return reply(200, FRESH, body=request.fields.first(b"x-words") or b"")


def found(play: Play) -> dict[str, int]:
    return {finding: count for (_, finding), count in play.stats.comparisons.items()}


async def hit(play: Play, caller: str, *steps: Any) -> bytes:  # noqa: ANN401 - as a script has them
    """Have a caller asked for what is stored, and what then goes on in the background."""
    play.script(*steps)
    told = await play.get(f"Authorization: {caller}")
    await settle()
    assert told.reason == "fresh"
    return told.body


async def fill(play: Play, *lines: str, body: bytes = b"of ann") -> None:
    play.script(reply(200, *lines, body=body))
    await play.get("Authorization: ann")


async def test_a_hit_that_is_the_upstreams_answer(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    assert await hit(play, "ann", own) == b"of ann"
    assert found(play) == {"same": 1}


async def test_nothing_is_verified_unless_it_is_drawn(play: Play) -> None:
    play.under({**SHARED, "mode": {"verify": "1%"}})
    play.clock.chance = 0.01
    await fill(play)
    await hit(play, "ann")
    play.clock.chance = 0.009
    await hit(play, "ann", own)
    assert found(play) == {"same": 1}


async def test_a_hit_is_answered_before_the_upstream_is_asked(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    visit = play.corridor.visit(ask("Authorization: ann"))
    assert play.corridor.answer_now(visit) is not None
    assert play.asked == 1
    play.script(own)
    await settle()
    assert play.asked == 2


async def test_the_upstream_is_asked_as_that_very_client_did(play: Play) -> None:
    """With what the rule leaves out, for the whole, and plain."""
    play.under({**SHARED, "key": {"query": {"include": []}, "cookies": []}, "forward": []})
    await fill(play)
    play.script(own)
    lines = ("Authorization: ann", "Cookie: a=1", "X-Own: 2", "Accept-Encoding: br")
    await play.get(*lines, "Range: bytes=0-1", 'If-None-Match: "x"', target="/thing?to=x")
    await settle()
    sent = play.upstream.sent[-1]
    given = {f"{n.decode()}: {v.decode()}" for n, v in sent.fields}
    assert sent.target == b"/thing?to=x"
    assert {*lines[:3], "Accept-Encoding: identity"} <= given
    assert {b"range", b"if-none-match"}.isdisjoint(sent.fields.names())


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
async def test_other_methods_are_not_verified(play: Play, method: str) -> None:
    play.under(SHARED)
    await fill(play)
    if method == "PUT":
        play.script(reply(200))
    await play.get("Authorization: ann", method=method)
    await settle()
    assert found(play) == {}


async def test_a_rule_that_mixes_callers_is_quarantined(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    play.under(SHARED)
    await fill(play)
    assert await hit(play, "bob", own) == b"of ann"
    assert play.corridor.snapshot.quarantined == frozenset()
    await hit(play, "cat", *DUEL)
    assert play.corridor.snapshot.quarantined == {"rule-0"}
    assert found(play) == {"different": 2, "credentials": 1}
    assert play.stats.rules["rule-0"].mismatches == {("authorization",): 1}
    assert play.stats.purges["hard", "quarantine"] == 1
    [line] = [record.getMessage() for record in caplog.records]
    assert line == "rule rule-0 is in quarantine: answers under one key differ by authorization"


async def test_under_quarantine_each_gets_their_own_and_nothing_is_kept(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    await hit(play, "cat", *DUEL)
    assert not play.kept()
    for caller in ("ann", "bob", "bob"):
        play.script(own)
        told = await play.get(f"Authorization: {caller}", "X-Own: 1")
        assert (told.body, told.reason) == (b"of " + caller.encode(), "quarantined")
        assert b"x-own" in play.upstream.sent[-1].fields
    assert not play.kept()


async def test_the_caller_who_filled_it_is_as_good_as_any_other(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    await hit(play, "ann", *DUEL)
    assert play.corridor.snapshot.quarantined == {"rule-0"}


async def test_under_suspicion_everybody_is_verified_but_who_raised_it(play: Play) -> None:
    play.under({**SHARED, "mode": {"verify": "1%"}})
    await fill(play)
    await hit(play, "bob", own)
    play.clock.chance = 0.5
    await hit(play, "bob")
    await hit(play, "cat", *DUEL)
    assert play.corridor.snapshot.quarantined == {"rule-0"}


async def test_the_same_caller_once_more_ends_no_suspicion(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    play.script(own, own)
    await play.get("Authorization: bob")
    await play.get("Authorization: bob")
    await settle()
    await hit(play, "cat", *DUEL)
    assert play.corridor.snapshot.quarantined == {"rule-0"}


async def test_a_change_since_is_no_mismatch(play: Play) -> None:
    """Two callers have the same new answer: it is the stored one that is old."""
    play.under(SHARED)
    await fill(play)
    for caller in ("bob", "cat", "dan"):
        await hit(play, caller, reply(200, body=b"new"))
    assert found(play) == {"different": 3}
    assert play.corridor.snapshot.quarantined == frozenset()


@pytest.mark.parametrize("stays", [0, 1, 2 * ROUNDS - 1])
async def test_a_volatile_answer_is_no_mismatch(play: Play, stays: int) -> None:
    """Asked again, a caller gets another one."""
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    await hit(play, "cat", own, *([own] * stays), reply(200, body=b"another"))
    assert found(play) == {"different": 2}
    assert play.corridor.snapshot.quarantined == frozenset()


@pytest.mark.parametrize("error", [failing(UpstreamBroken("gone")), reply(503)])
async def test_an_upstream_that_fails_meanwhile_decides_nothing(play: Play, error: Reply) -> None:
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    await hit(play, "cat", own, own, error)
    assert play.corridor.snapshot.quarantined == frozenset()


async def test_a_suspicion_ends_when_nobody_else_comes(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "HELD", 0.0)
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    await asyncio.sleep(0.001)
    assert not play.corridor._verifying._suspicions  # noqa: SLF001 - requests are held in it
    await hit(play, "cat", own)
    assert found(play) == {"different": 2}


async def test_few_suspicions_are_held(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MOST_SUSPICIONS", 1)
    play.under(SHARED)
    for target in ("/a", "/b"):
        play.script(reply(200), reply(200, body=b"new"))
        await play.get(target=target)
        await play.get(target=target)
        await settle()
    held = play.corridor._verifying._suspicions  # noqa: SLF001 - requests are held in it
    assert [each.boarded.came.target for each, _ in held.values()] == [b"/b"]


async def test_of_suspicions_given_up_nothing_is_held(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer would hold the request for a minute, however many there are."""
    monkeypatch.setattr(verifying, "MOST_SUSPICIONS", 0)
    play.under(SHARED)
    play.script(reply(200), reply(200, body=b"new"))
    for _ in range(2):
        await play.get(target="/given-up")
    await settle()
    assert found(play) == {"different": 1}
    callers = (each for each in gc.get_objects() if isinstance(each, verifying._Caller))  # noqa: SLF001 - what is held
    assert b"/given-up" not in [each.boarded.came.target for each in callers]


@pytest.mark.parametrize("other", [(), ("Authorization: ann",)], ids=["nobody", "a-caller"])
async def test_credentials_that_are_refused_condemn_no_rule(
    play: Play, other: tuple[str, ...]
) -> None:
    """Whoever likes can send some; what they were given is for all."""
    play.under(SHARED)
    play.script(guarded)
    await play.get()
    await hit(play, "junk", guarded)
    play.script(*([guarded] * (1 + 2 * ROUNDS + 1)))  # the last without any credentials
    await play.get(*other)
    await settle()
    assert not play.upstream.script
    assert found(play) == {"same": 1, "different": 1}
    assert play.corridor.snapshot.quarantined == frozenset()


@pytest.mark.parametrize("last", [members, reply(500)], ids=["refused", "no-answer"])
async def test_what_is_refused_to_all_but_one_condemns_a_rule(play: Play, last: Step) -> None:
    play.under(SHARED)
    await fill(play, FRESH)
    await hit(play, "bob", members)
    await hit(play, "ann", *([members] * (1 + 2 * ROUNDS)), last)
    assert play.corridor.snapshot.quarantined == {"rule-0"}


@pytest.mark.parametrize("last", [[worded] * 2, [failing(UpstreamBusy("full"))]])
async def test_credentials_beside_the_reason_condemn_no_rule(play: Play, last: list[Step]) -> None:
    play.under(SHARED)
    play.script(worded)
    await play.get()
    for caller, steps in (("bob", [worded]), ("cat", [worded] * (1 + 2 * ROUNDS) + last)):
        play.script(*steps)
        await play.get(f"Authorization: {caller}", f"X-Words: {caller}")
        await settle()
    assert play.stats.rules["rule-0"].mismatches == {("x-words",): 1}
    assert play.corridor.snapshot.quarantined == frozenset()


async def test_what_differs_by_other_parts_is_told_and_goes_on(play: Play) -> None:
    play.under({"mode": {"verify": "100%"}, "ttl": "1m", "key": {"query": {"include": []}}})

    def priced(request: Request) -> Reply:
        return reply(200, body=request.target)

    play.script(priced)
    await play.get(target="/thing?to=eur")
    for target, asked in (("/thing?to=usd", 1), ("/thing?to=gbp", 1 + 2 * ROUNDS)):
        play.script(*([priced] * asked))
        await play.get(target=target)
        await settle()
    assert play.stats.rules["rule-0"].mismatches == {("query to",): 1}
    assert found(play) == {"different": 2, "request": 1}
    assert play.corridor.snapshot.quarantined == frozenset()


@pytest.mark.parametrize(
    ("step", "dropped", "failed"),
    [
        (failing(UpstreamBusy("full")), 1, 0),
        (failing(UpstreamBroken("gone")), 0, 1),
        (reply(500), 0, 1),
        (reply(200, "Content-Encoding: gzip", body=b"of ann"), 0, 1),
        (reply(200, body=b"x" * 20), 0, 1),
        (reply(200, body=(b"of ", UpstreamBroken("gone"))), 0, 1),
    ],
)
async def test_what_cannot_be_compared_is_counted(
    play: Play, step: Reply, dropped: int, failed: int
) -> None:
    play.under({**SHARED, "max_body": "10B"})
    await fill(play)
    await hit(play, "ann", step)
    assert (play.stats.verifications_dropped, play.stats.verifications_failed) == (dropped, failed)
    assert found(play) == {}


@pytest.mark.parametrize(
    "step",
    [
        reply(200, body=b"of an"),
        reply(200, body=b"of ann!"),
        reply(404, body=b"of ann"),
        reply(200, "Location: /elsewhere", body=b"of ann"),
    ],
)
async def test_what_counts_as_different(play: Play, step: Reply) -> None:
    play.under(SHARED)
    await fill(play)
    await hit(play, "ann", step)
    assert found(play) == {"different": 1}


async def test_dates_and_names_of_requests_make_no_difference(play: Play) -> None:
    play.under(SHARED)
    await fill(play, "X-Request-Id: 1", 'ETag: "1"')
    await hit(play, "ann", reply(200, "X-Request-Id: 2", "Date: x", body=b"of ann"))
    assert found(play) == {"same": 1}


async def test_few_are_under_way_at_once(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    gate = asyncio.Event()
    play.script(*(reply(200, body=b"of ann", waits=gate) for _ in range(MOST)))
    for _ in range(MOST + 2):
        await play.get("Authorization: ann")
    await settle()
    assert play.stats.verifications_dropped == 2
    gate.set()
    await settle()
    assert found(play) == {"same": MOST}


async def test_a_rule_that_is_not_in_force_any_more_is_left_alone(play: Play) -> None:
    play.under(SHARED)
    await fill(play)
    await hit(play, "bob", own)
    gate = asyncio.Event()
    play.script(*DUEL[:-1], reply(200, body=b"of cat", waits=gate))
    await play.get("Authorization: cat")
    play.under({**SHARED, "credentials": "key"})
    gate.set()
    await settle()
    assert found(play) == {"different": 2, "credentials": 1}
    assert play.corridor.snapshot.quarantined == frozenset()
    assert "quarantine" not in {source for _, source in play.stats.purges}


async def test_an_operator_ends_a_quarantine(play: Play) -> None:
    play.under(SHARED)
    (rule,) = play.corridor.snapshot.ruleset.rules
    play.corridor.quarantine.begin(rule, ("authorization",))
    play.corridor.quarantine.begin(rule, ("authorization",))
    assert play.stats.purges["hard", "quarantine"] == 1
    assert play.corridor.quarantine.end("rule-0", "ops")
    assert not play.corridor.quarantine.end("rule-0", "ops")
    assert play.stats.purges["hard", "quarantine"] == 2
    await settle()  # the log has been told
    await fill(play)
    await hit(play, "ann", own)


async def test_what_was_under_way_when_it_began_is_not_used_after_it(play: Play) -> None:
    play.under(SHARED)
    gate = asyncio.Event()
    play.script(reply(200, body=b"of ann", waits=gate))
    waiting = play.begin("Authorization: ann")
    await settle()
    (rule,) = play.corridor.snapshot.ruleset.rules
    play.corridor.quarantine.begin(rule, ("authorization",))
    gate.set()
    assert (await waiting).body == b"of ann"
    assert play.corridor.quarantine.end("rule-0", "ops")
    assert not play.kept()


async def test_who_waits_when_it_begins_shares_nothing_any_more(play: Play) -> None:
    play.under(SHARED)
    gate = asyncio.Event()
    play.script(reply(200, body=b"of ann", waits=gate), own, own)
    callers = ("ann", "bob", "cat")
    waiting = [play.begin(f"Authorization: {caller}") for caller in callers]
    await settle()
    (rule,) = play.corridor.snapshot.ruleset.rules
    play.corridor.quarantine.begin(rule, ("authorization",))
    gate.set()
    assert [told.body for told in await asyncio.gather(*waiting)] == [
        b"of " + caller.encode() for caller in callers
    ]


@pytest.mark.parametrize(("model", "expected"), [({"mode": {"verify": "1%"}}, True), ({}, False)])
def test_whose_hits_are_sampled(model: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a row
    assert sampled(board(ask(), Snapshot(ruleset(model)))) is expected
