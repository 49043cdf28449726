from ipaddress import ip_network

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.rules.endpoints import Address, ListenAddress, Networks, OptionalAddress, Origins

LISTEN = TypeAdapter[object](ListenAddress)
OPTIONAL = TypeAdapter[object](OptionalAddress)
ORIGIN = TypeAdapter[object](Origins)
NETWORKS = TypeAdapter[object](Networks)

GOOD = [
    (LISTEN, "127.0.0.1:8080", Address("127.0.0.1", 8080)),
    (LISTEN, "[::1]:0", Address("::1", 0)),
    (LISTEN, "localhost:65535", Address("localhost", 65_535)),
    (OPTIONAL, "off", None),
    (OPTIONAL, False, None),
    (OPTIONAL, "0.0.0.0:1", Address("0.0.0.0", 1)),
    (ORIGIN, "http://127.0.0.1:8000", ("http://127.0.0.1:8000",)),
    (ORIGIN, "HTTPS://API.example.com:443/", ("https://api.example.com",)),
    (ORIGIN, "http://[::1]:8000", ("http://[::1]:8000",)),
    (ORIGIN, ["http://a", "https://b:8443"], ("http://a", "https://b:8443")),
    (ORIGIN, "http://a, http://b", ("http://a", "http://b")),
    (ORIGIN, "unix:///run/api.sock", ("unix:///run/api.sock",)),
    (NETWORKS, [], ()),
    (NETWORKS, ["10.0.0.0/8", "::1"], (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    (NETWORKS, "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
]

BAD = [
    *[(LISTEN, text, "an address is") for text in (":80", "a", "a:b", "http://a:1", 80)],
    *[(LISTEN, text, "a port is at most 65535") for text in ("a:70000", "[::1]:65536")],
    *[(OPTIONAL, value, "an address is") for value in ("on", None, True)],
    *[
        (ORIGIN, text, "an upstream is")
        for text in (
            *("127.0.0.1:8000", "ftp://a", "http://", "http://a/b", "http://a?b", "http://a#b"),
            *("http://u:p@a", "http://u:99999@a", "http://a b", "http://ä", "", [], 5, ["a"], [5]),
        )
    ],
    *[(ORIGIN, f"http://{a}", "a port is at most 65535") for a in ("a:99999", "[::1]:65536/")],
    *[
        (ORIGIN, text, "begin it with http:// or https:// ")
        for text in ("localhost:8000", "localhost", ["http://a", "b:1"], "a:99999")
    ],
    *[
        (ORIGIN, text, "a unix socket is")
        for text in ("unix://run", "unix://", "unix:///" + "a" * 100, "unix:///a\n")
    ],
    *[(NETWORKS, [text], "a network is") for text in ("10.0.0.1/8", "x", "", 1.5)],
]


@pytest.mark.parametrize(("kind", "written", "value"), GOOD)
def test_an_endpoint_is_read(kind: TypeAdapter[object], written: object, value: object) -> None:
    assert kind.validate_python(written) == value


@pytest.mark.parametrize(("kind", "written", "remedy"), BAD)
def test_what_is_no_endpoint_is_refused(
    kind: TypeAdapter[object], written: object, remedy: str
) -> None:
    with pytest.raises(ValidationError, match=remedy):
        kind.validate_python(written)


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:8080"])
def test_an_address_is_shown_as_it_is_written(text: str) -> None:
    assert str(LISTEN.validate_python(text)) == text
