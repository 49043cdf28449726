"""What we use of uvicorn's protocol and httptools: it fails here first when a release changes it.

uvicorn is pinned to a minor version; these names and habits are no public interface.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

import httptools
import pytest
from uvicorn import Server
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from proxy.edge import methods
from proxy.edge.cycle import Cycle
from tests.edge.apps import hello
from tests.edge.wire import Wire
from tests.plays.rawclient import request

ARGUMENTS: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
    (HttpToolsProtocol.__init__, ("config", "server_state", "app_state", "_loop")),
]


@pytest.mark.parametrize(("function", "names"), ARGUMENTS)
def test_arguments(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    assert tuple(inspect.signature(function).parameters)[1:] == names


@pytest.mark.parametrize(
    "name",
    [
        *("connection_made", "connection_lost", "data_received", "eof_received", "shutdown"),
        *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body"),
        *("on_message_complete", "on_response_complete", "pause_writing", "resume_writing"),
    ],
)
def test_methods_that_are_overridden_or_called(name: str) -> None:
    assert callable(getattr(HttpToolsProtocol, name))


async def test_attributes() -> None:
    wire = Wire(hello)
    protocol = wire.protocol
    assert isinstance(protocol.flow, FlowControl)
    assert isinstance(protocol.parser, httptools.HttpRequestParser)
    assert protocol.client == ("192.0.2.1", 5000)
    assert protocol in wire.state.connections
    assert protocol.pipeline is not None
    await wire.send(request("/"))
    assert isinstance(protocol.cycle, Cycle)
    assert wire.state.total_requests == 1
    wire.lose()
    assert protocol.parser is None
    assert protocol not in wire.state.connections


def test_flow_control() -> None:
    flow = inspect.getsource(FlowControl)
    assert all(f"self.{name} = False" in flow for name in ("read_paused", "write_paused"))
    assert HIGH_WATER_LIMIT == 65_536
    assert vars(ServerState()).keys() >= {"total_requests", "connections", "tasks"}
    assert inspect.iscoroutinefunction(Server.startup)


async def test_what_the_protocol_knows_of_a_cycle() -> None:
    """Ours is put in the place of uvicorn's."""
    known = set(re.findall(r"\bcycle\.(\w+)", inspect.getsource(HttpToolsProtocol)))
    wire = Wire(hello)
    await wire.send(request("/"))
    assert known >= {"response_complete", "run_asgi"}
    assert not [name for name in known if not hasattr(wire.protocol.cycle, name)]


class Heard:
    """What a parser tells."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failing = ""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def tell(*_: bytes) -> None:
            self.told.append(name)
            if name == self.failing:
                raise ValueError(name)

        return tell


@pytest.mark.parametrize(
    "name", ["on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body"]
)
def test_what_a_callback_raises_comes_out_as_context(name: str) -> None:
    heard = Heard()
    heard.failing = name
    with pytest.raises(httptools.HttpParserError) as error:
        httptools.HttpRequestParser(heard).feed_data(
            request("/", "Content-Length: 4", method="POST", body=b"body")
        )
    assert isinstance(error.value.__context__, ValueError)


def test_an_upgrade_ends_a_message_with_its_head() -> None:
    """Its body is what follows; `go_on_with_body` reads it."""
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    lines = ("Connection: upgrade", "Upgrade: h2c", "Content-Length: 4")
    head = request("/", *lines, method="POST")
    with pytest.raises(httptools.HttpParserUpgrade) as upgrade:
        parser.feed_data(head + b"body")
    assert upgrade.value.args == (len(head),)
    assert "on_body" not in heard.told
    assert heard.told[-1] == "on_message_complete"


@pytest.mark.parametrize("method", sorted(methods._METHODS))  # noqa: SLF001 - held to be complete
def test_methods_that_the_parser_knows(method: bytes) -> None:
    parser = httptools.HttpRequestParser(Heard())
    parser.feed_data(method + b" /")
    assert parser.get_method() == method
