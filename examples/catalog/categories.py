"""Categories: content that depends on Accept-Language, and says so by Vary."""

import re

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from examples.catalog.conditions import Representation, answer
from examples.catalog.dependencies import Name, TheStore
from examples.catalog.models import Categories, Category
from examples.catalog.store import Language

MAX_RANGES = 20
LANGUAGE_RANGE = re.compile(r"([a-z]{1,8}|\*)(?:-[a-z0-9-]{1,35})?(?:;q=([01](?:\.\d{0,3})?))?")

router = APIRouter(prefix="/categories", tags=["categories"])


@router.get("", response_model=Categories, responses={304: {}})
def list_categories(request: Request, store: TheStore) -> Response:
    """Fresh for 300 s and immutable, one variant for each language: Vary at work.

    Immutable (RFC 8246): while it is fresh not even a reload asks again.
    """
    language = preferred(request.headers.get("accept-language", ""))
    return _translated(request, Categories(items=store.categories(language)), language)


@router.get("/{slug}", response_model=Category, responses={304: {}, 404: {}})
def get_category(request: Request, store: TheStore, slug: Name) -> Response:
    """Fresh for 300 s and immutable, one variant for each language, like the list."""
    language = preferred(request.headers.get("accept-language", ""))
    return _translated(request, store.category(slug, language), language)


def preferred(accept_language: str) -> Language:
    """Return the best language that there is (RFC 9110, section 12.5.4), or English."""
    weights: dict[str, float] = {}
    for part in "".join(accept_language.split()).lower().split(",", MAX_RANGES)[:MAX_RANGES]:
        if match := LANGUAGE_RANGE.fullmatch(part):
            weights[match[1]] = max(weights.get(match[1], 0.0), float(match[2] or 1))
    others = weights.get("*", 0.0)
    return max(Language, key=lambda language: weights.get(language, others))


def _translated(request: Request, model: BaseModel, language: Language) -> Response:
    fields = {
        "Cache-Control": "public, max-age=300, immutable",
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return answer(request, Representation.of(model), fields)
