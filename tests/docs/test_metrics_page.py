"""The page of metrics knows every metric, label and field of a log line."""

import orjson

from docs.metrics_page import LINE, exposed, metrics, page
from proxy.edge.access import AccessLog, Exchange, Logged
from proxy.engine.answer import Account
from proxy.http.message import Fields, Request
from proxy.policy.reasons import Reason


def test_every_metric_has_a_sentence_and_stands_on_the_page() -> None:
    told = page()
    for metric in metrics():
        assert metric.documentation.endswith(".")
        assert f"`{exposed(metric)[0].removesuffix('_bucket')}`" in told


def test_no_metric_is_declared_twice() -> None:
    names = [metric.name for metric in metrics()]
    assert len(names) == len(set(names))


def test_every_field_of_a_line_is_told() -> None:
    written: list[bytes] = []
    request = Request("GET", "http", b"a", b"/", Fields([]))
    log = AccessLog(written.append, Logged.ALL)
    log.record(Exchange(request, 200, Account("none", Reason.FRESH), 0.0, 0.0, 0))
    assert list(orjson.loads(written[0])) == list(LINE)
