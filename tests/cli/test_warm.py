"""`sidecache warm` against a real admin API on loopback."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from tests.admin.desk import ADMIN, PURGE, Desk
from tests.cli.serving import served
from tests.engine.scripted import reply

FRESH = "Cache-Control: max-age=60"


def warm(*arguments: str, url: str, token: str = ADMIN, given: str | None = None) -> Result:
    environment = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": token}
    return CliRunner(env=environment).invoke(main, ["warm", *arguments], input=given)


def asked(desk: Desk) -> list[str]:
    return [(one.authority + one.target).decode() for one in desk.play.upstream.sent]


def test_urls_are_warmed(desk: Desk, url: str) -> None:
    desk.play.script(reply(200, FRESH), reply(200, FRESH))
    ended = warm("http://api.test/1", "/2", "--host", "b.test", "--concurrency", "1", url=url)
    assert (ended.exit_code, ended.stdout) == (0, "2 of 2 warmed\n")
    assert asked(desk) == ["api.test/1", "b.test/2"]


def test_a_file_has_one_a_line(desk: Desk, url: str, tmp_path: Path) -> None:
    file = tmp_path / "urls.txt"
    file.write_text("# the first\nhttp://api.test/1\n\n  http://api.test/2  \n")
    desk.play.script(reply(200, FRESH), reply(200, FRESH))
    ended = warm(str(file), "--concurrency", "1", url=url)
    assert ended.exit_code == 0, ended.output
    assert asked(desk) == ["api.test/1", "api.test/2"]


def test_standard_input_is_a_file_too(desk: Desk, url: str) -> None:
    desk.play.script(reply(200, FRESH))
    assert warm("-", url=url, given="http://api.test/1\n").exit_code == 0
    assert asked(desk) == ["api.test/1"]


def test_a_sitemap(desk: Desk, url: str) -> None:
    body = b"<urlset><url><loc>http://api.test/a</loc></url></urlset>"
    desk.play.script(reply(200, FRESH, body=body), reply(200, FRESH))
    ended = warm("--sitemap", "http://api.test/sitemap.xml", url=url)
    assert (ended.exit_code, ended.stdout) == (0, "1 of 1 warmed\n")


def test_what_failed_is_told_and_the_status_is_1(desk: Desk, url: str) -> None:
    desk.play.script(reply(200, FRESH), reply(500))
    ended = warm("http://api.test/1", "http://api.test/2", "--concurrency", "1", url=url)
    assert (ended.exit_code, ended.stdout) == (1, "1 of 2 warmed\n")
    assert ended.stderr == "500 status: http://api.test/2\n"


def test_where_all_failed_none_is_called_warmed(desk: Desk, url: str) -> None:
    desk.play.script(reply(500))
    ended = warm("http://api.test/1", url=url)
    assert (ended.exit_code, ended.stdout) == (1, "0 of 1 warmed\n")


def test_nothing_goes_on_once_the_caller_has_left(desk: Desk, url: str) -> None:
    desk.play.script(reply(200, FRESH), reply(200, FRESH, waits=asyncio.Event()))
    body = {"urls": [f"http://api.test/{number}" for number in range(3)], "concurrency": 1}
    headers = {"Authorization": f"Bearer {ADMIN}"}
    with httpx.stream("POST", f"{url}/v1/warm", json=body, headers=headers) as answer:
        assert "http://api.test/0" in next(answer.iter_lines())
    until = time.monotonic() + 20
    while not desk.play.upstream.cancelled and time.monotonic() < until:
        time.sleep(0.01)
    assert desk.play.upstream.cancelled == 1
    assert asked(desk) == ["api.test/0", "api.test/1"]


def test_many_go_in_parts(desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.warm._MOST", 2)
    desk.play.script(*(reply(200, FRESH) for _ in range(5)))
    urls = [f"http://api.test/{number}" for number in range(5)]
    ended = warm(*urls, "--concurrency", "1", url=url)
    assert (ended.exit_code, ended.stdout) == (0, "5 of 5 warmed\n")


def test_nothing_to_warm_is_no_failure(url: str, tmp_path: Path) -> None:
    file = tmp_path / "none.txt"
    file.write_text("# none today\n")
    ended = warm(str(file), url=url)
    assert (ended.exit_code, ended.stdout) == (0, "0 of 0 warmed\n")


@pytest.mark.parametrize(
    ("arguments", "token", "text"),
    [
        (("no-such-file",), ADMIN, "no-such-file: neither a URL nor a file"),
        (("/1",), ADMIN, "422: host: is needed"),
        (("http://a/",), PURGE, "403: This needs a token of role admin"),
        (("http://a/",), "unknown-to-anybody", "401: the token is missing or unknown"),
    ],
)
def test_a_refusal_is_one_line(url: str, arguments: tuple[str, ...], token: str, text: str) -> None:
    ended = warm(*arguments, url=url, token=token)
    assert (ended.exit_code, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert text in line


@pytest.mark.parametrize("arguments", [(), ("http://a/", "--sitemap", "http://a/")])
def test_one_of_the_two_is_needed(arguments: tuple[str, ...]) -> None:
    ended = warm(*arguments, url="http://127.0.0.1:9")
    assert ended.exit_code == 2
    assert "give one of the two" in ended.stderr


def test_a_proxy_that_breaks_off_is_told() -> None:
    async def stops(scope: object, receive: object, send: object) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]  # ASGI
        line = b'{"url": "/", "status": 200, "outcome": "hit", "reason": "fresh"}\n'
        await send({"type": "http.response.body", "body": line})  # type: ignore[operator]  # ASGI

    with served(stops) as where:
        ended = warm("http://a/", url=where)
    assert ended.exit_code == 1
    assert "the proxy broke off; ask it again" in ended.stderr
