"""`sidecache bench` before servers on loopback."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from tests.cli.serving import served

Scope = dict[str, Any]
Send = Callable[[Scope], Awaitable[None]]
HIT: Final = b"sidecache; hit; ttl=9"


@dataclass
class Answering:
    """An application that answers with the path, and remembers what it was asked for."""

    cache_status: bytes = b""
    status: int = 200
    salt: bytes = b""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    fields: dict[bytes, bytes] = field(default_factory=dict)
    most: int = 0
    now: int = 0

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        del receive
        self.now += 1
        self.most = max(self.most, self.now)
        self.asked[scope["method"], scope["path"]] += 1
        self.fields = dict(scope["headers"])
        body = scope["path"].encode() + self.salt
        if scope["path"] == "/random":
            body = b"%d" % self.asked.total()
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
        if self.cache_status:
            headers.append((b"cache-status", self.cache_status))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.now -= 1


@dataclass
class Sides:
    through: Answering
    direct: Answering
    through_url: str
    direct_url: str


@pytest.fixture
def sides() -> Iterator[Sides]:
    through, direct = Answering(HIT), Answering()
    with served(through) as one, served(direct) as other:
        yield Sides(through, direct, one, other)


def bench(*arguments: str, given: str | None = None) -> Result:
    quick = ("--duration", "200ms", "--rounds", "2", "--concurrency", "2")
    return CliRunner().invoke(main, ["bench", *quick, *arguments], input=given)


def test_both_sides_are_asked_and_compared(sides: Sides) -> None:
    url = f"{sides.through_url}/a"
    ended = bench(url, "--direct", sides.direct_url, "--json")
    assert ended.exit_code == 0, ended.output
    told = orjson.loads(ended.stdout)
    for name, side in (("through", sides.through), ("direct", sides.direct)):
        assert told[name]["statuses"] == {"200": told[name]["requests"]}
        assert told[name]["bytes"] == 2 * told[name]["requests"]
        assert 0 < told[name]["requests"] < side.asked["GET", "/a"]
        assert 1 <= side.most <= 2
    assert (told["through"]["hit_ratio"], told["direct"]["hit_ratio"]) == (1.0, None)
    assert len(told["rounds"]) == 2
    assert told["ratio"] > 0
    assert (told["differing"], told["changing"]) == ([], [])


def test_a_table(sides: Sides) -> None:
    ended = bench(f"{sides.through_url}/a", "--direct", f"{sides.direct_url}/a")
    assert ended.stdout.splitlines()[0].split() == ["through", "direct"]
    assert "ratio" in ended.stdout


def test_answers_that_differ_are_flagged(sides: Sides) -> None:
    sides.direct.salt = b"?"
    ended = bench(
        f"{sides.through_url}/a", f"{sides.through_url}/random", "--direct", sides.direct_url
    )
    assert ended.exit_code == 1
    told = [line for line in ended.stdout.splitlines() if line.startswith(("differs", "changes"))]
    assert told == [
        f"differs: {sides.through_url}/a: body of 2 bytes, directly 3, differing from byte 2",
        f"changes by itself, not compared: {sides.through_url}/random",
    ]


def test_paths_from_a_file_and_from_standard_input(sides: Sides, tmp_path: Path) -> None:
    file = tmp_path / "paths"
    file.write_text("# some\n/b\n\nc\n")
    assert bench(sides.through_url, "--paths", str(file)).exit_code == 0
    assert bench(sides.through_url, "--paths", "-", given="/d\n").exit_code == 0
    assert {path for _, path in sides.through.asked} == {"/", "/b", "/c", "/d"}
    assert not sides.direct.asked


def test_only_head_where_it_is_wanted_and_fields(sides: Sides) -> None:
    ended = bench(
        sides.through_url, "--head", "--header", "Host: shop.test", "--header", "X-A:  b "
    )
    assert ended.exit_code == 0, ended.output
    assert {method for method, _ in sides.through.asked} == {"HEAD"}
    assert (sides.through.fields[b"host"], sides.through.fields[b"x-a"]) == (b"shop.test", b"b")


def test_a_side_that_fails_is_given_up(sides: Sides) -> None:
    sides.direct.status = 503
    url = f"{sides.through_url}/a"
    ended = bench(
        url, "--direct", sides.direct_url, "--duration", "20s", "--rounds", "20", "--json"
    )
    told = orjson.loads(ended.stdout)
    assert ended.exit_code == 1
    assert 50 <= told["direct"]["errors"] < 60
    assert told["differing"] == [f"{url}: status 200, directly 503"]


def test_nobody_there(sides: Sides) -> None:
    ended = bench(f"{sides.through_url}/a", "--direct", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert "Upstream unreachable" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://a", "--header", "x"], "--header 'x': expected 'Name: value'"),
        (["http://a", "--duration", "11m"], "more than 0 and at most 600 s"),
        (["http://a", "--concurrency", "300"], "300 is not in the range"),
        ([], "Missing argument"),
    ],
)
def test_misuse(arguments: list[str], told: str) -> None:
    ended = bench(*arguments)
    assert ended.exit_code != 0
    assert told in ended.stderr
