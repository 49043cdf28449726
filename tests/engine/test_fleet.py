"""The fleet: whose turn it is to fetch, by each way in which a claim can come out."""

import asyncio

import pytest

from proxy.engine.boarding import Boarded, board
from proxy.engine.fleet import PASS_AGAIN, Fleet, Go
from proxy.engine.flights import Elsewhere
from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.naive import NaiveFar, NaiveNear
from proxy.engine.ports import Adrift, Claim, Held, Passing, Taken
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from tests.engine.scripted import PATIENCE, Clock, ask, ruleset


class Claims:
    """Leases as they are dealt out, one claim after another; the last counts for ever."""

    def __init__(self, *claims: Claim) -> None:
        self._claims = list(claims)
        self.claimed = 0
        self.released: list[Held] = []
        self.marked: list[tuple[Held, float]] = []

    async def claim(self, digest: bytes) -> Claim:
        assert digest
        self.claimed += 1
        return self._claims.pop(0) if len(self._claims) > 1 else self._claims[0]

    def release(self, digest: bytes, lease: Held) -> None:
        assert digest
        self.released.append(lease)

    def mark(self, digest: bytes, lease: Held, seconds: float) -> None:
        assert digest
        self.marked.append((lease, seconds))


class Stage:
    """A fleet whose leases come as told, and whose shared tier answers, or not."""

    def __init__(self, *claims: Claim, max_unverified: float | None = None) -> None:
        self.clock = Clock()
        self.claims = Claims(*claims)
        self.answers = 0
        ledger = Ledger(max_unverified=max_unverified)
        ledger.confirm(self.clock.now())
        shelf = Shelf(NaiveNear(), ledger, NaiveFar(self.clock))
        self.fleet = Fleet(shelf, self.clock, self.claims if claims else None)
        self.boarded: Boarded = board(ask(), Snapshot(ruleset({})))

    def answered(self) -> bool:
        self.answers -= 1
        return self.answers == 0

    async def turn(self, *, answered_at: int = 0, patient: bool = True) -> Go | Elsewhere:
        """Take a turn; the `answered_at`-th look finds the answer."""
        self.answers = answered_at
        async with asyncio.timeout(PATIENCE):
            return await self.fleet.turn(self.boarded, self.answered, patient=patient)

    @property
    def marked(self) -> bool:
        return self.fleet.flights.marked(
            self.boarded.key.digest, self.clock.now() + PASS_AGAIN - 0.1
        )


OURS, OURS_AFTER = Held(b"1"), Held(b"1", stored=True)

TURNS: dict[str, tuple[list[Claim], int, Go | Elsewhere]] = {
    "held": ([OURS], 0, Go(OURS)),
    "held-nothing-stored-nobody-looks": ([OURS], 1, Go(OURS)),
    "held-and-the-answer-is-there": ([OURS_AFTER], 1, Elsewhere()),
    "held-and-what-is-there-is-no-answer": ([OURS_AFTER], 0, Go(OURS_AFTER)),
    "adrift": ([Adrift()], 0, Go()),
    "passing": ([Passing()], 0, Elsewhere()),
    "taken-then-answered": ([Taken()], 3, Elsewhere()),
    "taken-then-held": ([Taken(), Taken(), OURS], 0, Go(OURS)),
    "taken-then-passing": ([Taken(), Passing()], 0, Elsewhere()),
    "taken-then-adrift": ([Taken(), Adrift()], 0, Go()),
}


@pytest.mark.parametrize(("claims", "answered_at", "turn"), TURNS.values(), ids=TURNS)
async def test_turn(claims: list[Claim], answered_at: int, turn: Go | Elsewhere) -> None:
    stage = Stage(*claims)
    assert await stage.turn(answered_at=answered_at) == turn
    assert stage.marked is (claims[-1] == Passing())


async def test_a_lease_that_is_not_needed_is_given_back() -> None:
    stage = Stage(OURS_AFTER)
    await stage.turn(answered_at=1)
    assert stage.claims.released == [OURS_AFTER]


async def test_whoever_is_not_patient_does_not_wait() -> None:
    stage = Stage(Taken())
    assert await stage.turn(patient=False) == Elsewhere()
    assert stage.claims.claimed == 1


async def test_alone_it_is_always_our_turn() -> None:
    stage = Stage()
    assert await stage.turn() == Go()
    stage.fleet.give_back(stage.boarded, OURS)
    stage.fleet.mark(stage.boarded, OURS, 1)


async def test_while_the_ledger_has_lapsed_nobody_is_asked() -> None:
    stage = Stage(Taken(), max_unverified=0.0)
    stage.clock.time += LEASE + 1
    assert await stage.turn() == Go()
    assert stage.claims.claimed == 0


async def test_the_pauses_grow_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", slept)
    stage = Stage(Taken())
    await stage.turn(answered_at=8)
    assert pauses == [0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.05, 0.05]


async def test_marks_go_to_the_whole_fleet() -> None:
    stage = Stage(OURS)
    stage.fleet.mark(stage.boarded, OURS, 120.0)
    assert stage.claims.marked == [(OURS, 120.0)]
