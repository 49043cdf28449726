"""Answering: the answering half of a connection: one request after the other (9112 §9.3.2).

What is remembered is answered by its head alone; anything else becomes a cycle and waits for those
before it. What cannot be taken is refused in its turn, and ends the connection. This module must
not know how bytes come in, or what a request is about.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from proxy.edge.cycle import Cycle
from proxy.edge.doorway import Doorway
from proxy.edge.extensions import DEPARTURE
from proxy.edge.intake import Intake
from proxy.edge.journeys import WANTED, Wanted
from proxy.edge.lane import Lane
from proxy.edge.outgoing import interim
from proxy.edge.refusals import REFUSAL
from proxy.edge.shortcut import ASKED
from proxy.edge.watch import Stage, Watch
from proxy.errors import RequestError, Unsendable
from proxy.http.message import Line


class Answering(Intake):
    """uvicorn's protocol as far as it answers: whose turn it is, and when it is the last."""

    cycle: Any
    """A `Cycle`, or None before the first; uvicorn's type knows neither."""
    pipeline: Any
    """A deque of cycles that wait for those before them, each with its application."""
    doorway: Doorway
    lane: Lane | None
    watch: Watch
    stage = Stage.OPEN
    asked = False
    """Whether anything has been asked on this connection."""
    waiting = b""
    """Bytes that are not parsed yet: enough requests wait already."""
    wanted: Wanted | None = None
    """What the fast door has said of the request that it left to the other one."""
    answering: Cycle | None = None
    """The request that is being answered, or was last."""
    _leaving = False

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write, at once."""

    @abstractmethod
    def read_on(self) -> None:
        """Go on with what was held back until there was room for it."""

    @abstractmethod
    def take_in(self) -> None:
        """Let the client go on sending."""

    @abstractmethod
    def cut(self) -> None:
        """End the connection in the middle of an answer, visibly."""

    @property
    def pending(self) -> Cycle | None:
        """The request that came last."""
        found: Cycle | None = self.cycle
        return found

    @property
    def idle(self) -> bool:
        """Whether all that came before has been answered, and the client reads."""
        pending = self.cycle
        return (pending is None or pending.response_complete) and not self.flow.write_paused

    def recalled(self, method: bytes) -> bool:
        """Answer a request by what is remembered, if none is before it."""
        lane = self.lane
        if lane is None or not self.idle or not lane.recalled(method, self.url, self.headers):
            return False
        self.told()
        return True

    def told(self) -> None:
        """Take note of an answer that has left."""
        self.asked = True
        self.server_state.total_requests += 1
        self.watch.since = self.doorway.now

    def begin(self, scope: dict[str, Any], *, expecting: bool, keep_alive: bool) -> None:
        """Answer a request, or let it wait for those before it."""
        staying = keep_alive and not self._leaving
        if self.wanted is not None:  # its answer is remembered already
            scope[WANTED], self.wanted = self.wanted, None
        elif self.lane is not None and staying and not self.framed:
            scope[ASKED] = self.lane.asked(scope["method"].encode(), self.url, scope["headers"])
        cycle = Cycle(self, scope, expecting=expecting, keep_alive=staying)
        scope["extensions"] = {**self.extensions, DEPARTURE: {"hear": cycle.hear}}
        self._queue(cycle, self.app)

    def refuse(self, error: RequestError) -> None:
        """Answer what cannot be taken when its turn comes, and read no further (9112 §11.2)."""
        self.stage = Stage.FULL
        if not self.in_head:
            broken = self.cycle
            if broken.response_started:
                self.forsake()
                self.transport.close()
                return
            self._give_up(broken)
        self._queue(self._refusal(error), self.doorway.refuser)

    def inform(self, status: int, lines: Iterable[Line]) -> None:
        """Write an interim response to the request that is being answered, or drop it.

        "A server MUST NOT send a 1xx response to an HTTP/1.0 client" (9110 §15.2). One that is no
        interim response, comes late or finds a client that does not read is not worth an error.
        """
        cycle = self.answering
        if cycle is None or not cycle.may_be_informed or self.flow.write_paused:
            return
        with suppress(Unsendable):
            self.write(interim(status, lines))

    def answered(self, cycle: Cycle) -> None:
        """Begin the next answer, or end the connection where this one was the last."""
        self.told()
        if not cycle.keep_alive:
            self._end()
        elif not self.transport.is_closing():
            if self.pipeline:
                self._start(*self.pipeline.pop())
            self.read_on()

    def shutdown(self) -> None:
        """Finish what is under way, then close (9112 §9.6)."""
        self._leaving = True
        cycle = self.pending
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
        elif not (self.unparsed or self.waiting) or self.stage is not Stage.OPEN:
            self.transport.close()

    def forsake(self) -> None:
        """Tell whoever makes the answer that nobody waits for it any more."""
        cycle = self.answering
        if cycle is not None and not cycle.response_complete:
            cycle.leave()

    def _queue(self, cycle: Cycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        before = self.pending
        self.cycle, self.asked = cycle, True
        if before is None or before.response_complete:
            self._start(cycle, app)
        else:
            self.pipeline.appendleft((cycle, app))

    def _start(self, cycle: Cycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        self.answering = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _refusal(self, error: RequestError) -> Cycle:
        """Return the cycle that answers what could not be read to its end."""
        scope = {**self.scope_of_rest(), REFUSAL: error}
        cycle = Cycle(self, scope, expecting=False, keep_alive=False)
        cycle.more_body = False
        return cycle

    def _give_up(self, broken: Cycle) -> None:
        """Forget a request whose body cannot be read: its place in the queue becomes free."""
        self.pipeline = deque(entry for entry in self.pipeline if entry[0] is not broken)
        broken.leave()
        self.cycle = None if self.answering is broken else self.answering

    def _end(self) -> None:
        """Close behind the last answer, slowly: the client may still be sending.

        9112 §9.6: data that arrives at a closed socket resets the connection, and the reset may
        overtake the answer. When the server ends, one that has not begun to is let go at once, as
        idle ones are: it would hold up the end.
        """
        begun = self.unparsed or self.waiting or self.pipeline
        quiet = self.stage is Stage.OPEN and self.in_head and not begun
        self.pipeline.clear()
        if (quiet and self._leaving) or not self.limits.linger or self.transport.is_closing():
            self.transport.close()
            return
        self.stage = Stage.LINGERING
        self.waiting = b""
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
