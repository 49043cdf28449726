"""Tasks: held while they run, gone when they are done, ended at the end."""

import asyncio

from proxy.engine.tasks import Tasks
from tests.engine.scripted import settle


async def test_a_task_is_held_until_it_is_done() -> None:
    tasks, done = Tasks(), asyncio.Event()

    async def work() -> None:
        await done.wait()

    tasks.hold(asyncio.create_task(work()))
    await settle()
    assert len(tasks) == 1
    done.set()
    await settle()
    assert len(tasks) == 0


async def test_at_the_end_all_are_cancelled_and_have_cleaned_up() -> None:
    tasks, cleaned = Tasks(), []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    async def failing() -> None:
        raise ZeroDivisionError

    for number in range(3):
        tasks.hold(asyncio.create_task(work(number)))
    tasks.hold(asyncio.create_task(failing()))
    await asyncio.sleep(0)
    await tasks.aclose()
    assert sorted(cleaned) == [0, 1, 2]
    assert len(tasks) == 0
    await tasks.aclose()
