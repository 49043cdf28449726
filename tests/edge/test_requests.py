"""ASGI scopes become requests, and `receive` a body: what any server may hand over."""

import asyncio

import pytest

from proxy.edge.requests import TARGET, Message, RequestBody, Scope, departure, request_of
from proxy.errors import ClientGone, RequestError


def scope(*lines: tuple[bytes, bytes], **changes: object) -> Scope:
    """Return the scope of a GET as a server without our protocol makes it."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"api.test"), *lines],
        "client": ("192.0.2.1", 5000),
        **changes,
    }


def test_a_scope_says_it_all() -> None:
    request = request_of(scope((b"x-a", b" 1\t"), query_string=b"b=%20", scheme="https"))
    assert (request.method, request.scheme, request.version) == ("GET", "https", "1.1")
    assert (request.authority, request.target) == (b"api.test", b"/a%20b?b=%20")
    assert request.fields.lines == ((b"host", b"api.test"), (b"x-a", b"1"))
    assert (request.peer, request.has_body) == ("192.0.2.1", False)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        pytest.param({}, b"/a%20b", id="raw-path"),
        pytest.param({"raw_path": None, "path": "/\u4e2d"}, None, id="no-raw-path-not-ascii"),
        pytest.param({"raw_path": None, "path": "/a"}, b"/a", id="no-raw-path"),
        pytest.param({"query_string": b"b"}, b"/a%20b?b", id="query"),
        pytest.param({TARGET: b"/a?"}, b"/a?", id="our-protocol"),
        pytest.param({TARGET: b"/api/a?b", "root_path": "/api"}, b"/a?b", id="mounted"),
        pytest.param({TARGET: b"/api", "root_path": "/api"}, b"/", id="mounted-bare"),
        pytest.param({TARGET: b"/api?b", "root_path": "/api"}, b"/?b", id="mounted-bare-query"),
        pytest.param({TARGET: b"/apis", "root_path": "/api"}, b"/apis", id="mounted-elsewhere"),
        pytest.param({TARGET: b"/a", "root_path": "/api"}, b"/a", id="root-path-taken-off-before"),
        pytest.param({"raw_path": b"/api/a", "root_path": "/api"}, b"/a", id="mounted-elsehow"),
        pytest.param(
            {TARGET: b"http://api.test/api/a", "root_path": "/api"}, b"/a", id="mounted-absolute"
        ),
    ],
)
def test_the_target_is_the_raw_one_below_the_mount_point(
    changes: dict[str, object], target: bytes | None
) -> None:
    if target is None:
        with pytest.raises(RequestError):
            request_of(scope(**changes))
    else:
        assert request_of(scope(**changes)).target == target


def test_a_peer_without_an_address() -> None:
    assert request_of(scope(client=None)).peer is None


@pytest.mark.parametrize(
    ("lines", "has_body"),
    [
        ([], False),
        ([(b"content-length", b"0")], False),
        ([(b"content-length", b"00")], False),
        ([(b"content-length", b"1")], True),
        ([(b"transfer-encoding", b"chunked")], True),
        ([(b"transfer-encoding", b" Chunked ")], True),
    ],
)
def test_whether_there_is_a_body(lines: list[tuple[bytes, bytes]], has_body: bool) -> None:  # noqa: FBT001 - a table
    assert request_of(scope(*lines)).has_body is has_body


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([(b"host", b"api.test")], id="9112-3.2-two-hosts"),
        pytest.param([(b"transfer-encoding", b"gzip, chunked")], id="9112-7-gzip"),
        pytest.param([(b"transfer-encoding", b"identity")], id="9112-7-identity"),
        pytest.param([(b"transfer-encoding", b"chunked")] * 2, id="9112-7-chunked-twice"),
        pytest.param(
            [(b"content-length", b"1"), (b"upgrade", b"h2c")], id="9110-7.8-a-body-and-an-upgrade"
        ),
    ],
)
def test_what_is_ambiguous_is_refused(lines: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RequestError):
        request_of(scope(*lines))


def test_no_host_is_refused() -> None:
    with pytest.raises(RequestError):
        request_of(scope(headers=[]))


class Script:
    """A `receive` that hands over what it was given, then waits for ever."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)

    async def __call__(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_is_read_once_to_its_end() -> None:
    body = RequestBody(Script(part(b"a", more=True), part(b"", more=True), part(b"b", more=False)))
    assert [chunk async for chunk in body] == [b"a", b"b"]
    assert body.finished.is_set()
    assert [chunk async for chunk in body] == []


async def test_a_body_may_end_without_a_word() -> None:
    body = RequestBody(Script(part(b"a", more=True), {"type": "http.request"}))
    assert [chunk async for chunk in body] == [b"a"]


async def test_a_body_that_breaks_off_is_not_a_body() -> None:
    body = RequestBody(Script(part(b"a", more=True), {"type": "http.disconnect"}))
    with pytest.raises(ClientGone):
        _ = [chunk async for chunk in body]
    assert not body.finished.is_set()


async def test_departure_is_noticed_once_the_request_is_complete() -> None:
    await departure(Script(part(b"", more=False), {"type": "http.disconnect"}), None)
    body = RequestBody(Script(part(b"a", more=False)))
    leaving = asyncio.ensure_future(departure(Script({"type": "http.disconnect"}), body))
    await asyncio.sleep(0)
    assert not leaving.done()
    _ = [chunk async for chunk in body]
    await leaving
