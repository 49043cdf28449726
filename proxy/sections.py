"""Sections: the models of what can be set, but for the rules and the file as a whole.

The sentence below each field is its description in the JSON Schema and in docs/rules.md. This
module must not know where settings are read from, or what is built from them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from proxy.admin.auth import Role
from proxy.edge.access import Logged
from proxy.edge.journeys import ServerTiming
from proxy.rules.endpoints import OptionalAddress, Origins
from proxy.rules.problems import Problem, located
from proxy.rules.strict import Strict, switch, written
from proxy.rules.units import Count, Duration, Share, Size, Timeout
from proxy.rules.words import CacheName
from proxy.store.redis.url import Location, parse

AccessSwitch = Annotated[
    Logged,
    BeforeValidator(switch),
    WithJsonSchema({"enum": ["off", "misses", "all", False]}),
]
TimingSwitch = Annotated[
    ServerTiming,
    BeforeValidator(switch),
    WithJsonSchema({"enum": ["off", "asked", "on", True, False]}),
]
Switch = Annotated[bool, WithJsonSchema({"enum": ["on", "off", True, False]})]


class TlsFiles(Strict):
    """Whom to trust and who to be, for a URL like `rediss://…`; PEM files."""

    ca: Path | None = None
    """The authorities that are trusted; without it, the system's."""
    cert: Path | None = None
    """The certificate to show."""
    key: Path | None = None
    """The certificate's key."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise PydanticCustomError("tls", "cert and key belong together: give both or none")
        return self


class UpstreamTimeouts(Strict):
    """How long the upstream may take, by phase."""

    connect: Timeout = written("2s")
    """Time to a connection."""
    first_byte: Timeout = written("30s")
    """Time from the request's last byte to the response's head."""
    between_bytes: Timeout = written("30s")
    """Time between two pieces of the response's body, and for a piece of the request's."""
    total: Timeout | None = None
    """Time from the request's beginning to the response's end; without it, as long as it takes."""
    tunnel: Timeout = written("5m")
    """Time without a byte either way in a connection that changed its protocol, as WebSocket."""


class UpstreamTls(TlsFiles):
    """Whom to trust and who to be, for a URL like `https://…`; PEM files."""


class Health(Strict):
    """Checks that ask every address from time to time; status 200 to 399 is well."""

    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$")]
    """What is asked for, by GET."""
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\[\]-]{1,255}$")] = "upstream"
    """The Host that is asked."""
    interval: Timeout = written("5s")
    """Time between two checks."""
    timeout: Timeout = written("1s")
    """How long a check may take."""
    row: Count = 2
    """How many checks in a row change what is thought of an address."""


class Upstream(Strict):
    """The API that is made faster."""

    url: Origins
    """Where it listens, or a list: `http://host:port` or `unix:///path`; all addresses count."""
    engine: Literal["own", "httpx"] = "own"
    """Who speaks to it: our own HTTP/1.1, or stock httpx, slower and less strict."""
    http2: Switch = written("off")
    """Whether `engine: httpx` may speak HTTP/2; needs the extra `http2`."""
    max_connections: Count = 256
    """The most connections open, and requests under way, at once; each worker has its part."""
    max_keepalive: Count = 64
    """The most connections that are kept open for later; each worker has its part."""
    keepalive: Timeout = written("4s")
    """How long a connection is kept open for later; less than the upstream keeps it."""
    max_age: Timeout = written("5m")
    """How old a connection may become before another takes its place."""
    max_queue: Count = 256
    """How many requests wait for a place; each worker has its part; more get 503, or stale."""
    queue_wait: Timeout = written("1s")
    """How long they wait."""
    retries: Share = written("10%")
    """Share of requests that may be sent again after a lost connection, or to another address."""
    failures: Count = 5
    """How many failures in a row make an address be left alone for a moment."""
    calm: Duration = written("1s")
    """How long nothing must have succeeded there, so that one bad route does not shut out all."""
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    """How long it may take; a rule can set its own."""
    health: Health | None = None
    """Checks of every address; without them, requests alone tell who is well."""
    tls: UpstreamTls = UpstreamTls()
    """Certificates."""

    @model_validator(mode="after")
    def _of_the_engine(self) -> Self:
        located(type(self), self._unfit())
        return self

    def _unfit(self) -> Iterator[Problem]:
        if self.engine == "own":
            if self.http2:
                yield Problem(("http2",), "needs `engine: httpx`")
        elif len(self.url) > 1 or self.url[0].startswith("unix:"):
            yield Problem(("url",), "stock httpx takes one http:// or https:// URL here")


class Secret(Strict):
    """Where a secret is found; the file of settings never holds one itself."""

    variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The environment variable that holds it."""
    file: Path | None = None
    """The file that holds it; white space at its end is left out."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.variable is None) == (self.file is None):
            raise PydanticCustomError("secret", "give one of the two: variable or file")
        return self


class TokenField(Secret):
    """A token that operators send as `Authorization: Bearer …`, at least 16 characters long."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """Its name in the log; unique."""
    role: Role
    """What it allows."""


def _distinct(tokens: tuple[TokenField, ...]) -> tuple[TokenField, ...]:
    names = [token.name for token in tokens]
    located(
        TokenField,
        (
            Problem((at, "name"), f"the name '{name}' is taken by tokens[{names.index(name)}]")
            for at, name in enumerate(names)
            if names.index(name) != at
        ),
    )
    return tokens


class Admin(Strict):
    """Where operators are served, and who they are."""

    listen: OptionalAddress = written("127.0.0.1:9090")
    """Where operators are served, or `off`."""
    tokens: Annotated[tuple[TokenField, ...], AfterValidator(_distinct)] = ()
    """Who may do what; without any, everything can be read from this machine and no more."""


class _OrAddress:
    """Lets a mapping be written as its address alone, and says so in the JSON Schema."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        address = Admin.model_json_schema()["properties"]["listen"]["anyOf"]
        return {"anyOf": [*address, handler(core)]}


def _listening(value: object) -> object:
    return value if value is None or isinstance(value, Mapping | Admin) else {"listen": value}


AdminOrAddress = Annotated[Admin, BeforeValidator(_listening), _OrAddress()]


class Memory(Strict):
    """The store in the process's memory."""

    max_bytes: Size = written("256MiB")
    """How much all workers keep, with keys, heads and overhead; an eighth more serves hits."""
    max_object_share: Share = written("10%")
    """The most that a single answer may take of it, or of a worker's part."""


def _location(value: object) -> Location:
    try:
        return parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PydanticCustomError("redis", "{why}", {"why": str(error)}) from None


RedisUrl = Annotated[
    Location,
    PlainValidator(_location),
    WithJsonSchema({"type": "string", "examples": ["redis://redis:6379/0"]}),
]
LARGEST_OBJECT: Final = 16 * 1_048_576
"""Bytes: two of these may wait to be written, and their heads have room in a value."""


def _shareable(size: int) -> int:
    if size > LARGEST_OBJECT:
        raise PydanticCustomError("max_object", "should be at most 16MiB: Redis keeps it whole")
    return size


Namespace = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class RedisStore(Strict):
    """The store that all replicas share, in Redis or Valkey."""

    url: RedisUrl
    """Where it is: one server, a unix socket, Sentinel (`redis+sentinel://`) or Cluster."""
    namespace: Namespace = "sidecache"
    """What every key begins with: one for each service, the same for all its replicas."""
    timeout: Timeout = written("50ms")
    """How long a look-up may take before the upstream is asked instead."""
    max_unverified: Duration = written("30s")
    """How long answers are served while purges cannot be heard of; after that, none is."""
    max_object: Annotated[Size, AfterValidator(_shareable)] = written("1MiB")
    """A larger answer is kept in memory alone."""
    password: Secret | None = None
    """The password, where it is not a part of the URL."""
    tls: TlsFiles = TlsFiles()
    """Certificates."""


class Store(Strict):
    """Where answers are kept."""

    memory: Memory = Memory()
    """The store in the process's memory."""
    redis: RedisStore | None = None
    """The store that all replicas share; without it, memory alone."""


class Drain(Strict):
    """How the proxy ends on SIGTERM; on SIGINT, and on a second signal, there is no delay."""

    delay: Duration = written("5s")
    """How long clients are still taken, while `/readyz` says no and the word spreads."""
    grace: Duration = written("20s")
    """How long answers under way are given after that; Kubernetes grants 30 s for both."""


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
