"""Trace context (W3C Trace Context)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.trace_context import TraceParent, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", True, id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", False, id="not-sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-fe", False, id="other-flags"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01", True, id="later-version"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-more", True, id="later-version-with-more"),
    ],
)
def test_what_is_valid(value: str, *, sampled: bool) -> None:
    assert parse((value.encode(),)) == TraceParent(int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((), id="none"),
        pytest.param((f"00-{TRACE}-{SPAN}-01",) * 2, id="two"),
        pytest.param((f"ff-{TRACE}-{SPAN}-01",), id="no-version"),
        pytest.param((f"00-{TRACE}-{SPAN}-01-more",), id="more-than-version-00-has"),
        pytest.param((f"cc-{TRACE}-{SPAN}-01more",), id="more-without-a-dash"),
        pytest.param((f"00-{'0' * 32}-{SPAN}-01",), id="no-trace"),
        pytest.param((f"00-{TRACE}-{'0' * 16}-01",), id="no-span"),
        pytest.param((f"00-{TRACE.upper()}-{SPAN}-01",), id="capitals"),
        pytest.param((f"00-{TRACE[1:]}-{SPAN}-01",), id="short"),
        pytest.param((f"00-{TRACE}-{SPAN}",), id="no-flags"),
        pytest.param(("",), id="empty"),
    ],
)
def test_what_is_not(values: tuple[str, ...]) -> None:
    assert parse(tuple(value.encode() for value in values)) is None


@given(
    st.builds(
        TraceParent, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), sampled=st.booleans()
    )
)
def test_what_is_printed_is_read_again(place: TraceParent) -> None:
    assert parse((place.render(),)) == place


@given(st.binary(max_size=80))
def test_anything_can_come(value: bytes) -> None:
    place = parse((value,))
    assert place is None or place.render()[3:-2] == value[3:52]
