"""Selection: what an operator names becomes a purge of the engine's.

This module must not know how it was sent, or what becomes of the purge.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from proxy.admin import requests
from proxy.admin.bodies import Body
from proxy.admin.refused import Refused
from proxy.engine.purge import MOST_IN_ALL, MOST_PATTERNS, MOST_TAGS, Mode, Purge
from proxy.errors import RequestError
from proxy.http.target import normal_authority
from proxy.rules import labels, patterns
from proxy.rules.keys import uri_tags
from proxy.rules.problems import Problem, located, nearest
from proxy.rules.ruleset import Ruleset
from proxy.rules.units import Duration

LONGEST_WAIT: Final = 60.0
"""Seconds."""

Tag = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=requests.LONGEST)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=patterns.LONGEST)]


class PurgeBody(Body):
    """What is to go, how thoroughly, and who is waited for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"tags": ["product:42", "products"]},
                {"urls": ["/products/42", "http://shop.example/"], "mode": "soft"},
                {"prefixes": ["shop.example/products/"], "wait": "local", "dry_run": True},
            ]
        }
    )

    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)] = ()
    """Whatever has one of these tags."""
    urls: Annotated[tuple[Url, ...], Field(max_length=MOST_TAGS)] = ()
    """These URLs, by http and https alike; `/path?query` is that on every host."""
    prefixes: Annotated[tuple[Pattern, ...], Field(max_length=MOST_PATTERNS)] = ()
    """Whatever lies below: `/path`, `host/path` or `http://host/path`."""
    wildcards: Annotated[tuple[Pattern, ...], Field(max_length=MOST_PATTERNS)] = ()
    """Whatever these match from end to end; `*` is any run of characters."""
    rule: str | None = None
    """Whatever is kept under the rule of this name."""
    everything: bool = False
    """All there is."""
    mode: Literal["hard", "soft", "refresh"] = "hard"
    """`hard`: gone; `soft`: stale; `refresh`: stale, and what is used most is fetched anew."""
    wait: Literal["local", "all"] = "all"
    """Who has to have applied it before the answer: this replica, or every live one."""
    timeout: Annotated[Duration, Field(le=LONGEST_WAIT)] = 10.0
    """Seconds after which the answer is 202, with a receipt to ask for later."""
    dry_run: bool = False
    """Purge nothing; count what is held in this replica's memory and would be purged."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        located(type(self), self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if len(self.prefixes) + len(self.wildcards) > MOST_PATTERNS:
            text = f"with prefixes, at most {MOST_PATTERNS}; send them in parts"
            yield Problem(("wildcards",), text)
        named = (self.tags, self.urls, self.prefixes, self.wildcards, self.rule, self.everything)
        if not any(named):
            text = "name something: tags, urls, prefixes, wildcards, rule or everything"
            yield Problem((), text)


def purge_of(body: PurgeBody, ruleset: Ruleset) -> Purge:
    """Return the purge that a body asks for.

    Raises `Refused` where a name means nothing, or all of them mean more than can be told one by
    one: an operator who did not ask for everything shall not purge it.
    """
    tags = [labels.tag(tag.encode()) for tag in body.tags]
    for at, url in enumerate(body.urls):
        with _named("urls", at):
            tags += url_tags(url, ruleset)
    if body.rule is not None:
        tags.append(_rule(body.rule, ruleset))
    if body.everything:
        tags.append(labels.EVERYTHING)
    pointing = [
        *_patterns("prefixes", body.prefixes, patterns.prefix),
        *_patterns("wildcards", body.wildcards, patterns.wildcard),
    ]
    unique = tuple(dict.fromkeys(tags)), tuple(dict.fromkeys(pointing))
    if len(unique[0]) > MOST_IN_ALL:
        text = f"urls: under these rules they have more than {MOST_IN_ALL} tags; send them in parts"
        raise Refused(422, text)
    return Purge(*unique, Mode(body.mode))


def url_tags(url: str, ruleset: Ruleset) -> tuple[bytes, ...]:
    """Return the tags of a URL, by both schemes: TLS may end before this proxy or at it.

    Raises `RequestError`.
    """
    scheme, authority, target = requests.place_of(url)
    if not authority:
        return uri_tags(ruleset, scheme, authority, target)
    authority = normal_authority(scheme, authority)
    return tuple(
        tag for each in ("http", "https") for tag in uri_tags(ruleset, each, authority, target)
    )


def _rule(name: str, ruleset: Ruleset) -> bytes:
    known = [rule.name for rule in ruleset.rules]
    if name not in known:
        raise Refused(422, f"rule: unknown rule; {nearest(name, known)}")
    return labels.rule_tag(name)


def _patterns(field: str, texts: Sequence[str], read: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for at, text in enumerate(texts):
        with _named(field, at):
            yield read(text.encode())


@contextmanager
def _named(*loc: str | int) -> Iterator[None]:
    """Have what goes wrong inside refused with the name of the field that it is about."""
    try:
        yield
    except (RequestError, ValueError) as error:
        raise Refused(422, str(Problem(loc, str(error)))) from error
