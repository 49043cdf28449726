"""The long answers of the example catalog: ranges, events and lines."""

import re

import httpx
import pytest

from examples.catalog.downloads import content

SIZE = 600_000
WHOLE = b"".join(content("x", range(SIZE)))
URL = f"/download/x?size={SIZE}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="whole"),
        pytest.param({"Range": "bytes=0-0"}, slice(0, 1), id="9110-14.1.2-first-byte"),
        pytest.param({"Range": "bytes=65000-590000"}, slice(65_000, 590_001), id="across-chunks"),
        pytest.param({"Range": "bytes=599990-"}, slice(599_990, SIZE), id="9110-14.1.2-open"),
        pytest.param({"Range": "bytes=-10"}, slice(SIZE - 10, SIZE), id="9110-14.1.2-suffix"),
        pytest.param({"Range": "bytes=-999999"}, slice(0, SIZE), id="9110-14.1.2-long-suffix"),
        pytest.param({"Range": "bytes=9-999999"}, slice(9, SIZE), id="9110-14.1.2-long-last"),
        pytest.param({"Range": "bytes=5-2"}, None, id="9110-14.2-invalid-is-ignored"),
        pytest.param({"Range": "bytes=-"}, None, id="9110-14.2-empty-is-ignored"),
        pytest.param({"Range": "lines=1-2"}, None, id="9110-14.2-unknown-unit-is-ignored"),
        pytest.param({"Range": "bytes=0-1, 5-6"}, None, id="9110-14.2-several-are-ignored"),
        pytest.param(
            {"Range": "bytes=0-9", "If-Range": f'"x-{SIZE}"'}, slice(0, 10), id="9110-13.1.5-same"
        ),
        pytest.param(
            {"Range": "bytes=0-9", "If-Range": f'W/"x-{SIZE}"'}, None, id="9110-13.1.5-weak"
        ),
        pytest.param(
            {"Range": "bytes=0-9", "If-Range": "Mon, 01 Jan 2024 00:00:00 GMT"},
            slice(0, 10),
            id="9110-13.1.5-same-date",
        ),
        pytest.param(
            {"Range": "bytes=0-9", "If-Range": "Tue, 02 Jan 2024 00:00:00 GMT"},
            None,
            id="9110-13.1.5-other-date",
        ),
    ],
)
def test_ranges(client: httpx.Client, fields: dict[str, str], expected: slice | None) -> None:
    response = client.get(URL, headers=fields)
    content = WHOLE if expected is None else WHOLE[expected]
    assert response.status_code == (200 if expected is None else 206)
    assert response.content == content
    assert int(response.headers["content-length"]) == len(content)
    if expected is not None:
        span = f"bytes {expected.start}-{expected.stop - 1}/{SIZE}"
        assert response.headers["content-range"] == span


@pytest.mark.parametrize("wanted", ["bytes=600000-", "bytes=600000-600001", "bytes=-0"])
def test_unsatisfiable_ranges(client: httpx.Client, wanted: str) -> None:
    response = client.get(URL, headers={"Range": wanted})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{SIZE}")


def test_content_is_the_same_wherever_it_is_cut() -> None:
    assert len({WHOLE[at : at + 32] for at in range(0, SIZE, 4_096)}) > 140
    for start in range(0, SIZE, 99_991):
        assert b"".join(content("x", range(start, SIZE))) == WHOLE[start:]


def test_head_does_not_make_a_gigabyte(client: httpx.Client) -> None:
    response = client.head("/download/x?size=1073741824")
    assert (response.headers["content-length"], response.content) == ("1073741824", b"")


def test_events_come_one_by_one(client: httpx.Client) -> None:
    # All of them take longer than the client would wait.
    with client.stream("GET", "/events?count=1000") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert next(response.iter_text()).startswith("id: 1\nevent: tick\n")


def test_stream_has_no_length(client: httpx.Client) -> None:
    response = client.get("/stream", params={"count": 250})
    assert response.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in response.headers
    assert [int(number) for number in re.findall(r'"id":(\d+)', response.text)] == [*range(1, 251)]
