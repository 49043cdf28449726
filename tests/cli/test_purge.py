"""`sidecache purge` against a real admin API on loopback."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.engine.ports import Replica
from proxy.engine.purge import Mode
from proxy.rules import labels, patterns
from tests.admin.desk import OTHER, PURGE, READ, Desk
from tests.cli.serving import served


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with served(desk.api) as address:
        yield address


def purge(*arguments: str, url: str, token: str | None = PURGE) -> Result:
    environment = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": token}
    return CliRunner(env=environment).invoke(main, ["purge", *arguments])


def test_it_tells_who_has_applied_it(desk: Desk, url: str) -> None:
    desk.log.others = (Replica("pod-2", "10.0.0.2:8080", 9, 0.0, 0, b"epoch"),)
    ended = purge("--tag", "product:42", url=url)
    *replicas, summary = ended.output.splitlines()
    assert ended.exit_code == 0
    assert replicas == ["confirmed  pod-1  10.0.0.1:8080", "confirmed  pod-2  10.0.0.2:8080"]
    assert summary.endswith("-1 (hard): complete")


def test_everything_that_can_be_named(desk: Desk, url: str) -> None:
    ended = purge(
        *("--tag", "a", "--tag", "b", "--url", "/x", "--prefix", "/p/", "--wildcard", "/*.jpg"),
        *("--rule", "default", "--all", "--refresh"),
        url=url,
    )
    assert ended.exit_code == 0, ended.output
    [told] = desk.log.published
    assert told.mode is Mode.REFRESH
    assert told.patterns == (patterns.prefix(b"/p/"), patterns.wildcard(b"/*.jpg"))
    assert told.tags == (
        *map(labels.tag, (b"a", b"b")),
        labels.target_tag(b"/x"),
        labels.rule_tag("default"),
        labels.EVERYTHING,
    )


def test_who_is_missing_is_named_and_the_status_is_2(desk: Desk, url: str) -> None:
    desk.log.others = (OTHER,)
    ended = purge("--tag", "a", "--soft", "--timeout", "50ms", url=url)
    assert ended.exit_code == 2
    assert ended.output.splitlines()[1] == "pending    pod-2  10.0.0.2:8080"
    assert "(soft): accepted, not confirmed yet by pod-2" in ended.output


def test_it_asks_again_until_all_have_confirmed(
    desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is late by order, and so is a receipt that cannot be told once."""
    desk.log.others = (OTHER,)
    asked: list[bool] = []

    def pause(_: float) -> None:
        asked.append(desk.log.reachable)
        desk.log.reachable = len(asked) > 1
        if len(asked) > 2:
            desk.log.catch_up()

    monkeypatch.setattr("proxy.cli.purge._LONGEST", 0.0)
    monkeypatch.setattr("proxy.cli.purge.time.sleep", pause)
    ended = purge("--tag", "a", url=url)
    assert (ended.exit_code, asked) == (0, [True, False, True])
    assert ended.output.endswith("complete\n")


def test_wait_local_is_content_with_less(desk: Desk, url: str) -> None:
    desk.log.others = (OTHER,)
    ended = purge("--all", "--wait", "local", url=url)
    assert ended.exit_code == 0
    assert "accepted, not confirmed yet by pod-2" in ended.output


def test_json_is_the_receipt(url: str) -> None:
    receipt = json.loads(purge("--tag", "a", "--json", url=url).output)
    assert (receipt["state"], receipt["selected"]) == ("complete", ["a"])


def test_a_dry_run_counts(desk: Desk, url: str) -> None:
    ended = purge("--all", "--dry-run", url=url)
    assert ended.output == "0 would be purged, counting this replica's memory\n"
    assert desk.log.published == []


@pytest.mark.parametrize(
    ("arguments", "token", "text"),
    [
        ((), PURGE, "422: name something: tags, urls"),
        (("--rule", "defualt"), PURGE, "422: rule: unknown rule; did you mean 'default'?"),
        (("--all",), None, "401: the token is missing or unknown; set SIDECACHE_ADMIN_TOKEN"),
        (("--all",), READ, "403: This needs a token of role purge"),
    ],
)
def test_a_refusal_is_one_line(
    url: str, arguments: tuple[str, ...], token: str | None, text: str
) -> None:
    ended = purge(*arguments, url=url, token=token)
    assert (ended.exit_code, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert text in line


def test_an_acknowledgement_that_cannot_be_had_is_a_refusal(desk: Desk, url: str) -> None:
    desk.log.reachable = False
    ended = purge("--all", url=url)
    assert ended.exit_code == 1
    assert "503: The log of purges cannot be reached" in ended.stderr


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "no-url", "http://[", "http://a:b"])
def test_where_nobody_is_it_says_what_to_look_at(where: str) -> None:
    ended = purge("--all", url=where)
    assert (ended.exit_code, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert "is the proxy running, and is --admin its admin address?" in line


@pytest.mark.parametrize("status", [200, 404])
def test_another_server_is_told_from_an_admin_api(status: int) -> None:
    async def other(scope: object, receive: object, send: "object") -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": []})  # type: ignore[operator]  # ASGI
        await send({"type": "http.response.body", "body": b"<html>"})  # type: ignore[operator]  # ASGI

    with served(other) as where:
        ended = purge("--all", url=where)
    assert ended.exit_code == 1
    assert "this is no admin API of Sidecache; see --admin" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [("--nonsense",), ("--all", "--timeout", "soon"), ("--all", "--wait", "some")]
)
def test_misuse_ends_with_1_since_2_says_something_else(arguments: tuple[str, ...]) -> None:
    assert purge(*arguments, url="http://127.0.0.1:9").exit_code == 1
