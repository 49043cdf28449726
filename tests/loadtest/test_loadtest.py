"""Targets, samples, comparisons and reports: the judgement of a trial, without a wire."""

import pytest

from proxy.errors import ConfigError
from proxy.loadtest.comparing import KEPT, Given, differences
from proxy.loadtest.report import Report, lines, plain
from proxy.loadtest.sample import Sample, is_hit
from proxy.loadtest.targets import Asked, pairs

URL = "http://Proxy.test:8080/a?b=1"


def test_an_origin_stands_for_all_urls() -> None:
    found = pairs([URL, "http://proxy.test:8080/c"], [], ["http://api.test"], Asked())
    assert [pair.direct and pair.direct.url for pair in found] == [
        "http://api.test/a?b=1",
        "http://api.test/c",
    ]
    assert found[0].through.origin == "http://proxy.test:8080"
    assert found[0].through.request.fields.first(b"host") == b"Proxy.test:8080"
    assert found[0].direct is not None
    assert found[0].direct.request.fields.first(b"host") == b"api.test"


def test_paths_lie_at_the_url() -> None:
    found = pairs(["http://a/"], ["/b", "c?d", "http://e/f"], [], Asked())
    assert [pair.through.url for pair in found] == [
        *("http://a/", "http://a/b", "http://a/c?d", "http://e/f"),
    ]


def test_a_url_for_each() -> None:
    [pair] = pairs(["http://a/v1/x"], [], ["http://b/x"], Asked())
    assert pair.direct is not None
    assert pair.direct.url == "http://b/x"


def test_given_fields_win() -> None:
    asked = Asked("HEAD", ((b"host", b"shop.test"), (b"accept-encoding", b"br")))
    request = asked.target("http://a/").request
    assert request.method == "HEAD"
    assert request.fields.all(b"host") == (b"shop.test",)
    assert request.fields.all(b"accept-encoding") == (b"br",)
    assert b"user-agent" in request.fields


@pytest.mark.parametrize(
    ("urls", "paths", "direct", "told"),
    [
        (["a"], [], [], "a: a URL begins with http:// or https://"),
        (["ftp://a"], [], [], "ftp://a: a URL begins with"),
        (["http://u:secret@a/"], [], [], "a URL with a password in it"),
        (["http://a/\u00e4"], [], [], "http://a/ä: the target is empty"),
        (["http://a", "http://b"], ["/c"], [], "/c: give one URL with the paths"),
        (["http://a", "http://a/b"], [], ["http://c/d"], "--direct: give one"),
        (["http://a"] * 10_001, [], [], "give 1 to 10000 URLs"),
    ],
)
def test_what_cannot_be_asked_for(
    urls: list[str], paths: list[str], direct: list[str], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        pairs(urls, paths, direct, Asked())
    assert str(error.value).startswith(told)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "hit"),
    [
        (b"sidecache; hit; ttl=5", True),
        (b"sidecache;hit", True),
        (b"sidecache; fwd=uri-miss", False),
        (b'sidecache; fwd=miss; key="a; hit"', False),
        (b'sidecache; hit; key="a, \\", b"', True),
        (b"far; hit, sidecache; fwd=miss", False),
        (b"far; fwd=miss, sidecache; hit", True),
        (b"hit", False),
    ],
)
def test_hits_are_the_nearest_cache_s(value: bytes, *, hit: bool) -> None:
    assert is_hit(value) is hit


def sample(seconds: float, *latencies: float, busy: float = 0.0, status: int = 200) -> Sample:
    made = Sample(seconds=seconds, busy=busy)
    for each in latencies:
        made.answered(status, each, 10, b"sidecache; hit" if each < 1 else b"sidecache; fwd=miss")
    return made


def test_a_sample() -> None:
    made = sample(2.0, *(number / 64 for number in range(1, 129)))
    assert (made.requests, made.rate, made.body_bytes) == (128, 64.0, 1280)
    assert (made.percentile(0.5), made.percentile(0.99)) == (65 / 64, 127 / 64)
    assert made.hit_ratio == 63 / 128
    assert (Sample().rate, Sample().percentile(0.5), Sample().hit_ratio) == (0.0, 0.0, None)


def test_what_mostly_fails_is_hopeless() -> None:
    made = sample(1.0, *[0.1] * 49)
    for _ in range(49):
        made.failed("no connection")
    assert (made.errors, made.hopeless) == (49, False)
    made.answered(503, 0.1, 0, None)
    assert (made.errors, made.hopeless) == (50, True)
    made.answered(200, 0.1, 0, None)
    made.answered(404, 0.1, 0, None)
    assert (made.errors, made.hopeless) == (50, False)


def given(body: bytes, status: int = 200, kind: str = "a/b") -> Given:
    return Given(status, kind, len(body), body, body[:KEPT])


@pytest.mark.parametrize(
    ("through", "direct", "told"),
    [
        (given(b"a"), given(b"a"), []),
        (given(b"a", 404), given(b"a"), ["status 404, directly 200"]),
        (given(b"a", kind=""), given(b"a"), ["Content-Type absent, directly a/b"]),
        (given(b"abc"), given(b"abd"), ["body of 3 bytes, directly 3, differing from byte 2"]),
        (given(b"ab"), given(b"abc"), ["body of 2 bytes, directly 3, differing from byte 2"]),
        (
            given(b"x" * KEPT + b"a"),
            given(b"x" * KEPT + b"b"),
            [f"body of {KEPT + 1} bytes, directly {KEPT + 1}, the same up to byte {KEPT}"],
        ),
    ],
)
def test_differences(through: Given, direct: Given, told: list[str]) -> None:
    assert list(differences(through, direct)) == told


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    slow, fast = sample(1.0, 0.5), sample(1.0, *[0.1] * 4)
    report = Report((slow, fast, fast), (slow, slow, fast))
    assert report.ratio == 1.0
    assert not report.flawed
    told = plain(report)
    assert told["rounds"][1] == {"through": 4.0, "direct": 1.0}
    assert (told["through"]["requests"], told["direct"]["requests"]) == (9, 6)


def test_a_report() -> None:
    broken = sample(1.0, 0.25, status=500)
    broken.failed("no connection")
    report = Report((sample(1.0, *[0.25] * 20, busy=0.9),), (broken,), ("/a: b",), ("/c",))
    assert report.flawed
    assert [" ".join(line.split()) for line in lines(report)] == [
        "through direct",
        "requests 20 1",
        "requests/s 20 1.0",
        "p50 250.00 ms 250.00 ms",
        "p99 250.00 ms 250.00 ms",
        "hit ratio 100.0 % 100.0 %",
        "bytes 200 10",
        "errors 0 2",
        "client's CPU 90 % 0 %",
        "ratio 20.00 (median of 1 rounds)",
        "direct: 1 not answered: no connection",
        "direct: 1 answered with 500",
        "differs: /a: b",
        "changes by itself, not compared: /c",
        "The client itself was the limit: rates are what it can ask for, at least.",
    ]


def test_a_report_of_one_side() -> None:
    told = list(lines(Report((sample(1.0, 0.25),))))
    assert told[0].split() == ["through"]
    assert not any("ratio " in line and "hit" not in line for line in told)
    assert plain(Report((sample(1.0, 0.25),)))["direct"] is None
