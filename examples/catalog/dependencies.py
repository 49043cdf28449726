"""What the routes are given: the store, the paths' limits, the JSON errors.

The only module that knows where the application keeps its store.
"""

from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.responses import JSONResponse

from examples.catalog.store import Store


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


TheStore = Annotated[Store, Depends(_store)]
ProductId = Annotated[int, Path(ge=1, le=2**53, description="A product's number, say 42")]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


async def not_found(_: Request, error: Exception) -> JSONResponse:
    """Answer 404: no such row."""
    return JSONResponse({"detail": str(error)}, 404)


async def unprocessable(_: Request, error: Exception) -> JSONResponse:
    """Answer 422: the content is well-formed, and names something that does not exist."""
    return JSONResponse({"detail": str(error)}, 422)
