"""A wrong rule before the catalog: found by looking on, and found live; many callers at once."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import pytest
from pydantic_core import to_jsonable_python

from proxy.admin.advice import RuleAdvice, report
from proxy.settings import load
from tests.plays.house import House, house

ROOT: Final = Path(__file__).parent.parent.parent
CALLERS: Final = 12
ROUNDS: Final = 8

WRONG: Final[dict[str, Any]] = {
    "name": "session",
    "match": {"path": "/session"},
    "credentials": "share",  # one caller's answer for all: that is the mistake
    "set_cookie": "strip",
    "ttl": "1m",
}
PUBLIC: Final = ("/products/1", "/products?page=2", "/categories", "/static/app.css", "/slow?ms=0")


def rules(**wrong: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - fields of a rule
    """Return the example's own rules behind the wrong one."""
    settings = load(ROOT / "config" / "sidecache.yaml", {}, {})
    own = [rule.model_dump(exclude_unset=True) for rule in settings.rules]
    return [WRONG | wrong, *to_jsonable_python(own)]


@pytest.fixture
def cookies(address: str) -> dict[int, str]:
    """Log every caller in."""
    found = {}
    with httpx.Client(base_url=address) as client:
        for number in range(1, CALLERS + 1):
            user = {"user": f"account-{number}", "password": f"password-{number}"}
            found[number] = client.post("/login", json=user).cookies["session"]
    return found


def told(place: House) -> dict[str, RuleAdvice]:
    """Return what is advised of the rules that were asked for."""
    found = report(place.service.corridor.snapshot, place.service.stats.rules)
    return {one.rule: one for one in found.rules if one.requests}


async def session_of(place: House, caller: int, cookies: dict[int, str], other: str = "") -> str:
    """Return as whom a caller is greeted."""
    answer = await place.ask("/session", f"Cookie: session={cookies[caller]}{other}")
    assert answer.status == 200
    return answer.body.decode()


async def wanders(
    place: House, caller: int, cookies: dict[int, str], chance: Random, other: str
) -> None:
    """Ask for this and that as one caller, who is shown what is theirs and nobody else's."""
    who = f"Authorization: Bearer account-{caller}"
    for _ in range(ROUNDS):
        assert f'"account-{caller}"' in await session_of(place, caller, cookies, other)
        account = await place.ask("/me", who)
        assert f'"id":{caller},'.encode() in account.body
        language = f"Accept-Language: {chance.choice(('en', 'de', 'fr'))}"
        public = await place.ask(chance.choice(PUBLIC), language, f"X-Request-Id: {caller}")
        assert public.status == 200
        await asyncio.sleep(0)


@pytest.mark.parametrize("noisy", [False, True])
async def test_looking_on_finds_the_wrong_rule_and_nobody_is_given_anything(
    address: str, cookies: dict[int, str], *, noisy: bool
) -> None:
    chance = Random(7)  # noqa: S311 - which requests, not a secret
    async with house(address, mode="shadow", rules=rules()) as place:
        others = {n: f"; theme={n % 3}" if noisy else "" for n in cookies}
        callers = [wanders(place, n, cookies, chance, others[n]) for n in cookies]
        await asyncio.gather(*callers)
        found = told(place)
        memory = place.service.stores.near
    assert len(memory) == 0
    assert {name for name, one in found.items() if one.mismatches} == {"session"}
    combinations = {one.differed for one in found["session"].mismatches}
    assert all("cookie session" in names for names in combinations)
    assert noisy or combinations == {("cookie session",)}
    assert (
        found["session"]
        .advice[0]
        .text.startswith("Answers under one key differ by cookie session:")
    )
    assert found["session"].advice[0].change == "- name: session\n  credentials: key\n"
    assert found["product"].hits > 0
    assert found["account"].hits == 0


async def test_a_live_rule_is_found_out_by_its_verified_hits(
    address: str, cookies: dict[int, str]
) -> None:
    async with house(address, mode={"verify": "100%"}, rules=rules()) as place:
        for _ in range(ROUNDS):
            for caller in cookies:
                await session_of(place, caller, cookies)
                await place.ask("/products/1", f"X-Caller: {caller}")
                await place.quiet()
        assert place.service.corridor.snapshot.quarantined == {"session"}
        found = told(place)
        assert [one.differed for one in found["session"].mismatches] == [("cookie session",)]
        assert found["session"].quarantined
        assert not found["product"].mismatches
        assert found["product"].compared_same > 0
        for caller in cookies:
            assert f'"account-{caller}"' in await session_of(place, caller, cookies)
