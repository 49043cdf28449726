"""The query of a target: its parameters, and the selection of some of them.

Split at `&` alone; what stays keeps its bytes, its order and its duplicates. This module must not
know rules.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

_CLOAK: Final = re.compile(rb";|%(?:26|3b|3d|23)", re.IGNORECASE)
"""What another parser of queries takes for an end of the parameter, or of its name."""


def decoded(raw: bytes) -> bytes:
    """Return a name or value as a form decodes it: `+` is a space, `%` escapes a byte."""
    return unquote_to_bytes(raw.replace(b"+", b" "))


def parameters(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and value of each parameter, decoded, in order."""
    for raw in query.split(b"&"):
        name, _, value = raw.partition(b"=")
        yield decoded(name), decoded(value)


def select(target: bytes, include: frozenset[bytes] | None, exclude: tuple[bytes, ...]) -> bytes:
    """Return the target with only the included parameters, or without the excluded ones.

    `include` wins where it is not None; an `exclude` that ends in `*` is a prefix. Nothing is
    dropped when a parameter to be dropped could hide another one from a server that splits
    differently (parameter cloaking): then the whole target is the safe key.
    """
    path, _, query = target.partition(b"?")
    if not query or (include is None and not exclude):
        return target
    kept: list[bytes] = []
    for raw in query.split(b"&"):
        name = decoded(raw.partition(b"=")[0])
        if _wanted(name, include, exclude):
            kept.append(raw)
        elif _CLOAK.search(raw):
            return target
    return b"?".join((path, b"&".join(kept))) if kept else path


def _wanted(name: bytes, include: frozenset[bytes] | None, exclude: tuple[bytes, ...]) -> bool:
    if include is not None:
        return name in include
    return not any(
        name.startswith(word[:-1]) if word.endswith(b"*") else name == word for word in exclude
    )
