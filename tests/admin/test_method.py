"""PURGE on the clients' port, as tools for Varnish and Fastly send it."""

import orjson
import pytest

from proxy.admin.auth import Caller, Gate
from proxy.admin.method import PurgeMethod, caller_of, purge_of
from proxy.engine.purge import Mode, Purge
from proxy.errors import RequestError
from proxy.rules import labels
from tests.admin.desk import OTHER, PURGE, READ, TOKENS, Desk
from tests.engine.scripted import Told, ask, read, ruleset

RULES = ruleset({"key": {"query": {"include": ["page"]}}}, {"name": "default"})
URL = (
    labels.uri_tag(b"http", b"api.test", b"/thing?page=1"),
    labels.uri_tag(b"http", b"api.test", b"/thing?page=1&x=2"),
    labels.uri_tag(b"https", b"api.test", b"/thing?page=1"),
    labels.uri_tag(b"https", b"api.test", b"/thing?page=1&x=2"),
)


def tags(*names: bytes) -> tuple[bytes, ...]:
    return tuple(map(labels.tag, names))


def test_without_a_tag_it_is_the_url_under_every_rule() -> None:
    request = ask(method="PURGE", target="/thing?page=1&x=2")
    assert purge_of(request, RULES) == Purge(URL)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["Surrogate-Key: a b", "Surrogate-Key: c"], tags(b"a", b"b", b"c")),
        (["Cache-Tag: a b, c"], tags(b"a b", b"c")),
        (["xkey-purge: a, b c"], tags(b"a", b"b", b"c")),
        (["xkey: a"], tags(b"a")),
        (["xkey: a", 'Cache-Groups: "g"'], tags(b"a")),
        (["X-Other: a"], URL),
    ],
)
def test_tags_stand_in_the_fields_of_each_maker(
    lines: list[str], wanted: tuple[bytes, ...]
) -> None:
    request = ask(*lines, method="PURGE", target="/thing?page=1&x=2")
    assert set(purge_of(request, RULES).tags) == set(wanted)


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("Fastly-Soft-Purge: 1", Mode.SOFT),
        ("Soft-Purge: 1", Mode.SOFT),
        ("Soft-Purge: 0", Mode.HARD),
        ("X-Other: 1", Mode.HARD),
    ],
)
def test_soft_is_a_field(line: str, mode: Mode) -> None:
    assert purge_of(ask(line, method="PURGE"), RULES).mode is mode


def test_more_tags_than_an_answer_can_have_are_refused() -> None:
    many = " ".join(map(str, range(129)))
    with pytest.raises(RequestError, match="at most 128 tags"):
        purge_of(ask(f"Surrogate-Key: {many}", method="PURGE"), RULES)


@pytest.mark.parametrize(
    ("lines", "authorization"),
    [
        ([], None),
        (["Authorization: Bearer abc"], "Bearer abc"),
        (["Fastly-Key: abc"], "Bearer abc"),
        (["Fastly-Key: abc", "Authorization: Bearer other"], "Bearer abc"),
    ],
)
def test_the_token_comes_in_either_field(lines: list[str], authorization: str | None) -> None:
    caller = caller_of(ask(*lines, method="PURGE"))
    assert caller == Caller(None, "api.test", authorization)


async def told(desk: Desk, *lines: str) -> Told:
    method = PurgeMethod(desk.control, Gate(TOKENS, desk.clock.now))
    return await read(await method(ask(*lines, method="PURGE")))


async def test_a_purge_is_answered_once_it_is_complete() -> None:
    desk = Desk()
    await desk.play.fill("Cache-Control: max-age=60")
    answer = await told(desk, f"Fastly-Key: {PURGE}")
    assert answer.status == 200
    assert orjson.loads(answer.body)["state"] == "complete"
    assert desk.play.stats.purges == {("hard", "purge-method"): 1}
    assert not desk.play.kept()


async def test_a_purge_that_is_not_confirmed_in_time_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.admin.method.WITHIN", 0.0)
    desk = Desk()
    desk.log.others = (OTHER,)
    assert (await told(desk, f"Fastly-Key: {PURGE}")).status == 202


async def test_a_url_that_is_kept_in_very_many_ways_goes_in_parts() -> None:
    desk = Desk()
    desk.play.under(
        *(
            {"match": {"path": f"/{number}"}, "key": {"query": {"include": [f"p{number}"]}}}
            for number in range(600)
        ),
        {},
    )
    query = "&".join(f"p{number}" for number in range(600))
    method = PurgeMethod(desk.control, Gate(TOKENS, desk.clock.now))
    request = ask(f"Fastly-Key: {PURGE}", method="PURGE", target=f"/thing?{query}")
    assert (await read(await method(request))).status == 200
    assert [len(purge.tags) for purge in desk.log.published] == [1_000, 202]


@pytest.mark.parametrize(
    ("lines", "reachable", "status"),
    [
        ([], True, 401),
        ([f"Authorization: Bearer {READ}"], True, 403),
        ([f"Fastly-Key: {PURGE}", "xkey: " + "x" * 1025], True, 400),
        ([f"Fastly-Key: {PURGE}"], False, 503),
    ],
)
async def test_a_refusal_is_a_problem(lines: list[str], reachable: bool, status: int) -> None:  # noqa: FBT001 - a table
    desk = Desk()
    desk.log.reachable = reachable
    answer = await told(desk, *lines)
    assert answer.status == status
    assert answer["content-type"] == "application/problem+json"
    assert answer["www-authenticate"] == ("Bearer" if status == 401 else None)
