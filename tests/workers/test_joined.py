"""One admin application over those of several workers, at real sockets; their answers are scripted.

The first worker's own application is the one that is asked; two have sockets, the third is away.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from proxy.cli.servers import admin_server
from proxy.workers import joined
from proxy.workers.joined import Joined
from proxy.workers.peers import Door, Peers, bound

SAMPLE = b"# HELP a_total A.\n# TYPE a_total counter\na_total %d.0\n"


class Worker:
    """An admin application that answers as it is told, and notes what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.document: object = {}
        self.fields: dict[str, str] = {}
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.accept: str | None = None
        self.hold: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        target = f"{path}?{query}" if query else path
        peer = request.client.host if request.client else ""
        self.accept = request.headers.get("accept")
        self.asked.append((target, peer, request.headers.get("authorization", ""), body))
        if self.hold is not None:
            await self.hold.wait()
        text = orjson.dumps(self.document)
        await Response(text, self.status, self.fields)(scope, receive, send)


class Set:
    """Workers, and a client of what they are together."""

    def __init__(self, workers: list[Worker], client: httpx.AsyncClient) -> None:
        self.first, self.second = workers
        self.client = client

    def answer(self, *documents: object) -> None:
        """Have the workers answer so."""
        self.first.document, self.second.document = documents


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a short name, as those of sockets have to be."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
async def crew(folder: Path) -> AsyncIterator[Set]:
    workers = [Worker(), Worker()]
    (folder / "2.metrics").write_bytes(SAMPLE % 100)
    app = Joined(workers[0], Peers(folder, 3), folder)
    async with AsyncExitStack() as stack:
        for number, worker in enumerate(workers):
            server = admin_server(Door(worker, partial(_sample, number + 1)))
            serving = asyncio.create_task(server.serve([bound(folder, number)]))
            await server.listening.wait()
            stack.push_async_callback(_stopped, server, serving)
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        client = httpx.AsyncClient(transport=transport, base_url="http://x")
        yield Set(workers, await stack.enter_async_context(client))
        for worker in workers:
            if worker.hold is not None:
                worker.hold.set()


def _sample(count: int) -> bytes:
    return SAMPLE % count


async def _stopped(server: Any, serving: "asyncio.Task[None]") -> None:  # noqa: ANN401 - uvicorn's
    server.should_exit = True
    await serving


async def test_a_question_reaches_each_as_its_callers(crew: Set) -> None:
    crew.answer({"generation": 3, "outcome": "applied"}, {"generation": 2, "outcome": "applied"})
    answer = await crew.client.post("/v1/config/reload", headers={"Authorization": "Bearer x "})
    assert answer.json() == {
        "generation": 2,
        "outcome": "applied",
        "workers": [
            {"worker": 0, "generation": 3, "outcome": "applied"},
            {"worker": 1, "generation": 2, "outcome": "applied"},
        ],
    }
    asked = [("/v1/config/reload", "192.0.2.7", "Bearer x", b"")]
    assert crew.first.asked == crew.second.asked == asked


async def test_a_question_is_passed_on_byte_for_byte(crew: Set) -> None:
    headers = {b"Host": b"x/v1/config?\xff", b"Authorization": b"Bearer \xff"}
    crew.answer({"rules": []}, {"rules": []})
    answer = await crew.client.get("/v1/quarantine?a=%0a", headers=headers)
    assert answer.status_code == 200
    await crew.client.delete("/v1/quarantine/a%0A%3Fb", headers=headers)
    asked = [(target, sent) for target, _, sent, _ in crew.first.asked]
    assert asked == [
        ("/v1/quarantine?a=%0a", "Bearer \xff"),
        ("/v1/quarantine/a%0A%3Fb", "Bearer \xff"),
    ]


async def test_a_refusal_is_passed_on(crew: Set) -> None:
    crew.second.status, crew.second.fields = 401, {"WWW-Authenticate": "Bearer", "X": "y"}
    crew.second.document = {"detail": "why"}
    answer = await crew.client.get("/v1/stats")
    assert (answer.status_code, answer.json()) == (401, {"detail": "why"})
    assert (answer.headers["www-authenticate"], "x" in answer.headers) == ("Bearer", False)


async def test_one_that_hangs_is_named(crew: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "ASKING", 0.2)
    monkeypatch.setattr(joined, "PROBING", 0.2)
    crew.second.hold = asyncio.Event()
    crew.first.document = {"generation": 1}
    answer = await crew.client.post("/v1/config/reload")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "take too long: [1]" in answer.json()["detail"]
    answer = await crew.client.get("/livez")
    assert (answer.status_code, answer.json()) == (503, {"status": "not alive", "workers": [1]})


async def test_a_quarantine_that_one_may_still_have_is_not_told_as_ended(
    crew: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "ASKING", 0.2)
    crew.second.hold = asyncio.Event()
    for status, told in ((204, 503), (404, 503), (401, 401)):
        crew.first.status = status
        assert (await crew.client.delete("/v1/quarantine/a")).status_code == told


async def test_one_that_is_away_is_alive_and_not_ready(crew: Set) -> None:
    assert (await crew.client.get("/livez")).json() == {"status": "alive"}
    for path, word in (("/readyz", "ready"), ("/startupz", "started")):
        answer = await crew.client.get(path)
        assert (answer.status_code, answer.json()) == (
            503,
            {"status": f"not {word}", "workers": [2]},
        )


async def test_counters_of_one_that_is_away_count(crew: Set) -> None:
    answer = await crew.client.get("/metrics")
    assert answer.content == SAMPLE % 103
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_entries_come_one_worker_after_the_other(crew: Set) -> None:
    crew.answer({"entries": [{"a": 1}], "cursor": 5}, {"entries": [{"b": 2}], "cursor": None})
    pages, cursor = [], 0
    for _ in range(2):
        answer = await crew.client.get("/v1/entries", params={"tag": "x&y", "cursor": cursor})
        pages.append(answer.json())
        cursor = pages[-1]["cursor"]
        crew.first.document = {"entries": [], "cursor": None}
    assert pages[0] == {"entries": [{"worker": 0, "a": 1}], "cursor": 15}
    assert pages[1] == {"entries": [], "cursor": 1}
    assert [target for target, *_ in crew.first.asked] == [
        "/v1/entries?tag=x%26y&cursor=0",
        "/v1/entries?tag=x%26y&cursor=5",
    ]
    last = (await crew.client.get("/v1/entries", params={"cursor": 1})).json()
    assert last == {"entries": [{"worker": 1, "b": 2}], "cursor": 2}
    away = (await crew.client.get("/v1/entries", params={"cursor": 2})).json()
    assert away == {"entries": [], "cursor": None}


async def test_what_is_wrong_with_a_page_is_told_by_a_worker(crew: Set) -> None:
    crew.first.status = 422
    for query in ("cursor=x", "limit=y", "cursor=0&limit=0"):
        assert (await crew.client.get(f"/v1/entries?{query}")).status_code == 422


async def test_entries_of_a_key_are_those_of_all(crew: Set) -> None:
    crew.answer({"entries": [{"a": 1}], "cursor": None}, {"entries": [{"a": 2}], "cursor": None})
    answer = await crew.client.get("/v1/entries", params={"key": "00", "limit": 2})
    assert answer.json()["entries"] == [{"worker": 0, "a": 1}, {"worker": 1, "a": 2}]


async def test_stats_are_added_up(crew: Set) -> None:
    def counted(hits: int, lag: float) -> dict[str, object]:
        return {
            "version": "1.0",
            "phase": "ready" if hits != 3 else "draining",
            "started": hits,
            "latency": {"hit": {"count": hits, "p50": 0.1 * hits, "p99": None}},
            "redis": {"usable": hits != 3, "failures": {}},
            "requests": [{"rule": "r", "outcome": "hit", "count": hits}],
            "reasons": {"fresh": hits},
            "in_flight": 1,
            "memory": {"bytes": 10, "keys": 1},
            "ledger": {"sequence": hits, "unconfirmed_for": lag},
        }

    crew.answer(counted(2, 0.5), counted(3, 0.1))
    told = (await crew.client.get("/v1/stats")).json()
    workers = [(one["worker"], one["requests"]) for one in told.pop("workers")]
    assert workers == [(0, 2), (1, 3)]
    assert told == counted(5, 0.0) | {
        "phase": "draining",
        "started": 2,
        "latency": {"hit": {"count": 5, "p50": pytest.approx(0.3), "p99": None}},
        "redis": {"usable": False, "failures": {}},
        "in_flight": 2,
        "memory": {"bytes": 20, "keys": 2},
        "ledger": {"sequence": 2, "unconfirmed_for": 0.5},
    }


async def test_the_latest_intervals_stand_beside_each_other(crew: Set) -> None:
    def counted(outcomes: dict[str, list[int]], seconds: float) -> dict[str, object]:
        length = len(next(iter(outcomes.values())))
        requests = [{"rule": "r", "outcome": name, "count": sum(c)} for name, c in outcomes.items()]
        window = {"seconds": seconds, "requests": requests, "latency": {}}
        return {"times": list(range(length + 1)), "outcomes": outcomes, "window": window}

    crew.answer(counted({"hit": [5]}, 9.0), counted({"hit": [1, 2], "miss": [3, 4]}, 19.0))
    assert (await crew.client.get("/v1/history")).json() == {
        "times": [0, 1, 2],
        "outcomes": {"hit": [1, 7], "miss": [3, 4]},
        "window": {
            "seconds": 19.0,
            "requests": [
                {"rule": "r", "outcome": "hit", "count": 8},
                {"rule": "r", "outcome": "miss", "count": 7},
            ],
            "latency": {},
        },
    }


async def test_advice_is_of_all_traffic(crew: Set) -> None:
    def said(requests: int, hits: int, about: str, *, quarantined: bool) -> dict[str, object]:
        rule = {
            "rule": "r",
            "place": "f:1",
            "verify": 0.5,
            "quarantined": quarantined,
            "requests": requests,
            "hits": hits,
            "hit_ratio": hits / requests,
            "mismatches": [{"differed": ["cookie a"], "count": 1}],
            "misses": [{"reason": about, "count": requests, "sentence": "s"}],
            "advice": [{"about": about, "text": "t", "change": None}],
        }
        return {"rules": [rule]}

    crew.answer(said(4, 1, "x", quarantined=False), said(6, 6, "y", quarantined=True))
    [rule] = (await crew.client.get("/v1/advice")).json()["rules"]
    assert (rule["requests"], rule["hits"], rule["hit_ratio"]) == (10, 7, 0.7)
    assert (rule["verify"], rule["quarantined"], rule["place"]) == (0.5, True, "f:1")
    assert rule["mismatches"] == [{"differed": ["cookie a"], "count": 2}]
    assert [missed["reason"] for missed in rule["misses"]] == ["y", "x"]
    assert {piece["about"] for piece in rule["advice"]} == {"x", "y"}


async def test_a_profile_is_of_the_worker_that_is_named(crew: Set) -> None:
    crew.second.fields = {"Sidecache-Worker": "1", "Content-Type": "text/html"}
    crew.answer({"of": 0}, {"of": 1})
    query = "/v1/profile?seconds=1"
    answer = await crew.client.post(f"{query}&worker=1", headers={"Accept": "text/html"})
    assert (answer.json(), answer.headers["sidecache-worker"]) == ({"of": 1}, "1")
    assert crew.second.asked == [(f"{query}&worker=1", "192.0.2.7", "", b"")]
    assert crew.second.accept == "text/html"
    for unnamed in ("", "&worker=3", "&worker=x"):
        assert (await crew.client.post(query + unnamed)).json() == {"of": 0}
    assert len(crew.second.asked) == 1
    answer = await crew.client.post(f"{query}&worker=2")
    assert (answer.status_code, "Worker 2" in answer.json()["detail"]) == (503, True)


async def test_a_quarantine_is_ended_wherever_it_is(crew: Set) -> None:
    crew.answer({"rules": ["a", "b"]}, {"rules": ["b", "c"]})
    assert (await crew.client.get("/v1/quarantine")).json() == {"rules": ["a", "b", "c"]}
    crew.first.status = 404
    assert (await crew.client.delete("/v1/quarantine/a")).status_code == 200
    crew.second.status = 404
    assert (await crew.client.delete("/v1/quarantine/a")).status_code == 404
    assert [asked[0] for asked in crew.second.asked[1:]] == ["/v1/quarantine/a"] * 2


@pytest.mark.parametrize(
    "body",
    [b'{"tags": ["a"]}', b"nonsense", b"x" * 1_200_000, b'{"dry_run": 1}', b""],
    ids=["purge", "nonsense", "large", "not-quite-dry", "nothing"],
)
async def test_a_purge_is_one_workers_whole(crew: Set, body: bytes) -> None:
    crew.first.document = {"state": "complete"}
    answer = await crew.client.post("/v1/purge", content=body)
    assert answer.json() == {"state": "complete"}
    assert [asked[3] for asked in crew.first.asked] == [body]
    assert crew.second.asked == []


async def test_no_body_is_read_of_whom_no_worker_lets_in(folder: Path) -> None:
    """Many such bodies would be all the memory there is."""

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"{}", 401)(scope, receive, send)

    async def never() -> Message:
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = Joined(strict, Peers(folder, 2), folder)
    for method, path in (("POST", "/v1/purge"), ("POST", "/v1/config/reload")):
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
        await app({**scope, "query_string": b"", "headers": []}, never, send)
    assert [each["status"] for each in sent if "status" in each] == [401, 401]


async def test_what_a_purge_would_void_is_counted_everywhere(crew: Set) -> None:
    crew.answer({"dry_run": True, "matching": 2}, {"dry_run": True, "matching": 3})
    answer = await crew.client.post("/v1/purge", content=b'{"tags": ["a"], "dry_run": true}')
    assert answer.json() == {"dry_run": True, "matching": 5}


async def test_all_else_is_asked_of_one(crew: Set) -> None:
    for path in ("/v1/rules", "/docs", "/v1/purge"):
        await crew.client.get(path)
    assert len(crew.first.asked) == 3
    assert crew.second.asked == []


async def test_where_no_worker_can_be_asked_the_own_one_answers(folder: Path) -> None:
    own = Worker()
    own.document = {"own": True}
    transport = httpx.ASGITransport(Joined(own, Peers(folder, 2), folder))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/v1/stats")).json() == {"own": True}
