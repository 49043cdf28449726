"""Reload: a changed file is read beside the settings in force, and takes their place whole, or not.

Whatever is wrong with it, nothing changes but what is said about it. This module must not know
what settings are for.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from proxy import extras
from proxy.admin.auth import Token
from proxy.admin.control import Outcome, Reloaded
from proxy.engine.tasks import Tasks
from proxy.errors import ConfigError
from proxy.rules.ruleset import Ruleset
from proxy.settings import Settings, load, ruleset
from proxy.tokens import tokens

log = logging.getLogger("sidecache.reload")

PERIOD: Final = 0.5
"""Seconds between looks at the file. Its content is looked at, by its path: so it does not matter
whether it is written, moved into its place, or reached over links that change (ConfigMaps)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings, and what has been made of them; nothing of it is in force yet."""

    settings: Settings
    ruleset: Ruleset
    tokens: tuple[Token, ...]


class Source(Protocol):
    """Where settings are read from, again and again."""

    def read(self) -> Plan:
        """Read and compile everything; raise `ConfigError` with a line for each problem."""

    def digest(self, settings: Settings) -> bytes:
        """Return what is another one when anything has changed."""


@dataclass(frozen=True, slots=True)
class Given:
    """Settings that are what they are."""

    settings: Settings
    name: str
    environ: Mapping[str, str]

    def read(self) -> Plan:
        """See `Source.read`."""
        return _plan(self.settings, self.name, self.environ)

    def digest(self, settings: Settings) -> bytes:
        """See `Source.digest`."""
        del settings
        return b""


@dataclass(frozen=True, slots=True)
class Written:
    """Settings by flags, by variables and in a file."""

    file: Path | None
    overrides: Mapping[str, object]
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """What its rules are said to come from."""
        return str(self.file or "settings")

    def read(self) -> Plan:
        """See `Source.read`."""
        settings = load(self.file, self.overrides, self.environ)
        return _plan(settings, self.name, self.environ)

    def digest(self, settings: Settings) -> bytes:
        """See `Source.digest`: the file counts, and those that hold tokens."""
        files = [self.file, *(token.file for token in settings.admin.tokens)]
        digest = blake2b(digest_size=16)
        for file in files:
            digest.update(b"\0" if file is None else _content(file))
        return digest.digest()


def _plan(settings: Settings, name: str, environ: Mapping[str, str]) -> Plan:
    extras.check(settings)
    return Plan(settings, ruleset(settings, name), tokens(settings, environ))


def _content(file: Path) -> bytes:
    try:
        return blake2b(file.read_bytes()).digest()
    except OSError:
        return b"missing"


Apply = Callable[[Plan], None]


class Reloader:
    """Reads a source anew, when it changes or when told to; `apply` puts a plan in force.

    `refused` are the problems of what was read last, none if it is in force.
    """

    def __init__(self, source: Source, settings: Settings, apply: Apply) -> None:
        self.generation = 1
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.refused: tuple[str, ...] = ()
        self._source = source
        self._settings = settings
        self._apply = apply
        self._seen = source.digest(settings)
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to look at the file."""
        self._tasks.hold(asyncio.create_task(self._watch()))

    async def aclose(self) -> None:
        """Look no more."""
        await self._tasks.aclose()

    def reload_soon(self) -> None:
        """Reload, and wait for nothing: what a signal asks for."""
        self._tasks.hold(asyncio.create_task(self.reload()))

    async def reload(self) -> Reloaded:
        """Read the source, and put it in force if there is nothing wrong with it."""
        async with self._one_at_a_time:
            self._seen = await asyncio.to_thread(self._source.digest, self._settings)
            try:
                plan = await asyncio.to_thread(self._source.read)
            except ConfigError as error:
                done = self._refuse(tuple(str(error).splitlines()))
            else:
                done = self._put_in_force(plan)
        self.outcomes[done.outcome] += 1
        return done

    def _refuse(self, errors: tuple[str, ...]) -> Reloaded:
        self.refused = errors
        for line in errors:
            log.warning("settings refused: %s", line)
        return Reloaded(Outcome.REFUSED, self.generation, errors=errors)

    def _put_in_force(self, plan: Plan) -> Reloaded:
        self.refused = ()
        fixed = unchangeable(self._settings, plan.settings)
        if fixed:
            log.warning("only a restart changes %s", ", ".join(fixed))
        self._settings = carried_over(self._settings, plan.settings)
        self._apply(Plan(self._settings, plan.ruleset, plan.tokens))
        self.generation += 1
        log.info("settings in force, generation %d", self.generation)
        return Reloaded(Outcome.APPLIED, self.generation, restart=fixed)

    async def _watch(self) -> None:
        """Reload what has changed, once it stays as it is: a file may be half written."""
        before = self._seen
        while True:
            await asyncio.sleep(PERIOD)
            now = await asyncio.to_thread(self._source.digest, self._settings)
            if now == before != self._seen:
                await self._reload_safely()
            before = now

    async def _reload_safely(self) -> None:
        try:
            await self.reload()
        except Exception:  # nobody else would ever look again
            log.exception("the settings cannot be reloaded")


_LISTENERS: Final = ("listen", "workers", "store", "edge", "drain", "traces")


def unchangeable(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the names of what differs and cannot change while the proxy runs."""
    named = [name for name in _LISTENERS if getattr(old, name) != getattr(new, name)]
    if old.admin.listen != new.admin.listen:
        named.append("admin.listen")
    named += [
        f"upstream.{name}"
        for name in type(old.upstream).model_fields
        if name != "timeouts" and getattr(old.upstream, name) != getattr(new.upstream, name)
    ]
    return tuple(named)


def carried_over(old: Settings, new: Settings) -> Settings:
    """Return new settings with what cannot change as it was."""
    kept: dict[str, object] = {name: getattr(old, name) for name in _LISTENERS}
    kept["admin"] = new.admin.model_copy(update={"listen": old.admin.listen})
    kept["upstream"] = old.upstream.model_copy(update={"timeouts": new.upstream.timeouts})
    return new.model_copy(update=kept)
