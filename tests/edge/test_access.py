"""The access log: what is in a line, what never is, and when there is none."""

import orjson
import pytest

from proxy.edge.access import MAX_PATH, AccessLog, Exchange, Logged
from proxy.engine.answer import Account
from proxy.http.message import Fields, Request
from proxy.policy.reasons import Reason

HIT = (200, Account("products", Reason.FRESH))
MISS = (200, Account("products", Reason.URI_MISS, storing=Reason.MAX_AGE))
FAILED = (502, Account("none", Reason.URI_MISS, failed=Reason.UPSTREAM_UNREACHABLE))
SECRET = Request(
    "GET",
    "http",
    b"api.test",
    b"/a%20b?token=secret",
    Fields([(b"Authorization", b"secret"), (b"Cookie", b"secret"), (b"X-Key", b"secret")]),
    peer="192.0.2.1",
)


def lines(
    logged: Logged, *answers: tuple[int, Account], request: Request = SECRET
) -> list[dict[str, object]]:
    written: list[bytes] = []
    log = AccessLog(written.append, logged)
    for status, account in answers:
        if log.wants(account):
            log.record(Exchange(request, status, account, 1_700_000_000.1234, 0.0123456, 5))
    return [orjson.loads(line) for line in written]


def test_a_line() -> None:
    assert lines(Logged.ALL, MISS) == [
        {
            "time": 1_700_000_000.123,
            "method": "GET",
            "path": "/a%20b",
            "status": 200,
            "rule": "products",
            "reason": "uri-miss",
            "storing": "max-age",
            "failed": None,
            "ms": 12.35,
            "bytes": 5,
            "peer": "192.0.2.1",
        }
    ]


@pytest.mark.parametrize(
    ("logged", "statuses"),
    [(Logged.OFF, []), (Logged.MISSES, [200, 502]), (Logged.ALL, [200, 200, 502])],
)
def test_what_is_logged(logged: Logged, statuses: list[int]) -> None:
    assert [line["status"] for line in lines(logged, HIT, MISS, FAILED)] == statuses


def test_nothing_secret_is_in_a_line() -> None:
    assert "secret" not in str(lines(Logged.ALL, HIT, MISS, FAILED))


def test_a_failure_has_its_reason() -> None:
    [line] = lines(Logged.MISSES, FAILED)
    assert (line["storing"], line["failed"]) == (None, "upstream-unreachable")


def test_a_path_is_bounded_and_may_hold_any_byte() -> None:
    long = Request("GET", "http", b"api.test", b"/" + b"\xff" * 5000)
    [line] = lines(Logged.ALL, HIT, request=long)
    assert line["path"] == "/" + "\xff" * (MAX_PATH - 1)
