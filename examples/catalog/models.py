"""The shapes of the catalog's JSON, in and out, with the limits of every field.

Knows neither HTTP nor SQL.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2_000)]
Slug = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=64)]
Cents = Annotated[int, Field(ge=0, le=100_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Stars = Annotated[int, Field(ge=1, le=5)]


class Draft(BaseModel):
    """What a client sends: unknown members are refused, so that a typo is not a silent no-op."""

    model_config = ConfigDict(extra="forbid")


class ProductDraft(Draft):
    """A whole product, as `POST /products` and `PUT /products/{id}` take it."""

    name: Name
    description: Text = ""
    category: Slug
    price_cents: Cents
    stock: Count = 0


class ProductChange(Draft):
    """The members of a product that `PATCH /products/{id}` replaces; the others stay."""

    name: Name | None = None
    description: Text | None = None
    category: Slug | None = None
    price_cents: Cents | None = None
    stock: Count | None = None


class ReviewDraft(Draft):
    """A review, as `POST /products/{id}/reviews` takes it."""

    author: Name
    stars: Stars
    text: Text = ""


class Credentials(Draft):
    """A user and the password that belongs to it."""

    user: Name
    password: Name


class Switch(Draft):
    """The state of the failure switch of `/flaky`."""

    on: bool


class Sort(StrEnum):
    """The orders a product list can have."""

    NAME = "name"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"


class ProductQuery(BaseModel):
    """Which page of which products: those of a category, those with `q` in their name."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    sort: Sort = Sort.NAME
    category: Slug | None = None
    q: Annotated[str | None, Field(max_length=100)] = None


class Related(BaseModel):
    """A neighbour in the same category; its name is shown, so a rename shows here too."""

    id: int
    name: str


class ProductSummary(BaseModel):
    """A product as a list shows it."""

    id: int
    name: str
    category: str
    price_cents: int
    stock: int


class Product(ProductSummary):
    """A product as its own page shows it."""

    description: str
    rating: float | None
    reviews: int
    related: list[Related]


class ProductPage(BaseModel):
    """One page of a product list; `pages` and `total` count the whole list."""

    page: int
    pages: int
    total: int
    items: list[ProductSummary]


class Review(BaseModel):
    """One customer's opinion."""

    id: int
    author: str
    stars: int
    text: str
    created: datetime


class Reviews(BaseModel):
    """Every review of one product, newest first."""

    product: int
    items: list[Review]


class Category(BaseModel):
    """A category, named in the language that was negotiated."""

    slug: str
    name: str


class Categories(BaseModel):
    """All categories, by slug."""

    items: list[Category]


class Account(BaseModel):
    """A customer."""

    id: int
    name: str
    email: str


class Order(BaseModel):
    """What was bought; the product's name is kept as it was on that day."""

    id: int
    product: str
    quantity: int
    ordered: datetime


class Orders(BaseModel):
    """Every order of one account, newest first."""

    account: int
    items: list[Order]


class Session(BaseModel):
    """Whom the session cookie stands for."""

    subject: str


class Slept(BaseModel):
    """How long `/slow` slept, in milliseconds."""

    slept_ms: int


class Weather(BaseModel):
    """The answer of `/flaky` while it works."""

    weather: str


class Requests(BaseModel):
    """How many requests reached this process, and for which paths."""

    total: int
    by_path: dict[str, int]
