"""Profiles: of the loop's whole thread, one at a time, in the form that is asked for."""

import asyncio
import sys
from time import perf_counter

import pytest

from proxy.admin.profile import preferred
from proxy.admin.profiling import Form
from tests.admin.desk import PURGE, Desk, problem
from tests.engine.scripted import PATIENCE


async def spinning_in_the_loop(until: asyncio.Event) -> None:
    """Keep the loop busy, a little at a time, by a name that is found again."""
    while not until.is_set():
        began = perf_counter()
        while perf_counter() - began < 0.005:
            sum(range(1_000))
        await asyncio.sleep(0.001)


async def test_what_other_tasks_do_is_seen() -> None:
    """And in the meantime nobody else can take one."""
    desk, over = Desk(), asyncio.Event()
    busy = asyncio.create_task(spinning_in_the_loop(over))
    both = await asyncio.gather(*(desk.post("/v1/profile?seconds=1") for _ in range(2)))
    over.set()
    await busy
    page, refusal = sorted(both, key=lambda answer: answer.status_code)
    detail = "A profile is being taken; there is one at a time."
    assert problem(refusal) == (409, detail)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!DOCTYPE html>")
    assert "spinning_in_the_loop" in page.text


async def test_after_one_that_is_broken_off_speedscope_reads_the_next() -> None:
    desk, over = Desk(), asyncio.Event()
    first = asyncio.create_task(desk.post("/v1/profile?seconds=60"))
    async with asyncio.timeout(PATIENCE):
        while sys.getprofile() is None:  # noqa: ASYNC110 - the interpreter tells no event
            await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert sys.getprofile() is None
    busy = asyncio.create_task(spinning_in_the_loop(over))
    told = await desk.post("/v1/profile?seconds=1", headers={"Accept": "application/json"})
    over.set()
    await busy
    assert told.headers["content-type"] == "application/json"
    document = told.json()
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert "spinning_in_the_loop" in {frame["name"] for frame in document["shared"]["frames"]}


@pytest.mark.parametrize("seconds", ["0", "61", "-1", "1.5", "long"])
async def test_it_ends_in_time(seconds: str) -> None:
    status, detail = problem(await Desk().post(f"/v1/profile?seconds={seconds}"))
    assert status == 422
    assert detail.startswith("seconds: ")


async def test_it_says_whose_it_is_and_nobody_elses_is_taken() -> None:
    desk = Desk()
    told = await desk.post("/v1/profile?seconds=1&worker=0")
    assert (told.status_code, told.headers["sidecache-worker"]) == (200, "0")
    assert "worker 0" in told.text
    assert problem(await desk.post("/v1/profile?worker=1")) == (
        404,
        "There is no worker 1; this is worker 0.",
    )
    assert problem(await desk.post("/v1/profile?worker=one"))[0] == 422


async def test_it_needs_an_admin() -> None:
    assert problem(await Desk().post("/v1/profile", token=PURGE))[0] == 403
    assert problem(await Desk().post("/v1/profile", token=None))[0] == 401


async def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    status, detail = problem(await Desk().post("/v1/profile"))
    assert status == 501
    assert "pip install 'sidecache[profile]'" in detail


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.PAGE),
        ("*/*", Form.PAGE),
        ("text/html", Form.PAGE),
        ("application/json", Form.SPEEDSCOPE),
        ("Application/JSON; q=0.5, text/*;q=0.4", Form.SPEEDSCOPE),
        ("application/json;q=0.5, */*", Form.PAGE),
        ("application/json;q=often", Form.PAGE),
        ("image/png", Form.PAGE),
    ],
)
def test_the_form_is_what_the_caller_prefers(accept: str, form: Form) -> None:
    assert preferred(accept) is form
