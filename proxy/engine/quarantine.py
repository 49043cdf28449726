"""Quarantine: a rule under which callers got each other's answers gives none any more.

It ends with other rules in force, or when an operator says so: with the same rules it would only
be found out again. This module must not know how that was.
"""

import logging
from dataclasses import replace
from typing import Protocol

from proxy.engine.purge import Purge
from proxy.engine.purging import Purging, Source
from proxy.engine.snapshot import Snapshot
from proxy.rules.labels import rule_tag
from proxy.rules.rule import Rule

log = logging.getLogger("sidecache.quarantine")


class InForce(Protocol):
    """What holds the snapshot that requests board with."""

    snapshot: Snapshot


class Quarantine:
    """Takes rules out of use, and puts them back."""

    def __init__(self, house: InForce, purging: Purging) -> None:
        self._house = house
        self._purging = purging

    def begin(self, rule: Rule, names: tuple[str, ...]) -> None:
        """Take a rule out of use because of answers that differed by parts of these names.

        What is kept under it is purged, on every replica. A rule that is not in force any more, or
        is out of use already, is left alone.
        """
        snapshot = self._house.snapshot
        if rule.name in snapshot.quarantined or all(r is not rule for r in snapshot.ruleset.rules):
            return
        self._put(snapshot.quarantined | {rule.name})
        self._purge(rule.name)
        told = ", ".join(names)
        log.error("rule %s is in quarantine: answers under one key differ by %s", rule.name, told)

    def end(self, name: str, by: str) -> bool:
        """Put a rule back into use, as an operator `by` name says; False where it is not out."""
        quarantined = self._house.snapshot.quarantined
        if name not in quarantined:
            return False
        self._purge(name)  # what was under way when it began
        self._put(quarantined - {name})
        log.warning("rule %s is in use again: %s has ended its quarantine", name, by)
        return True

    def _put(self, quarantined: frozenset[str]) -> None:
        self._house.snapshot = replace(self._house.snapshot, quarantined=quarantined)

    def _purge(self, name: str) -> None:
        self._purging.announce_soon(Purge((rule_tag(name),)), Source.QUARANTINE)
