"""The rules that stand for nginx's, Varnish's and fastapi-cache2's do what the page says."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.cli.serving import served
from tests.docs.commands import ROOT, fenced
from tests.plays.process import serving
from tests.redis.servers import RedisServer

PAGE: Final = ROOT / "docs" / "migration.md"
TOKEN: Final = "a-token-of-16-characters"  # noqa: S105 - the test's own
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Api:
    """Answers with what it was asked for, and how often anything was; 404 below /products/none."""

    fields: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: object, send: Send) -> None:
        del receive
        target = scope["raw_path"].decode() + f"?{scope['query_string'].decode()}".rstrip("?")
        self.asked.append(target)
        self.cookies.append(dict(scope["headers"]).get(b"cookie", b"").decode())
        body = f"{target} {len(self.asked)}".encode()
        headers = [(name.encode(), value.encode()) for name, value in self.fields.items()]
        headers.append((b"content-length", b"%d" % len(body)))
        status = 404 if target.endswith("/none") else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def example(system: str) -> str:
    [text] = [block for block in fenced(PAGE, "yaml") if block.startswith(f"# from {system}\n")]
    return text


@contextmanager
def proxied(system: str, api: Api, folder: Path, *flags: str) -> Iterator[httpx.Client]:
    """Have the rules of the page before an API, and a client before them."""
    file = folder / "sidecache.yaml"
    file.write_text(example(system))
    variables = {"SIDECACHE_ADMIN_TOKEN": TOKEN}
    with (
        served(api) as url,
        serving("--config", str(file), "--upstream", url, *flags, variables=variables) as proxy,
        httpx.Client(base_url=proxy.url) as client,
    ):
        yield client


def status(answer: httpx.Response) -> list[str]:
    """Return the words of Cache-Status, without the name."""
    return answer.headers["cache-status"].split("; ")[1:]


def is_hit(answer: httpx.Response) -> bool:
    return "hit" in status(answer)


def ttl(answer: httpx.Response) -> int:
    [found] = [int(word[4:]) for word in status(answer) if word.startswith("ttl=")]
    return found


def test_nginx(tmp_path: Path) -> None:
    api = Api({"Cache-Control": "max-age=1", "Vary": "Accept"})
    with proxied("nginx", api, tmp_path) as client:
        assert 290 <= ttl(client.get("/products/1")) <= 300
        assert is_hit(client.get("/products/1"))
        assert 8 <= ttl(client.get("/products/none")) <= 10
        assert is_hit(client.get("/products/none"))
        for headers in ({"X-Preview": "1"}, {"Cookie": "session=a"}):
            assert not is_hit(client.get("/products/1", headers=headers))
        for _ in range(2):
            assert "detail=rule-off" in status(client.get("/others"))
        api.fields = {"Cache-Control": "private"}
        assert "detail=private" in status(client.get("/products/2"))


def test_varnish(tmp_path: Path) -> None:
    api = Api({"Set-Cookie": "a=b", "Cache-Control": "no-cache"})
    with proxied("Varnish", api, tmp_path) as client:
        first = client.get("/a?utm_source=x&b=1&fbclid=2", headers={"Cookie": "session=1"})
        assert (api.asked[-1], api.cookies[-1]) == ("/a?b=1", "")
        assert 110 <= ttl(first) <= 120
        again = client.get("/a?b=1")
        assert is_hit(again)
        assert "set-cookie" not in again.headers
        assert not is_hit(client.get("/a?b=1", headers={"Accept-Language": "de"}))
        for _ in range(2):
            answer = client.get("/me/orders", headers={"Cookie": "session=1"})
            assert "detail=rule-off" in status(answer)
        assert api.cookies[-1] == "session=1"
        assert client.request("PURGE", "/a?b=1").status_code == 401
        token = {"Authorization": f"Bearer {TOKEN}"}
        assert client.request("PURGE", "/a?b=1", headers=token).status_code == 200
        assert not is_hit(client.get("/a?b=1"))


def test_fastapi_cache(tmp_path: Path) -> None:
    api = Api()
    with RedisServer() as redis:
        with proxied("fastapi-cache2", api, tmp_path, "--redis", redis.url) as client:
            for method in ("PUT", "PATCH", "DELETE"):
                for path in ("/products/1", "/products/2"):
                    assert 50 <= ttl(client.get(path)) <= 60
                    assert is_hit(client.get(path))
                assert client.request(method, "/products/1").status_code == 200
                assert not is_hit(client.get("/products/1"))
                assert is_hit(client.get("/products/2"))
        assert redis.run("KEYS", "shop:*")
