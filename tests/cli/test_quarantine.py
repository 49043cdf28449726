"""`sidecache quarantine` against a real admin API on loopback."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from tests.admin.desk import ADMIN, READ, Desk
from tests.cli.serving import served


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.play.under({"name": "product", "ttl": "5m"}, {"name": "rest"})
    corridor = desk.play.corridor
    corridor.snapshot = replace(corridor.snapshot, quarantined=frozenset({"rest", "product"}))
    return desk


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with served(desk.api) as address:
        yield address


def asked(*arguments: str, url: str, token: str = ADMIN) -> Result:
    environment = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": token}
    return CliRunner(env=environment).invoke(main, ["quarantine", *arguments])


def test_rules_are_listed_until_it_is_ended(url: str) -> None:
    assert asked(url=url, token=READ).stdout == "product\nrest\n"
    ended = asked("--end", "product", url=url)
    assert (ended.exit_code, ended.stdout) == (0, "product: in use again\n")
    assert asked(url=url).stdout == "rest\n"


@pytest.mark.parametrize(
    ("name", "token", "why"),
    [
        ("other", ADMIN, "404: The rule 'other' is not in quarantine."),
        ("a b?%", ADMIN, "404: The rule 'a b?%' is not in quarantine."),
        ("product", READ, "403: This needs a token of role admin"),
        ("product", "unknown-to-anybody", "401: the token is missing or unknown"),
    ],
)
def test_what_is_refused_ends_nothing(
    desk: Desk, url: str, name: str, token: str, why: str
) -> None:
    ended = asked("--end", name, url=url, token=token)
    assert ended.exit_code == 1
    assert why in ended.stderr
    assert desk.play.corridor.snapshot.quarantined == {"rest", "product"}
