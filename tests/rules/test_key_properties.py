"""Same key, same question: what two requests with one key can still differ in, and nothing else."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.http.message import Fields, Request
from proxy.http.target import normal_authority
from proxy.rules import cookies
from proxy.rules.keys import (
    ALWAYS_PASS,
    PASS_AS_CREDENTIALS,
    PASS_WITH_BODY,
    READS,
    key_for,
    selected,
)
from proxy.rules.rule import Rule
from proxy.rules.ruleset import compile_rules
from proxy.rules.schema import RuleModel

NAMES = st.sampled_from(["accept", "x-a", "x-b", "x-c"])
PARAMETERS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)
QUERIES: st.SearchStrategy[dict[str, list[str]]] = st.one_of(
    st.just({}),
    PARAMETERS.map(lambda names: {"include": names}),
    PARAMETERS.map(lambda names: {"exclude": [f"{name}*" for name in names]}),
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    written: dict[str, Any] = {
        "name": draw(st.sampled_from(["x", "y"])),
        "credentials": draw(st.sampled_from(["refuse", "key", "share"])),
        "key": {
            "query": draw(QUERIES),
            "headers": draw(st.lists(NAMES, max_size=2)),
            "cookies": draw(st.none() | st.lists(st.sampled_from(["s", "t"]), max_size=2)),
        },
        "forward": draw(st.none() | st.lists(NAMES, max_size=2)),
    }
    return compile_rules([RuleModel.model_validate(written)], ["f:1"]).rules[0]


FEW = st.sampled_from([b"", b"1", b"1, 1", b"s=1", b"t=1; s=1", b"s=1; s=1", b"1:a,", b"a"])
LINES = st.tuples(
    st.sampled_from(
        [
            *(b"Accept", b"X-A", b"x-b", b"X-C", b"Cookie", b"cookie", b"Authorization", b"Range"),
            *(b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Content-Type", b"Referer", b"Via"),
        ]
    ),
    FEW,
)
TARGETS = st.builds(
    lambda path, query: path + query,
    st.sampled_from([b"/", b"/a", b"/%61"]),
    st.lists(
        st.sampled_from([b"?", b"&", b"a", b"a=1", b"b", b";", b"c=%26", b"d"]), max_size=5
    ).map(lambda pieces: b"?" + b"".join(pieces) if pieces else b""),
)
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    scheme=st.sampled_from(["http", "https"]),
    authority=st.sampled_from([b"a", b"A", b"a.", b"a:80", b"a:81", b"b"]),
    target=TARGETS,
    fields=st.lists(LINES, max_size=4).map(Fields),
    has_body=st.booleans(),
)


def method_class(request: Request) -> str:
    return "GET" if request.method in READS else request.method


@settings(max_examples=1_000)
@given(rule=rules(), first=REQUESTS, second=REQUESTS, alike=st.booleans())
def test_same_key_same_request_but_for_the_pass_list(
    rule: Rule, first: Request, second: Request, *, alike: bool
) -> None:
    if alike:  # most random pairs differ in their line; these do not
        second = Request(first.method, first.scheme, first.authority, first.target, second.fields)
    one, other = selected(rule, first), selected(rule, second)
    if key_for(rule, one) != key_for(rule, other):
        return

    assert method_class(one) == method_class(other)
    assert one.scheme == other.scheme
    assert one.target == other.target
    assert normal_authority(one.scheme, one.authority) == normal_authority(
        other.scheme, other.authority
    )
    for name in rule.key.headers:
        assert one.fields.joined(name) == other.fields.joined(name)
    for name in rule.key.cookies or ():
        assert cookies.named(one.fields, name) == cookies.named(other.fields, name)
    if rule.key.credentials:
        assert one.fields.all(b"authorization") == other.fields.all(b"authorization")
    if rule.forward is not None and one.method in READS:
        passing = rule.forward | ALWAYS_PASS | PASS_WITH_BODY | PASS_AS_CREDENTIALS
        for name in {*one.fields.names(), *other.fields.names()} - passing:
            assert one.fields.joined(name) == other.fields.joined(name)


@given(rules(), REQUESTS)
def test_selecting_again_changes_nothing(rule: Rule, request: Request) -> None:
    once = selected(rule, request)

    assert selected(rule, once) == once
    assert key_for(rule, selected(rule, once)) == key_for(rule, once)


RAW = st.binary(max_size=12) | st.sampled_from([b"1:x,3:GET,", b"-,", b"0:,", b",1:a"])
PLAIN = compile_rules([RuleModel(name="x")], ["f:1"]).rules[0]
KEYED = compile_rules(
    [RuleModel.model_validate({"name": "x", "key": {"headers": ["a", "b"], "cookies": ["c"]}})],
    ["f:1"],
).rules[0]


@given(RAW, RAW)
def test_distinct_targets_have_distinct_keys(one: bytes, other: bytes) -> None:
    keys = [key_for(PLAIN, Request("GET", "http", b"a", raw)) for raw in (one, other)]

    assert (keys[0] == keys[1]) is (one == other)


Parts = tuple[bytes, bytes, bytes | None, bytes | None, bytes | None]
PARTS = st.tuples(RAW, RAW, st.none() | RAW, st.none() | RAW, st.none() | RAW)


def keyed(parts: Parts) -> bytes:
    authority, target, a, b, c = parts
    lines = [(name, value) for name, value in ((b"a", a), (b"b", b)) if value is not None]
    if c is not None:
        lines.append((b"cookie", b"c=" + c.replace(b";", b"").strip()))
    return key_for(KEYED, Request("GET", "http", authority, target, Fields(lines))).text


@given(PARTS, PARTS)
def test_no_part_of_a_key_can_pose_as_another(one: Parts, other: Parts) -> None:
    def meant(parts: Parts) -> tuple[bytes | None, ...]:
        cookie = None if parts[4] is None else parts[4].replace(b";", b"").strip()
        return (normal_authority("http", parts[0]), *parts[1:4], cookie)

    assert (keyed(one) == keyed(other)) is (meant(one) == meant(other))


@given(RAW, RAW, RAW)
def test_a_delimiter_moved_from_one_part_to_the_next_makes_another_key(
    left: bytes, delimiter: bytes, right: bytes
) -> None:
    one = keyed((b"a", left + delimiter, right, None, None))
    other = keyed((b"a", left, delimiter + right, None, None))

    assert (one == other) is (delimiter == b"")
