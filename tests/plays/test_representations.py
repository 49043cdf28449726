"""Whatever is asked, in whatever coding: the evaluator finds no fault with any answer.

Each example is a resource of its own and a few requests for it, the first of which finds nothing
stored. What was answered is told to the evaluator, which holds it against all that comes later.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.loops import new_event_loop
from tests.plays.asking import Asked
from tests.plays.drawing import CASES, INFORMED, RULES, WAYS, WISHES, Case, Wish
from tests.plays.evaluator import Evaluator, Exchange
from tests.plays.house import House, house
from tests.plays.objections import objections
from tests.plays.origin import Origin, written
from tests.plays.rawclient import RawClient, Response, request
from tests.plays.representing import CALM, NOW


@dataclass
class Example:
    """One resource, what is asked of it, and what has been answered so far."""

    case: Case
    way: str
    target: str
    origin: Origin
    evaluator: Evaluator = field(default_factory=Evaluator)
    tags: list[str] = field(default_factory=list)
    accepts: str | None = None
    """What the latest request accepted."""

    def change(self) -> None:
        """Put another version at the origin."""
        thing, subject = self.case.version(len(self.evaluator.subjects), self.way)
        self.origin.resources[self.target] = thing
        self.evaluator.change(subject)

    def asked(self, wish: Wish) -> Asked:
        """Return a wish with what is known by now in it."""
        if_range = None if wish.range is None else wish.if_range
        self.accepts = self.accepts if wish.again else wish.accepts
        fields = {
            "accept-encoding": self.accepts,
            "if-none-match": None if wish.match is None else self._listed(wish.match),
            "if-modified-since": self._date(wish.modified_since),
            "range": wish.range,
            "if-range": self._date(if_range) or self._tag(if_range),
        }
        return Asked(wish.method, tuple((n, v) for n, v in fields.items() if v is not None))

    def _listed(self, kinds: tuple[str, ...]) -> str:
        return "*" if "any" in kinds else ", ".join(self._tag(kind) or "" for kind in kinds)

    def _tag(self, kind: str | None) -> str | None:
        if kind is None:
            return None
        current = self.evaluator.current.tag
        base = current or '"none"'
        latest = self.tags[-1] if self.tags else base
        invented = '"foreign-sc.br.0badc0de"'
        if kind == "invented" and current is not None and not current.startswith("W/"):
            invented = f'{current[:-1]}-sc.br.0badc0de"'  # as another replica may have made it
            self.evaluator.issued(invented, "br")
        return {
            "latest": latest,
            "earlier": self.tags[len(self.tags) // 2] if self.tags else base,
            "base": base,
            "weakened": f"W/{latest.removeprefix('W/')}",
            "invented": invented,
            "foreign": '"foreign"',
        }[kind]

    def _date(self, kind: str | None) -> str | None:
        modified = self.evaluator.current.modified or NOW
        dates = {"current": modified, "older": modified - 5, "newer": modified + 5}
        if kind == "no date":
            return "yesterday"
        return written(dates[kind]) if kind in dates else None


@dataclass
class Stage:
    """The proxy before an origin, in a loop that outlives the examples."""

    runner: asyncio.Runner
    origin: Origin
    proxy: House
    numbers: Iterator[int] = field(default_factory=count)

    def play(self, way: str, case: Case, wishes: list[Wish]) -> list[str]:
        """Run one example, and return what is wrong with the answers."""
        return self.runner.run(self._played(way, case, wishes))

    async def _played(self, way: str, case: Case, wishes: list[Wish]) -> list[str]:
        example = Example(case, way, f"{way}/{next(self.numbers)}", self.origin)
        example.change()
        faults: list[str] = []
        async with self.proxy.connect() as client:
            for wish in wishes:
                if wish.changed and case.changing:
                    await self.proxy.quiet()  # nobody joins a fetch of the version before
                    example.change()
                faults += await _asked(client, example, example.asked(wish))
        for heard in self.origin.heard:
            if b"-sc." in heard.head:
                faults.append(f"9110-8.8.3.3: the origin sees a tag of ours, {heard.head!r}")
            if way not in INFORMED and heard.all("accept-encoding") != [b"identity"]:
                faults.append(f"9110-12.5.3: the origin is asked for a coding, {heard.head!r}")
        self.origin.heard.clear()
        return faults


async def _asked(client: RawClient, example: Example, asked: Asked) -> list[str]:
    """Ask, ask plainly, and return what is wrong with both answers."""
    answer = await _answer(client, example, asked)
    plain = await _answer(client, example, asked.plainly)
    faults: list[str] = []
    for each in (Exchange(asked, answer, plain), Exchange(asked.plainly, plain, plain)):
        event(f"{each.answer.status} {'hit' if each.hit else 'miss'}")
        told = f"{each.asked}\n{each.answer.status} {each.answer.lines}\n{plain.lines}"
        faults += [f"{fault}\n{told}" for fault in objections(example.evaluator, each)]
        example.evaluator.learn(each.asked, each.answer)
        if each.tag is not None and each.answer.status in {200, 206}:
            example.tags.append(each.tag)
    return faults


async def _answer(client: RawClient, example: Example, asked: Asked) -> Response:
    data = request(example.target, *asked.lines, method=asked.method)
    return await client.ask(data, asked.method)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        stack = AsyncExitStack()
        origin = runner.run(stack.enter_async_context(Origin()))
        proxy = runner.run(stack.enter_async_context(house(origin.url, rules=RULES, **CALM)))
        yield Stage(runner, origin, proxy)
        runner.run(stack.aclose())
        assert not origin.unscripted


@settings(max_examples=300)
@given(way=WAYS, case=CASES, wishes=st.lists(WISHES, min_size=1, max_size=5))
def test_9110_every_answer_is_right(stage: Stage, way: str, case: Case, wishes: list[Wish]) -> None:
    faults = stage.play(way, case, wishes)
    assert not faults, "\n\n".join(faults)
