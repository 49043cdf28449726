"""Sitemaps are read whole or in crumbs, and not trusted."""

import pytest

from proxy.admin.sitemap import LONGEST, NotASitemap, Reader

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
GOOD = (
    HEAD + b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    b' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">'
    b"<url><loc>\n http://a/1?x=1&amp;y=2 </loc><lastmod>2024-01-01</lastmod>"
    b"<image:image><image:loc>http://a/1.jpg</image:loc></image:image></url>"
    b"<url><loc><![CDATA[http://a/2]]></loc></url></urlset>"
)
BOMB = HEAD + b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset>&b;</urlset>'
OUTSIDE = HEAD + b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><urlset/>'


def read(text: bytes, crumb: int = 1 << 20) -> tuple[str, ...]:
    reader = Reader()
    for start in range(0, len(text), crumb):
        reader.feed(text[start : start + crumb])
    return reader.close()


@pytest.mark.parametrize("crumb", [1, 7, 1 << 20])
def test_the_locations_of_urls_are_read(crumb: int) -> None:
    assert read(GOOD, crumb) == ("http://a/1?x=1&y=2", "http://a/2")


def test_an_empty_one_has_none() -> None:
    assert read(b"<urlset/>") == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<sitemapindex/>", "only a <urlset>"),
        (b"<html></html>", "only a <urlset>"),
        (b"no XML", "not XML"),
        (b"", "not XML"),
        (GOOD[:-5], "not XML"),
        (b"<urlset><url><loc>" + b"a" * (LONGEST + 1), "longer than"),
        (b"<urlset>" + b" " * 11_000_000, "larger than"),
        (b"<urlset>" + b"<url><loc>/</loc></url>" * 50_001, "more than 50000 URLs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sitemap_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(NotASitemap, match=why):
        read(text)
