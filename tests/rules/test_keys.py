from dataclasses import replace
from typing import Any

import pytest

from proxy.http.message import Fields, Request
from proxy.rules import labels
from proxy.rules.keys import key_for, labels_for, parts, request_of, selected, uri_tags
from proxy.rules.rule import Rule
from proxy.rules.ruleset import Ruleset, compile_rules
from proxy.rules.schema import RuleModel

Line = tuple[bytes, bytes]


def rule(**fields: Any) -> Rule:  # noqa: ANN401 - as written in YAML
    model = RuleModel.model_validate({"name": "x", **fields})
    return compile_rules([model], ["f:1"]).rules[0]


def get(*lines: Line, target: bytes = b"/a", method: str = "GET", body: bool = False) -> Request:
    fields = Fields([(b"Host", b"a"), *lines])
    return Request(method, "http", b"a", target, fields, has_body=body)


def names(request: Request) -> list[bytes]:
    return [name for name, _ in request.fields][1:]


PLAIN = rule()
COOKIES = rule(key={"cookies": ["lang", "x"]})
FORWARD = rule(key={"headers": ["x-keyed"]}, forward=["accept"])
SHARED = rule(credentials="share", forward=[])
EVERYTHING: list[Line] = [
    *[(b"Accept", b"a"), (b"X-Keyed", b"k"), (b"X-Other", b"o"), (b"User-Agent", b"u")],
    *[(b"Authorization", b"s"), (b"Cookie", b"lang=de; id=1")],
    *[(b"If-None-Match", b'"e"'), (b"Range", b"bytes=0-"), (b"Cache-Control", b"no-cache")],
    *[(b"Content-Type", b"t"), (b"Content-Length", b"1"), (b"Traceparent", b"t")],
    *[(b"X-Forwarded-Host", b"a"), (b"X-Forwarded-Proto", b"http"), (b"Via", b"1.1 v")],
]
ALWAYS = [
    *[b"If-None-Match", b"Range", b"Cache-Control", b"Traceparent"],
    *[b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Via", b"Accept-Encoding"],
]


def test_a_rule_that_selects_nothing_leaves_the_request_as_it_is() -> None:
    request = get(*EVERYTHING, (b"Accept-Encoding", b"identity"), target=b"/a?b=1;&&")

    assert selected(PLAIN, request) is request


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize(
    ("strict", "sent", "expected"),
    [
        pytest.param({}, "gzip, br", "identity", id="plain-by-default"),
        pytest.param({}, None, "identity", id="plain-by-default, absent"),
        pytest.param({"forward": []}, "gzip", "identity", id="whatever-is-forwarded"),
        pytest.param({"cache": "off"}, "gzip;q=0.1", "gzip;q=0.1", id="not-cached"),
        pytest.param({"cache": "off"}, None, None, id="not-cached, absent"),
        pytest.param({"compress": "off"}, "deflate, GZIP;q=0.5 ,br", "br, gzip", id="off"),
        pytest.param({"compress": "off"}, None, "identity", id="off, absent"),
        pytest.param({"compress": {"ask": "client"}}, "zstd, *;q=0", "zstd, identity;q=0"),
        pytest.param({"compress": {"ask": "client"}}, "x-gzip, br;q=0", "gzip", id="x-gzip"),
        pytest.param({"compress": {"ask": "client"}}, "deflate", "identity", id="unknown"),
    ],
)
def test_9111_4_1_the_upstream_sees_one_spelling_of_accept_encoding(
    strict: dict[str, Any], sent: str | None, expected: str | None, *, body: bool
) -> None:
    lines = [] if sent is None else [(b"Accept-Encoding", sent.encode())]
    shown = selected(rule(**strict), get(*lines, body=body)).fields.joined(b"accept-encoding")

    assert shown == (None if expected is None else expected.encode())


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "get"])
def test_what_is_no_read_passes_as_it_is(method: str) -> None:
    request = get(*EVERYTHING, target=b"/a?b=1", method=method)
    strict = rule(key={"query": {"include": []}, "cookies": []}, forward=[])

    assert selected(strict, request) is request


def test_the_selection_of_parameters_reaches_the_upstream() -> None:
    request = get(target=b"/a?b=1&c=2")

    assert selected(rule(key={"query": {"include": ["c"]}}), request).target == b"/a?c=2"
    assert selected(rule(key={"query": {"exclude": ["c"]}}), request).target == b"/a?b=1"


def test_cookies_are_reduced_to_the_named_ones() -> None:
    request = get((b"Cookie", b"id=1; x=2"), (b"cookie", b"lang=de"))

    assert selected(COOKIES, request).fields.all(b"cookie") == (b"lang=de; x=2",)
    assert b"cookie" not in selected(rule(key={"cookies": []}), request).fields


@pytest.mark.parametrize(
    ("strict", "body", "expected"),
    [
        (FORWARD, False, {b"Accept", b"X-Keyed", b"Authorization", b"Cookie", *ALWAYS}),
        (
            FORWARD,
            True,
            {b"Accept", b"X-Keyed", b"Authorization", b"Cookie", *ALWAYS}
            | {b"Content-Type", b"Content-Length"},
        ),
        (SHARED, False, {*ALWAYS}),
        (rule(credentials="share", forward=["authorization"]), False, {b"Authorization", *ALWAYS}),
        (
            rule(credentials="share", forward=[], key={"cookies": ["lang"]}),
            False,
            {b"Cookie", *ALWAYS},
        ),
    ],
    ids=["refuse", "refuse with a body", "share", "share, listed", "share, cookie keyed"],
)
def test_forward_holds_back_what_is_not_accounted_for(
    strict: Rule, *, body: bool, expected: set[bytes]
) -> None:
    assert set(names(selected(strict, get(*EVERYTHING, body=body)))) == expected


def test_host_is_put_in_its_normal_form_wherever_it_stands() -> None:
    lines = [(b"Host", b"A.:80"), (b"X-Forwarded-Host", b"A.:80"), (b"Referer", b"A.:80")]
    request = Request("GET", "http", b"A.:80", b"/", Fields(lines))

    normal = selected(PLAIN, request)

    assert normal.authority == b"a"
    assert [value for _, value in normal.fields] == [b"a", b"a", b"A.:80", b"identity"]


def test_a_forwarded_host_that_a_trusted_peer_tells_stays() -> None:
    lines = [(b"Host", b"A"), (b"X-Forwarded-Host", b"B")]
    request = Request("GET", "http", b"A", b"/", Fields(lines))

    assert [value for _, value in selected(PLAIN, request).fields] == [b"a", b"B", b"identity"]


def test_the_text_tells_each_part_with_its_length() -> None:
    key = key_for(PLAIN, get(target=b"/a?b"))

    assert key.text == b"1:x,16:%b,3:GET,4:http,1:a,4:/a?b," % PLAIN.sharing
    assert len(key.digest) == 16


def test_head_shares_the_key_of_get() -> None:
    assert key_for(PLAIN, get(method="HEAD")) == key_for(PLAIN, get())


def test_spellings_of_one_authority_share_a_key() -> None:
    assert key_for(PLAIN, replace(get(), authority=b"A:80")) == key_for(PLAIN, get())


KEYED = rule(key={"headers": ["accept"], "cookies": ["lang"]}, credentials="key")
OTHERS = [
    ("method", PLAIN, get(), get(method="POST")),
    ("scheme", PLAIN, get(), replace(get(), scheme="https")),
    ("authority", PLAIN, get(), replace(get(), authority=b"b")),
    ("port", PLAIN, get(), replace(get(), authority=b"a:81")),
    ("target", PLAIN, get(), get(target=b"/A")),
    ("bare question mark", PLAIN, get(), get(target=b"/a?")),
    ("spelling of the target", PLAIN, get(), get(target=b"/%61")),
    ("order of parameters", PLAIN, get(target=b"/?a&b"), get(target=b"/?b&a")),
    ("field", KEYED, get((b"accept", b"1")), get((b"accept", b"2"))),
    ("field, absent or empty", KEYED, get(), get((b"accept", b""))),
    ("cookie", KEYED, get((b"cookie", b"lang=1")), get((b"cookie", b"lang=2"))),
    ("cookie, absent or empty", KEYED, get(), get((b"cookie", b"lang="))),
    ("cookie, no value or empty", KEYED, get((b"cookie", b"lang")), get((b"cookie", b"lang="))),
    ("cookie, twice", KEYED, get((b"cookie", b"lang=1")), get((b"cookie", b"lang=1; lang=1"))),
    ("credentials", KEYED, get(), get((b"authorization", b"x"))),
    (
        "whole cookie",
        rule(credentials="key"),
        get((b"cookie", b"a=1")),
        get((b"cookie", b"a=1; b=1")),
    ),
    ("forwarded host", PLAIN, get(), get((b"x-forwarded-host", b"b"))),
    ("forwarded scheme", PLAIN, get(), get((b"x-forwarded-proto", b"https"))),
    ("forwarded port", PLAIN, get(), get((b"x-forwarded-port", b"81"))),
    ("forwarded prefix", PLAIN, get(), get((b"x-forwarded-prefix", b"/b"))),
]
SAME = [
    ("other field", KEYED, get(), get((b"x", b"1"))),
    ("other cookie", KEYED, get((b"cookie", b"lang=1; a=1")), get((b"cookie", b"lang=1"))),
    ("cookie of a plain rule", PLAIN, get(), get((b"cookie", b"a=1"))),
    ("forwarded as it is", PLAIN, get(), get((b"x-forwarded-proto", b"http"))),
]


@pytest.mark.parametrize(
    ("strict", "one", "other"), [case[1:] for case in OTHERS], ids=[case[0] for case in OTHERS]
)
def test_9111_2_another_question_has_another_key(
    strict: Rule, one: Request, other: Request
) -> None:
    a, b = key_for(strict, selected(strict, one)), key_for(strict, selected(strict, other))

    assert a.text != b.text
    assert a.digest != b.digest


@pytest.mark.parametrize(
    ("strict", "one", "other"), [case[1:] for case in SAME], ids=[case[0] for case in SAME]
)
def test_the_same_question_has_the_same_key(strict: Rule, one: Request, other: Request) -> None:
    assert key_for(strict, selected(strict, one)) == key_for(strict, selected(strict, other))


def test_another_rule_has_another_key_for_the_same_uri() -> None:
    one, other = key_for(PLAIN, get()), key_for(replace(PLAIN, name="y"), get())

    assert one.digest != other.digest


def test_secrets_do_not_appear_in_the_key() -> None:
    request = get((b"Cookie", b"lang=secret"), (b"Authorization", b"Bearer secret"))

    key = key_for(KEYED, request)

    assert b"secret" not in key.text
    assert not any("secret" in value for _, value in parts(KEYED, request))


ASKED_AGAIN = {
    "plain": (PLAIN, get(target=b"/a?b=1:2,&-,")),
    "head": (PLAIN, get(method="HEAD")),
    "field": (KEYED, get((b"Accept", b"text/html, 2:x,"))),
    "field, empty": (KEYED, get((b"Accept", b""))),
    "field, absent": (KEYED, get()),
    "forwarded": (PLAIN, get((b"X-Forwarded-Host", b"b"), (b"X-Forwarded-Proto", b"https"))),
    "authority": (PLAIN, replace(get(), authority=b"A:81", scheme="https")),
}


@pytest.mark.parametrize(("strict", "request_"), ASKED_AGAIN.values(), ids=ASKED_AGAIN.keys())
def test_a_key_without_secrets_can_be_asked_for_again(strict: Rule, request_: Request) -> None:
    key = key_for(strict, selected(strict, request_))

    again = request_of(key.text)

    assert again is not None
    assert again.method == "GET"
    assert key_for(strict, selected(strict, again)) == key


@pytest.mark.parametrize(
    "line",
    [(b"Cookie", b"lang=de"), (b"Authorization", b"Bearer x")],
    ids=["cookie", "credentials"],
)
def test_a_key_with_a_secret_cannot(line: Line) -> None:
    assert request_of(key_for(KEYED, get(line)).text) is None


def test_the_parts_of_a_key_can_be_shown() -> None:
    request = get((b"Accept", "ä".encode()))

    assert parts(KEYED, request) == (
        ("rule", "x"),
        ("method", "GET"),
        ("scheme", "http"),
        ("authority", "a"),
        ("target", "/a"),
        ("header accept", "\\xc3\\xa4"),
        ("cookie lang", "(absent)"),
        ("credentials authorization", "(absent)"),
    )


def test_what_is_kept_under_a_key_has_labels_of_every_kind() -> None:
    request = replace(get(target=b"/%61?b=%2f"), authority=b"A:80")

    found = labels_for(PLAIN, request)

    assert found.location == b"a/a?b=%2F"
    assert found.tags == (
        labels.EVERYTHING,
        labels.rule_tag("x"),
        labels.host_tag(b"a"),
        labels.uri_tag(b"http", b"a", b"/a?b=%2F"),
        labels.target_tag(b"/a?b=%2F"),
    )


def test_all_keys_of_a_uri_share_their_labels() -> None:
    requests = [get((b"accept", value)) for value in (b"1", b"2")]
    one, other = (key_for(KEYED, request) for request in requests)

    assert one.digest != other.digest
    assert labels_for(KEYED, requests[0]) == labels_for(KEYED, requests[1])


def ruleset(*rules: dict[str, object]) -> Ruleset:
    models = [RuleModel.model_validate({"name": f"r{at}", **one}) for at, one in enumerate(rules)]
    return compile_rules(models, [f"f:{at}" for at in range(len(models))])


SELECTING = ruleset(
    {"match": {"methods": ["PUT"]}},
    {"match": {"path": "/a"}, "key": {"query": {"include": ["page"]}}},
    {"key": {"query": {"exclude": ["utm"]}}},
)
URIS = {
    "the same": ("http", b"a", b"/a", True),
    "9110-4.2.3-default-port": ("http", b"a:80", b"/a", True),
    "9110-4.2.3-case-of-the-host": ("http", b"A.", b"/a", True),
    "3986-6.2.2-escape-of-a-letter": ("http", b"a", b"/%61", True),
    "a relative one is of all hosts": ("http", b"", b"/a", True),
    "a relative one in another spelling": ("", b"", b"/%61", True),
    "another scheme": ("https", b"a", b"/a", False),
    "another port": ("http", b"a:81", b"/a", False),
    "another host": ("http", b"b", b"/a", False),
    "another path": ("http", b"a", b"/A", False),
    "another relative one": ("", b"", b"/A", False),
    "another query": ("http", b"a", b"/a?", False),
}


@pytest.mark.parametrize(
    ("scheme", "authority", "target", "expected"), URIS.values(), ids=URIS.keys()
)
def test_a_uri_finds_what_is_kept_for_it(
    scheme: str, authority: bytes, target: bytes, *, expected: bool
) -> None:
    kept = labels_for(PLAIN, selected(PLAIN, get()))

    found = uri_tags(ruleset({}), scheme, authority, target)

    assert (not set(found).isdisjoint(kept.tags)) is expected


@pytest.mark.parametrize("authority", [b"a", b""], ids=["one host", "all hosts"])
@pytest.mark.parametrize("rule_at", range(3))
def test_9111_4_4_a_write_finds_the_uri_under_whatever_rule_it_was_kept(
    rule_at: int, authority: bytes
) -> None:
    reading, target = SELECTING.rules[rule_at], b"/a?utm=1&page=2&x"
    kept = labels_for(reading, selected(reading, get(target=target)))

    found = uri_tags(SELECTING, "http", authority, target)

    assert len(found) == 3
    assert not set(found).isdisjoint(kept.tags)


def test_every_selection_counts_once() -> None:
    rules = ruleset({}, {}, {"key": {"query": {"include": ["a"]}}})

    assert len(rules.selections) == 2
    assert len(uri_tags(rules, "http", b"a", b"/")) == 1
    assert len(uri_tags(rules, "http", b"a", b"/?b")) == 2
