"""Settings read anew, on an operator's word."""

from proxy.admin.control import Outcome, Reloaded
from tests.admin.desk import PURGE, Desk, problem


async def test_what_is_in_force_now_is_told() -> None:
    desk = Desk(reloaded=Reloaded(Outcome.APPLIED, 7, restart=("listen",)))
    told = await desk.post("/v1/config/reload")
    assert told.status_code == 200
    assert told.json() == {"outcome": "applied", "generation": 7, "restart_needed": ["listen"]}


async def test_what_is_wrong_is_told_line_by_line() -> None:
    errors = ("file.yaml:3:5: rules[0].ttl: odd", "file.yaml:4:1: zzz: unknown field")
    desk = Desk(reloaded=Reloaded(Outcome.REFUSED, 7, errors=errors))
    assert problem(await desk.post("/v1/config/reload")) == (422, "\n".join(errors))


async def test_it_needs_an_admin() -> None:
    assert problem(await Desk().post("/v1/config/reload", token=PURGE))[0] == 403
    assert problem(await Desk().post("/v1/config/reload", token=None))[0] == 401
