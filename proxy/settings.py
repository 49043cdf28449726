"""Settings: one model of everything that can be set, and where it is read from.

Flags win over variables (`SIDECACHE_UPSTREAM__URL`), variables over the file. This module must
not know what is built from the settings.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Final, Self, Union, get_args, get_origin

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from proxy.edge.journeys import ServerTiming
from proxy.edge.limits import Edge
from proxy.errors import ConfigError
from proxy.policy.terms import Mode, Timeouts
from proxy.rules.endpoints import ListenAddress, Networks
from proxy.rules.parts import ModeOrVerify, watch_of
from proxy.rules.places import MAX_TEXT, parse
from proxy.rules.problems import Loc, Problem, located, models_in, nearest, path_text, problems
from proxy.rules.rule import BUILT_IN
from proxy.rules.ruleset import Ruleset, compile_rules
from proxy.rules.schema import RuleFile, RuleModel, Rules
from proxy.rules.sources import Source, merged, nested, report
from proxy.rules.strict import Strict, written
from proxy.rules.units import Count
from proxy.sections import (
    AdminOrAddress,
    CacheStatusField,
    Drain,
    Log,
    Store,
    Switch,
    TimingSwitch,
    Upstream,
)
from proxy.store.redis.url import Location
from proxy.trace.options import Traces

PREFIX: Final = "SIDECACHE_"
NESTED: Final = "__"

_FLAGS: Final[Mapping[str, Loc]] = {
    "upstream": ("upstream", "url"),
    "admin": ("admin", "listen"),
    "redis": ("store", "redis", "url"),
}
"""Flags with another name than their setting."""
_VARIABLES: Final[Mapping[Loc, str]] = {("admin", "listen"): "SIDECACHE_ADMIN"}
"""Variables with another name than their setting."""
CONFIG_VARIABLE: Final = "SIDECACHE_CONFIG"
"""Names the file, and is no setting itself."""
TOKEN_VARIABLE: Final = "SIDECACHE_ADMIN_TOKEN"  # noqa: S105 - where it is, not what it is
"""Holds a token of role admin, for the proxy to accept and for commands to send."""
URL_VARIABLE: Final = "SIDECACHE_ADMIN_URL"
"""Tells commands where the admin API is."""
_NO_SETTINGS: Final = frozenset({CONFIG_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE})
# Kubernetes tells every container of the Services in its namespace; one called `sidecache` must
# not keep the proxy from starting.
_SERVICE_LINK: Final = re.compile(
    r"\w+_SERVICE_(HOST|PORT(_\w+)?)=.*|\w+_PORT(_\d+_\w+)?=(tcp|udp|sctp)://.*"
    r"|\w+_PORT_\d+_\w+_(PROTO|PORT|ADDR)=.*"
)


class Settings(Strict):
    """Everything that can be set."""

    upstream: Upstream
    """The API that is made faster."""
    listen: ListenAddress = written("127.0.0.1:8080")
    """Where clients are served."""
    admin: AdminOrAddress = written("127.0.0.1:9090")
    """Where operators are served, or `off`; and who they are."""
    store: Store = Store()
    """Where answers are kept."""
    purge_method: Switch = written("off")
    """Whether the method PURGE is understood where clients are served; it needs a token."""
    workers: Annotated[Count, Field(le=128)] = 1
    """How many processes serve; more than one need `store.redis`, by which they hear of purges."""
    trusted_peers: Networks = ()
    """Networks whose X-Forwarded-* fields are believed; in a variable, separated by commas."""
    edge: Edge = Edge()
    """What a client may ask for, and how much and how long it may take."""
    drain: Drain = Drain()
    """How the proxy ends."""
    log: Log = Log()
    """What is logged."""
    cache_status: CacheStatusField = CacheStatusField()
    """What the Cache-Status response field says."""
    server_timing: TimingSwitch = ServerTiming.OFF
    """Who gets Server-Timing: nobody, trusted peers with `Pragma: server-timing`, or everybody."""
    traces: Traces | None = None
    """Traces by OpenTelemetry; without this section, even an empty one, none are recorded."""
    mode: ModeOrVerify = Mode.LIVE
    """Who answers, and what is compared, under every rule that does not say it itself."""
    rules: Rules = ()
    """The rules, in order: the first that matches wins, and the built-in rule comes last."""

    _rule_lines: tuple[int, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _own_names(self) -> Self:
        builtin = {rule.name for rule in builtin_rules()}
        located(
            Settings,
            (
                Problem(("rules", at, "name"), f"'{rule.name}' is the built-in rule's name")
                for at, rule in enumerate(self.rules)
                if rule.name in builtin
            ),
        )
        return self

    @model_validator(mode="after")
    def _one_log(self) -> Self:
        if self.workers > 1 and self.store.redis is None:
            why = "without the shared log, one worker would not hear of another's purges"
            located(Settings, [Problem(("workers",), f"more than one needs store.redis: {why}")])
        return self

    def written_at(self, lines: tuple[int, ...]) -> Self:
        """Note the lines on which the rules are written."""
        self._rule_lines = lines
        return self

    def rule_places(self, file_name: str) -> tuple[str, ...]:
        """Return where each rule is written, `file:line`."""
        return tuple(f"{file_name}:{line}" for line in self._rule_lines) or (
            (file_name,) * len(self.rules)
        )


def load(
    file: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str]
) -> Settings:
    """Read the settings from overrides, variables and a file; the first that has a value wins.

    `overrides` by the names of flags or dotted names, `upstream` or `upstream.url`; None is a
    flag that was not given. Raises ConfigError with a line for each problem, which says where it
    is and what would be right.
    """
    document = parse(text_of(file) if file else "", str(file))
    variables, unknown = _variables(environ)
    given = {_flagged(name): value for name, value in overrides.items() if value is not None}
    sources = (
        Source(nested(given), _flag),
        Source(nested(variables), _variable),
        Source(document.data, document.where if file else _flag),
    )
    try:
        settings = Settings.model_validate({"upstream": {}} | merged(sources))
    except ValidationError as error:
        found = report(problems(error, Settings), sources)
        raise ConfigError("\n".join([*unknown, *found])) from error
    if unknown:
        raise ConfigError("\n".join(unknown))
    lines = tuple(document.place(("rules", at))[0] for at in range(len(settings.rules)))
    return settings.written_at(lines)


def ruleset(settings: Settings, file_name: str) -> Ruleset:
    """Compile the rules of the settings, and behind them the built-in ones."""
    builtin = builtin_rules()
    return compile_rules(
        (*settings.rules, *builtin),
        (*settings.rule_places(file_name), *(BUILT_IN for _ in builtin)),
        Timeouts(**settings.upstream.timeouts.model_dump()),
        watch_of(settings.mode),
    )


def shown(value: object) -> object:
    """Return settings, or a part of them, as plain JSON values without any secret."""
    match value:
        case BaseModel():
            return {name: shown(field) for name, field in value}
        case Mapping():
            return {str(name): shown(field) for name, field in value.items()}
        case tuple():
            return [shown(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _text_of(value)


def _text_of(value: object) -> str:
    if isinstance(value, Location):
        return value.masked
    return str(value.value if isinstance(value, Enum) else value)


@cache
def builtin_rules() -> tuple[RuleModel, ...]:
    """Return the rules that stand behind the operator's, read from a file in the same language."""
    text = files("proxy.rules").joinpath("builtin.yaml").read_text(encoding="utf-8")
    return RuleFile.model_validate(parse(text, "builtin.yaml").data).rules


def text_of(file: Path) -> str:
    """Read a file that the settings name; raises `ConfigError`."""
    try:
        with file.open("rb") as stream:
            return stream.read(4 * MAX_TEXT).decode()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text") from error


def _variables(environ: Mapping[str, str]) -> tuple[dict[Loc, str], list[str]]:
    """Return what the variables set, and a line for each that sets nothing."""
    known = {_variable_name(loc): loc for loc in _leaves(Settings)}
    given = {
        name: text
        for name, text in environ.items()
        if name.startswith(PREFIX)
        and name not in _NO_SETTINGS
        and not _SERVICE_LINK.fullmatch(f"{name}={text}")
    }
    unknown = [
        f"environment {name}: {_unknown_variable(name, known)}"
        for name in given
        if name not in known
    ]
    values = {known[name]: text for name, text in given.items() if name in known}
    parts = [loc for loc in values if loc[:-1] in values]
    for loc in parts:
        del values[loc]
    return values, [*unknown, *map(_beside_its_whole, parts)]


def _beside_its_whole(loc: Loc) -> str:
    whole = _variable_name(loc[:-1])
    return f"{_variable(loc)}: cannot stand beside {whole}; keep one of the two"


def _unknown_variable(name: str, known: Iterable[str]) -> str:
    if name.split(NESTED, maxsplit=1)[0] == f"{PREFIX}RULES":
        return "rules come from the file alone"
    return f"unknown variable; {nearest(name, known)}"


def _leaves(model: type[BaseModel], loc: Loc = ()) -> Iterator[Loc]:
    """Yield where each single value stands; rules are not among them, they need a file."""
    for name, field in model.model_fields.items():
        for kind in _alternatives(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _leaves(kind, (*loc, name))
            elif not any(models_in(kind)):
                yield (*loc, name)


def _alternatives(annotation: object) -> tuple[object, ...]:
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return tuple(kind for kind in kinds if kind is not NoneType)


def _variable_name(loc: Loc) -> str:
    steps = (step for step in loc if isinstance(step, str))
    return _VARIABLES.get(loc) or PREFIX + NESTED.join(steps).upper()


def _variable(loc: Loc) -> str:
    return f"environment {_variable_name(loc)}"


def _flag(loc: Loc) -> str:
    names = (name for name, sets in _FLAGS.items() if sets == loc)
    return f"--{next(names, path_text(loc))}"


def _flagged(name: str) -> Loc:
    return _FLAGS.get(name) or tuple(name.split("."))
