"""Purges: what a request that has passed makes void.

By §4.4 of RFC 9111 the URIs that a write names, by RFC 9875 the groups that its answer names, by
the operator's rule the tags that the rule names. This module must not know how it is carried out.
"""

from collections.abc import Iterator

from proxy.engine.boarding import Boarded
from proxy.engine.purge import Mode, Purge
from proxy.engine.purging import Source
from proxy.http.message import NO_FIELDS, Fields, Head
from proxy.http.target import normal_authority
from proxy.policy import invalidation
from proxy.policy.invalidation import Uri
from proxy.rules import labels, tags
from proxy.rules.keys import uri_tags

_SUCCESS = range(200, 400)


def of_answered(boarded: Boarded, head: Head) -> Iterator[tuple[Purge, Source]]:
    """Yield what the answered request purges, and on whose word; `head` as the upstream sent it."""
    request = boarded.outbound
    if uris := invalidation.invalidated(request, head):
        yield from _told(_of_uris(boarded, uris), Source.WRITE)
    if groups := invalidation.groups(request, head):
        yield from _told(_of_groups(boarded, groups), Source.GROUP)
    if head.status in _SUCCESS:
        yield from _of_rule(boarded, head.fields)


def of_lost(boarded: Boarded) -> Iterator[tuple[Purge, Source]]:
    """Yield what a request purges that was sent and never answered: it may have been heeded."""
    if uris := invalidation.doubtful(boarded.outbound):
        yield from _told(_of_uris(boarded, uris), Source.WRITE)
        yield from _of_rule(boarded, NO_FIELDS)


def _of_uris(boarded: Boarded, uris: tuple[Uri, ...]) -> Purge:
    ruleset = boarded.snapshot.ruleset
    return Purge(tuple(dict.fromkeys(tag for uri in uris for tag in uri_tags(ruleset, *uri))))


def _of_groups(boarded: Boarded, groups: tuple[bytes, ...]) -> Purge:
    request = boarded.outbound
    scheme, authority = request.scheme, normal_authority(request.scheme, request.authority)
    return Purge(tuple(labels.group_tag(scheme.encode(), authority, name) for name in groups))


def _of_rule(boarded: Boarded, fields: Fields) -> Iterator[tuple[Purge, Source]]:
    on_success, request = boarded.rule.on_success, boarded.outbound
    if on_success is None or request.method in invalidation.SAFE:
        return
    if named := tags.purged_by(on_success, boarded.captures, request, fields):
        yield from _told(Purge(named, mode=Mode(on_success.mode)), Source.RULE)


def _told(purge: Purge, source: Source) -> Iterator[tuple[Purge, Source]]:
    """Yield a purge in parts that the log takes, each on the same word."""
    return ((part, source) for part in purge.portions())
