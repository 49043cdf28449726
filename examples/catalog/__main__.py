"""`python -m examples.catalog`: the catalog on uvicorn, in a temporary file unless told otherwise.

Knows the command line and the socket, nothing of the resources.
"""

import argparse
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from examples.catalog.app import create_app


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; print the address, with the real port, once it is open."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options.host, options.port, options.database)
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"catalog: {error}")


def _serve(host: str, port: int, database: Path | None) -> None:
    # uvicorn raises the signal again once it has drained; as an exception it unwinds to the
    # end of the temporary directory.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="catalog-") as temporary:
        app = create_app(database or Path(temporary, "catalog.sqlite3"))
        with _listen(host, port) as listener:
            sys.stdout.write(f"catalog listening on {_url(listener)}\n")
            sys.stdout.flush()
            config = uvicorn.Config(app, log_level="warning", access_log=False)
            uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.catalog", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", default=8000, type=_port, help="0 for any free one")
    parser.add_argument("--database", type=Path, help="an SQLite file, kept between runs")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    main()
