"""Problem details (9457)."""

import orjson

from proxy.http.problem import render


def test_render() -> None:
    content_type, body = render(502, "Bad gateway", 'the upstream said "no"')

    assert content_type == b"application/problem+json"
    assert orjson.loads(body) == {
        "type": "about:blank",
        "title": "Bad gateway",
        "status": 502,
        "detail": 'the upstream said "no"',
    }


def test_detail_is_cut() -> None:
    assert orjson.loads(render(400, "Bad request", "é" * 501)[1])["detail"] == "é" * 500


def test_what_is_no_unicode_is_replaced() -> None:
    assert orjson.loads(render(400, "Bad request", "a\udcffb")[1])["detail"] == "a?b"
