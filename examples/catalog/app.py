"""The application: where the routers, the store and the middleware meet."""

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from examples.catalog import (
    accounts,
    categories,
    chat,
    counter,
    downloads,
    failures,
    index,
    products,
    sessions,
    static,
    streams,
)
from examples.catalog.chat import Room
from examples.catalog.counter import Counting, RequestCounter
from examples.catalog.dependencies import not_found, unprocessable
from examples.catalog.head import HeadAsGet
from examples.catalog.sessions import Signer
from examples.catalog.store import Missing, Store, UnknownCategory

MAX_BODY = 64 * 1024
"""Bytes of request content; the largest draft is a tenth of it."""

ROUTERS = (
    index.router,
    products.router,
    categories.router,
    accounts.router,
    sessions.router,
    failures.router,
    downloads.router,
    streams.router,
    chat.router,
    static.router,
    counter.router,
)


def create_app(database: Path) -> FastAPI:
    """Return the catalog on an SQLite file, which is made and seeded if it is empty.

    Raises sqlite3.DatabaseError for a file that is no database, OperationalError for one that
    cannot be opened.
    """
    app = FastAPI(
        title="Catalog",
        version="1.0",
        description="A furniture shop with one endpoint for each situation a cache can meet.",
        exception_handlers={Missing: not_found, UnknownCategory: unprocessable},
    )
    app.state.store = Store(database)
    app.state.room = Room()
    app.state.counter = RequestCounter()
    app.state.signer = Signer()
    app.state.failing = False
    # The last one added is the outermost.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Counting, counter=app.state.counter)
    for router in ROUTERS:
        app.include_router(router)
    return app
