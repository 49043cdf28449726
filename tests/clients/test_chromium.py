"""Chromium: a page on the proxy fetches every coding, is told 304, and resumes a download.

A page cannot say what it accepts, so that each coding has a rule of its own. The page writes what
it saw into its document, which the browser prints when all is done.
"""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import run
from tests.plays.decoding import CODINGS
from tests.plays.house import House, house
from tests.plays.origin import Origin
from tests.plays.representing import CALM, LARGE, resource

BROWSER = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--no-proxy-server", "--virtual-time-budget=30000", "--dump-dom"),
)
RULES = [
    {"name": coding, "match": {"path": f"/{coding}"}, "compress": {"codings": [coding]}}
    for coding in CODINGS
]
PAGE = b"""<!doctype html>
<link rel="icon" href="data:,">
<pre id="seen"></pre>
<script>
async function told(target, options) {
  const answer = await fetch(target, options), text = await answer.text();
  const field = (name) => answer.headers.get(name);
  return {
    status: answer.status, coding: field("content-encoding"), etag: field("etag"),
    place: field("content-range"), cache: field("cache-status"), text,
  };
}
function past(headers) {  // the browser's own cache, but not the proxy's
  return {cache: "no-store", headers: {"Cache-Control": "max-age=600", ...headers}};
}
async function all() {
  const seen = {};
  for (const coding of ["br", "zstd", "gzip"]) {
    const target = "/" + coding, found = seen[coding] = {};
    found.first = await told(target, past({}));
    found.second = await told(target, {});
    const known = {"If-None-Match": found.second.etag};
    found.unmodified = await told(target, past(known));
    found.revalidated = await told(target, {cache: "no-cache"});
    found.sizes = performance.getEntriesByType("resource")
      .filter((entry) => entry.name.endsWith(target))
      .map((entry) => [entry.transferSize, entry.encodedBodySize, entry.decodedBodySize]);
  }
  const begin = {"Range": "bytes=0-1999"};
  const part = seen.part = await told("/gzip", past(begin));
  const rest = {"Range": "bytes=2000-", "If-Range": part.etag};
  seen.rest = await told("/gzip", past(rest));
  const old = {"Range": "bytes=2000-", "If-Range": '"v0"'};
  seen.old = await told("/gzip", past(old));
  return seen;
}
all().catch((error) => ({error: String(error)})).then((seen) => {
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script>
"""


async def seen_by_the_page(proxy: House, profile: Path) -> dict[str, Any]:
    """Return what the page saw."""
    assert BROWSER is not None
    url = f"http://127.0.0.1:{proxy.port}/page"
    document = await run(BROWSER, *FLAGS, f"--user-data-dir={profile}", url)
    found = re.search(r'<pre id="seen">(.+?)</pre>', document, re.DOTALL)
    assert found, document
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert "error" not in seen, seen
    return seen


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
async def test_a_page_reads_every_coding_is_told_304_and_resumes(tmp_path: Path) -> None:
    text = LARGE.decode()
    async with Origin() as origin, house(origin.url, rules=RULES, **CALM) as proxy:
        origin.resources["/page"] = resource(PAGE, media="text/html", control="no-store")
        for coding in CODINGS:
            origin.resources[f"/{coding}"] = resource(LARGE)
        seen = await seen_by_the_page(proxy, tmp_path)
        for coding in CODINGS:
            found = seen[coding]
            for name in ("first", "second", "revalidated"):
                answer = found[name]
                assert (answer["status"], answer["coding"]) == (200, coding), name
                assert answer["text"] == text
                assert answer["etag"] == found["first"]["etag"]
            assert (found["unmodified"]["status"], found["unmodified"]["text"]) == (304, "")
            assert "; hit" in found["unmodified"]["cache"]
            assert "; fwd-status=304" in found["revalidated"]["cache"]
            sizes = found["sizes"]
            assert {decoded for _, _, decoded in sizes} <= {0, len(text)}
            transferred, coded, _ = sizes[-1]  # the 304 brought no body
            assert 0 < transferred < coded < len(text)
        part, rest, old = seen["part"], seen["rest"], seen["old"]
        assert [each["status"] for each in (part, rest, old)] == [206, 206, 200]
        assert part["coding"] is rest["coding"] is None  # for a range it accepts nothing else
        assert part["text"] + rest["text"] == old["text"] == text
        asked = sorted(
            (each.target, each.first("if-none-match") or b"") for each in origin.heard[1:]
        )
        assert asked == [
            (b"/" + coding.encode(), condition)
            for coding in sorted(CODINGS)
            for condition in (b"", b'"v1"')
        ]
        assert not origin.unscripted
