"""The products of the example catalog: lists, and writes that change validators."""

from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from examples.catalog.models import ProductChange, ReviewDraft
from examples.catalog.store import Missing, Store

BENCH = {"name": "Oak bench", "category": "benches-hall", "price_cents": 9_900}
REVIEW = {"author": "Ada", "stars": 5}


def test_reviews_have_only_a_date(client: httpx.Client) -> None:
    headers = client.get("/products/42/reviews").headers
    assert "etag" not in headers
    age = parsedate_to_datetime(headers["date"]) - parsedate_to_datetime(headers["last-modified"])
    assert age.days > 100


def test_pages_do_not_overlap(client: httpx.Client) -> None:
    query = {"category": "chairs-kitchen", "sort": "price"}
    pages = [client.get("/products", params=query | {"page": page}).json() for page in (1, 2, 3, 4)]
    items = [item for page in pages for item in page["items"]]
    assert [page["pages"] for page in pages] == [3, 3, 3, 3]
    assert len({item["id"] for item in items}) == len(items) == pages[0]["total"] == 50
    assert [item["price_cents"] for item in items] == sorted(item["price_cents"] for item in items)


def test_searches_part_of_a_name(client: httpx.Client) -> None:
    found = client.get("/products", params={"q": "WALNUT ch"}).json()["items"]
    assert found
    assert all(item["name"].startswith("Walnut chair") for item in found)


def test_a_product_lives_and_dies(client: httpx.Client) -> None:
    created = client.post("/products", json=BENCH)
    location = created.headers["location"]
    assert created.status_code == 201
    states = [client.get(location)]
    assert states[0].json() == created.json()
    assert client.put(location, json=BENCH | {"price_cents": 1}).json()["price_cents"] == 1
    states.append(client.get(location))
    moved = client.patch(location, json={"stock": 3, "category": "lamps-hall"}).json()
    assert (moved["price_cents"], moved["stock"], moved["category"]) == (1, 3, "lamps-hall")
    states.append(client.get(location))
    assert len({state.headers["etag"] for state in states}) == 3
    assert client.delete(location).status_code == 204
    assert client.get(location).status_code == 404


def test_writes_renew_last_modified(tmp_path: Path) -> None:
    store = Store(tmp_path / "catalog.sqlite3", clock=lambda: 1_767_225_600.5)
    assert store.product(77).modified < 1_735_689_600
    store.change(77, ProductChange(stock=1))
    store.add_review(78, ReviewDraft(author="Ada", stars=5))
    assert store.product(77).modified == 1_767_225_600
    assert store.reviews(78).modified == 1_767_225_600


def test_a_review_changes_the_product(client: httpx.Client) -> None:
    before = client.get("/products/99")
    reviewed = client.post("/products/99/reviews", json=REVIEW)
    after = client.get("/products/99")
    assert reviewed.headers["content-location"] == "/products/99"
    assert reviewed.json() == after.json()
    assert after.json()["reviews"] == before.json()["reviews"] + 1
    assert after.headers["etag"] != before.headers["etag"]
    assert after.headers["last-modified"] != before.headers["last-modified"]
    assert client.get("/products/99/reviews").json()["items"][0]["author"] == "Ada"


def test_a_rename_changes_the_related_products(client: httpx.Client) -> None:
    before = client.get("/products/120")
    related = before.json()["related"][0]["id"]
    client.patch(f"/products/{related}", json={"name": "Renamed"})
    after = client.get("/products/120")
    assert after.json()["related"][0] == {"id": related, "name": "Renamed"}
    assert after.headers["last-modified"] != before.headers["last-modified"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        pytest.param('"other"', True, id="9110-13.1.1-another-state"),
        pytest.param("W/{etag}", True, id="9110-13.1.1-strong-comparison"),
        pytest.param('"other", {etag}', False, id="9110-13.1.1-in-the-list"),
    ],
)
def test_if_match_prevents_lost_updates(
    client: httpx.Client, method: str, condition: str, *, refused: bool
) -> None:
    location = client.post("/products", json=BENCH).headers["location"]
    etag = client.get(location).headers["etag"]
    content = None if method == "DELETE" else BENCH
    fields = {"If-Match": condition.format(etag=etag)}
    assert (client.request(method, location, json=content, headers=fields).status_code == 412) is (
        refused
    )


def test_the_seed_is_the_same_each_time(tmp_path: Path) -> None:
    stores = [Store(tmp_path / name) for name in ("one.sqlite3", "two.sqlite3")]
    assert stores[0].product(42) == stores[1].product(42)
    again = Store(tmp_path / "one.sqlite3")
    again.delete(42)
    with pytest.raises(Missing):
        stores[0].product(42)
