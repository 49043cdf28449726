"""`make compose`: the Compose file for real, by podman-compose, as docs/deploy.md has it.

In a network of its own, so that nothing of this machine is changed. The Valkey is the one of the
tests, from its wheel, since the file's own is in a registry. Prints what it saw; ends with 1 where
something is not as it has to be.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from tests.image.podman import Container, Failed, hold, podman, until
from tests.plays.process import ROOT
from tests.redis.servers import VALKEY

FILE: Final = ROOT / "examples" / "compose.yaml"
PROJECT: Final = "sidecache-compose"
STAND_IN: Final = "localhost/sidecache-valkey:dev"
TOKEN: Final = "a-token-of-16-characters"  # noqa: S105 - what the page shows
DATA: Final = "http://127.0.0.1:8080"
ADMIN: Final = "http://127.0.0.1:9090"
_DOCKERFILE: Final = """
FROM {image}
COPY valkey-server /usr/local/bin/
HEALTHCHECK NONE
ENTRYPOINT []
"""
_OVERRIDE: Final = """
services: {{api: {{image: {image}}}, sidecache: {{image: {image}}}, valkey: {{image: {valkey}}}}}
"""


def main() -> int:
    """Bring it up and down once and return the exit status."""
    try:
        run("ip", "link", "set", "lo", "up")
        with tempfile.TemporaryDirectory() as folder:
            _make_stand_in(sys.argv[1], Path(folder))
            with _up(Path(folder)):
                _play()
    except (Failed, httpx.HTTPError) as error:
        print(f"FAILED: {error}")
        return 1
    print("all as it has to be")
    return 0


def run(*words: str) -> str:
    """Run a command to its end; return what it prints. Raises `Failed`."""
    program = shutil.which(words[0])
    if program is None:
        raise Failed(f"this needs {words[0]}; podman-compose comes by pip install podman-compose")
    variables = os.environ | {"SIDECACHE_ADMIN_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [program, *words[1:]], env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _make_stand_in(image: str, folder: Path) -> None:
    shutil.copy(VALKEY, folder / "valkey-server")
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(image=image))
    (folder / "override.yaml").write_text(_OVERRIDE.format(image=image, valkey=STAND_IN))
    words = ("--isolation", "chroot", "--format", "docker", "--pull=never", "-t", STAND_IN)
    run("buildah", "bud", *words, str(folder))


@contextmanager
def _up(folder: Path) -> Iterator[None]:
    files = ("-f", str(FILE), "-f", str(folder / "override.yaml"))
    compose = ("podman-compose", "-p", PROJECT, *files)
    try:
        run(*compose, "up", "--detach")
        yield
    except Failed:
        print(run(*compose, "logs"))
        raise
    finally:
        run(*compose, "down")


def _play() -> None:
    """Ask, ask again, purge, ask once more; then end the sidecar."""
    took = until(_ready, "a sidecar that is ready and has its Redis")
    print(f"ready: {took:.2f} s after it was up")
    first, second = _asked(), _asked()
    hold("fwd=uri-miss" in first, f"a miss: {first}")
    hold("; hit;" in second, f"a hit: {second}")
    *_, purged = run(sys.executable, "-m", "proxy", "purge", "--tag", "product:1").splitlines()
    hold(purged.endswith(": complete"), purged)
    told = _asked()
    hold("fwd=" in told, f"a miss again: {told}")
    named = ("--filter", f"name={PROJECT}.sidecache", "--format={{.Names}}")
    sidecar = Container(podman("ps", *named))
    sidecar.signal("TERM")
    print(f"SIGTERM to the sidecar: ended after {sidecar.ended():.2f} s")


def _ready() -> bool:
    with suppress(httpx.HTTPError):
        ready = httpx.get(f"{ADMIN}/readyz").status_code == 200
        return ready and "\nsidecache_redis_usable 1.0\n" in httpx.get(f"{ADMIN}/metrics").text
    return False


def _asked() -> str:
    answer = httpx.get(f"{DATA}/products/1")
    return f"{answer.status_code} {answer.headers.get('Cache-Status', '-')}"


if __name__ == "__main__":
    sys.exit(main())
