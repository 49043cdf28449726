from typing import Any

import pytest

from proxy.http.message import Fields, Request
from proxy.rules.conditions import conditions_of
from proxy.rules.parts import MatchModel


def request(
    method: str = "GET",
    host: bytes = b"example.com",
    target: bytes = b"/",
    *lines: tuple[bytes, bytes],
) -> Request:
    return Request(method, "http", host, target, Fields(lines))


CASES = [
    ("nothing asked", {}, request(), True),
    ("method", {"methods": ["get"]}, request(), True),
    ("method, case counts", {"methods": ["GET"]}, request("get"), False),
    ("9110-9.3.2-get-does-not-imply-head", {"methods": "GET"}, request("HEAD"), False),
    ("host", {"host": "Example.com"}, request(), True),
    ("host, any case", {"host": "example.com"}, request(host=b"EXAMPLE.com."), True),
    ("host, any port", {"host": "example.com"}, request(host=b"example.com:81"), True),
    ("host, other", {"host": ["a", "b"]}, request(), False),
    ("host, one of several", {"host": ["a", "example.com"]}, request(), True),
    ("host, v6", {"host": "[::1]"}, request(host=b"[::1]:81"), True),
    ("host, v6 without port", {"host": "[::1]"}, request(host=b"[::1]"), True),
    ("below", {"host": "*.example.com"}, request(host=b"a.b.example.com:8"), True),
    ("below, not itself", {"host": "*.example.com"}, request(), False),
    (
        "below, no suffix of a label",
        {"host": "*.example.com"},
        request(host=b"anexample.com"),
        False,
    ),
    ("header", {"headers": {"X-V": "2"}}, request("GET", b"a", b"/", (b"x-v", b"2")), True),
    (
        "header, other",
        {"headers": {"x-v": "2"}},
        request("GET", b"a", b"/", (b"x-v", b"20")),
        False,
    ),
    (
        "9110-5.3-header-lines-are-one-list",
        {"headers": {"x-v": "1, 2"}},
        request("GET", b"a", b"/", (b"x-v", b"1"), (b"X-V", b"2")),
        True,
    ),
    ("header, absent", {"headers": {"x-v": "2"}}, request(), False),
    ("header, wanted present", {"headers": {"x-v": True}}, request(), False),
    (
        "header, present",
        {"headers": {"x-v": True}},
        request("GET", b"a", b"/", (b"x-v", b"")),
        True,
    ),
    ("header, wanted absent", {"headers": {"x-v": False}}, request(), True),
    (
        "header, not absent",
        {"headers": {"x-v": False}},
        request("GET", b"a", b"/", (b"x-v", b"1")),
        False,
    ),
    ("query", {"query": {"a": "1"}}, request(target=b"/?a=1"), True),
    ("query, decoded", {"query": {"a b": "ö"}}, request(target=b"/?a+b=%C3%B6"), True),
    ("query, one of several", {"query": {"a": "1"}}, request(target=b"/?a=0&a=1"), True),
    ("query, other", {"query": {"a": "1"}}, request(target=b"/?a=2&b=1"), False),
    ("query, present", {"query": {"a": True}}, request(target=b"/?a"), True),
    ("query, absent", {"query": {"a": False}}, request(target=b"/?b"), True),
    ("query, not absent", {"query": {"a": False}}, request(target=b"/?a"), False),
    (
        "all must hold",
        {"methods": ["GET"], "query": {"a": True}, "headers": {"x": True}},
        request(target=b"/?a"),
        False,
    ),
]


@pytest.mark.parametrize(
    ("match", "asked", "holds"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_conditions(match: dict[str, Any], asked: Request, *, holds: bool) -> None:
    conditions = conditions_of(MatchModel.model_validate(match))

    assert all(condition.holds(asked) for condition in conditions) is holds
