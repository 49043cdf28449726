"""The page at `/`: its files, and what every answer tells browsers."""

import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import httpx
import pytest

from proxy.admin import dashboard
from proxy.admin.control import Reloaded
from tests.admin.desk import Desk, problem

ROOT: Final = Path(__file__).parent.parent.parent
ASSETS: Final = dashboard.assets()
GUARDED: Final = [
    *("/", "/assets/main.js", "/livez", "/metrics", "/v1/stats", "/nowhere", "/openapi.json")
]


class References(HTMLParser):
    """What a page refers to, and what of it is written inline."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.targets += [v for n, v in attrs if n in {"src", "href"} and v and v[0] != "#"]
        self.inline += [n for n in named if n == "style" or n.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in named):
            self.inline.append(tag)


def references() -> References:
    found = References()
    found.feed(ASSETS["index.html"].body.decode())
    return found


async def test_the_page_is_for_anybody() -> None:
    answer = await Desk().get("/", token=None)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.content == ASSETS["index.html"].body


async def test_all_that_it_refers_to_is_there() -> None:
    targets = references().targets
    assert targets
    for target in targets:
        answer = await Desk().get(f"/{target}", token=None)
        assert answer.status_code == 200, target


def test_nothing_is_inline() -> None:
    assert references().inline == []


def test_what_modules_import_is_there() -> None:
    modules = [name for name in ASSETS if name.endswith(".js") and not name.startswith("uPlot")]
    assert modules
    for name in modules:
        for named in re.findall(r'from "\./([^"]+)"', ASSETS[name].body.decode()):
            assert named in ASSETS


def test_what_is_not_ours_comes_with_its_licence() -> None:
    assert b"(c)" in ASSETS["uPlot.LICENSE.txt"].body
    assert b"(v1.6.32)" in ASSETS["uPlot.iife.min.js"].body[:100]


async def test_a_file_is_sent_once() -> None:
    first = await Desk().get("/assets/main.js", token=None)
    assert first.headers["cache-control"] == "no-cache"
    held = {"If-None-Match": first.headers["etag"]}
    again = await Desk().get("/assets/main.js", token=None, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapi.py", "%2Fetc%2Fpasswd", "main.js%00"])
async def test_there_are_no_other_files(name: str) -> None:
    assert problem(await Desk().get(f"/assets/{name}", token=None))[0] == 404


class Broken(Desk):
    """A desk at which something breaks."""

    async def reload(self) -> Reloaded:
        raise ZeroDivisionError


@pytest.mark.parametrize("path", GUARDED)
async def test_every_answer_keeps_browsers_in_bounds(path: str) -> None:
    bounded((await Desk().get(path)).headers)


async def test_so_does_what_is_said_of_a_bug() -> None:
    answer = await Broken().post("/v1/config/reload")
    assert answer.status_code == 500
    bounded(answer.headers)


def bounded(headers: httpx.Headers) -> None:
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_there_is_no_page_with_scripts_from_elsewhere(path: str) -> None:
    assert (await Desk().get(path, token=None)).status_code == 404


def test_the_wheel_has_all_of_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    for name, asset in ASSETS.items():
        assert packed[f"proxy/admin/assets/{name}"] == asset.body
    licences = {name.partition("/licenses/")[2] for name in packed if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE", "proxy/admin/assets/uPlot.LICENSE.txt"}
