"""Settings: one model of everything that can be set, and where it is read from.

Flags win over variables (`SIDECACHE_UPSTREAM__URL`), variables over the file. This module must
not know what is built from the settings.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from proxy.edge.access import Logged
from proxy.errors import ConfigError
from proxy.policy.terms import Timeouts
from proxy.rules.endpoints import ListenAddress, Networks, OptionalAddress, Origin
from proxy.rules.places import MAX_TEXT, parse
from proxy.rules.problems import Loc, Problem, located, models_in, nearest, path_text, problems
from proxy.rules.ruleset import Ruleset, compile_rules
from proxy.rules.schema import RuleFile, RuleModel, Rules, Strict, switch, written
from proxy.rules.sources import Source, merged, nested, report
from proxy.rules.units import Count, Share, Size, Timeout
from proxy.rules.words import CacheName

PREFIX: Final = "SIDECACHE_"
NESTED: Final = "__"

_FLAGS: Final[Mapping[str, Loc]] = {"upstream": ("upstream", "url")}
"""Flags with another name than their setting."""
CONFIG_VARIABLE: Final = "SIDECACHE_CONFIG"
"""Names the file, and is no setting itself."""
# Kubernetes tells every container of the Services in its namespace; one called `sidecache` must
# not keep the proxy from starting.
_SERVICE_LINK: Final = re.compile(
    r"\w+_SERVICE_(HOST|PORT(_\w+)?)=.*|\w+_PORT(_\d+_\w+)?=(tcp|udp|sctp)://.*"
    r"|\w+_PORT_\d+_\w+_(PROTO|PORT|ADDR)=.*"
)


def _single(workers: int) -> int:
    if workers > 1:
        raise PydanticCustomError(
            "workers",
            "should be 1: without a shared store each worker would hold a cache and a purge"
            " history of its own",
        )
    return workers


AccessSwitch = Annotated[
    Logged,
    BeforeValidator(switch),
    WithJsonSchema({"enum": ["off", "misses", "all", False]}),
]


class UpstreamTimeouts(Strict):
    """How long the upstream may take, by phase."""

    connect: Timeout = written("2s")
    """Time to a connection."""
    first_byte: Timeout = written("30s")
    """Time from the request's last byte to the response's head."""
    between_bytes: Timeout = written("30s")
    """Time between two pieces of the response's body."""


class Upstream(Strict):
    """The API that is made faster."""

    url: Origin
    """Where it listens: scheme, host and port."""
    max_connections: Count = 256
    """The most connections that are open at once."""
    max_keepalive: Count = 64
    """The most connections that are kept open for later."""
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    """How long it may take; a rule can set its own."""


class Memory(Strict):
    """The store in the process's memory."""

    max_bytes: Size = written("256MiB")
    """How much is kept, counting keys, heads, bodies and overhead."""
    max_object_share: Share = written("10%")
    """The most that a single answer may take of it."""


class Store(Strict):
    """Where answers are kept."""

    memory: Memory = Memory()
    """The store in the process's memory."""


class Log(Strict):
    """What is written to standard output, one JSON object a line."""

    access: AccessSwitch = Logged.MISSES
    """Which requests are logged: none, those that went to the upstream, or all."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is logged."""


class CacheStatusField(Strict):
    """What the Cache-Status response field says (RFC 9211)."""

    name: CacheName = "sidecache"
    """The name by which this cache goes."""
    key: bool = False
    """Whether the key is shown; it tells clients what the answer depends on."""


class Settings(Strict):
    """Everything that can be set."""

    upstream: Upstream
    """The API that is made faster."""
    listen: ListenAddress = written("127.0.0.1:8080")
    """Where clients are served."""
    admin: OptionalAddress = written("127.0.0.1:9090")
    """Where operators are served, or `off`."""
    store: Store = Store()
    """Where answers are kept."""
    workers: Annotated[Count, AfterValidator(_single)] = 1
    """How many processes serve; one, as long as the store is the process's own memory."""
    trusted_peers: Networks = ()
    """Networks whose X-Forwarded-* fields are believed; in a variable, separated by commas."""
    log: Log = Log()
    """What is logged."""
    cache_status: CacheStatusField = CacheStatusField()
    """What the Cache-Status response field says."""
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
    document = parse(_text(file) if file else "", str(file))
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
        (*settings.rule_places(file_name), *("built in" for _ in builtin)),
        Timeouts(**settings.upstream.timeouts.model_dump()),
    )


@cache
def builtin_rules() -> tuple[RuleModel, ...]:
    """Return the rules that stand behind the operator's, read from a file in the same language."""
    text = files("proxy.rules").joinpath("builtin.yaml").read_text(encoding="utf-8")
    return RuleFile.model_validate(parse(text, "builtin.yaml").data).rules


def _text(file: Path) -> str:
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
        and name != CONFIG_VARIABLE
        and not _SERVICE_LINK.fullmatch(f"{name}={text}")
    }
    unknown = [
        f"environment {name}: unknown variable; {nearest(name, known)}"
        for name in given
        if name not in known
    ]
    return {known[name]: text for name, text in given.items() if name in known}, unknown


def _leaves(model: type[BaseModel], loc: Loc = ()) -> Iterator[Loc]:
    """Yield where each single value stands; rules are not among them, they need a file."""
    for name, field in model.model_fields.items():
        inner = tuple(models_in(field.annotation))
        if not inner:
            yield (*loc, name)
        elif inner == (field.annotation,):
            yield from _leaves(inner[0], (*loc, name))


def _variable_name(loc: Loc) -> str:
    return PREFIX + NESTED.join(step for step in loc if isinstance(step, str)).upper()


def _variable(loc: Loc) -> str:
    return f"environment {_variable_name(loc)}"


def _flag(loc: Loc) -> str:
    names = (name for name, sets in _FLAGS.items() if sets == loc)
    return f"--{next(names, path_text(loc))}"


def _flagged(name: str) -> Loc:
    return _FLAGS.get(name) or tuple(name.split("."))
