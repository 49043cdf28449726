"""A compiled rule as a value: its terms, what its keys are made of, what it forwards.

This module must not know how rules are written or matched.
"""

from dataclasses import dataclass
from typing import Final

from proxy.policy.terms import Terms
from proxy.rules.tags import NO_TAGGING, OnSuccess, Tagging

BUILT_IN: Final = "built in"
"""The place of a rule that no file of the operator's holds."""

Selection = tuple[frozenset[bytes] | None, tuple[bytes, ...]]
"""Which query parameters are let in, None for all, and which are left out."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What a rule's keys are made of beside method class, scheme, authority and target.

    Names of fields are in lower case, names of parameters decoded. `include` None is all
    parameters; an `exclude` that ends in `*` is a prefix. `cookies` None leaves Cookie alone, a
    tuple reduces it to these. `credentials`: the caller's credentials are part of the key.
    """

    include: frozenset[bytes] | None = None
    exclude: tuple[bytes, ...] = ()
    headers: tuple[bytes, ...] = ()
    cookies: tuple[bytes, ...] | None = None
    credentials: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled.

    `forward` None lets all end-to-end fields of a request reach the upstream. `place` is where
    the rule is written, `file:line`. `on_success` is what a write under this rule purges. `sharing`
    is a digest of who shares answers with whom: it is part of every key, so that what was stored
    before a rule was tightened is not found after it. `tunnels` lets requests for another
    protocol through.
    """

    name: str
    terms: Terms
    key: KeySpec
    forward: frozenset[bytes] | None
    place: str
    tagging: Tagging = NO_TAGGING
    on_success: OnSuccess | None = None
    sharing: bytes = b""
    tunnels: bool = False
