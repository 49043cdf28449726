"""The bodies: JSON as an API sends it, the same in every run.

Must not know what is done with it.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Final

SIZES: Final[Mapping[str, int]] = {"10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000}
"""About how many bytes a body has, by name."""

_WORDS: Final = (
    "amber", "anchor", "basil", "canyon", "cedar", "cloud", "copper", "drift", "dune", "ember",
    "falcon", "frost", "grove", "harbor", "haven", "lantern", "maple", "meadow", "orbit", "pixel",
    "quiet", "ridge", "river", "signal", "spark", "stone", "tide", "timber", "velvet", "willow",
)  # fmt: skip


@cache
def body(size: int) -> bytes:
    """Return a list of products, ended with the one that completes so many bytes."""
    chance = Random(7)  # noqa: S311 - the same every time
    return b"[%b]" % b",".join(_products(chance, size))


def _products(chance: Random, size: int) -> Iterator[bytes]:
    number = 1000
    while size > 0:
        text = json.dumps(_product(chance, number), separators=(",", ":")).encode()
        number, size = number + 1, size - len(text) - 1
        yield text


def _product(chance: Random, number: int) -> dict[str, object]:
    link = f"/api/v1/products/{number}"
    return {
        "id": number,
        "uuid": _uuid(chance),
        "name": " ".join(chance.choices(_WORDS, k=3)).title(),
        "description": f"{' '.join(chance.choices(_WORDS, k=chance.randint(8, 30)))}.",
        "price": {"amount": f"{chance.uniform(1, 900):.2f}", "currency": "EUR"},
        "in_stock": chance.random() < 0.7,  # noqa: PLR2004 - most are
        "rating": round(chance.uniform(1, 5), 2),
        "tags": chance.sample(_WORDS, k=chance.randint(1, 5)),
        "created_at": _moment(chance),
        "size": {side: chance.randint(1, 300) for side in ("width", "height", "depth")},
        "discontinued": None,
        "links": {"self": link, "reviews": f"{link}/reviews"},
    }


def _uuid(chance: Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _moment(chance: Random) -> str:
    month, day = chance.randint(1, 12), chance.randint(1, 28)
    hour, minute = chance.randint(0, 23), chance.randint(0, 59)
    return f"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{chance.randint(0, 59):02}Z"
