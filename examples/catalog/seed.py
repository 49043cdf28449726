"""The catalog's first rows: the same on every run, so that two runs can be compared.

Yields plain tuples; knows no SQL, no HTTP and no clock. All times lie in 2024, which gives every
row an age to reckon a heuristic lifetime from (RFC 9111, section 4.2.2).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

PRODUCTS = 3_000
REVIEWS = 10_000
ACCOUNTS = 200
ORDERS_EACH = 3

DAY = 86_400
YEAR_2024 = 1_704_067_200
"""2024-01-01T00:00:00Z in Unix seconds."""

Row = tuple[object, ...]

# slug, one of them, then the plural in English, German and French
THINGS = (
    ("beds", "bed", "Beds", "Betten", "Lits"),
    ("benches", "bench", "Benches", "Bänke", "Bancs"),
    ("cabinets", "cabinet", "Cabinets", "Schränke", "Armoires"),
    ("chairs", "chair", "Chairs", "Stühle", "Chaises"),
    ("clocks", "clock", "Clocks", "Uhren", "Horloges"),
    ("desks", "desk", "Desks", "Schreibtische", "Bureaux"),
    ("lamps", "lamp", "Lamps", "Lampen", "Lampes"),
    ("mirrors", "mirror", "Mirrors", "Spiegel", "Miroirs"),
    ("rugs", "rug", "Rugs", "Teppiche", "Tapis"),
    ("shelves", "shelf", "Shelves", "Regale", "Étagères"),
    ("stools", "stool", "Stools", "Hocker", "Tabourets"),
    ("tables", "table", "Tables", "Tische", "Tables"),
)
PLACES = (
    ("balcony", "for the balcony", "für den Balkon", "pour le balcon"),
    ("garden", "for the garden", "für den Garten", "pour le jardin"),
    ("hall", "for the hall", "für den Flur", "pour l'entrée"),
    ("kitchen", "for the kitchen", "für die Küche", "pour la cuisine"),
    ("studio", "for the studio", "für das Atelier", "pour l'atelier"),
)
STYLES = ("Ash", "Beech", "Birch", "Cherry", "Larch", "Maple", "Oak", "Pine", "Teak", "Walnut")
FIRST_NAMES = ("Ada", "Brigitte", "Chidi", "Dana", "Emre", "Farida", "Goran", "Hana", "Ines", "Jun")
LAST_NAMES = ("Abel", "Bauer", "Costa", "Diallo", "Eriksen", "Fournier", "Gruber", "Haas")
OPINIONS = (
    "Sturdier than it looks.",
    "The colour is warmer than in the picture.",
    "Arrived early and complete.",
    "One screw was missing; the shop sent it the next day.",
    "My second one.",
)


@dataclass(frozen=True)
class Seed:
    """A source of rows; call its methods in any order, each at most once.

    Each table has its own generator, so that changing one does not move the others.
    """

    number: int = 2024
    _categories: tuple[str, ...] = field(
        default=tuple(f"{thing[0]}-{place[0]}" for thing, place in product(THINGS, PLACES)),
        init=False,
    )

    def categories(self) -> Iterator[Row]:
        """(slug, en, de, fr, changed)."""
        for (thing, _, *plurals), (place, *wheres) in product(THINGS, PLACES):
            names = (f"{plural} {where}" for plural, where in zip(plurals, wheres, strict=True))
            yield (f"{thing}-{place}", *names, YEAR_2024)

    def products(self) -> Iterator[Row]:
        """(id, name, description, category, price_cents, stock, modified)."""
        rng = self._random("products")
        for number in range(1, PRODUCTS + 1):
            category = self._categories[number % len(self._categories)]
            thing = THINGS[number % len(self._categories) // len(PLACES)][1]
            style = rng.choice(STYLES)
            yield (
                number,
                f"{style} {thing} No. {number}",
                f"A {thing} made of {style.lower()}, oiled by hand and delivered in one piece.",
                category,
                rng.randrange(900, 90_000, 10),
                rng.randrange(200),
                YEAR_2024 + rng.randrange(100 * DAY),
            )

    def reviews(self) -> Iterator[Row]:
        """(product, author, stars, text, created)."""
        rng = self._random("reviews")
        for _ in range(REVIEWS):
            yield (
                rng.randint(1, PRODUCTS),
                rng.choice(FIRST_NAMES),
                rng.choice((1, 2, 3, 4, 4, 5, 5, 5)),
                rng.choice(OPINIONS),
                YEAR_2024 + 100 * DAY + rng.randrange(200 * DAY),
            )

    def accounts(self) -> Iterator[Row]:
        """(id, name, email)."""
        rng = self._random("accounts")
        for number in range(1, ACCOUNTS + 1):
            name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
            yield (number, name, f"account-{number}@example.org")

    def orders(self) -> Iterator[Row]:
        """(account, product, quantity, ordered)."""
        rng = self._random("orders")
        for number in range(ACCOUNTS * ORDERS_EACH):
            yield (
                number % ACCOUNTS + 1,
                f"{rng.choice(STYLES)} {rng.choice(THINGS)[1]}",
                rng.randint(1, 6),
                YEAR_2024 + rng.randrange(300 * DAY),
            )

    def _random(self, table: str) -> random.Random:
        return random.Random(f"{self.number}:{table}")  # noqa: S311 - sample data, not a secret
