"""Bodies to encode, and coded ones as no coder here would make them."""

import json
import zlib
from collections.abc import Iterator
from random import Random
from typing import Final

from proxy.http.codings import Coding

CODINGS: Final = (Coding.BR, Coding.ZSTD, Coding.GZIP)

_WORDS: Final = ("amber", "basil", "cedar", "dune", "ember", "frost", "grove", "haven", "ivy")


def records(size: int) -> bytes:
    """Return JSON as an API might send it, cut to so many bytes."""
    return "".join(_records(size)).encode()[:size]


def _records(size: int) -> Iterator[str]:
    chance = Random(5)  # noqa: S311 - the same every time
    while size > 0:
        row = {
            "id": chance.getrandbits(40),
            "name": " ".join(chance.choices(_WORDS, k=3)),
            "price": round(chance.uniform(1, 999), 2),
            "in_stock": chance.random() < 0.5,
            "tags": chance.sample(_WORDS, k=3),
        }
        text = json.dumps(row)
        size -= len(text)
        yield text


SMALL: Final = {
    "empty": b"",
    "one-byte": b"x",
    "random": Random(7).randbytes(50_000),  # noqa: S311 - the same every time
    "run": b"a" * 300_000,
    "json": records(40_000),
}
BODIES: Final = SMALL | {"json-1MiB": records(1024 * 1024)}


def member(body: bytes) -> bytes:
    """Return one gzip member, made by another library than the one under test."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()
