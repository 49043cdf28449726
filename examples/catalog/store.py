"""What the catalog can look up and change: models in, models out.

Knows no HTTP. Every call opens its own connection, so any thread may call.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from examples.catalog.database import opened, prepare
from examples.catalog.models import (
    Account,
    Category,
    Order,
    Orders,
    Product,
    ProductChange,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ProductSummary,
    Related,
    Review,
    ReviewDraft,
    Reviews,
    Sort,
)

PAGE_SIZE = 20
RELATED = 3

_T = TypeVar("_T")


class Missing(LookupError):
    """There is no such row."""


class UnknownCategory(ValueError):
    """A product names a category that does not exist."""


ORDER_BY = {
    Sort.NAME: "name, id",
    Sort.PRICE: "price_cents, id",
    Sort.PRICE_DESCENDING: "price_cents DESC, id",
    Sort.NEWEST: "modified DESC, id",
}


class Language(StrEnum):
    """The languages of the category names; each is a column."""

    EN = "en"
    DE = "de"
    FR = "fr"


@dataclass(frozen=True)
class Dated(Generic[_T]):
    """A value, and when anything that it shows last changed (Unix seconds)."""

    value: _T
    modified: int


class Store:
    """The catalog in one SQLite file, which is made and seeded when it is empty.

    `clock` gives Unix seconds. Hold `writing` around a check and the write that relies on it.
    """

    def __init__(self, database: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self.writing = threading.RLock()
        prepare(database)

    def product(self, product_id: int) -> Dated[Product]:
        """Return a product with its rating and neighbours; raise `Missing`."""
        with opened(self._database) as db:
            row = _product_row(db, product_id)
            related = db.execute(
                "SELECT id, name, modified FROM products WHERE category = ? AND id <> ?"
                " ORDER BY id < ?, id LIMIT ?",
                (row["category"], product_id, product_id, RELATED),
            ).fetchall()
        value = Product.model_validate(
            {**dict(row), "related": [Related(id=r["id"], name=r["name"]) for r in related]}
        )
        shown = (row["modified"], row["newest"], row["changed"], *(r["modified"] for r in related))
        return Dated(value, max(shown))

    def products(self, query: ProductQuery) -> ProductPage:
        """Return one page of the products that match."""
        where = (
            "(:category IS NULL OR category = :category)"
            " AND (:q IS NULL OR instr(lower(name), lower(:q)))"
        )
        skip = (query.page - 1) * PAGE_SIZE
        wanted = {"category": query.category, "q": query.q, "skip": skip, "take": PAGE_SIZE}
        with opened(self._database) as db:
            (total,) = db.execute(f"SELECT count(*) FROM products WHERE {where}", wanted).fetchone()
            rows = db.execute(
                f"SELECT * FROM products WHERE {where} ORDER BY {ORDER_BY[query.sort]}"
                " LIMIT :take OFFSET :skip",
                wanted,
            ).fetchall()
        items = [ProductSummary.model_validate(dict(row)) for row in rows]
        return ProductPage(page=query.page, pages=-(-total // PAGE_SIZE), total=total, items=items)

    def summaries_after(self, product_id: int, limit: int) -> list[ProductSummary]:
        """Return the next `limit` products by id."""
        query = "SELECT * FROM products WHERE id > ? ORDER BY id LIMIT ?"
        with opened(self._database) as db:
            rows = db.execute(query, (product_id, limit)).fetchall()
        return [ProductSummary.model_validate(dict(row)) for row in rows]

    def create(self, draft: ProductDraft) -> int:
        """Add a product and return its id; raise `UnknownCategory`."""
        now = int(self._clock())
        with opened(self._database) as db:
            _touch(db, now, draft.category)
            cursor = db.execute(
                "INSERT INTO products (name, description, category, price_cents, stock, modified)"
                " VALUES (:name, :description, :category, :price_cents, :stock, :now)",
                {**draft.model_dump(), "now": now},
            )
        return int(cursor.lastrowid or 0)

    def replace(self, product_id: int, draft: ProductDraft) -> None:
        """Overwrite a product; raise `Missing` or `UnknownCategory`."""
        now = int(self._clock())
        with opened(self._database) as db:
            old = _product_row(db, product_id)
            if old["category"] != draft.category:
                _touch(db, now, old["category"], draft.category)
            db.execute(
                "UPDATE products SET name = :name, description = :description,"
                " category = :category, price_cents = :price_cents, stock = :stock,"
                " modified = :now WHERE id = :id",
                {**draft.model_dump(), "now": now, "id": product_id},
            )

    def change(self, product_id: int, change: ProductChange) -> None:
        """Overwrite some members of a product; raise `Missing` or `UnknownCategory`."""
        with self.writing:
            old = self.product(product_id).value.model_dump(include=set(ProductDraft.model_fields))
            new = change.model_dump(exclude_none=True)
            self.replace(product_id, ProductDraft.model_validate(old | new))

    def delete(self, product_id: int) -> None:
        """Remove a product and its reviews; raise `Missing`."""
        with opened(self._database) as db:
            _touch(db, int(self._clock()), _product_row(db, product_id)["category"])
            db.execute("DELETE FROM products WHERE id = ?", (product_id,))

    def reviews(self, product_id: int) -> Dated[Reviews]:
        """Return the reviews of a product, newest first; raise `Missing`."""
        query = "SELECT * FROM reviews WHERE product = ? ORDER BY created DESC, id DESC"
        with opened(self._database) as db:
            product = _product_row(db, product_id)
            rows = db.execute(query, (product_id,)).fetchall()
        items = [Review.model_validate(dict(row)) for row in rows]
        newest = product["newest"] or product["modified"]
        return Dated(Reviews(product=product_id, items=items), newest)

    def add_review(self, product_id: int, draft: ReviewDraft) -> None:
        """Add a review to a product; raise `Missing`."""
        with opened(self._database) as db:
            _product_row(db, product_id)
            db.execute(
                "INSERT INTO reviews (product, author, stars, text, created)"
                " VALUES (:product, :author, :stars, :text, :now)",
                {**draft.model_dump(), "product": product_id, "now": int(self._clock())},
            )

    def categories(self, language: Language) -> list[Category]:
        """Return every category, by slug."""
        with opened(self._database) as db:
            rows = db.execute(f"SELECT slug, {language} AS name FROM categories ORDER BY slug")
            return [Category.model_validate(dict(row)) for row in rows]

    def category(self, slug: str, language: Language) -> Category:
        """Return one category; raise `Missing`."""
        query = f"SELECT slug, {language} AS name FROM categories WHERE slug = ?"
        with opened(self._database) as db:
            return Category.model_validate(_one(db, query, slug))

    def account(self, account_id: int) -> Account:
        """Return an account; raise `Missing`."""
        with opened(self._database) as db:
            row = _one(db, "SELECT * FROM accounts WHERE id = ?", account_id)
            return Account.model_validate(row)

    def orders(self, account_id: int) -> Orders:
        """Return the orders of an account, newest first."""
        query = "SELECT * FROM orders WHERE account = ? ORDER BY ordered DESC, id DESC"
        with opened(self._database) as db:
            rows = db.execute(query, (account_id,)).fetchall()
        return Orders(account=account_id, items=[Order.model_validate(dict(row)) for row in rows])


def _one(db: sqlite3.Connection, query: str, key: object) -> dict[str, Any]:
    row = db.execute(query, (key,)).fetchone()
    if row is None:
        raise Missing(f"there is nothing under {key!r}")
    return dict(row)


def _product_row(db: sqlite3.Connection, product_id: int) -> dict[str, Any]:
    """Return a product's row, with `reviews`, `rating` and `newest` (0 when there is no review)."""
    return _one(
        db,
        "SELECT p.*, changed, count(r.id) AS reviews, round(avg(stars), 2) AS rating,"
        " coalesce(max(created), 0) AS newest"
        " FROM products p JOIN categories ON slug = category LEFT JOIN reviews r ON product = p.id"
        " WHERE p.id = ? GROUP BY p.id",
        product_id,
    )


def _touch(db: sqlite3.Connection, now: int, *slugs: str) -> None:
    """Note that the members of these categories changed; raise `UnknownCategory`."""
    for slug in slugs:
        if not db.execute("UPDATE categories SET changed = ? WHERE slug = ?", (now, slug)).rowcount:
            raise UnknownCategory(f"there is no category {slug!r}")
