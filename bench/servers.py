"""The servers: Sidecache, stock nginx, stock Varnish and the origin, on free loopback ports.

How they are started and when they are ready; not what they are asked.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench import build
from bench.asked import Asked
from bench.child import Place, last_line, started
from bench.errors import BenchError
from bench.ports import free_port
from bench.probe import expect, is_up
from bench.valkey import store

_START: Final = 20.0
"""Seconds that a server is given to answer its first request."""

TOKEN: Final = "a-token-for-the-bench"  # noqa: S105 - of the bench's own processes

_SIDECACHE_ENVIRON: Final = {
    "PYTHONPATH": build.path(),
    "SIDECACHE_LOG__ACCESS": "off",
    "SIDECACHE_DRAIN__DELAY": "0s",
    "SIDECACHE_ADMIN_TOKEN": TOKEN,
}
_FROM_REDIS: Final = {
    "SIDECACHE_STORE__MEMORY__MAX_BYTES": "0",
    "SIDECACHE_STORE__REDIS__TIMEOUT": "2s",
}
"""No memory tier; and patience: a look-up that is given up under full load would be a miss."""

_NGINX_CONF: Final = """\
daemon off;
{user}
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {gzip}
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    proxy_cache_path cache levels=1:2 keys_zone=bench:64m max_size=256m use_temp_path=off;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        keepalive_requests 1000000000;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache bench;
        }}
    }}
}}
"""

_VCL: Final = """\
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin}"; }}
"""


@dataclass(frozen=True)
class Server:
    """A server that answers; `pid` is the process whose family does the work.

    `admin` is the port for its operators, where it has one.
    """

    name: str
    port: int
    pid: int
    admin: int = 0


def origin(place: Place) -> AbstractContextManager[Server]:
    """Run the origin."""
    port = free_port()
    environ = os.environ | {"PYTHONPATH": build.path()}
    command = [sys.executable, "-m", "bench.origin", str(port)]
    return _serving("origin", command, port, place, environ)


@contextmanager
def sidecache(
    upstream: int, place: Place, redis: str = "", environ: Mapping[str, str] = {}
) -> Iterator[Server]:
    """Run Sidecache as it comes, but for the access log, which nginx does not write here either."""
    port, admin = free_port(), free_port()
    own = {name: text for name, text in os.environ.items() if not name.startswith("SIDECACHE_")}
    command = [sys.executable, "-m", "proxy", "serve"]
    command += ["--upstream", f"http://127.0.0.1:{upstream}"]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    command += ["--redis", redis] if redis else []
    whole = {**own, **_SIDECACHE_ENVIRON, **environ}
    with _serving("sidecache", command, port, place, whole) as server:
        yield replace(server, admin=admin)


@contextmanager
def redis(upstream: int, place: Place) -> Iterator[Server]:
    """Run Sidecache with Redis behind it and no memory tier, so that hits come from Redis."""
    with (
        store(replace(place, core=None)) as shared,
        sidecache(upstream, place, shared.url, _FROM_REDIS) as server,
    ):
        deadline = time.monotonic() + _START
        while not shared.answers():
            expect("redis", server.port, Asked("/hit/1"), 200)
            if time.monotonic() > deadline:
                raise BenchError("sidecache keeps nothing in Redis")
        yield replace(server, name="redis")


def nginx(upstream: int, place: Place, gzip: str = "") -> AbstractContextManager[Server]:
    """Run nginx with one worker and `proxy_cache`, everything else as it comes.

    `gzip` are its directives for that.
    """
    port = free_port()
    # Started by root, its worker would be another user, to whom a temporary folder is closed.
    user = "" if os.geteuid() else "user root;"
    Path(place.folder, "nginx.conf").write_text(
        _NGINX_CONF.format(port=port, origin=upstream, user=user, gzip=gzip), encoding="utf-8"
    )
    command = ["nginx", "-p", f"{place.folder}/", "-c", "nginx.conf"]
    return _serving("nginx", command, port, place)


def varnish(upstream: int, place: Place) -> AbstractContextManager[Server]:
    """Run Varnish with 256 MiB of memory, everything else as it comes."""
    port = free_port()
    script = Path(place.folder, "bench.vcl")
    script.write_text(_VCL.format(origin=upstream), encoding="utf-8")
    # Without its jail, in which it would be another user: a temporary folder is closed to that.
    command = ["varnishd", "-F", "-j", "none", "-n", f"{place.folder}/work", "-f", str(script)]
    command += ["-a", f"127.0.0.1:{port}", "-s", "malloc,256m"]
    return _serving("varnish", command, port, place)


Starter = Callable[[int, Place], AbstractContextManager[Server]]
"""Starts a server before the origin on the port."""

CONTENDERS: Final[Mapping[str, Starter]] = {
    "nginx": nginx,
    "varnish": varnish,
    "sidecache": sidecache,
    "redis": redis,
}
"""Who can be measured, the yardstick first."""


_PROGRAMS: Final[Mapping[str, str]] = {"nginx": "nginx", "varnish": "varnishd"}
"""Contenders that need not be installed, and what they are called."""


def contenders(names: Iterable[str]) -> list[str]:
    """Return those that can run here."""
    return [name for name in names if name not in _PROGRAMS or shutil.which(_PROGRAMS[name])]


@contextmanager
def _serving(
    name: str,
    command: Sequence[str],
    port: int,
    place: Place,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    with started(command, name, place, environ) as process:
        deadline = time.monotonic() + _START
        while not is_up(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{name} did not start: {last_line(place.folder, name)}")
            time.sleep(0.02)
        yield Server(name, port, process.pid)
