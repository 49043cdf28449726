"""Proposals as the YAML of a settings file, with comments. What to propose is not known here."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from proxy.errors import ConfigError
from proxy.openapi.operations import Inventory
from proxy.openapi.proposals import Proposal, Remarked
from proxy.rules.places import MAX_TEXT

_WIDTH: Final = 96
_HEAD: Final = """\
# Proposed for {name}: {operations}.
#
# A beginning, not a verdict. Nobody but you knows how long an answer is true, or whether what
# needs no credentials is the same for all. Query parameters that the document does not name are
# dropped before the API sees them. Check with `sidecache explain`, and shorten what is too long.
{unmatchable}
upstream: {{url: "http://127.0.0.1:8000"}}    # where the API listens
"""


def render(name: str, inventory: Inventory, proposals: Sequence[Proposal]) -> str:
    """Return a settings file; raises ConfigError where it would be larger than one may be."""
    notes = [f"# No rule can match {_comment(each)}" for each in inventory.unmatchable]
    head = _HEAD.format(
        name=_comment(name),
        operations=f"{len(inventory.operations)} operations",
        unmatchable="".join(f"{note}\n" for note in ["#", *notes]) if notes else "",
    )
    rules = "".join("\n" + "".join(f"{line}\n" for line in _rule(each)) for each in proposals)
    text = f"{head}\nrules:{rules or ' []'}\n".rstrip("\n") + "\n"
    if len(text) > MAX_TEXT:
        raise ConfigError(f"{name}: the rules would fill more than a file may hold; split it")
    return text


def _rule(proposal: Proposal) -> Iterator[str]:
    yield from (f"  # {_comment(remark)}" for remark in proposal.remarks)
    yield f"  - name: {proposal.name}"
    if len(proposal.paths) == 1 and not proposal.off:
        path = _quoted(proposal.paths[0].path)
        yield f"    match: {{path: {path}, methods: [{', '.join(proposal.methods)}]}}"
    else:
        yield "    match:"
        yield f"      methods: [{', '.join(proposal.methods)}]"
        yield "      path:"
        yield from map(_path, proposal.paths)
    if proposal.off:
        yield "    cache: off"
        return
    if proposal.ttl:
        yield f"    ttl: {proposal.ttl}"
    yield from _key(proposal)
    if proposal.tags:
        yield from _listed("    tags: ", proposal.tags)
    if proposal.purge:
        yield from _listed("    on_success: {purge: ", proposal.purge, "}")


def _path(path: Remarked) -> str:
    return f"        - {_quoted(path.path)}    # {_comment(path.remark)}"


def _key(proposal: Proposal) -> Iterator[str]:
    """Yield what tells two requests apart; a rule for writes has no such thing."""
    if proposal.purge:
        return
    if proposal.query is None and not proposal.headers and not proposal.cookies:
        return
    yield "    key:"
    if proposal.query is not None:
        yield from _listed("      query: {include: ", proposal.query, "}")
    if proposal.headers:
        yield from _listed("      headers: ", proposal.headers)
    if proposal.cookies:
        yield from _listed("      cookies: ", proposal.cookies)


def _listed(label: str, texts: Iterable[str], end: str = "") -> Iterator[str]:
    """Yield a list in as many lines as it needs."""
    line = f"{label}["
    words = [_quoted(text) for text in texts]
    for at, word in enumerate(words):
        piece = word + ("," if at + 1 < len(words) else f"]{end}")
        if len(line) + len(piece) > _WIDTH and line.strip():
            yield line.rstrip()
            line = " " * (len(label) - len(label.lstrip()) + 2)
        line += piece + " "
    yield line.rstrip() if words else f"{line}]{end}"


def _quoted(text: str) -> str:
    """Return a text as a double-quoted scalar: JSON's, but for escapes beyond 16 bits."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _comment(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
