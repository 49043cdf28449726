"""Dashboard: the page at `/`, and the files that it is made of.

They are read once and served from memory, by name: no path comes from outside. What the page shows
it asks the API for, with the token of whoever looks at it; nothing of that is known here.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from proxy.admin.refused import Refused

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_PAGE: Final = "index.html"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    media_type: str
    etag: str
    body: bytes


def assets() -> dict[str, Asset]:
    """Return all files by their names."""
    folder = files("proxy.admin") / "assets"
    return {each.name: _asset(each.name, each.read_bytes()) for each in folder.iterdir()}


def router() -> APIRouter:
    """Return the routes; anybody may have these files, as there is no secret in them."""
    routes = APIRouter(include_in_schema=False)
    known = assets()

    @routes.get("/")
    async def page(request: Request) -> Response:
        return _answer(request, known[_PAGE])

    @routes.get("/assets/{name}")
    async def asset(request: Request, name: str) -> Response:
        if name not in known:
            raise Refused(404, "There is no such file.")
        return _answer(request, known[name])

    return routes


def _asset(name: str, body: bytes) -> Asset:
    return Asset(_TYPES[name.rpartition(".")[2]], f'"{sha256(body).hexdigest()[:32]}"', body)


def _answer(request: Request, asset: Asset) -> Response:
    """Send a file, to be asked for again before it is used again: the next release has others."""
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)
