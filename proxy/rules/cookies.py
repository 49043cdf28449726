"""The Cookie field: its pairs, and the selection of some of them (RFC 6265 §5.4).

Pairs are kept byte for byte. This module must not know rules.
"""

from collections.abc import Iterator

from proxy.http.message import Fields


def pairs(fields: Fields) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and whole text of each pair, over all Cookie lines in order."""
    for line in fields.all(b"cookie"):
        for raw in line.split(b";"):
            pair = raw.strip(b" \t")
            yield pair.partition(b"=")[0].rstrip(b" \t"), pair


def named(fields: Fields, name: bytes) -> tuple[bytes, ...]:
    """Return every pair of one name, in order."""
    return tuple(pair for found, pair in pairs(fields) if found == name)


def reduce(fields: Fields, names: tuple[bytes, ...]) -> Fields:
    """Return the fields with one Cookie line of the named pairs, in the order of `names`."""
    if b"cookie" not in fields:
        return fields
    kept = b"; ".join(pair for name in names for pair in named(fields, name))
    rest = fields.without({b"cookie"})
    return rest.plus((b"Cookie", kept)) if kept else rest
