"""Which rules are out of use, and how an operator ends that."""

import pytest

from proxy.admin.collectors import QuarantineCollector
from tests.admin.desk import ADMIN, PURGE, READ, Desk, problem
from tests.engine.scripted import settle


async def quarantined() -> Desk:
    desk = Desk()
    (rule,) = desk.play.corridor.snapshot.ruleset.rules
    desk.play.corridor.quarantine.begin(rule, ("authorization",))
    await settle()
    return desk


async def ended(desk: Desk, name: str, token: str | None = ADMIN) -> int:
    async with desk.client(token) as client:
        return (await client.delete(f"/v1/quarantine/{name}")).status_code


async def test_what_is_out_of_use_is_listed_and_told() -> None:
    desk = await quarantined()
    assert (await desk.get("/v1/quarantine", token=READ)).json() == {"rules": ["default"]}
    [one] = (await desk.get("/v1/advice")).json()["rules"]
    assert one["quarantined"]
    story = (await desk.get("/v1/explain?url=/")).json()
    assert story["verdict"]["reason"] == "quarantined"
    [metric] = QuarantineCollector(lambda: desk.play.corridor.snapshot.quarantined).collect()
    assert [(s.name, s.labels, s.value) for s in metric.samples] == [
        ("sidecache_quarantined", {"rule": "default"}, 1.0)
    ]


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (PURGE, 403)])
async def test_only_an_admin_ends_it(token: str | None, status: int) -> None:
    desk = await quarantined()
    assert await ended(desk, "default", token) == status
    assert (await desk.get("/v1/quarantine")).json() == {"rules": ["default"]}


async def test_the_log_says_who_ended_it(caplog: pytest.LogCaptureFixture) -> None:
    desk = await quarantined()
    caplog.clear()
    assert await ended(desk, "default") == 204
    assert (await desk.get("/v1/quarantine")).json() == {"rules": []}
    assert caplog.messages == ["rule default is in use again: ops has ended its quarantine"]


async def test_a_rule_that_is_in_use_is_named() -> None:
    async with Desk().client() as client:
        answer = await client.delete("/v1/quarantine/default")
    status, detail = problem(answer)
    assert (status, detail) == (404, "The rule 'default' is not in quarantine.")
