"""Products and their reviews: explicit and heuristic freshness, and the writes that end it.

Speaks HTTP; the rows are the store's.
"""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from examples.catalog.conditions import Representation, answer, refuse_lost_update
from examples.catalog.dependencies import ProductId, TheStore
from examples.catalog.models import (
    Product,
    ProductChange,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ReviewDraft,
    Reviews,
)
from examples.catalog.store import Store

router = APIRouter(prefix="/products", tags=["products"])


@router.get("", response_model=ProductPage)
def list_products(
    request: Request,
    store: TheStore,
    query: Annotated[ProductQuery, Query()],
) -> Response:
    """Fresh in shared caches for 30 s, then served stale for 60 s while one request refreshes it.

    Every combination of the four parameters is a resource of its own, so a cache that keeps the
    query in its key, and orders it, keeps the fewest copies.
    """
    found = store.products(query)
    cache_control = "s-maxage=30, stale-while-revalidate=60"
    fields = {"Cache-Control": cache_control, "Surrogate-Key": "products"}
    return answer(request, Representation.of(found), fields)


@router.get("/{product_id}", response_model=Product, responses={304: {}, 404: {}})
def get_product(request: Request, store: TheStore, product_id: ProductId) -> Response:
    """Fresh for 60 s, then revalidated by a strong ETag or by Last-Modified: the usual case.

    The page shows its rating and the names of related products, so a write to one of those
    changes it too: that is what purging by tag is for. Surrogate-Key names them all.
    """
    found = store.product(product_id)
    shown = (product_id, *(related.id for related in found.value.related))
    fields = {"Cache-Control": "max-age=60", "Surrogate-Key": _tags(shown)}
    return answer(request, Representation.of(found.value, modified=found.modified), fields)


@router.get("/{product_id}/reviews", response_model=Reviews, responses={304: {}, 404: {}})
def get_reviews(request: Request, store: TheStore, product_id: ProductId) -> Response:
    """No Cache-Control at all: a cache may guess a lifetime from Last-Modified."""
    found = store.reviews(product_id)
    shown = Representation.of(found.value, modified=found.modified, tagged=False)
    return answer(request, shown, {"Surrogate-Key": _tags([product_id])})


@router.post("", status_code=201, response_model=Product)
def create_product(store: TheStore, draft: ProductDraft) -> Response:
    """Create a product: 201, and a Location whose stored answers a cache must drop."""
    with store.writing:
        location = f"/products/{store.create(draft)}"
        created = _representation(store, int(location.rpartition("/")[2]))
    return _written(created, {"Location": location}, status=201)


@router.put("/{product_id}", response_model=Product, responses={404: {}, 412: {}})
def replace_product(
    request: Request, store: TheStore, product_id: ProductId, draft: ProductDraft
) -> Response:
    """Replace a product: a cache that sees this pass drops what it holds for the same URL.

    With If-Match the write happens only if the product is still what the client read. The answer
    carries no validator, as what is stored is not the content that was sent (RFC 9110, 9.3.4).
    """
    with store.writing:
        refuse_lost_update(request.headers, _representation(store, product_id).etag)
        store.replace(product_id, draft)
        return _written(_representation(store, product_id))


@router.patch("/{product_id}", response_model=Product, responses={404: {}, 412: {}})
def change_product(
    request: Request, store: TheStore, product_id: ProductId, change: ProductChange
) -> Response:
    """Change some members of a product; for a cache the same as PUT."""
    with store.writing:
        refuse_lost_update(request.headers, _representation(store, product_id).etag)
        store.change(product_id, change)
        return _written(_representation(store, product_id))


@router.delete(
    "/{product_id}", status_code=204, response_class=Response, responses={404: {}, 412: {}}
)
def delete_product(request: Request, store: TheStore, product_id: ProductId) -> Response:
    """Delete a product: from here on its URL is a 404, which says nothing of how long."""
    with store.writing:
        refuse_lost_update(request.headers, _representation(store, product_id).etag)
        store.delete(product_id)
    return Response(status_code=204)


@router.post("/{product_id}/reviews", response_model=Product, responses={404: {}})
def add_review(store: TheStore, product_id: ProductId, draft: ReviewDraft) -> Response:
    """Add a review, and answer with the product as it is now.

    Content-Location names the product, so a cache that sees this pass drops two URLs: the list
    of reviews, which was the target, and the product's own page (RFC 9111, 4.4).
    """
    with store.writing:
        store.add_review(product_id, draft)
        product = _representation(store, product_id)
    return _written(product, {"Content-Location": f"/products/{product_id}"})


def _tags(products: Iterable[int]) -> str:
    return " ".join(f"product:{number}" for number in products)


def _representation(store: Store, product_id: int) -> Representation:
    found = store.product(product_id)
    return Representation.of(found.value, modified=found.modified)


def _written(
    product: Representation, fields: dict[str, str] | None = None, status: int = 200
) -> Response:
    return Response(product.body, status, fields, product.media_type)
