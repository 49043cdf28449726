"""The whole house: `sidecache serve` with the shipped configuration before the example API."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.plays.process import ROOT, Serving, environment, serving

PRODUCT = {"name": "Oak bench", "category": "benches-hall", "price_cents": 9900}


@pytest.fixture(scope="module")
def catalog() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "examples.catalog", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("catalog listening on ").strip()
        process.terminate()


@pytest.fixture(scope="module")
def proxy(catalog: str) -> Iterator[Serving]:
    with serving("--config", f"{ROOT}/config/sidecache.yaml", "--upstream", catalog) as running:
        yield running


@pytest.fixture
def client(proxy: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.url, timeout=20) as connected:
        yield connected


def counted(catalog: str, path: str) -> int:
    """Return how many requests for a path reached the catalog."""
    by_path: dict[str, int] = httpx.get(f"{catalog}/_requests").json()["by_path"]
    return by_path.get(path, 0)


def told(response: httpx.Response) -> str:
    return response.headers["cache-status"].split("; ttl=")[0]


def test_the_second_time_the_upstream_is_not_asked(client: httpx.Client, catalog: str) -> None:
    first, second = client.get("/products/1"), client.get("/products/1")
    assert told(first) == "sidecache; fwd=uri-miss"
    assert told(second) == "sidecache; hit"
    assert first.json() == second.json()
    assert first.headers["x-catalog-request"] == second.headers["x-catalog-request"]
    assert counted(catalog, "/products/1") == 1


def test_parameters_that_make_no_difference_make_none(client: httpx.Client, catalog: str) -> None:
    client.get("/products/2")
    assert told(client.get("/products/2?utm_source=x")) == "sidecache; hit"
    assert counted(catalog, "/products/2") == 1


def test_a_condition_is_answered_from_the_cache(client: httpx.Client, catalog: str) -> None:
    etag = client.get("/products/3").headers["etag"]
    answer = client.get("/products/3", headers={"If-None-Match": etag})
    assert (answer.status_code, told(answer), answer.content) == (304, "sidecache; hit", b"")
    assert counted(catalog, "/products/3") == 1


def test_a_write_is_seen_by_the_next_read(client: httpx.Client) -> None:
    before = client.get("/products/4").json()
    changed = client.put("/products/4", json=PRODUCT)
    assert (changed.status_code, told(changed)) == (200, "sidecache; fwd=method; detail=method")
    after = client.get("/products/4").json()
    assert (before["name"] != after["name"], after["name"]) == (True, "Oak bench")


def test_a_404_is_kept_for_a_while(client: httpx.Client, catalog: str) -> None:
    assert [client.get("/products/999999").status_code for _ in range(3)] == [404] * 3
    assert counted(catalog, "/products/999999") == 1


def test_a_personal_answer_stays_with_its_caller(client: httpx.Client, catalog: str) -> None:
    accounts = [
        client.get("/me", headers={"Authorization": f"Bearer account-{number}"})
        for number in (7, 8, 7)
    ]
    assert [answer.json()["id"] for answer in accounts] == [7, 8, 7]
    assert {told(answer) for answer in accounts} == {"sidecache; fwd=bypass; detail=rule-off"}
    assert client.get("/me").status_code == 401
    assert counted(catalog, "/me") == 4


def test_a_cookie_stays_with_its_caller(proxy: Serving) -> None:
    cookies = [httpx.get(f"{proxy.url}/session").headers["set-cookie"] for _ in range(3)]
    assert len(set(cookies)) == 3


def test_a_crowd_costs_one_sleep(client: httpx.Client, catalog: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(client.get, ["/slow?ms=300"] * 10))
    assert {answer.status_code for answer in answers} == {200}
    assert counted(catalog, "/slow") == 1


def test_events_arrive_as_they_are_made(client: httpx.Client) -> None:
    with client.stream("GET", "/events?count=5") as answer:
        pieces = list(answer.iter_raw())
    assert told(answer) == "sidecache; fwd=bypass; detail=rule-off"
    assert len(pieces) >= 5
    assert pieces[0].startswith(b"id: 1\n")


def test_a_stream_of_lines_is_whole(client: httpx.Client) -> None:
    answer = client.get("/stream?count=300")
    assert answer.text.count("\n") == 300


def test_a_download_is_kept_and_cut_into_ranges(client: httpx.Client, catalog: str) -> None:
    whole = client.get("/download/manual.bin").content
    part = client.get("/download/manual.bin", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, told(part)) == (206, "sidecache; hit")
    assert part.content == whole[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert counted(catalog, "/download/manual.bin") == 1


def test_a_variant_for_each_language(client: httpx.Client) -> None:
    texts = {
        language: client.get("/categories", headers={"Accept-Language": language}).text
        for language in ("de", "en")
    }
    assert texts["de"] != texts["en"]
    again = client.get("/categories", headers={"Accept-Language": "de"})
    assert (again.text, told(again)) == (texts["de"], "sidecache; hit")


def test_health_and_metrics(proxy: Serving) -> None:
    assert httpx.get(f"{proxy.admin}/livez").json() == {"status": "alive"}
    assert httpx.get(f"{proxy.admin}/readyz").json() == {"status": "ready"}
    text = httpx.get(f"{proxy.admin}/metrics").text
    assert 'sidecache_requests_total{outcome="hit",rule="product"}' in text
