"""The SQLite file: its schema, its first rows, and connections to it.

Knows no model and no HTTP.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from examples.catalog.seed import Seed

SCHEMA = """
CREATE TABLE categories (
    slug TEXT PRIMARY KEY, en TEXT NOT NULL, de TEXT NOT NULL, fr TEXT NOT NULL,
    changed INTEGER NOT NULL  -- when a product last joined or left
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, description TEXT NOT NULL,
    category TEXT NOT NULL REFERENCES categories, price_cents INTEGER NOT NULL,
    stock INTEGER NOT NULL, modified INTEGER NOT NULL
);
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY, product INTEGER NOT NULL REFERENCES products ON DELETE CASCADE,
    author TEXT NOT NULL, stars INTEGER NOT NULL, text TEXT NOT NULL, created INTEGER NOT NULL
);
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts,
    product TEXT NOT NULL, quantity INTEGER NOT NULL, ordered INTEGER NOT NULL
);
CREATE INDEX products_by_category ON products (category, id);
CREATE INDEX reviews_by_product ON reviews (product);
CREATE INDEX orders_by_account ON orders (account);
"""


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a connection; commit on success, roll back on an error, close always."""
    with closing(sqlite3.connect(database)) as db, db:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        yield db


def prepare(database: Path) -> None:
    """Make the tables and fill them, unless there are tables already."""
    with opened(database) as db:
        if db.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return
        db.executescript("PRAGMA journal_mode = WAL; BEGIN;" + SCHEMA)
        seed = Seed()
        db.executemany("INSERT INTO categories VALUES (?, ?, ?, ?, ?)", seed.categories())
        db.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)", seed.products())
        db.executemany("INSERT INTO reviews VALUES (NULL, ?, ?, ?, ?, ?)", seed.reviews())
        db.executemany("INSERT INTO accounts VALUES (?, ?, ?)", seed.accounts())
        db.executemany("INSERT INTO orders VALUES (NULL, ?, ?, ?, ?)", seed.orders())
