"""Parts of a rule as they are written: what it matches, keys, codes, waits for and purges.

The sentence below each field is its description in the JSON Schema and in docs/rules.md. This
module must not know the rule that they make.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from proxy.policy.terms import COMPRESSIBLE, Ask, Mode, Watch
from proxy.rules.problems import Problem, located
from proxy.rules.strict import Strict, switch, written
from proxy.rules.units import Share, Size, Timeout
from proxy.rules.words import (
    CookieName,
    FieldName,
    HostPattern,
    KeyedField,
    MediaType,
    Method,
    OneOrMore,
    Parameter,
    ParameterPrefix,
    PathPattern,
    TagTemplate,
    Wanted,
)


class MatchModel(Strict):
    """Which requests a rule is for: all of what is given must hold."""

    path: OneOrMore[PathPattern] = ("/**",)
    """Path patterns, one of which must meet the path."""
    methods: OneOrMore[Method] | None = None
    """Methods, one of which must be the request's; without it, all. GET does not imply HEAD."""
    host: OneOrMore[HostPattern] | None = None
    """Hosts, one of which must be the request's, on any port; `*.example.com` is all below it."""
    headers: dict[FieldName, Wanted] = Field({})
    """Request fields by their whole value, by presence (`true`) or by absence (`false`)."""
    query: dict[Parameter, Wanted] = Field({})
    """Query parameters by a value, by presence (`true`) or by absence (`false`)."""


class QueryModel(Strict):
    """Which query parameters are part of the key and reach the upstream."""

    include: tuple[Parameter, ...] | None = None
    """Only these; the others are dropped before the upstream sees them."""
    exclude: tuple[ParameterPrefix, ...] | None = None
    """All but these, which are dropped; a `*` at the end makes a prefix, as in `utm_*`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.include is not None and self.exclude is not None:
            text = "cannot stand beside include; keep one of the two"
            located(type(self), [Problem(("exclude",), text)])
        return self


class KeyModel(Strict):
    """What makes two requests different, beside method, scheme, host and target."""

    query: QueryModel = QueryModel()
    """Selection of query parameters; without it, the query counts byte for byte."""
    headers: tuple[KeyedField, ...] = ()
    """Request fields whose values are part of the key."""
    cookies: tuple[CookieName, ...] | None = None
    """Cookies that are part of the key; the others never reach the upstream. `[]` drops all."""


class TimeoutsModel(Strict):
    """How long the upstream may take for one request; what is left out is the upstream's own."""

    connect: Timeout | None = None
    """Time to a connection."""
    first_byte: Timeout | None = None
    """Time from the request's last byte to the response's head."""
    between_bytes: Timeout | None = None
    """Time between two pieces of the response's body."""
    total: Timeout | None = None
    """Time from the request's beginning to the response's end."""
    tunnel: Timeout | None = None
    """Time without a byte either way in a connection that changed its protocol, as WebSocket."""


class CompressModel(Strict):
    """How content is coded for clients that accept it; `off` leaves it as the upstream sent it."""

    codings: OneOrMore[Literal["br", "zstd", "gzip"]] = ("br", "zstd", "gzip")
    """The codings that are made, the most preferred first; the client's own weights come before."""
    types: OneOrMore[MediaType] = tuple(each.decode() for each in COMPRESSIBLE)
    """Media types that are coded: `a/b`, `a/*` or `*+b`; event streams only if named as such."""
    min_size: Size = written("256B")
    """A shorter body stays plain."""
    ask: Ask = Ask.IDENTITY
    """What the upstream is asked for: `identity`, or what the `client` accepts."""


def _compressing(value: object) -> object:
    """Read `on` and `off` as what they stand for."""
    told = switch(value)
    return {"on": {}, "off": NOT_COMPRESSED}.get(told, value) if isinstance(told, str) else value


class _OrSwitch:
    """Lets a mapping be written as `on` or `off`, and says so in the JSON Schema."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": ["on", "off", True, False]}, handler(core)]}


NOT_COMPRESSED: Final = CompressModel().model_copy(update={"codings": ()})
Compressing = Annotated[CompressModel, BeforeValidator(_compressing), _OrSwitch()]


class VerifyModel(Strict):
    """The cache answers, as under `live`, and some of its hits are compared afterwards."""

    verify: Share
    """Share of hits that are held against the upstream's own answer, once they have been given."""


def _mode(value: object) -> object:
    """Read a mode, so that what is wrong with it is told of the spelling that was meant."""
    if isinstance(value, Mapping):
        return VerifyModel.model_validate(value)
    if value in [each.value for each in Mode] or isinstance(value, Mode | VerifyModel):
        return value
    raise PydanticCustomError("mode", "should be 'live', 'shadow' or a mapping like {verify: 1%}")


ModeOrVerify = Annotated[Mode | VerifyModel, BeforeValidator(_mode)]


def watch_of(mode: Mode | VerifyModel) -> Watch:
    """Return how a rule of this mode is watched."""
    return Watch(mode) if isinstance(mode, Mode) else Watch(verify=mode.verify)


class OnSuccessModel(Strict):
    """What a successful request under the rule purges; safe methods, as GET is, never do."""

    purge: OneOrMore[TagTemplate]
    """Tags, written as in `tags`."""
    mode: Literal["hard", "soft", "refresh"] = "hard"
    """`hard`: gone; `soft`: stale, still usable as such; `refresh`: soft, and fetched again."""
