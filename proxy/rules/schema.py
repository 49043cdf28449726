"""Rules as they are written: the models of one rule and of a file of rules.

The sentence below each field is its description in the JSON Schema and in docs/rules.md. This
module must not know how a rule is matched or keyed; compiling happens in `ruleset`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from proxy.http.codings import Coding
from proxy.policy.admission import NEVER_KEPT
from proxy.policy.invalidation import SAFE
from proxy.policy.terms import (
    Caching,
    Compress,
    Credentials,
    RangeOnMiss,
    SetCookie,
    Terms,
    Timeouts,
    Watch,
)
from proxy.rules import paths
from proxy.rules.parts import (
    Compressing,
    CompressModel,
    KeyModel,
    MatchModel,
    ModeOrVerify,
    OnSuccessModel,
    TimeoutsModel,
    watch_of,
)
from proxy.rules.problems import Loc, Problem, located, nearest
from proxy.rules.strict import Strict, switch, written
from proxy.rules.templates import Source, parse
from proxy.rules.units import Count, Duration, Share, Size
from proxy.rules.words import (
    FieldName,
    JsonPath,
    RuleName,
    SentField,
    TagField,
    TagTemplate,
    ValueTemplate,
)

CacheSwitch = Annotated[
    Caching,
    BeforeValidator(switch),
    WithJsonSchema({"enum": ["on", "off", "override", True, False]}),
]
Status = Annotated[int, Field(ge=200, le=599)]


class RuleModel(Strict):
    """One rule: which requests it is for, how long answers live, what tells them apart."""

    name: RuleName
    """Its name in metrics, logs and `explain`; unique."""
    match: MatchModel = MatchModel()
    """Which requests the rule is for; without it, all."""
    mode: ModeOrVerify | None = None
    """Who answers, and what is compared; without it, as for all."""

    cache: CacheSwitch = written("on")
    """Who decides: `on` the upstream; `override` the `ttl`, save no-store and private; or `off`."""
    ttl: Duration | None = None
    """Lifetime where the upstream gives none; with `cache: override`, in any case."""
    ttl_by_status: dict[Status, Duration] = Field({})
    """Like `ttl`, for single statuses; a status listed here is cacheable."""
    min_ttl: Duration = written("0s")
    """A shorter lifetime from the upstream is raised to this."""
    max_ttl: Duration | None = None
    """A longer lifetime from the upstream is cut to this."""
    jitter: Share = written("0%")
    """Share of the rule's own lifetime that is taken off at random, against expiry in step."""
    early_refresh: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    """Weight of a refresh before expiry, likelier as expiry nears: 0 is never, 1 is usual."""
    heuristic: Share = written("10%")
    """Share of the time since Last-Modified that counts as lifetime where nothing else is said."""
    heuristic_max: Duration = written("1d")
    """The longest lifetime that `heuristic` gives."""

    stale_while_revalidate: Duration | None = None
    """How long past its lifetime an answer is served while it is refreshed in the background."""
    stale_if_error: Duration | None = None
    """How long past its lifetime an answer is served in place of an upstream error."""
    stale_if_unreachable: Duration = written("1d")
    """How long past its lifetime an answer is served while the upstream cannot be reached."""

    credentials: Credentials = Credentials.REFUSE
    """What becomes of requests with Authorization, or with a Cookie that is not in the key."""
    set_cookie: SetCookie = SetCookie.REFUSE
    """What becomes of a response with Set-Cookie: not stored, or stored without the field."""
    targets: tuple[FieldName, ...] = ("cdn-cache-control",)
    """Targeted fields (RFC 9213) obeyed before Cache-Control, the most specific first."""
    max_body: Size = written("8MiB")
    """A larger response body is passed through and not kept."""
    max_variants: Count = 32
    """How many variants by Vary are kept under one key."""

    compress: Compressing = CompressModel()
    """How content is coded for clients that accept it: a mapping, `on` or `off`."""
    etag: Literal["keep", "generate"] = "keep"
    """Whether a kept answer to which the upstream gives no entity tag gets one, of its body."""
    range_on_miss: RangeOnMiss = RangeOnMiss.PASS
    """What a range of what is not stored asks of the upstream: that range, or the `whole`."""

    key: KeyModel = KeyModel()
    """What makes two requests different."""
    forward: tuple[SentField, ...] | None = None
    """Request fields that reach the upstream of GET and HEAD though they are not in the key."""
    timeouts: TimeoutsModel = TimeoutsModel()
    """How long the upstream may take; what is left out is the upstream's own."""

    upgrade: Literal["tunnel", "refuse"] | None = None
    """Whether WebSockets and other protocols go through; without it, where `cache` is off."""

    tags: tuple[TagTemplate, ...] = ()
    """What answers are called, so that they can be purged: `products`, `product:{id}`."""
    tags_from_body: dict[JsonPath, ValueTemplate] = Field({})
    """Paths into a JSON body, each with the tag of what it finds, `{}` in the value's place."""
    tag_fields: tuple[TagField, ...] = ("surrogate-key", "cache-tag", "xkey")
    """Response fields in which the upstream names tags."""
    send_tag_fields: bool = False
    """Whether clients get these fields, too."""
    on_success: OnSuccessModel | None = None
    """What a successful request under the rule purges."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(type(self), self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.cache is Caching.OVERRIDE and self.ttl is None and not self.ttl_by_status:
            yield Problem(("cache",), "override needs a lifetime: give ttl or ttl_by_status")
        if self.max_ttl is not None and self.min_ttl > self.max_ttl:
            yield Problem(("min_ttl",), "is longer than max_ttl; lower it or raise max_ttl")
        for status in sorted(NEVER_KEPT & self.ttl_by_status.keys()):
            text = "is about one request and never stored; give the ttl to another status"
            yield Problem(("ttl_by_status", status), text)
        if self.on_success and self.match.methods and SAFE.issuperset(self.match.methods):
            text = "never happens, for these methods are safe; give match.methods others"
            yield Problem(("on_success",), text)
        yield from self._unknown_captures()

    def _unknown_captures(self) -> Iterator[Problem]:
        """Yield the captures in templates that not every path of the rule makes."""
        made = [{name for name, _ in paths.parse(path).captures} for path in self.match.path]
        known = set[str].intersection(*made)
        remedy = "write it as {name} in every match.path"
        for loc, text in self._templates():
            for name in sorted(parse(text).takes(Source.CAPTURE) - known):
                told = nearest(name, known) if known else remedy
                yield Problem(loc, f"no capture '{name}' in every path of the rule; {told}")

    def _templates(self) -> Iterator[tuple[Loc, str]]:
        for at, text in enumerate(self.tags):
            yield ("tags", at), text
        for at, text in enumerate(self.on_success.purge if self.on_success else ()):
            yield ("on_success", "purge", at), text


def _distinct(rules: tuple[RuleModel, ...]) -> tuple[RuleModel, ...]:
    located(RuleModel, _repeated_names(rules))
    return rules


def _repeated_names(rules: tuple[RuleModel, ...]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, rule in enumerate(rules):
        if (taken := first.setdefault(rule.name, at)) != at:
            yield Problem((at, "name"), f"the name '{rule.name}' is taken by rules[{taken}]")


Rules = Annotated[tuple[RuleModel, ...], AfterValidator(_distinct)]
"""A list of rules with distinct names; the first that matches wins."""


class RuleFile(Strict):
    """A file that holds rules and nothing else."""

    rules: Rules
    """The rules, in order."""


DEFAULT_TIMEOUTS: Final = Timeouts()
LIVE: Final = Watch()


def terms_of(model: RuleModel, defaults: Timeouts = DEFAULT_TIMEOUTS, watch: Watch = LIVE) -> Terms:
    """Return the terms of a rule; `defaults` and `watch` stand for what it does not set itself."""
    own = model.timeouts.model_dump(exclude_none=True)
    return Terms(
        cache=model.cache,
        ttl=model.ttl,
        ttl_by_status=tuple(model.ttl_by_status.items()),
        min_ttl=model.min_ttl,
        max_ttl=model.max_ttl,
        jitter=model.jitter,
        early_refresh=model.early_refresh,
        heuristic=model.heuristic,
        heuristic_max=model.heuristic_max,
        stale_while_revalidate=model.stale_while_revalidate,
        stale_if_error=model.stale_if_error,
        stale_if_unreachable=model.stale_if_unreachable,
        credentials=model.credentials,
        set_cookie=model.set_cookie,
        targets=tuple(name.encode() for name in model.targets),
        max_body=model.max_body,
        max_variants=model.max_variants,
        cookies_keyed=model.key.cookies is not None,
        timeouts=replace(defaults, **own),
        compress=_compress(model.compress),
        make_etag=model.etag == "generate",
        range_on_miss=model.range_on_miss,
        watch=watch if model.mode is None else watch_of(model.mode),
    )


def _compress(model: CompressModel) -> Compress:
    return Compress(
        codings=tuple(map(Coding, model.codings)),
        types=tuple(each.encode() for each in model.types),
        min_size=model.min_size,
        ask=model.ask,
    )
