"""The witness: whatever leaves by the fast door is held against what the other one would write.

It stands in every play. An answer that is remembered must be written, byte for byte, as the answer
that it was made of; one that is given again must be what the corridor would give this very client
at this very moment.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import httptools

from proxy.edge.delivery import lines_of
from proxy.edge.journeys import Wanted
from proxy.edge.outgoing import outgoing
from proxy.edge.requests import TARGET, request_of
from proxy.edge.shortcut import Shortcut, Wire
from proxy.engine.answer import Answer
from proxy.engine.recall import Asked, Memory
from proxy.engine.visit import Visit
from proxy.http.message import Line


class Head:
    """A request's head, parsed once more."""

    def __init__(self, data: bytes) -> None:
        self.lines: list[Line] = []
        self.target = b""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method: bytes = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.lines.append((name.lower(), value))


class Recorder:
    """Keeps what is written, and passes it on."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.written = b""

    @property
    def wanted(self) -> Wanted | None:
        return self.wire.wanted

    @wanted.setter
    def wanted(self, wanted: Wanted | None) -> None:
        self.wire.wanted = wanted

    def write(self, data: bytes) -> None:
        self.written += data
        self.wire.write(data)


class Witness:
    """Counts what it has seen: answers remembered, given to parsed requests, and by heart."""

    def __init__(self) -> None:
        self.remembered = self.recalled = self.by_heart = 0

    def expected(self, shortcut: Shortcut, peer: str | None, asked: Asked) -> bytes:
        """Return what the other door would write."""
        corridor = shortcut._recall._corridor  # noqa: SLF001 - to ask it beside the fast door
        scope = {
            "method": asked.method.decode(),
            "http_version": "1.1",
            "headers": asked.lines,
            "client": (peer, 0) if peer else None,
            TARGET: asked.target,
        }
        visit = corridor.visit(request_of(scope))
        answer = corridor.answer_now(visit)
        assert answer is not None, (asked, visit.verdict)
        return as_written(asked, answer)

    def check(
        self, shortcut: Shortcut, wire: Wire, asked: Asked, written: bytes, began: float
    ) -> None:
        """Hold what was written against what the other door writes now, or did at `began`."""
        peer = getattr(getattr(wire, "lane", None), "peer", None)
        expected = [self.expected(shortcut, peer, asked)]
        if written != expected[0]:  # the second may have turned in between
            corridor = shortcut._recall._corridor  # noqa: SLF001 - as above
            with patch.object(corridor, "_now", lambda: began):
                expected.append(self.expected(shortcut, peer, asked))
        assert written in expected, (asked, written[:500], expected[0][:500])


def timeless(answer: bytes) -> bytes:
    """Leave out what a turn of the second changes."""
    return re.sub(rb"(\r\nage: |; ttl=)[0-9]+", rb"\1", answer)


def as_written(asked: Asked, answer: Answer) -> bytes:
    method = asked.method.decode()
    lines = lines_of(answer)
    head = outgoing(answer.status, lines, method=method, version="1.1", keep_alive=True).head
    return head + (b"" if method == "HEAD" else bytes(answer.body or b""))


@contextmanager
def standing_by() -> Iterator[Witness]:
    """Watch every fast door in this process until the block ends."""
    witness = Witness()
    remember, give, by_heart = Shortcut.remember, Shortcut.give, Shortcut.by_heart

    def remembering(self: Shortcut, asked: Asked, visit: Visit, answer: Answer) -> None:
        remember(self, asked, visit, answer)
        memory = self._recall.find(asked)
        if memory is None:
            return
        stored, now = memory.stored, self._now()
        head = memory.head % (stored.age(now), stored.ttl(now))
        witness.remembered += 1
        assert timeless(head + memory.body) == timeless(as_written(asked, answer))

    def giving(self: Shortcut, wire: Wire, asked: Asked) -> Memory | None:
        recorder, began = Recorder(wire), self._now()
        memory = give(self, recorder, asked)
        if memory is not None:
            witness.recalled += 1
            witness.check(self, wire, asked, recorder.written, began)
        return memory

    def knowing(self: Shortcut, wire: Wire, head: bytes, *, believed: bool) -> bool:
        recorder, began = Recorder(wire), self._now()
        given = by_heart(self, recorder, head, believed=believed)
        if given:
            witness.by_heart += 1
            parsed = Head(head)
            asked = Asked(believed, parsed.method, parsed.target, parsed.lines)
            witness.check(self, wire, asked, recorder.written, began)
        return given

    with (
        patch.object(Shortcut, "remember", remembering),
        patch.object(Shortcut, "give", giving),
        patch.object(Shortcut, "by_heart", knowing),
    ):
        yield witness
