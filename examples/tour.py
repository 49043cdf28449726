"""The tour: the proxy before the catalog, or before any upstream, and what to try.

`make run` starts this. Both processes end with it.
"""

import argparse
import os
import secrets
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
ADMIN = "127.0.0.1:9090"
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
    listen, admin = _address(options.listen), _address(options.admin)
    for host, port in filter(None, (listen, admin)):
        if _is_taken(host, port):
            print(f"{host}:{port} is in use; choose others: make run LISTEN=... ADMIN=...")
            return 1
    processes = []
    upstream, config = options.upstream, options.config
    if not upstream:
        port = _free_port(CATALOG_PORT)
        upstream, config = f"http://127.0.0.1:{port}", config or str(CONFIG)
        processes.append(_started(stack, ["examples.catalog", "--port", str(port)]))
        _await_port("127.0.0.1", port, processes[0])
    flags = ["--upstream", upstream, "--listen", options.listen, "--admin", options.admin]
    flags += ["--config", config] if config else []
    flags += ["--redis", options.redis] if options.redis else []
    os.environ.setdefault("SIDECACHE_DRAIN__DELAY", "0s")  # nobody else sends it clients
    token = os.environ.setdefault("SIDECACHE_ADMIN_TOKEN", secrets.token_hex(8))
    processes.append(_started(stack, ["proxy", "serve", *flags]))
    if listen and _await_port(*listen, processes[-1]):
        print(_advice(options, token, own=not options.upstream), flush=True)
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)
    return next(p.returncode for p in processes if p.returncode is not None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--upstream", default="", help="stand before this instead of the catalog")
    parser.add_argument("--config", default="", help="rules, instead of the catalog's or none")
    parser.add_argument("--redis", default="", help="share entries and purges through this Redis")
    parser.add_argument("--listen", default="127.0.0.1:8080")
    parser.add_argument("--admin", default=ADMIN)
    return parser


def _address(text: str) -> tuple[str, int] | None:
    """Return host and port, or None for `off` and what serve will refuse with its own words."""
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None


def _is_taken(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


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


def _await_port(host: str, port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process listens; False when it ended instead."""
    deadline = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < deadline:
        if _is_taken(host, port):
            return True
        time.sleep(0.05)
    return False


def _advice(options: argparse.Namespace, token: str, *, own: bool) -> str:
    url = f"http://{options.listen}"
    tries = [
        (f"curl -i {url}/products/1", "twice: a miss, then a hit, and why"),
        (f"curl -i {url}/me -H 'Authorization: Bearer account-7'", "private: never stored"),
        (f"curl -i '{url}/slow?ms=800'", "slow once, then not"),
        (f"curl -i {url}/_requests", "what reached the catalog"),
    ]
    if not own:
        tries = [(f"curl -i {url}/", "look at Cache-Status")]
    if options.admin != "off":
        command = f"{os.path.relpath(Path(sys.executable).parent)}/sidecache purge --tag product:1"
        command += f" --admin http://{options.admin}" * (options.admin != ADMIN)
        tries.append((f"SIDECACHE_ADMIN_TOKEN={token} {command}", "then it is a miss again"))
        tries.append((f"curl -s http://{options.admin}/metrics", "what was counted"))
        tries.append((f"http://{options.admin}/", f"in a browser; its token is {token}"))
    width = max(len(command) for command, _ in tries)
    lines = [f"  {command:<{width}}   # {remark}" for command, remark in tries]
    return "\n".join(["", "Try in another terminal:", *lines, "", "Ctrl-C ends it."])


if __name__ == "__main__":
    sys.exit(main())
