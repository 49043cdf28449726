import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.rules.places import MAX_TEXT, parse

TEXT = """\
# a comment
upstream:
  url: http://a
rules:
  - name: x
    ttl: 5m
  - {name: y, ttl_by_status: {404: 1s}}
"""

SCALARS = [
    ("on", "on"),
    ("off", "off"),
    ("no", "no"),
    ("true", True),
    ("FALSE", False),
    ("", None),
    ("~", None),
    ("null", None),
    ("12", 12),
    ("-3", -3),
    ("014", 14),
    ("22:22", "22:22"),
    ("2024-01-01", "2024-01-01"),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("0x1F", "0x1F"),
    (".inf", ".inf"),
    ("9" * 20, float("9" * 20)),
    ("'12'", "12"),
    ('"true"', "true"),
    ("5m", "5m"),
    ("10%", "10%"),
    ("/me/**", "/me/**"),
    ("[]", []),
    ("{}", {}),
    ("|\n  a\n  b", "a\nb"),
]

BAD = [
    ("a: [1", "file:1:6: expected ',' or ']', but got '<stream end>'; inside {…} and […], quote"),
    ("a: b: c", "file:1:5: mapping values are not allowed here"),
    ("\ta: 1", "file:1:1: found character '\\t' that cannot start any token"),
    ("a: \x00", "file:1:1: unacceptable character #x0000: special characters are not allowed"),
    ("a: 1\nb: 2\na: 3", "file:3:1: duplicate key 'a'"),
    ("a: &x 1", "file:1:4: anchors are not accepted; write the value out where it is used"),
    ("a: &x [1]", "file:1:4: anchors are not accepted; write the value out where it is used"),
    ("a: *x", "file:1:4: aliases are not accepted; write the value out"),
    ("a: !!python/name:os 1", "file:1:4: the tag 'tag:yaml.org,2002:python/name:os' is not"),
    ("a: !x {b: 1}", "file:1:4: the tag '!x' is not accepted"),
    ("- 1", "file:1:1: the file must be a mapping, 'key: value' at its top"),
    ("a: 1\n---\nb: 2", "file:2:1: a second document in the file"),
    ("a:\n  ? [x]\n  : 1", "file:2:5: a key must be text or a whole number"),
    ("true: 1", "file:1:1: a key must be text or a whole number"),
    ("~: 1", "file:1:1: a key must be text or a whole number"),
    ("a: " + "[" * 40 + "]" * 40, "nested more than 32 deep"),
    ("[" * 500_000, "nested more than 32 deep"),
    ("a" * (MAX_TEXT + 1), "file:1:1: the file is larger than 1048576 characters"),
]


def test_data_are_plain() -> None:
    assert parse(TEXT, "file").data == {
        "upstream": {"url": "http://a"},
        "rules": [{"name": "x", "ttl": "5m"}, {"name": "y", "ttl_by_status": {404: "1s"}}],
    }


@pytest.mark.parametrize(
    ("loc", "place"),
    [
        ((), (1, 1)),
        (("upstream",), (2, 1)),
        (("upstream", "url"), (3, 3)),
        (("upstream", "missing"), (2, 1)),
        (("rules", 0), (5, 5)),
        (("rules", 0, "ttl"), (6, 5)),
        (("rules", 1), (7, 5)),
        (("rules", 1, "ttl_by_status", 404), (7, 31)),
        (("rules", 7, "ttl"), (4, 1)),
        (("nowhere", 0), (1, 1)),
    ],
)
def test_each_thing_has_its_place(loc: tuple[str | int, ...], place: tuple[int, int]) -> None:
    assert parse(TEXT, "file").place(loc) == place


def test_a_message_begins_with_the_place() -> None:
    document = parse(TEXT, "file")

    assert document.where(("rules", 0, "ttl")) == "file:6:5: rules[0].ttl"
    assert document.where(()) == "file:1:1"


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text for text, _ in SCALARS])
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert parse(f"a: {text}", "file").data == {"a": value}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert parse(text, "file").data == {}


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "file")

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_data_or_one_error(text: str) -> None:
    try:
        told = parse(text, "file").where(())
    except ConfigError as error:
        told = str(error)

    assert told.startswith("file:")
