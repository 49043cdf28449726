"""`sidecache explain`: the story of a request told offline, and that it is the true one."""

import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.http import dates
from proxy.rules.places import parse
from tests.plays.house import house
from tests.plays.rawclient import request, timeless
from tests.plays.scripted import ScriptedUpstream, response

CONFIG = """\
upstream: {url: http://127.0.0.1:9}
rules:
  - name: product
    match: {path: "/products/{id}"}
    ttl: 5m
    key: {query: {include: [page]}}
  - name: account
    match: {path: /me}
    cache: off
"""


def explained(*arguments: str) -> Result:
    return CliRunner(env={"SIDECACHE_CONFIG": None}).invoke(main, ["explain", *arguments])


def story(*arguments: str) -> list[tuple[str, str]]:
    """Return what is told as labels and texts."""
    ended = explained(*arguments)
    assert ended.exit_code == 0, ended.output
    width = max(len(line.partition("  ")[0]) for line in ended.output.splitlines())
    return [(line[:width].strip(), line[width:].strip()) for line in ended.output.splitlines()]


def head(tmp_path: Path, *lines: str, status: str = "200 OK") -> list[str]:
    """Return the flags that name a file with a response head."""
    file = tmp_path / "response.txt"
    file.write_text("\n".join((f"HTTP/1.1 {status}", *lines)) + "\n\n")
    return ["--response", str(file)]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "sidecache.yaml"
    file.write_text(CONFIG)
    return file


def test_a_story_from_request_to_second_request(config: Path, tmp_path: Path) -> None:
    lines = ("Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "one"', "Age: 10")
    flags = head(tmp_path, *lines, "Vary: Accept-Language", "Content-Length: 5")
    url = "https://shop.test/products/7?page=2&utm=x"
    told_of = story("GET", url, "--header", "Accept-Language: de", "--config", str(config), *flags)
    texts = dict(told_of)
    assert texts["request"] == "GET https://shop.test/products/7?page=2"
    assert texts["rule"] == f"product ({config}:3)"
    assert ("key", "target = /products/7?page=2") in told_of
    assert len(texts["key digest"]) == 32
    assert texts["look-up"] == "the cache is asked"
    assert texts["response"] == "200 (as given, as if it had just come)"
    assert texts["stored"].startswith("yes: max-age: ")
    assert texts["lifetime"].startswith("60 s = ")
    assert texts["age"].startswith("10 s on arrival")
    assert texts["fresh"].startswith("for 50 s")
    assert texts["stale"].startswith("30 s while a refresh runs")
    assert texts["variant"].startswith("accept-language = de")
    assert [text for label, text in told_of if label == "Cache-Status"] == [
        "sidecache; fwd=uri-miss; ttl=50; stored; detail=uri-miss",
        "sidecache; hit; ttl=50; detail=fresh",
    ]


def test_without_a_file_or_a_response() -> None:
    texts = dict(story("GET", "/thing"))
    assert texts["request"] == "GET http://localhost/thing"
    assert texts["rule"] == "default (built in)"
    assert texts["response"] == "200 (assumed: a plain 200)"
    assert texts["stored"].startswith("no: no-lifetime: ")


def test_in_shadow_mode_it_tells_what_the_cache_would_do(config: Path, tmp_path: Path) -> None:
    arguments = ("GET", "http://a.test/products/1?page=2&x=3", "--config", str(config))
    response = head(tmp_path, "Date: Tue, 14 Nov 2023 22:13:20 GMT", "Content-Length: 5")
    live = story(*arguments, *response)
    config.write_text("mode: shadow\n" + CONFIG)
    in_shadow = story(*arguments, *response)
    places = [(each[0], each[1].replace(":4)", ":3)")) for each in in_shadow]
    assert places == live


def test_an_answer_that_must_be_asked_for_each_time(tmp_path: Path) -> None:
    flags = head(tmp_path, "Cache-Control: no-cache", 'ETag: "one"', "Content-Length: 5")
    told_of = story("GET", "/thing", *flags)
    texts = dict(told_of)
    assert texts["stale"].startswith("never: ")
    assert texts["asked again"].startswith("no-cache: ")
    assert [label for label, _ in told_of].count("Cache-Status") == 1


def test_an_answer_that_may_be_stale_on_purpose_alone(tmp_path: Path) -> None:
    """s-maxage forbids staleness, and the response's own window allows it again."""
    lines = ("Cache-Control: s-maxage=60, stale-while-revalidate=30", "Content-Length: 5")
    texts = dict(story("GET", "/thing", *head(tmp_path, *lines)))
    assert texts["stale"] == "30 s while a refresh runs (5861 §3)"


def test_a_write_and_what_it_voids(tmp_path: Path) -> None:
    flags = head(tmp_path, "Location: /products/8", "Content-Length: 0", status="201 Created")
    told_of = story("POST", "http://shop.test/products", "--header", "Content-Length: 3", *flags)
    assert [text for label, text in told_of if label == "invalidates"] == [
        "http://shop.test/products (9111 §4.4)",
        "http://shop.test/products/8 (9111 §4.4)",
    ]
    assert dict(told_of)["Cache-Status"] == "sidecache; fwd=method; detail=method"


def test_a_variant_by_a_field_that_is_absent(tmp_path: Path) -> None:
    lines = ("Cache-Control: max-age=60", "Vary: X-Tenant", "Content-Length: 5")
    texts = dict(story("GET", "/thing", *head(tmp_path, *lines)))
    assert texts["variant"].startswith("x-tenant = absent")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["GET", "ftp://api.test/"], "only http and https"),
        (["GET", "thing"], "neither a path nor"),
        (["GET", "/a b"], "bytes that need encoding"),
        (["GET", "/a#b"], "fragment"),
        (["GET", "/", "--header", "Host: a b"], "Host"),
        (["GET", "/", "--header", "no colon"], "expected 'Name: value'"),
        (["GET", "/", "--header", ": nameless"], "expected 'Name: value'"),
        (["GET", "/", "--header", "Connection: host"], "Connection must not nominate host"),
        (["GET", "/", "--config", "/nonexistent.yaml"], "/nonexistent.yaml"),
    ],
)
def test_what_cannot_be_explained(arguments: list[str], message: str) -> None:
    ended = explained(*arguments)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert message in ended.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "response.txt:1: expected a status line"),
        ("200 OK\n\n", "response.txt:1: expected a status line"),
        ("HTTP/1.1\n\n", "response.txt:1: expected a status line"),
        ("HTTP/1.1 abc\n\n", "response.txt:1: expected a status line"),
        ("HTTP/1.1 200 OK\nX-A: 1\nno colon\n\n", "response.txt:3: expected 'Name: value'"),
    ],
)
def test_a_response_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "response.txt"
    file.write_text(text)
    ended = explained("GET", "/", "--response", str(file))
    assert ended.exit_code == 1
    assert message in ended.stderr


def test_a_response_file_that_is_not_there() -> None:
    assert explained("GET", "/", "--response", "/nonexistent.txt").exit_code == 2


def rest_of(config: Path) -> dict[str, Any]:
    """Return the settings of a file but for the upstream."""
    data = parse(config.read_text(), str(config)).data
    return {str(name): value for name, value in data.items() if name != "upstream"}


NOW = "Date: {now}"
FRESH = (NOW, "Cache-Control: max-age=60", "Content-Length: 5")

SAME: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "kept": ("GET /thing", (), FRESH),
    "kept-by-the-rule": ("GET /products/1?a=b", (), (NOW, "Content-Length: 5")),
    "a-bare-question-mark": ("GET /thing?", (), FRESH),
    "old": ("GET /thing", (), (*FRESH, "Age: 61", 'ETag: "one"')),
    "validator-alone": ("GET /thing", (), (NOW, 'ETag: "one"', "Content-Length: 5")),
    "no-store": ("GET /thing", (), (*FRESH, "Cache-Control: no-store")),
    "private": ("GET /thing", (), (*FRESH, "Cache-Control: private")),
    "set-cookie": ("GET /thing", (), (*FRESH, "Set-Cookie: a=b")),
    "vary-star": ("GET /thing", (), (*FRESH, "Vary: *")),
    "no-lifetime": ("GET /thing", (), (NOW, "Content-Length: 5")),
    "too-large": ("GET /thing", (), (*FRESH[:2], "Content-Length: 999999999")),
    "credentials": ("GET /thing", ("Authorization: Basic YTpi",), FRESH),
    "request-no-store": ("GET /thing", ("Cache-Control: no-store",), FRESH),
    "only-if-cached": ("GET /thing", ("Cache-Control: only-if-cached",), FRESH),
    "only-if-cached-off": ("GET /me", ("Cache-Control: only-if-cached",), FRESH),
    "rule-off": ("GET /me", (), FRESH),
    "ambiguous": ("GET /a//b", (), FRESH),
    "precondition": ("GET /thing", ('If-Match: "one"',), FRESH),
    "head": ("HEAD /thing", (), FRESH),
    "post": ("POST /thing", (), FRESH),
    "post-kept": ("POST /thing", (), (*FRESH, "Content-Location: /thing")),
    "delete": ("DELETE /thing", (), FRESH),
}


@pytest.mark.parametrize("shown", [False, True], ids=["", "key"])
@pytest.mark.parametrize(("start", "asked", "said"), SAME.values(), ids=SAME)
async def test_what_is_foretold_is_what_happens(
    tmp_path: Path,
    config: Path,
    start: str,
    asked: tuple[str, ...],
    said: tuple[str, ...],
    *,
    shown: bool,
) -> None:
    """The running proxy's Cache-Status for the same heads; of the ttl only that there is one."""
    with config.open("a") as file:
        file.write(f"cache_status: {{key: {str(shown).lower()}}}\n")
    method, target = start.split(" ")
    lines = [line.format(now=dates.render(time.time()).decode()) for line in said]
    flags = [word for line in asked for word in ("--header", line)]
    url = f"http://api.test{target}"
    told_of = story(method, url, *flags, "--config", str(config), *head(tmp_path, *lines))
    foretold = next(text for label, text in told_of if label == "Cache-Status")
    async with ScriptedUpstream() as upstream:
        body = b"" if method == "HEAD" or "999999999" in str(said) else b"hello"
        upstream.reply(response("200 OK", *lines, body=body))
        async with house(upstream.url, **rest_of(config)) as proxy, proxy.connect() as client:
            await client.send(request(target, *asked, method=method))
            assert (await client.head(method)).told == timeless(foretold)


def test_the_environment_names_the_file_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "named.yaml"
    file.write_text(
        "upstream: {url: http://127.0.0.1:1}\nrules: [{name: off, match: {path: /a}, cache: off}]\n"
    )
    monkeypatch.setenv("SIDECACHE_CONFIG", str(file))

    told = CliRunner().invoke(main, ["explain", "get", "http://localhost/a"])

    assert told.exit_code == 0
    assert f"off ({file}:2)" in told.output
    assert "rule-off" in told.output


def test_a_write_to_what_the_cache_has_no_part_in(tmp_path: Path) -> None:
    head = tmp_path / "head"
    head.write_text("HTTP/1.1 200 OK\nCache-Control: max-age=60\nContent-Location: /a\n\n")
    file = tmp_path / "rules.yaml"
    file.write_text(
        "upstream: {url: http://127.0.0.1:1}\n"
        "rules: [{name: off, match: {path: /a, methods: [GET]}, cache: off}]\n"
    )
    told = explained("POST", "http://localhost/a", "--config", str(file), "--response", str(head))
    assert "no: bypassed" in told.output


def test_a_request_that_may_go_no_further() -> None:
    told = explained("OPTIONS", "http://localhost/a", "--header", "Max-Forwards: 0")
    assert "nothing is sent upstream: max-forwards" in told.output


TAGGED = """\
upstream: {url: http://127.0.0.1:9}
rules:
  - name: read
    match: {path: "/products/{id}", methods: [GET, HEAD]}
    tags: [products, "product:{id}", "page:{query.page}", "by:{response.author}"]
  - name: write
    match: {path: "/products/{id}"}
    on_success: {purge: [products, "product:{id}", "by:{response.author}"], mode: soft}
"""


@pytest.fixture
def tagged(tmp_path: Path) -> list[str]:
    file = tmp_path / "tagged.yaml"
    file.write_text(TAGGED)
    return ["--config", str(file)]


def test_the_tags_that_the_request_gives(tagged: list[str]) -> None:
    texts = dict(story("GET", "/products/7?page=2", *tagged))
    assert texts["tags"] == "products, product:7, page:2"
    assert "purges" not in texts
    assert "tags" not in dict(story("GET", "/other", *tagged))


def test_what_a_write_purges_by_its_rule(tagged: list[str], tmp_path: Path) -> None:
    texts = dict(story("PUT", "/products/7", *tagged))
    assert texts["purges"] == "products, product:7 (soft, by on_success of write)"
    assert "tags" not in texts
    named = dict(story("PUT", "/products/7", *tagged, *head(tmp_path, "Author: eve")))
    assert named["purges"] == "products, product:7, by:eve (soft, by on_success of write)"


def test_a_write_that_fails_purges_nothing(tagged: list[str], tmp_path: Path) -> None:
    flags = head(tmp_path, status="404 Not Found")
    assert "purges" not in dict(story("DELETE", "/products/7", *tagged, *flags))


def test_a_write_of_too_many_names_purges_everything(tagged: list[str], tmp_path: Path) -> None:
    flags = head(tmp_path, "Author: " + ",".join(map(str, range(200))))
    purges = dict(story("PUT", "/products/7", *tagged, *flags))["purges"]
    assert purges == "everything (soft, by on_success of write)"
