"""Where Redis is: every form that is taken, every refusal, and no password on any screen."""

import pytest

from proxy.store.redis.url import Location, Topology, parse

# ruff: noqa: S106 - the passwords are examples

SINGLE, UNIX = Topology.SINGLE, Topology.UNIX
SENTINEL, CLUSTER = Topology.SENTINEL, Topology.CLUSTER


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("redis://cache", Location(SINGLE, "redis", (("cache", 6379),))),
        ("redis://cache:7/2", Location(SINGLE, "redis", (("cache", 7),), db=2)),
        ("redis://cache/?db=3", Location(SINGLE, "redis", (("cache", 6379),), db=3)),
        ("VALKEY://cache", Location(SINGLE, "valkey", (("cache", 6379),))),
        ("rediss://cache", Location(SINGLE, "rediss", (("cache", 6379),), tls=True)),
        ("valkeys://cache", Location(SINGLE, "valkeys", (("cache", 6379),), tls=True)),
        ("redis://[::1]", Location(SINGLE, "redis", (("::1", 6379),))),
        ("redis://[::1]:7", Location(SINGLE, "redis", (("::1", 7),))),
        (
            "redis://:p%40ss@cache",
            Location(SINGLE, "redis", (("cache", 6379),), password="p@ss"),
        ),
        (
            "redis://us%3Aer:p%2Fw@cache",
            Location(SINGLE, "redis", (("cache", 6379),), username="us:er", password="p/w"),
        ),
        ("unix:///run/redis/s", Location(UNIX, "unix", path="/run/redis/s")),
        ("unix:///run/s%20s?db=4", Location(UNIX, "unix", path="/run/s s", db=4)),
        ("unix://u:p@/s", Location(UNIX, "unix", path="/s", username="u", password="p")),
        (
            "redis+sentinel://a:1,b/mymaster/2",
            Location(
                SENTINEL,
                "redis+sentinel",
                (("a", 1), ("b", 26379)),
                primary="mymaster",
                db=2,
            ),
        ),
        (
            "rediss+sentinel://u:p@a/m?sentinel_username=s&sentinel_password=t%26t",
            Location(
                SENTINEL,
                "rediss+sentinel",
                (("a", 26379),),
                primary="m",
                tls=True,
                username="u",
                password="p",
                sentinel_username="s",
                sentinel_password="t&t",
            ),
        ),
        (
            "redis+cluster://a:1,[::2]:3",
            Location(CLUSTER, "redis+cluster", (("a", 1), ("::2", 3))),
        ),
        ("rediss+cluster://a", Location(CLUSTER, "rediss+cluster", (("a", 6379),), tls=True)),
    ],
)
def test_read(text: str, location: Location) -> None:
    assert parse(text) == location


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no scheme"),
        ("cache:6379", "no scheme"),
        ("http://secret@cache", "scheme is unknown; accepted are redis://"),
        ("redis+ring://cache", "scheme is unknown"),
        ("redis://", "no host"),
        ("redis://:secret@", "no host"),
        ("redis://cache:x", "port in the URL is not a number"),
        ("redis://cache:65536", "port in the URL is 65536 or more"),
        ("redis://cache:-1", "port in the URL is not a number"),
        ("redis://cache:٣", "port in the URL is not a number"),
        ("redis://cache/one", "database in the URL is not a number"),
        ("redis://cache/99999999999", "database in the URL is not a number"),
        ("redis://cache/1/2", "path is too long"),
        ("redis://a,b", "several hosts are for"),
        ("redis://[::1", "in brackets"),
        ("redis://[::1]6379", "in brackets"),
        ("redis://:se#cret@cache", "%23"),
        ("redis://cache?ssl=yes", "unknown there; known are: db"),
        ("unix://host/path", "unix:///path"),
        ("unix://", "unix:///path"),
        ("redis+sentinel://a:1", "ends in the primary's name"),
        ("redis+cluster://a/1", "path is too long"),
        ("redis+cluster://a?db=1", "known are: none"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse(text)
    assert why in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://cache", "redis://cache:6379"),
        ("redis://:secret@cache/2", "redis://:***@cache:6379/2"),
        ("redis://user:secret@[::1]", "redis://user:***@[::1]:6379"),
        ("redis://user@cache", "redis://user@cache:6379"),
        ("unix://:secret@/run/s?db=1", "unix://:***@/run/s/1"),
        (
            "redis+sentinel://:secret@a,b/m/1?sentinel_password=secret",
            "redis+sentinel://:***@a:26379,b:26379/m/1",
        ),
        ("redis+cluster://:secret@a,b", "redis+cluster://:***@a:6379,b:6379"),
    ],
)
def test_no_password_is_shown(text: str, masked: str) -> None:
    location = parse(text)
    assert location.masked == masked
    assert "secret" not in repr(location)
