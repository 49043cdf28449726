"""The tour: every endpoint, what it shows, and a curl line that shows it.

What an endpoint shows is the first line of its description in the OpenAPI document.
"""

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel

JSON = "-H 'Content-Type: application/json' -d"
PRODUCT = '{"name": "Oak bench", "category": "benches-hall", "price_cents": 9900}'
REVIEW = '{"author": "Ada", "stars": 5}'
LOGIN = '{"user": "account-7", "password": "password-7"}'

# operation: options of curl, then the target of the request
SAMPLES = {
    "GET /": ("-i", "/"),
    "GET /products": ("-i", "/products?page=2&sort=-price&category=chairs-kitchen"),
    "GET /products/{product_id}": ("-i", "/products/42"),
    "GET /products/{product_id}/reviews": ("-i", "/products/42/reviews"),
    "POST /products": (f"-i {JSON} '{PRODUCT}'", "/products"),
    "PUT /products/{product_id}": (f"-i -X PUT {JSON} '{PRODUCT}'", "/products/42"),
    "PATCH /products/{product_id}": (f"""-i -X PATCH {JSON} '{{"stock": 7}}'""", "/products/42"),
    "DELETE /products/{product_id}": ("-i -X DELETE", "/products/43"),
    "POST /products/{product_id}/reviews": (f"-i {JSON} '{REVIEW}'", "/products/42/reviews"),
    "GET /categories": ("-i -H 'Accept-Language: de'", "/categories"),
    "GET /categories/{slug}": ("-i -H 'Accept-Language: fr'", "/categories/lamps-studio"),
    "GET /me": ("-i -H 'Authorization: Bearer account-7'", "/me"),
    "GET /me/orders": ("-i -u account-7:password-7", "/me/orders"),
    "POST /login": (f"-i -c cookies.txt {JSON} '{LOGIN}'", "/login"),
    "GET /session": ("-i -b cookies.txt", "/session"),
    "GET /slow": ("-i", "/slow?ms=2000"),
    "GET /flaky": ("-i", "/flaky"),
    "POST /_flaky": (f"""-i {JSON} '{{"on": true}}'""", "/_flaky"),
    "GET /download/{name}": ("-s -o part.bin -D - -r 1000-1999", "/download/manual.bin"),
    "GET /events": ("-N", "/events?count=5"),
    "GET /stream": ("-iN", "/stream?count=10"),
    "GET /static/{name}": ("-i", "/static/app.css"),
    "GET /_requests": ("-i", "/_requests"),
}

router = APIRouter(tags=["tour"])


class Stop(BaseModel):
    """One endpoint of the tour."""

    endpoint: str
    shows: str
    curl: str


class Tour(BaseModel):
    """Every endpoint; the OpenAPI document at `openapi` says more."""

    openapi: str
    endpoints: list[Stop]


@router.get("/")
def tour(request: Request) -> Tour:
    """Where to begin: nothing is said of freshness, and there is nothing to guess it from."""
    base = str(request.base_url).rstrip("/")
    app: FastAPI = request.app
    return Tour(
        openapi=f"{base}/openapi.json",
        endpoints=[
            Stop(
                endpoint=endpoint,
                shows=_shown(app, endpoint),
                curl=f"curl {options} '{base}{target}'",
            )
            for endpoint, (options, target) in SAMPLES.items()
        ],
    )


def _shown(app: FastAPI, endpoint: str) -> str:
    method, path = endpoint.split(" ")
    description: str = app.openapi()["paths"][path][method.lower()]["description"]
    return description.partition("\n")[0]
