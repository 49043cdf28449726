"""The origin: the path decides, and every answered request is counted."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import servers
from bench.asked import Asked
from bench.child import Place
from bench.origin import BODY
from bench.probe import ask, fetched, origin_requests

END = b"\r\n\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with servers.origin(Place(tmp_path, None)) as server:
        yield server.port


def exchange(port: int, pieces: list[bytes], answers: int) -> bytes:
    """Send pieces, each in a segment of its own, and read until so many bodies have come."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        while got.count(BODY) < answers:
            got += connection.recv(65536)
    return got


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("hit", b'Cache-Control: max-age=3600\r\nETag: "hit"\r\n'),
        ("miss", b"Cache-Control: max-age=3600\r\n"),
        ("pass", b"Cache-Control: private\r\n"),
        ("no-store", b"Cache-Control: no-store\r\n"),
    ],
)
def test_the_path_decides(port: int, kind: str, field: bytes) -> None:
    got = exchange(port, [f"GET /{kind}/1 HTTP/1.1\r\nHost: a\r\n\r\n".encode()], 1)
    head, _, body = got.partition(END)
    assert body == BODY
    assert len(body) == 1024
    assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: ")
    assert field in head + b"\r\n"


def test_requests_may_come_in_crumbs_or_together(port: int) -> None:
    request = b"GET /hit/1 HTTP/1.1\r\nHost: a\r\n\r\n"
    crumbs = [bytes([octet]) for octet in request]
    assert exchange(port, crumbs, 1).count(b"HTTP/1.1 200") == 1
    assert exchange(port, [request * 3], 3).count(b"HTTP/1.1 200") == 3
    assert origin_requests(port) == 4


def test_a_large_answer_that_is_given_up_is_told(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /large/one HTTP/1.1\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    while not (gone := json.loads(fetched("origin", port, Asked("/gone/")))):
        pass
    assert list(gone) == ["/large/one"]


def test_a_sink_is_never_answered(port: int) -> None:
    answer = exchange(port, [b"GET /sink/1 HTTP/1.1\r\n\r\nGET /hit/1 HTTP/1.1\r\n\r\n"], 1)
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_an_answer_in_two_halves(port: int) -> None:
    got = exchange(port, [b"GET /halves/1 HTTP/1.1\r\nHost: a\r\n\r\n"], 2)
    assert got.endswith(END + BODY * 2)
    assert origin_requests(port) == 1


def test_a_large_answer_is_made_when_it_is_wanted(port: int) -> None:
    assert json.loads(ask(port, Asked("/big/1")).body)
    assert origin_requests(port) == 1


def test_other_paths_are_not_found_and_not_counted(port: int) -> None:
    assert ask(port, Asked("/"))[0] == 404
    assert ask(port, Asked("/hits/1"))[0] == 404
    assert origin_requests(port) == 0


def test_an_endless_head_is_cut_off(port: int) -> None:
    endless = [b"x" * 65_536] * 1000
    with pytest.raises(ConnectionError):
        exchange(port, endless, 1)
    assert origin_requests(port) == 0
