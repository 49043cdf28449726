"""Targets: what is asked for, and where, as a user wrote it. Nothing is resolved or sent here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.errors import ConfigError, RequestError
from proxy.http.message import Fields, Request
from proxy.http.target import normal_authority, request_target, split_absolute

MOST: Final = 10_000
"""URLs that are asked for in turn."""
_DEFAULTS: Final = (
    (b"User-Agent", b"sidecache-bench"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One URL in parts: where it is, `http://host:port`, and the request for it."""

    origin: str
    request: Request

    @property
    def url(self) -> str:
        """The URL, as it is told."""
        return f"{self.origin}{self.request.target.decode()}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One URL through the proxy, and the same thing around it, if that is to be asked too."""

    through: Target
    direct: Target | None = None


def pairs(
    urls: Sequence[str], paths: Iterable[str], direct: Sequence[str], asked: "Asked"
) -> tuple[Pair, ...]:
    """Return what is to be asked for; raises ConfigError, which says what would be right.

    `paths` lie at the one URL's origin. `direct` is an origin for all, or a URL for each.
    """
    through = [asked.target(url) for url in urls]
    at = {target.origin for target in through}
    for path in paths:
        if "://" not in path and len(at) != 1:
            raise ConfigError(f"{path}: give one URL with the paths, which says where they are")
        through.append(asked.target(path if "://" in path else f"{next(iter(at))}{_rooted(path)}"))
    if not 0 < len(through) <= MOST:
        raise ConfigError(f"give 1 to {MOST} URLs or paths")
    if not direct:
        return tuple(map(Pair, through))
    beside = [asked.target(url) for url in direct]
    if len(beside) == 1 and beside[0].request.target == b"/":
        beside = [asked.moved(target, beside[0]) for target in through]
    if len(beside) != len(through):
        raise ConfigError("--direct: give one http://host:port for all URLs, or a URL for each")
    return tuple(map(Pair, through, beside))


@dataclass(frozen=True, slots=True)
class Asked:
    """How URLs are asked for: by GET or HEAD, with fields that win over the usual ones."""

    method: str = "GET"
    lines: tuple[tuple[bytes, bytes], ...] = ()

    def target(self, url: str) -> Target:
        """Return the target that a URL names; raises ConfigError."""
        parts = split_absolute(url.encode())
        if parts is None or parts[0] not in {"http", "https"}:
            raise ConfigError(f"{url}: a URL begins with http:// or https://")
        scheme, authority, rest = parts
        if b"@" in authority:
            raise ConfigError("a URL with a password in it: send it by --header 'Authorization: …'")
        try:
            _, origin_form = request_target(self.method, rest, authority)
        except RequestError as error:
            raise ConfigError(f"{url}: {error}") from error
        return self._built(scheme, authority, origin_form)

    def moved(self, target: Target, to: Target) -> Target:
        """Return the same target at another origin."""
        return self._built(to.request.scheme, to.request.authority, target.request.target)

    def _built(self, scheme: str, authority: bytes, target: bytes) -> Target:
        given = {name.lower() for name, _ in self.lines}
        usual = ((b"Host", authority), *_DEFAULTS)
        lines = (*(line for line in usual if line[0].lower() not in given), *self.lines)
        request = Request(self.method, scheme, authority, target, Fields(lines))
        return Target(f"{scheme}://{normal_authority(scheme, authority).decode()}", request)


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
