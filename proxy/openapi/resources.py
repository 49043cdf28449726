"""Resources: what a path is about, and so how answers from there are called.

`/shops/{shop_id}/products/{id}` is a product of a shop: its collections are `shops` and
`products:{shop_id}`, its items `shop:{shop_id}` and `product:{shop_id}/{id}`. This module must not
know methods, or what becomes of a name.
"""

import re
from dataclasses import dataclass
from typing import Final

from proxy.openapi.shapes import Shape

_WORD: Final = re.compile(r"[^\w.~-]+")
_ENDINGS: Final = (
    *(("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ss", "ss")),
    *(("us", "us"), ("is", "is"), ("s", "")),
)
"""How nouns end in the plural, and then in the singular; a wrong guess is only a longer word."""


@dataclass(frozen=True, slots=True)
class Level:
    """A collection or an item on the way down a path.

    `noun` as tags have it; `captures` name what tells this one from others of its kind.
    """

    noun: str
    captures: tuple[str, ...]
    item: bool

    @property
    def tag(self) -> str:
        """The template of its tag."""
        places = "/".join(f"{{{name}}}" for name in self.captures)
        return f"{self.noun}:{places}" if places else self.noun

    @property
    def kind(self) -> tuple[str, int, bool]:
        """What it has in common with the same level of other paths, whose captures differ."""
        return self.noun, len(self.captures), self.item


def levels(shape: Shape, fallback: str) -> tuple[Level, ...]:
    """Return the levels of a path from the top, as far as each can be named.

    `fallback` is the noun of an item that stands below no collection.
    """
    found: list[Level] = []
    noun, captures = "", tuple[str, ...]()
    for step, capture in zip(shape.steps, shape.captures, strict=True):
        if isinstance(step, bytes):
            if word := _noun(step.decode("utf-8", "replace")):
                noun = word
                found.append(Level(noun, captures, item=False))
        elif capture is None:
            break  # a part of a segment, or several: what it names is not known
        else:
            captures = (*captures, capture)
            if found and found[-1].item:  # `/{owner}/{repo}` is one item
                found.pop()
            found.append(Level(singular(noun) or _noun(fallback) or "item", captures, item=True))
    return tuple(found)


def singular(noun: str) -> str:
    """Return the word for one of them."""
    for plural, one in _ENDINGS:
        if noun.endswith(plural) and len(noun) > len(plural):
            return noun.removesuffix(plural) + one
    return noun


def _noun(text: str) -> str:
    return _WORD.sub("-", text.lower()).strip("-.")
