"""`sidecache purge` against a real admin API on loopback."""

import json

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.engine.ports import Replica
from proxy.engine.purge import Mode
from proxy.rules import labels, patterns
from tests.admin.desk import OTHER, PURGE, READ, Desk
from tests.cli.serving import served


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


@pytest.mark.parametrize("wait", ["all", "local"])
def test_what_is_purged_there_and_nowhere_else_is_accepted_but_not_confirmed(
    desk: Desk, url: str, wait: str
) -> None:
    desk.log.reachable = False
    ended = purge("--all", "--wait", wait, url=url)
    assert (ended.exit_code, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert "503: The log of purges cannot be reached" in line


@pytest.mark.parametrize(
    ("reachable", "token", "ends", "status"),
    [(False, PURGE, 2, 503), (True, READ, 1, 403), (True, "unknown-to-anybody", 1, 401)],
)
def test_json_is_the_problem_where_there_is_no_receipt(
    desk: Desk, url: str, *, reachable: bool, token: str, ends: int, status: int
) -> None:
    desk.log.reachable = reachable
    ended = purge("--all", "--json", url=url, token=token)
    [line], [told] = ended.stdout.splitlines(), ended.stderr.splitlines()
    assert (ended.exit_code, json.loads(line)["status"]) == (ends, status)
    assert f": {status}: " in told


def test_json_is_nothing_where_nobody_is() -> None:
    ended = purge("--all", "--json", url="http://127.0.0.1:9")
    assert (ended.exit_code, ended.stdout) == (1, "")


@pytest.mark.parametrize("token", ["töken-with-umlauts", "a-token-and-its-end\n", "with\x01char"])
def test_a_token_that_no_field_can_carry_is_not_sent(desk: Desk, url: str, token: str) -> None:
    ended = purge("--all", url=url, token=token)
    assert (ended.exit_code, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("SIDECACHE_ADMIN_TOKEN: the token has characters that are unfit")
    assert token.strip() not in line
    assert desk.log.published == []


@pytest.mark.parametrize("where", ["localhost:9090", "no-url", "", "ftp://a"])
def test_an_address_without_a_scheme_is_told_before_anything_is_sent(where: str) -> None:
    ended = purge("--all", "--admin", where, url="http://127.0.0.1:9")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == f"--admin {where}: begin it with http:// or https://\n"


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "http://[", "http://a:b"])
def test_where_nobody_is_it_says_what_to_look_at(where: str) -> None:
    ended = purge("--all", url=where)
    assert (ended.exit_code, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert "is the proxy running, and is --admin its admin address?" in line


FOREIGN = "this is no admin API of Sidecache; see --admin"
CLIENTS = "that is not an admin listener; is it the clients' port?"


@pytest.mark.parametrize(
    ("status", "kind", "body", "text"),
    [
        (200, b"text/html", b"<html>", FOREIGN),
        (500, b"text/html", b"<html>", FOREIGN),
        (500, b"application/problem+json", b"<html>", FOREIGN),
        (500, b"application/problem+json", b"[]", FOREIGN),
        (503, b"application/json", b'{"detail": "Unavailable"}', FOREIGN),
        (404, b"text/html", b"<html>", CLIENTS),
        (404, b"application/json", b'{"detail": "Not Found"}', CLIENTS),
    ],
)
def test_another_server_is_told_from_an_admin_api(
    status: int, kind: bytes, body: bytes, text: str
) -> None:
    fields = [(b"content-type", kind)]

    async def other(scope: object, receive: object, send: "object") -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": fields})  # type: ignore[operator]  # ASGI
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]  # ASGI

    with served(other) as where:
        ended = purge("--all", url=where)
    assert ended.exit_code == 1
    assert text in ended.stderr


@pytest.mark.parametrize(
    "arguments", [("--nonsense",), ("--all", "--timeout", "soon"), ("--all", "--wait", "some")]
)
def test_misuse_ends_with_1_since_2_says_something_else(arguments: tuple[str, ...]) -> None:
    assert purge(*arguments, url="http://127.0.0.1:9").exit_code == 1
