"""curl: reads every coding that it was built with, a 304, and resumes a download."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.running import run
from tests.plays.decoding import CODINGS, decoded, encoded
from tests.plays.representing import EACH, LARGE, SMALL, Place, place, resource

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")


def _features() -> set[str]:
    """Return the codings that this curl can undo."""
    if CURL is None:
        return set()
    told = subprocess.run([CURL, "--version"], capture_output=True, text=True, check=True).stdout
    names = {"brotli": "br", "zstd": "zstd", "libz": "gzip"}
    return {coding for feature, coding in names.items() if feature in told.split()}


DECODABLE = _features()
EACH_DECODABLE = [
    pytest.param(
        coding,
        marks=pytest.mark.skipif(coding not in DECODABLE, reason=f"this curl knows no {coding}"),
    )
    for coding in CODINGS
]


@dataclass(frozen=True)
class Curl:
    """A curl with a folder for what it saves."""

    here: Place
    folder: Path

    async def get(self, *flags: str, to: str = "body") -> tuple[int, dict[str, str], bytes]:
        """Return status, fields and saved body of the thing."""
        assert CURL is not None
        head, body = self.folder / "head", self.folder / to
        quiet = ("--silent", "--show-error", "--disable", "--noproxy", "*")
        saved = ("--dump-header", str(head), "--output", str(body))
        await run(CURL, *quiet, *saved, *flags, f"http://127.0.0.1:{self.here.proxy.port}/thing")
        first, *lines = head.read_text().splitlines()
        fields = dict(re.split(": ", line, maxsplit=1) for line in lines if ": " in line)
        return int(first.split()[1]), fields, body.read_bytes() if body.exists() else b""


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coding", EACH_DECODABLE)
async def test_reads_a_coding(tmp_path: Path, coding: str, body: bytes) -> None:
    async with place(resource(body, counted=body is SMALL)) as here:
        curl = Curl(here, tmp_path)
        for _ in range(2):
            status, fields, saved = await curl.get(
                "--compressed", "--header", f"Accept-Encoding: {coding}"
            )
            assert (status, fields["content-encoding"], saved) == (200, coding, body)
        assert "; hit" in fields["cache-status"]


async def test_reads_what_it_likes_best(tmp_path: Path) -> None:
    async with place(resource(LARGE)) as here:
        status, fields, saved = await Curl(here, tmp_path).get("--compressed")
        assert (status, fields["content-encoding"] in DECODABLE, saved) == (200, True, LARGE)


async def test_reads_what_the_upstream_coded_without_being_asked(tmp_path: Path) -> None:
    """A curl without `--compressed` undoes nothing, and gets nothing that is to be undone."""
    thing = resource(encoded("gzip", SMALL), "Content-Encoding: gzip")
    async with place(thing) as here:
        curl = Curl(here, tmp_path)
        for _ in range(2):
            _, fields, saved = await curl.get("--header", "Accept-Encoding: identity")
            assert ("content-encoding" in fields, saved) == (False, SMALL)


@pytest.mark.parametrize("coding", EACH_DECODABLE)
async def test_is_told_that_it_holds_what_is_current(tmp_path: Path, coding: str) -> None:
    etag = str(tmp_path / "etag")
    async with place(resource()) as here:
        curl = Curl(here, tmp_path)
        asking = ("--compressed", "--header", f"Accept-Encoding: {coding}")
        _, first, _ = await curl.get(*asking, "--etag-save", etag)
        status, fields, saved = await curl.get(*asking, "--etag-compare", etag, to="again")
        assert (status, saved, fields["etag"]) == (304, b"", first["etag"])
        assert "content-encoding" not in fields
        assert len(here.heard) == 1


@pytest.mark.parametrize("coding", EACH)
async def test_resumes_a_download(tmp_path: Path, coding: str) -> None:
    async with place(resource(LARGE)) as here:
        curl = Curl(here, tmp_path)
        asking = ("--header", f"Accept-Encoding: {coding}")
        _, whole, _ = await curl.get(*asking, to="whole")
        status, _, held = await curl.get(*asking, "--range", "0-1999")
        assert (status, len(held)) == (206, 2_000)
        unchanged = ("--header", f"If-Range: {whole['etag']}")
        status, fields, saved = await curl.get(*asking, *unchanged, "--continue-at", "-")
        assert (status, fields["etag"]) == (206, whole["etag"])
        assert decoded(coding, saved) == LARGE
        assert len(here.heard) == 1
