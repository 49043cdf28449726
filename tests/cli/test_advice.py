"""`sidecache advice` against a real admin API on loopback."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.engine.answer import Account
from proxy.policy.reasons import Reason
from tests.admin.desk import READ, Desk


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.play.under({"name": "product", "ttl": "5m"}, {"name": "rest", "mode": "shadow"})
    return desk


def advised(*arguments: str, url: str, token: str = READ) -> Result:
    environment = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": token}
    return CliRunner(env=environment).invoke(main, ["advice", *arguments])


def test_a_rule_is_told_with_the_yaml_to_change(desk: Desk, url: str) -> None:
    stats = desk.play.stats
    stats.record(Account("product", Reason.FRESH, spared=0.5), 0.0, 100)
    stats.record(Account("product", Reason.URI_MISS, Reason.SET_COOKIE), 0.0, 100)
    stats.compared("product", same=False)
    stats.mismatched("product", ("authorization",))
    (product, _) = desk.play.corridor.snapshot.ruleset.rules

    async def quarantined() -> None:
        desk.play.corridor.quarantine.begin(product, ("authorization",))
        await desk.play.purging.aclose()

    asyncio.run(quarantined())
    ended = advised(url=url)
    assert ended.exit_code == 0
    assert ended.stdout == (
        "product (live) IN QUARANTINE: 2 requests, 50.0% hits\n"
        "  saved      0.5 s and 100 bytes\n"
        "  refetched  0 the same, 0 changed\n"
        "  compared   0 the same, 1 different\n"
        "  mismatch   1 time, by authorization\n"
        "  missed     1 time, set-cookie: The response sets a cookie for one caller.\n"
        "  advice     Answers under one key differ by authorization: give the key what they depend"
        " on.\n"
        "             - name: product\n"
        "               credentials: key\n"
        "  advice     Answers set cookies: where those mean nothing, keep the answers without"
        " them.\n"
        "             - name: product\n"
        "               set_cookie: strip\n"
    )


def test_rules_without_requests_are_told_where_they_are_named(url: str) -> None:
    assert advised(url=url).stdout == ""
    assert advised("--rule", "rest", url=url).stdout.startswith("rest (shadow): 0 requests\n")


def test_in_shadow_it_is_told_what_would_be(desk: Desk, url: str) -> None:
    desk.play.stats.rules["rest"].hit(0.25, 10)
    first = advised("--rule", "rest", url=url).stdout.splitlines()[0]
    assert first == "rest (shadow): 1 request, 100.0% hits would be"


def test_as_json(url: str) -> None:
    told = json.loads(advised("--rule", "product", "--json", url=url).stdout)
    assert [one["rule"] for one in told["rules"]] == ["product"]


def test_without_a_token_it_says_what_to_set(url: str) -> None:
    ended = advised(url=url, token="")
    assert ended.exit_code == 1
    assert "SIDECACHE_ADMIN_TOKEN" in ended.output
