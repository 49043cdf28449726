"""The tour: the proxy before the catalog, or before any upstream, and what to try.

`make run` starts this. Both processes end with it.
"""

import argparse
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

CONFIG = Path(__file__).parent.parent / "config" / "sidecache.yaml"
CATALOG_PORT = 8000
WAIT = 20.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted, or until either process ends; return the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        try:
            return _run(options, stack)
        except KeyboardInterrupt:
            return 0


def _run(options: argparse.Namespace, stack: ExitStack) -> int:
    processes: list[subprocess.Popen[bytes]] = []
    upstream = options.upstream
    if not upstream:
        port = _free_port(CATALOG_PORT)
        upstream = f"http://127.0.0.1:{port}"
        processes.append(_started(stack, ["examples.catalog", "--port", str(port)]))
        _await_port(port, processes[0])
    flags = ["--config", str(CONFIG), "--upstream", upstream]
    flags += ["--listen", options.listen, "--admin", options.admin]
    processes.append(_started(stack, ["proxy", "serve", *flags]))
    host, _, port_text = options.listen.rpartition(":")
    if _await_port(int(port_text), processes[-1], host):
        print(_advice(f"http://{options.listen}", options.admin, own=not options.upstream))
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)
    return next(p.returncode for p in processes if p.returncode is not None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--upstream", default="", help="stand before this instead of the catalog")
    parser.add_argument("--listen", default="127.0.0.1:8080")
    parser.add_argument("--admin", default="127.0.0.1:9090")
    return parser


def _started(stack: ExitStack, module: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", *module])  # noqa: S603 - our own modules
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


def _free_port(wanted: int) -> int:
    """Return the wanted port, or any free one where it is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int, process: subprocess.Popen[bytes], host: str = "127.0.0.1") -> bool:
    """Wait until the process listens; False when it ended instead."""
    deadline = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _advice(url: str, admin: str, *, own: bool) -> str:
    tries = [
        (f"curl -i {url}/products/1", "twice: a miss, then a hit, and why"),
        (f"curl -i {url}/me -H 'Authorization: Bearer account-7'", "private: never stored"),
        (f"curl -i {url}/slow?ms=800", "slow once, then not"),
        (f"curl -i {url}/_requests", "what reached the catalog"),
    ]
    if not own:
        tries = [(f"curl -i {url}/", "look at Cache-Status")]
    tries.append((f"curl -s http://{admin}/metrics", "what was counted"))
    width = max(len(command) for command, _ in tries)
    lines = [f"  {command:<{width}}   # {remark}" for command, remark in tries]
    return "\n".join(["", "Try in another terminal:", *lines, "", "Ctrl-C ends it."])


if __name__ == "__main__":
    sys.exit(main())
