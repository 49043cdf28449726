"""Containers of one pod, by podman: started from what a Pod's spec says of them, asked, and ended.

Nothing here knows Sidecache.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

PATIENCE: Final = 60.0
_FETCH: Final = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=30)
except urllib.error.HTTPError as error:
    answer = error
except urllib.error.URLError as error:
    sys.exit(str(error.reason))
answer.read()
print(answer.status, answer.headers.get("Cache-Status", "-"))
"""
"""What a client runs: prints status and Cache-Status."""


class Failed(Exception):
    """Something is not as it has to be."""


def hold(condition: bool, what: str) -> None:  # noqa: FBT001 - what is held, and its name
    """Say what is so; raise `Failed` where it is not."""
    if not condition:
        raise Failed(what)
    print(f"ok: {what}")


def podman(*words: str, check: bool = True) -> str:
    """Run podman; return what it prints. Raises `Failed`."""
    done = subprocess.run(_words(*words), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Failed(f"podman {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _words(*words: str) -> list[str]:
    program = shutil.which("podman")
    if program is None:
        raise Failed("this needs podman: apt-get install podman crun conmon catatonit")
    return [program, *words]


def until(condition: Callable[[], object], what: str) -> float:
    """Wait until a condition holds; return how many seconds that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > PATIENCE:
            raise Failed(f"in vain waited for: {what}")
        time.sleep(0.05)
    return time.monotonic() - start


@dataclass(frozen=True)
class Container:
    """A running container by its name."""

    name: str

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command inside; return its exit status and what it printed."""
        words = _words("exec", self.name, *command)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    def fetch(self, url: str) -> str:
        """Return status and Cache-Status of a URL, asked from inside."""
        return self.run("python3", "-c", _FETCH, url)[1]

    def fetching(self, url: str) -> subprocess.Popen[str]:
        """Begin to ask for a URL from inside."""
        words = _words("exec", self.name, "python3", "-c", _FETCH, url)
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def probe(self, wanted: Json) -> bool:
        """Tell whether an HTTP probe succeeds, asked from inside."""
        asked = wanted["httpGet"]
        return self.fetch(f"http://127.0.0.1:{asked['port']}{asked['path']}").startswith("200")

    def signal(self, name: str) -> None:
        """Send a signal to the first process."""
        podman("kill", "--signal", name, self.name)

    def ended(self) -> float:
        """Wait for the end; return how long it took. Raises `Failed` where it ended badly."""
        took = until(lambda: self._state("Running") == "false", f"the end of {self.name}")
        if (status := self._state("ExitCode")) != "0":
            raise Failed(f"{self.name} ended with {status}: {podman('logs', self.name)}")
        return took

    def status(self) -> Mapping[str, str]:
        """Return what the kernel says of the first process."""
        pairs = (line.partition(":") for line in self.run("cat", "/proc/1/status")[1].splitlines())
        return {name: " ".join(value.split()) for name, _, value in pairs}

    def _state(self, field: str) -> str:
        return podman("inspect", "--format", f"{{{{.State.{field}}}}}", self.name)


def start(
    pod: str, image: str, spec: Json, files: Mapping[Path, str], command: Sequence[str] = ()
) -> Container:
    """Start a container of a Pod's spec in a pod; `files` are folders and where they are seen."""
    flags = [*_security(spec["securityContext"])]
    for each in spec.get("env", ()):
        flags += ["--env", f"{each['name']}={each['value']}"]
    for folder, place in files.items():
        flags += ["--volume", f"{folder}:{place}:ro"]
    name = f"{pod}-{spec['name']}"
    podman("run", "--detach", "--pod", pod, "--name", name, *flags, image, *command)
    return Container(name)


def _security(context: Json) -> Sequence[str]:
    """Return the flags that a restricted security context stands for."""
    user = f"{context['runAsUser']}:{context['runAsGroup']}"
    flags = ["--user", user, *(f"--cap-drop={each}" for each in context["capabilities"]["drop"])]
    if context["readOnlyRootFilesystem"]:
        flags += ["--read-only", "--read-only-tmpfs=false"]
    if not context["allowPrivilegeEscalation"]:
        flags += ["--security-opt", "no-new-privileges"]
    return flags
