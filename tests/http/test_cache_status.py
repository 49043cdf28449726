"""Cache-Status (9211 §2)."""

import pytest

from proxy.http.cache_status import CacheStatus


@pytest.mark.parametrize(
    ("status", "rendered"),
    [
        pytest.param(CacheStatus(), b"sidecache", id="nothing"),
        pytest.param(
            CacheStatus(hit=True, ttl=57, detail="fresh"),
            b"sidecache; hit; ttl=57; detail=fresh",
            id="9211-2.1-hit",
        ),
        pytest.param(CacheStatus(hit=True, ttl=-412), b"sidecache; hit; ttl=-412", id="9211-2.4"),
        pytest.param(CacheStatus(fwd="uri-miss"), b"sidecache; fwd=uri-miss", id="9211-2.2-fwd"),
        pytest.param(
            CacheStatus(hit=True, fwd="stale"), b"sidecache; hit", id="9211-2.1-exclusive"
        ),
        pytest.param(
            CacheStatus(
                fwd="stale",
                fwd_status=304,
                ttl=0,
                stored=True,
                collapsed=True,
                key="GET /",
                detail="a/b",
            ),
            b"sidecache; fwd=stale; fwd-status=304; ttl=0; "
            b'stored; collapsed; key="GET /"; detail=a/b',
            id="order",
        ),
        pytest.param(
            CacheStatus(fwd="uri-miss", collapsed=False),
            b"sidecache; fwd=uri-miss; collapsed=?0",
            id="9211-2.6-collapsed-in-vain",
        ),
        pytest.param(CacheStatus(key=""), b'sidecache; key=""', id="9211-2.7-empty-key"),
        pytest.param(CacheStatus(key='"\\'), b'sidecache; key="\\"\\\\"', id="8941-3.3.3-escapes"),
        pytest.param(
            CacheStatus(key="\r\né\ud800\x7f"),
            b'sidecache; key="%0D%0A%C3%A9%ED%A0%80%7F"',
            id="9211-2.7-not-printable",
        ),
    ],
)
def test_render(status: CacheStatus, rendered: bytes) -> None:
    assert status.render() == rendered


def test_render_under_another_name() -> None:
    assert CacheStatus(hit=True).render("edge") == b"edge; hit"
