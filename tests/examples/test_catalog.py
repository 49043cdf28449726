"""The example catalog: what every endpoint says of caching, and how it refuses."""

import httpx
import pytest

from examples.catalog.counter import MAX_PATHS, OTHERS, RequestCounter
from examples.catalog.index import SAMPLES

BEARER = {"Authorization": "Bearer account-7"}
LOGIN = {"user": "account-7", "password": "password-7"}
BENCH = {"name": "Oak bench", "category": "benches-hall", "price_cents": 9_900}
REVIEW = {"author": "Ada", "stars": 5}
CACHE_CONTROL = [
    ("/", None),
    ("/products/42", "max-age=60"),
    ("/products?page=2&sort=-price", "s-maxage=30, stale-while-revalidate=60"),
    ("/products/42/reviews", None),
    ("/categories", "public, max-age=300, immutable"),
    ("/categories/lamps-studio", "public, max-age=300, immutable"),
    ("/slow?ms=0", "max-age=10, stale-if-error=300"),
    ("/flaky", "max-age=1, stale-if-error=60"),
    ("/me", "private, no-cache"),
    ("/me/orders", "private, no-cache"),
    ("/session", "max-age=60"),
    ("/download/manual.bin", "max-age=3600"),
    ("/events?count=1", "no-store"),
    ("/stream?count=1", "max-age=30"),
    ("/static/app.css", "max-age=31536000, immutable"),
    ("/_requests", "no-store"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("target", "cache_control"), CACHE_CONTROL)
def test_says_how_long(
    client: httpx.Client, method: str, target: str, cache_control: str | None
) -> None:
    response = client.request(method, target, headers=BEARER)
    assert response.status_code == 200
    assert response.headers.get("cache-control") == cache_control
    assert response.headers["x-catalog-request"].isdecimal()
    assert bool(response.content) == (method == "GET")


TAGGED = [
    "/products/42",
    "/products",
    "/categories",
    "/me",
    "/me/orders",
    "/static/app.js",
    "/download/a?size=9",
]


@pytest.mark.parametrize("target", TAGGED)
def test_answers_304_to_its_etag(client: httpx.Client, target: str) -> None:
    first = client.get(target, headers=BEARER)
    etag = first.headers["etag"]
    again = client.get(target, headers=BEARER | {"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert client.get(target, headers=BEARER | {"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"If-Modified-Since": "{last_modified}"}, 304, id="9110-13.1.3-same-date"),
        pytest.param({"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, 200, id="older-date"),
        pytest.param({"If-Modified-Since": "yesterday"}, 200, id="9110-13.1.3-no-date-is-ignored"),
        pytest.param({"If-None-Match": "*"}, 304, id="9110-13.1.2-any"),
        pytest.param(
            {"If-None-Match": '"other"', "If-Modified-Since": "{last_modified}"},
            200,
            id="9110-13.2.2-the-tag-goes-first",
        ),
    ],
)
def test_conditions(client: httpx.Client, fields: dict[str, str], status: int) -> None:
    last_modified = client.get("/products/5").headers["last-modified"]
    filled = {name: value.format(last_modified=last_modified) for name, value in fields.items()}
    assert client.get("/products/5", headers=filled).status_code == status


@pytest.mark.parametrize(
    ("method", "target", "content", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/products/999999", None, 404),
        ("GET", "/products/0", None, 422),
        ("GET", "/products/99999999999999999999999", None, 422),
        ("GET", "/products/999999/reviews", None, 404),
        ("GET", "/products?page=0", None, 422),
        ("GET", "/products?sort=height", None, 422),
        ("GET", f"/products?q={'x' * 101}", None, 422),
        ("GET", "/categories/cars", None, 404),
        ("GET", "/static/app.exe", None, 404),
        ("GET", "/slow?ms=5001", None, 422),
        ("GET", "/download/a?size=1073741825", None, 422),
        ("GET", "/events?count=0", None, 422),
        ("DELETE", "/products", None, 405),
        ("POST", "/products", BENCH | {"category": "cars-hall"}, 422),
        ("POST", "/products", BENCH | {"colour": "red"}, 422),
        ("PUT", "/products/999999", BENCH, 404),
        ("PATCH", "/products/42", {"category": "cars-hall"}, 422),
        ("POST", "/products/999999/reviews", REVIEW, 404),
        ("POST", "/products/42/reviews", REVIEW | {"stars": 6}, 422),
        ("POST", "/login", LOGIN | {"password": "password-8"}, 401),
    ],
)
def test_refuses_in_json(
    client: httpx.Client, method: str, target: str, content: object, status: int
) -> None:
    response = client.request(method, target, json=content)
    assert response.status_code == status
    assert response.json()["detail"]
    assert "cache-control" not in response.headers


def test_refuses_a_large_body(client: httpx.Client) -> None:
    assert client.post("/products", json=BENCH | {"description": "x" * 70_000}).status_code == 413


def test_flaky_fails_while_switched(client: httpx.Client) -> None:
    assert client.post("/_flaky", json={"on": True}).json() == {"on": True}
    failure = client.get("/flaky")
    assert (failure.status_code, failure.headers["retry-after"]) == (503, "1")
    assert client.post("/_flaky", json={"on": False}).status_code == 200
    assert client.get("/flaky").status_code == 200


def test_counts_what_arrives(client: httpx.Client) -> None:
    before = client.get("/_requests").json()
    serials = [int(client.get("/products/1234").headers["x-catalog-request"]) for _ in range(3)]
    client.get("/_requests")
    after = client.get("/_requests").json()
    assert serials == [before["total"] + 1, before["total"] + 2, before["total"] + 3]
    assert after["total"] == before["total"] + 3
    assert after["by_path"]["/products/1234"] == 3
    assert "/_requests" not in after["by_path"]


def test_the_count_is_bounded() -> None:
    counter = RequestCounter()
    for number in range(MAX_PATHS + 5):
        counter.count(f"/{number}")
    counter.count("/0")
    counter.count("/" + "x" * 10_000)
    assert (counter.total, len(counter.by_path)) == (MAX_PATHS + 7, MAX_PATHS + 1)
    assert (counter.by_path["/0"], counter.by_path[OTHERS]) == (2, 6)


def test_the_tour_is_complete(client: httpx.Client) -> None:
    operations = client.get("/openapi.json").json()["paths"]
    named = {f"{method.upper()} {path}" for path, by in operations.items() for method in by}
    assert named == set(SAMPLES)
    stops = client.get("/").json()["endpoints"]
    assert {stop["endpoint"] for stop in stops} == named
    for stop in stops:
        assert stop["shows"].endswith((".", ":"))
        assert f"'{client.base_url}".rstrip("/") in stop["curl"]
