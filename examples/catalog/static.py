"""Static files: content whose name would change if the content did."""

from fastapi import APIRouter, HTTPException, Request, Response

from examples.catalog.conditions import Representation, answer, strong_etag
from examples.catalog.dependencies import Name

STYLE = "".join(f".hue-{hue} {{ color: hsl({hue} 60% 40%); }}\n" for hue in range(0, 360, 5))
SCRIPT = "".join(
    f"export const page{number} = () => fetch('/products?page={number}');\n"
    for number in range(1, 51)
)
FILES = {"app.css": (STYLE, "text/css"), "app.js": (SCRIPT, "text/javascript")}

router = APIRouter(prefix="/static", tags=["static files"])


@router.get("/{name}", response_class=Response, responses={304: {}, 404: {}})
def get_file(request: Request, name: Name) -> Response:
    """Fresh for a year and immutable: the best that can happen to a cache. Text, so it compresses.

    There are `app.css` and `app.js`.
    """
    if name not in FILES:
        raise HTTPException(404, f"there is no file {name!r}")
    text, media_type = FILES[name]
    body = text.encode()
    representation = Representation(body, strong_etag(body), media_type=media_type)
    return answer(request, representation, {"Cache-Control": "max-age=31536000, immutable"})
