"""A stage for the page: two replicas with a Redis and the catalog, and a browser before them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.admin.desk import Desk
from tests.cli.serving import served
from tests.plays.process import Serving, environment, serving
from tests.redis.servers import RedisServer, until

BROWSER: Final = shutil.which("chromium")
ADMIN: Final = "all-that-is-allowed"
READ: Final = "reading-is-allowed"
Scheme = Literal["light", "dark"]

_SETTINGS: Final = """
admin:
  tokens:
    - {name: reader, role: read, variable: READING}
    - {name: ops, role: admin, variable: ALL}
rules:
  - name: product
    match: {path: "/products/{id}"}
    ttl: 5m
    tags: ["product:{id}"]
  - name: account
    match: {path: /me}
    cache: off
"""
_VARIABLES: Final = {"READING": READ, "ALL": ADMIN, "SIDECACHE_LOG__ACCESS": "off"}


@dataclass(frozen=True)
class Stage:
    """Two replicas that ask for tokens, and the URL of an admin side that knows none."""

    replicas: tuple[Serving, Serving]
    tokenless: str
    browser: Browser

    def ask(self, *targets: str) -> None:
        """Have a client ask the first replica."""
        with httpx.Client(base_url=self.replicas[0].url) as client:
            for target in targets:
                client.get(target)


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Have everything run until the block ends."""
    settings = folder / "sidecache.yaml"
    settings.write_text(_SETTINGS)
    with ExitStack() as stack:
        catalog, redis = stack.enter_context(_catalog()), stack.enter_context(RedisServer()).url
        flags = ("--upstream", catalog, "--config", str(settings), "--redis", redis)
        one, other = (stack.enter_context(serving(*flags, variables=_VARIABLES)) for _ in range(2))
        tokenless = stack.enter_context(served(Desk(tokens=()).listener))
        until(_joined, "two replicas that know each other", one)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        stack.callback(browser.close)
        yield Stage((one, other), tokenless, browser)


@contextmanager
def _catalog() -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "examples.catalog", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _joined(replica: Serving) -> bool:
    answer = httpx.get(f"{replica.admin}/v1/replicas", headers={"Authorization": f"Bearer {ADMIN}"})
    return answer.status_code == 200 and len(answer.json()["replicas"]) == 2


@dataclass
class Visit:
    """A page, and what was seen of it."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refusals: set[str] = field(default_factory=set)
    """Statuses that a test has the page be answered with, of which the console may complain."""

    def enter(self, token: str = ADMIN) -> None:
        """Use a token, and wait for the numbers."""
        self.page.get_by_label("Token").fill(token)
        self.page.keyboard.press("Enter")
        self.inside()

    def inside(self) -> None:
        """Wait for the numbers."""
        self.page.locator("#tiles dd").first.wait_for()

    def later(self) -> None:
        """Have the page's own clock go on, by what it waits between two looks."""
        self.page.clock.fast_forward(2_000)

    def tile(self, name: str) -> str:
        """Return what a tile says."""
        return self.page.locator("#tiles > div", has_text=name).locator("dd").first.inner_text()


@contextmanager
def visit(
    stage: Stage,
    url: str,
    scheme: Scheme = "light",
    width: int = 1_280,
) -> Iterator[Visit]:
    """Open the page; at the end nothing may have gone wrong in it, or have left for elsewhere."""
    context = stage.browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    here = Visit(page, url)
    page.on("request", lambda request: here.asked.append(request.url))
    page.on("pageerror", lambda error: here.errors.append(str(error)))
    page.on("console", lambda message: _heard(here, message))
    page.clock.install()
    page.goto(f"{url}/")
    try:
        yield here
        assert not re.search(r"\[object|undefined|NaN", page.locator("body").inner_text())
    finally:
        context.close()
    assert here.errors == []
    assert [each for each in here.asked if not each.startswith(f"{url}/")] == []


def _heard(here: Visit, message: Any) -> None:  # noqa: ANN401 - a ConsoleMessage
    """Note what the console complains of, but for the refusals that are meant."""
    refused = re.match(r"Failed to load resource: .* status of (\d+)", message.text)
    meant = refused is not None and refused[1] in here.refusals
    if message.type in {"error", "warning"} and not meant:
        here.errors.append(message.text)
