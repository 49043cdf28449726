"""What a `Near` promises, held by the naive one and by the memory tier alike."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from proxy.engine.entry import Coded, Entry
from proxy.engine.naive import NaiveNear
from proxy.engine.ports import Near
from proxy.engine.purge import Born
from proxy.http.codings import Coding
from proxy.rules.labels import Labels
from proxy.store.memory import MemoryStore
from tests.policy.cases import stored

STORED = stored("Cache-Control: max-age=60")
STORES: dict[str, Callable[[], Near]] = {
    "naive": NaiveNear,
    "memory": lambda: MemoryStore(1_000_000),
}


def entry(body: bytes) -> Entry:
    return Entry(b"text", replace(STORED, length=len(body)), body, Labels((), b""), Born(b"", 0))


@pytest.fixture(params=STORES)
def near(request: pytest.FixtureRequest) -> Near:
    return STORES[request.param]()


def test_what_is_unknown_is_nothing(near: Near) -> None:
    assert near.get(b"key") == ()
    near.drop(b"key")


def test_what_was_put_is_got(near: Near) -> None:
    entries = (entry(b"one"), entry(b"two"))
    near.put(b"key", entries)
    assert near.get(b"key") == entries
    assert near.get(b"key") == entries
    assert near.get(b"other") == ()


def test_the_last_put_counts(near: Near) -> None:
    near.put(b"key", (entry(b"one"), entry(b"two")))
    near.put(b"key", (entry(b"three"),))
    assert [e.body for e in near.get(b"key")] == [b"three"]
    near.put(b"key", ())
    assert near.get(b"key") == ()


def test_what_was_dropped_is_gone(near: Near) -> None:
    near.put(b"key", (entry(b"one"),))
    near.put(b"other", (entry(b"two"),))
    near.drop(b"key")
    near.drop(b"key")
    assert near.get(b"key") == ()
    assert [e.body for e in near.get(b"other")] == [b"two"]


def test_to_look_whether_there_is_anything_tells_the_truth(near: Near) -> None:
    near.put(b"key", (entry(b"one"),))
    assert (b"key" in near, near.touch(b"key")) == (True, True)
    assert (b"other" in near, near.touch(b"other")) == (False, False)
    near.drop(b"key")
    assert (b"key" in near, near.touch(b"key")) == (False, False)


def test_bodies_are_those_that_were_put(near: Near) -> None:
    one = entry(b"one")
    near.put(b"key", (one,))
    assert all(found.body is one.body for found in (*near.get(b"key"), *near.peek(b"key")))


def test_what_was_got_can_be_put_again_beside_another(near: Near) -> None:
    coded = (Coded(Coding.BR, b"br", b"0"), Coded(Coding.GZIP, b"gzip", b"1", best=True))
    two = replace(entry(b"two"), codings=coded)
    near.put(b"key", (entry(b"one"), two, entry(b"three")))
    one, *others = near.get(b"key")
    near.put(b"key", (entry(b"four"), *others, one))
    assert near.get(b"key") == (entry(b"four"), two, entry(b"three"), entry(b"one"))
