"""The breaker, and what errors say of a server."""

import pytest
from redis import exceptions as redis

from proxy.store.redis.breaker import Breaker, State
from proxy.store.redis.failures import Failure, classify, said


def test_open_until_the_first_success_and_after_failures_in_a_row() -> None:
    breaker = Breaker(limit=3)
    states = [breaker.state]
    breaker.close()
    states.append(breaker.state)
    assert [breaker.failed() for _ in range(4)] == [False, False, True, False]
    assert [*states, breaker.state] == [State.OPEN, State.CLOSED, State.OPEN]
    assert breaker.opened == 1


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(limit=2)
    breaker.close()
    for _ in range(5):
        assert not breaker.failed()
        breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_closing_forgets_the_failures() -> None:
    breaker = Breaker(limit=2)
    breaker.close()
    breaker.failed()
    breaker.close()
    assert not breaker.failed()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), Failure.TIMEOUT),
        (redis.TimeoutError(), Failure.TIMEOUT),
        (redis.ConnectionError(), Failure.CONNECTION),
        (ConnectionResetError(), Failure.CONNECTION),
        (redis.RedisClusterException(), Failure.CONNECTION),
        (redis.BusyLoadingError(), Failure.REFUSED),
        (redis.AuthenticationError(), Failure.REFUSED),
        (redis.NoPermissionError(), Failure.REFUSED),
        (redis.ReadOnlyError(), Failure.REFUSED),
        (redis.OutOfMemoryError(), Failure.REFUSED),
        (redis.MasterDownError("x"), Failure.REFUSED),
        (redis.ClusterDownError("x"), Failure.REFUSED),
        (redis.ResponseError("MISCONF no disk"), Failure.REFUSED),
        (redis.ResponseError("NOAUTH Authentication required."), Failure.REFUSED),
        (redis.ResponseError("Error running script: -READONLY You can't"), Failure.REFUSED),
        (redis.ResponseError("WRONGTYPE Operation"), Failure.COMMAND),
        (redis.ResponseError("the word OOM inside"), Failure.COMMAND),
        (redis.DataError(), Failure.COMMAND),
    ],
    ids=repr,
)
def test_kinds(error: Exception, kind: Failure) -> None:
    assert classify(error) is kind


def test_an_error_is_a_line_that_does_not_repeat_what_was_written() -> None:
    error = redis.OutOfMemoryError(
        "Command # 1 (SET test:{00} private body) of pipeline caused error: no memory\nmore"
    )
    assert said(error) == "OutOfMemoryError: no memory"
    assert said(TimeoutError()) == "TimeoutError"
