"""Advice: what traffic says of each rule, and what to change in it.

The numbers are the engine's, the judgement is `rules.advice`; this module only joins the two.
"""

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.problems import told
from proxy.engine.snapshot import Snapshot
from proxy.engine.tally import Tally
from proxy.policy.terms import Mode
from proxy.rules import advice
from proxy.rules.rule import Rule

MOST_REASONS: Final = 5
"""Reasons for misses that are told of a rule, the most frequent first."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Advised(_Told):
    """One piece of advice."""

    about: str
    """`mismatch`, `mode`, `lifetime`, or the reason of misses."""
    text: str
    """One sentence."""
    change: str | None
    """YAML of the rule with what to change in it, or null where no rule can."""


class Missed(_Told):
    """Requests that were not answered from the cache, for one reason."""

    reason: str
    """One of the reasons of docs/reasons.md."""
    count: int
    """How many requests."""
    sentence: str
    """What the reason says."""


class Mismatched(_Told):
    """Answers that were another's."""

    differed: tuple[str, ...]
    """What of the requests differed: `authorization`, `cookie NAME`, `query NAME`, or a field."""
    count: int
    """How often that was shown."""


class RuleAdvice(_Told):
    """What was counted of one rule since the rules were put in force, and what follows."""

    rule: str
    """Its name."""
    place: str
    """Where it is written, `file:line`, or `built in`."""
    mode: Mode
    """`live` or `shadow`; under `shadow`, hits and what is saved are what would have been."""
    verify: float
    """The share of its hits that are verified, 0 to 1."""
    quarantined: bool
    """Whether it is passed by because callers got each other's answers."""
    requests: int
    """Requests under it."""
    hits: int
    """Of these, answered from the cache, stale ones included."""
    hit_ratio: float | None
    """`hits` by `requests`, 0 to 1; null where there were none."""
    upstream_seconds_saved: float
    """Seconds that the upstream took for what the hits were answered with."""
    bytes_saved: int
    """Bytes of body that the hits were answered with."""
    refetched_same: int
    """Answers fetched in the place of a stored one whose body was the same."""
    refetched_changed: int
    """And whose body was another."""
    compared_same: int
    """Stored answers that were held against the upstream's own and agreed."""
    compared_different: int
    """And that did not: most have changed since, those in `mismatches` are another's."""
    mismatches: tuple[Mismatched, ...]
    """Stored answers that were shown to be another caller's, or to another question."""
    misses: tuple[Missed, ...]
    """The most frequent reasons for misses, the most frequent first."""
    advice: tuple[Advised, ...]
    """What to change, the most urgent first."""


class AdviceReport(_Told):
    """What traffic says of the rules in force, in their order."""

    rules: tuple[RuleAdvice, ...]
    """A rule each, the built-in one last."""


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get("/advice", dependencies=[needs(gate, Role.READ)], responses=told(401, 403, 429))
    async def advice() -> AdviceReport:
        """Tell of each rule what its traffic says, and what to change in it."""
        return report(control.corridor.snapshot, control.stats.rules)

    return routes


def report(snapshot: Snapshot, tallies: dict[str, Tally]) -> AdviceReport:
    """Return what was counted of the rules in force, and what follows."""
    rules = snapshot.ruleset.rules
    return AdviceReport(
        rules=tuple(_advised(rule, tallies.get(rule.name, Tally()), snapshot) for rule in rules)
    )


def _advised(rule: Rule, tally: Tally, snapshot: Snapshot) -> RuleAdvice:
    return RuleAdvice(
        rule=rule.name,
        place=rule.place,
        mode=rule.terms.watch.mode,
        verify=rule.terms.watch.verify,
        quarantined=rule.name in snapshot.quarantined,
        requests=tally.requests,
        hits=tally.hits,
        hit_ratio=round(tally.hits / tally.requests, 4) if tally.requests else None,
        upstream_seconds_saved=tally.saved_micros / 1_000_000,
        bytes_saved=tally.saved_bytes,
        refetched_same=tally.same,
        refetched_changed=tally.changed,
        compared_same=tally.agreed,
        compared_different=tally.differed,
        mismatches=tuple(
            Mismatched(differed=names, count=count)
            for names, count in tally.mismatches.most_common()
        ),
        misses=tuple(
            Missed(reason=reason.token, count=count, sentence=reason.meaning.sentence)
            for reason, count in tally.misses.most_common(MOST_REASONS)
        ),
        advice=tuple(_pieces(rule, tally)),
    )


def _pieces(rule: Rule, tally: Tally) -> list[Advised]:
    found = []
    if names := advice.culprits(tally.mismatches):
        found.append(("mismatch", advice.mismatch(rule, names)))
    elif (ready := advice.ready(rule, tally.agreed, tally.differed)) is not None:
        found.append(("mode", ready))
    lifetime = advice.lifetime(rule, tally.same, tally.changed, tally.expired)
    if lifetime is not None:
        found.append(("lifetime", lifetime))
    for reason, count in tally.misses.most_common(MOST_REASONS):
        told = advice.miss(rule, reason, tally.expired)
        if told is not None and advice.is_telling(reason, count, tally.requests):
            found.append((reason.token, told))
    return [Advised(about=about, text=it.text, change=it.change) for about, it in found]
