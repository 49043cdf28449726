"""The applications of the page on tags run, behind the proxy, and purge as it says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.ports import free_port
from tests.docs.commands import ROOT, fenced
from tests.plays.process import serving
from tests.redis.servers import until

PAGE: Final = ROOT / "docs" / "tags.md"
TOKEN: Final = "a-token-of-16-characters"  # noqa: S105 - the test's own


@contextmanager
def running(sign: str, name: str, folder: Path) -> Iterator[httpx.Client]:
    """Have the page's application that has `sign` in it run behind the proxy."""
    [text] = [block for block in fenced(PAGE, "python") if sign in block]
    (folder / "shop.py").write_text(text)
    port, admin = free_port(), free_port()
    told = {"SIDECACHE_ADMIN_URL": f"http://127.0.0.1:{admin}", "SIDECACHE_ADMIN_TOKEN": TOKEN}
    options = ("--port", str(port), "--lifespan", "off", "--log-level", "error")
    with subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), f"shop:{name}", *options],
        env={**os.environ, **told},
    ) as process:
        try:
            upstream = f"http://127.0.0.1:{port}"
            until(answers, upstream, upstream)
            flags = ("--upstream", upstream, "--admin", f"127.0.0.1:{admin}")
            with (
                serving(*flags, variables={"SIDECACHE_ADMIN_TOKEN": TOKEN}) as proxy,
                httpx.Client(base_url=proxy.url) as client,
            ):
                yield client
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.ConnectError:
        return False
    return True


def kept(client: httpx.Client, path: str) -> str:
    """Return the name of what is at a path, having seen that it is kept."""
    client.get(path)
    answer = client.get(path)
    assert "; hit" in answer.headers["cache-status"]
    assert "surrogate-key" not in answer.headers
    return str(answer.json()["name"])


def test_fastapi(tmp_path: Path) -> None:
    with running("FastAPI()", "app", tmp_path) as client:
        assert (kept(client, "/products/1"), kept(client, "/products/2")) == ("Table", "Chair")
        assert client.post("/imports/1?name=Desk").json() == {"purged": True}
        for path, name in (("/products/1", "Desk"), ("/products/2", "Chair")):
            answer = client.get(path)
            assert "; hit" not in answer.headers["cache-status"]
            assert answer.json()["name"] == name


def test_django(tmp_path: Path) -> None:
    with running("django", "application", tmp_path) as client:
        assert kept(client, "/products/1") == "Table"
        assert client.get("/imports/1?name=Desk").status_code == 200
        answer = client.get("/products/1")
        assert "; hit" not in answer.headers["cache-status"]
        assert answer.json()["name"] == "Desk"
