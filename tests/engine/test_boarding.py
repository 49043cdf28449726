"""Boarding: whose forwarding fields are believed, and what goes upstream under which key."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from proxy.engine.boarding import LONGEST, Gangway, board, retrieval
from proxy.engine.snapshot import Snapshot
from proxy.errors import RequestError
from proxy.rules import labels
from proxy.rules.keys import uri_tags
from tests.engine.scripted import ask, ruleset

SNAPSHOT = Snapshot(
    ruleset({"match": {"path": "/few"}, "key": {"query": {"include": ["a"]}}}, {}),
    name="edge-1",
    trusted_peers=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
)

PEERS = {
    "within": ("10.1.2.3", True),
    "within-v6": ("fd00::1", True),
    "outside": ("192.0.2.1", False),
    "unix-socket": ("", False),
    "unknown": (None, False),
}


@pytest.mark.parametrize(("peer", "trusted"), PEERS.values(), ids=list(PEERS))
def test_forwarding_fields_of_trusted_peers_are_believed(peer: str | None, trusted: bool) -> None:  # noqa: FBT001 - a column
    assert SNAPSHOT.trusts(peer) is trusted
    request = replace(ask("X-Forwarded-Proto: https"), peer=peer)
    proto = board(request, SNAPSHOT).outbound.fields.first(b"x-forwarded-proto")
    assert proto == (b"https" if trusted else b"http")


def test_nobody_is_trusted_unless_named() -> None:
    assert not Snapshot(ruleset({})).trusts("127.0.0.1")


def test_what_goes_upstream_is_what_the_key_was_made_of() -> None:
    boarded = board(ask(target="/few?b=1&a=2"), SNAPSHOT)
    assert boarded.outbound.target == b"/few?a=2"
    assert boarded.outbound.fields.first(b"via") == b"1.1 edge-1"
    assert boarded.rule.name == "rule-0"
    assert boarded.labels.location == b"api.test/few?a=2"
    assert boarded.labels.tags == (
        labels.EVERYTHING,
        labels.rule_tag("rule-0"),
        labels.host_tag(b"api.test"),
        labels.uri_tag(b"http", b"api.test", b"/few?a=2"),
        labels.target_tag(b"/few?a=2"),
    )
    assert boarded.key == board(ask(target="/few?a=2"), SNAPSHOT).key
    assert not boarded.ambiguous


def test_an_ambiguous_path_is_seen() -> None:
    assert board(ask(target="/a/../b"), SNAPSHOT).ambiguous


def test_a_field_that_may_not_be_nominated_is_refused() -> None:
    with pytest.raises(RequestError, match="Connection"):
        board(ask("Connection: host"), SNAPSHOT)


def test_9110_9_3_3_the_retrieval_that_a_post_may_serve() -> None:
    post = board(ask(method="POST", target="/few?b=1&a=2", has_body=True), SNAPSHOT)
    get = retrieval(post)
    assert (get.outbound.method, get.outbound.has_body) == ("GET", False)
    assert get.key == board(ask(target="/few?a=2"), SNAPSHOT).key
    assert get.key != post.key


def test_a_uri_has_a_tag_of_what_is_read_from_it() -> None:
    tags = uri_tags(SNAPSHOT.ruleset, "http", b"API.test:80", b"/few?b=1&a=2")
    assert set(tags) & set(board(ask(target="/few?a=2"), SNAPSHOT).labels.tags)


def test_who_comes_again_is_on_board_already() -> None:
    gangway, request = Gangway(SNAPSHOT), ask("X-Forwarded-Proto: https", target="/few?a=1")
    first = gangway.board(request, SNAPSHOT)
    assert first == board(request, SNAPSHOT)
    assert gangway.board(replace(request), SNAPSHOT) is first
    believed = replace(request, peer="10.1.2.3")
    assert gangway.board(believed, SNAPSHOT) == board(believed, SNAPSHOT) != first


def test_other_rules_know_nobody_of_before() -> None:
    gangway, request = Gangway(SNAPSHOT), ask(target="/few?a=1&b=2")
    before = gangway.board(request, SNAPSHOT)
    rules = Snapshot(ruleset({}))
    after = gangway.board(request, rules)
    assert after == board(request, rules) != before
    assert after.snapshot is rules


def test_a_long_head_is_not_worth_being_known() -> None:
    gangway = Gangway(SNAPSHOT)
    for line in ("A: " + LONGEST * "x", "A" * LONGEST + ": x"):
        long = ask(line)
        assert gangway.board(long, SNAPSHOT) == board(long, SNAPSHOT)
        assert gangway.board(long, SNAPSHOT) is not gangway.board(long, SNAPSHOT)


def test_what_cannot_board_cannot_the_second_time_either() -> None:
    gangway, request = Gangway(SNAPSHOT), ask("Connection: cookie")
    for _ in range(2):
        with pytest.raises(RequestError, match="must not nominate"):
            gangway.board(request, SNAPSHOT)
