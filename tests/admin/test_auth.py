"""Who may: roles, tokens, readers on this machine, and those who try too often."""

import pytest

from proxy.admin.auth import FAILURES, LONGEST, Caller, Gate, Grant, Role, Token
from proxy.admin.refused import Refused
from tests.admin.desk import ADMIN, PURGE, READ, TOKENS, Desk, problem
from tests.engine.scripted import Clock

LOCAL = Caller("127.0.0.1", "localhost:9090", None)


def sending(token: str, peer: str = "192.0.2.1") -> Caller:
    return Caller(peer, "admin.test", f"Bearer {token}")


def status(gate: Gate, caller: Caller, wanted: Role) -> int:
    """Return what a caller is told: 200, or the status of the refusal."""
    try:
        gate.admit(caller, wanted)
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("token", "wanted", "told"),
    [
        (READ, Role.READ, 200),
        (READ, Role.PURGE, 403),
        (READ, Role.ADMIN, 403),
        (PURGE, Role.READ, 200),
        (PURGE, Role.PURGE, 200),
        (PURGE, Role.ADMIN, 403),
        (ADMIN, Role.READ, 200),
        (ADMIN, Role.PURGE, 200),
        (ADMIN, Role.ADMIN, 200),
        ("unknown-to-anybody", Role.READ, 401),
    ],
)
def test_a_role_allows_what_the_lesser_ones_do(token: str, wanted: Role, told: int) -> None:
    assert status(Gate(TOKENS, Clock().now), sending(token), wanted) == told


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Basic {ADMIN}", ADMIN, f"Bearer {ADMIN} more", "Bearer ä"],
)
def test_what_is_no_bearer_token_is_refused_like_a_wrong_one(authorization: str | None) -> None:
    gate = Gate(TOKENS, Clock().now)
    with pytest.raises(Refused) as none:
        gate.admit(Caller(None, "", authorization), Role.READ)
    with pytest.raises(Refused) as wrong:
        gate.admit(sending("unknown-to-anybody"), Role.READ)
    assert str(none.value) == str(wrong.value)
    assert none.value.headers == wrong.value.headers == {"WWW-Authenticate": "Bearer"}


def test_the_scheme_is_written_in_any_case() -> None:
    caller = Caller(None, "", f"bearer {READ}")
    assert Gate(TOKENS, Clock().now).admit(caller, Role.READ) == Grant("reader", Role.READ)


@pytest.mark.parametrize(
    ("peer", "host", "wanted", "told"),
    [
        ("127.0.0.1", "localhost:9090", Role.READ, 200),
        ("127.0.0.1", "127.0.0.1:9090", Role.READ, 200),
        ("127.0.0.1", "LOCALHOST", Role.READ, 200),
        ("::1", "[::1]:9090", Role.READ, 200),
        ("127.0.0.1", "rebound.example:9090", Role.READ, 403),
        ("127.0.0.1", "localhost.example", Role.READ, 403),
        ("127.0.0.1", "", Role.READ, 403),
        ("192.0.2.1", "localhost:9090", Role.READ, 403),
        (None, "localhost:9090", Role.READ, 403),
        ("a-socket", "localhost:9090", Role.READ, 403),
        ("127.0.0.1", "localhost:9090", Role.PURGE, 403),
        ("127.0.0.1", "localhost:9090", Role.ADMIN, 403),
    ],
)
def test_without_tokens_this_machine_reads(
    peer: str | None, host: str, wanted: Role, told: int
) -> None:
    assert status(Gate((), Clock().now), Caller(peer, host, None), wanted) == told


def test_with_tokens_this_machine_is_nobody() -> None:
    assert status(Gate(TOKENS, Clock().now), LOCAL, Role.READ) == 401


def test_who_fails_too_often_is_told_to_wait_until_the_next_second() -> None:
    clock = Clock()
    gate = Gate(TOKENS, clock.now)
    told = [status(gate, sending("guess-number-000"), Role.READ) for _ in range(FAILURES + 2)]
    assert told == [401] * FAILURES + [429] * 2
    assert status(gate, sending("guess-number-000", peer="192.0.2.2"), Role.READ) == 401
    clock.time += 1
    assert status(gate, sending("guess-number-000"), Role.READ) == 401


def test_who_has_a_token_is_let_in_whatever_others_try_from_the_same_peer() -> None:
    gate = Gate(TOKENS, Clock().now)
    for _ in range(FAILURES + 1):
        status(gate, sending("guess-number-000"), Role.READ)
    assert status(gate, sending(ADMIN), Role.READ) == 200
    assert status(gate, sending(READ), Role.PURGE) == 403


def test_to_have_too_small_a_role_is_no_failure() -> None:
    gate = Gate(TOKENS, Clock().now)
    told = {status(gate, sending(READ), Role.PURGE) for _ in range(FAILURES + 1)}
    assert told == {403}
    assert status(gate, sending("guess-number-000"), Role.READ) == 401


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 15, "shorter than 16"),
        ("x" * (LONGEST + 1), "longer than 1024"),
        ("with space in its middle", "no header field can carry"),
        ("ä" * 16, "no header field can carry"),
    ],
)
def test_an_unfit_token_is_named_and_not_shown(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        Token.of("ci", Role.READ, text)
    assert text not in str(caught.value)


def test_a_token_is_not_kept() -> None:
    assert ADMIN not in repr(TOKENS)
    assert all(ADMIN.encode() not in token.digest for token in TOKENS)


READING = [
    "/v1/purges",
    "/v1/purges/x",
    "/v1/explain?url=/",
    "/v1/entries",
    "/v1/stats",
    "/v1/history",
    "/v1/reasons",
    "/v1/rules",
    "/v1/config",
    "/v1/replicas",
    "/v1/advice",
    "/v1/quarantine",
]
CHANGING = ["/v1/purge", "/v1/warm", "/v1/config/reload", "/v1/profile"]


@pytest.mark.parametrize("path", READING)
async def test_every_reading_route_is_guarded(path: str) -> None:
    assert (await Desk().get(path, token=None)).status_code == 401
    assert (await Desk().get(path, token=READ)).status_code not in {401, 403, 500}


@pytest.mark.parametrize("path", CHANGING)
async def test_every_changing_route_is_guarded(path: str) -> None:
    assert (await Desk().post(path, token=None, json={})).status_code == 401
    assert (await Desk().post(path, token=READ, json={})).status_code == 403


async def test_no_route_is_forgotten() -> None:
    described = (await Desk().get("/openapi.json", token=None)).json()["paths"]
    known = {path.partition("?")[0].replace("/x", "/{name}") for path in (*READING, *CHANGING)}
    known |= {"/v1/quarantine/{name}"}  # by DELETE: see test_quarantine
    known |= {"/v1/whoami"}  # of anybody, but with a wrong token
    assert {path for path in described if path.startswith("/v1/")} == known


@pytest.mark.parametrize(
    ("token", "name", "role"),
    [(READ, "reader", "read"), (PURGE, "ci", "purge"), (ADMIN, "ops", "admin")],
)
async def test_whoami_tells_name_and_role(token: str, name: str, role: str) -> None:
    told = (await Desk().get("/v1/whoami", token=token)).json()
    assert told == {"name": name, "role": role, "detail": None}


@pytest.mark.parametrize(
    ("tokens", "peer", "name", "role", "why"),
    [
        (TOKENS, "127.0.0.1", None, None, "asks for a token"),
        ((), "192.0.2.1", None, None, "only this machine"),
        ((), "127.0.0.1", "local", "read", ""),
    ],
)
async def test_whoami_answers_whoever_sends_no_token(
    tokens: tuple[Token, ...], peer: str, name: str | None, role: str | None, why: str
) -> None:
    desk = Desk(tokens=tokens, peer=peer)
    answer = await desk.get("/v1/whoami", token=None, headers={"Host": "localhost"})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["role"]) == (name, role)
    assert why in (answer.json()["detail"] or "")


@pytest.mark.parametrize("sent", ["", "Bearer", f"Basic {ADMIN}", "Bearer unknown-to-anybody"])
async def test_whoami_refuses_what_is_no_token(sent: str) -> None:
    desk = Desk()
    answer = await desk.get("/v1/whoami", token=None, headers={"Authorization": sent})
    assert problem(answer)[0] == 401


def test_to_send_no_token_to_whoami_is_no_failure() -> None:
    gate = Gate(TOKENS, Clock().now)
    nobody = Caller("192.0.2.1", "admin.test", None)
    assert all(isinstance(gate.introduced(nobody), Refused) for _ in range(FAILURES + 1))
    assert status(gate, nobody, Role.READ) == 401


async def test_a_refusal_is_a_problem_with_a_challenge() -> None:
    answer = await Desk().get("/v1/stats", token="unknown-to-anybody")  # noqa: S106 - a wrong one
    assert problem(answer)[0] == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_without_tokens_a_purge_names_the_remedy() -> None:
    desk = Desk(tokens=(), peer="127.0.0.1")
    status, detail = problem(await desk.purge(everything=True))
    assert status == 403
    assert "SIDECACHE_ADMIN_TOKEN" in detail
    local = {"Host": "localhost:9090"}
    assert (await desk.get("/v1/stats", token=None, headers=local)).status_code == 200
    assert problem(await desk.get("/v1/stats", token=None))[0] == 403
