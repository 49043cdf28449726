"""The small parts: how long a place stays empty, what a worker's part is, what it is told."""

import asyncio
import socket

from proxy.workers.orders import READY, Listener, Order
from proxy.workers.patience import LONGEST, STEADY, Patience
from proxy.workers.shares import share


def test_the_first_death_is_followed_at_once_and_each_further_one_later() -> None:
    patience = Patience()
    pauses = [patience.pause(0.0) for _ in range(9)]
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST, LONGEST]
    assert patience.pause(STEADY) == 0.0
    assert patience.pause(STEADY - 1.0) == 1.0


def test_the_parts_make_up_the_whole_and_none_is_nothing() -> None:
    assert share(256, 1) == 256
    assert share(10, 4) == 3
    assert share(1, 8) == 1


async def test_a_worker_does_what_it_is_told_and_goes_when_nobody_tells_it_anything() -> None:
    supervisor, worker = socket.socketpair()
    done: list[str] = []
    deeds = {order: lambda order=order: done.append(order.name) for order in Order}
    with worker:
        Listener(worker, deeds).ready()
        with supervisor:
            assert supervisor.recv(1) == READY
            supervisor.send(Order.RELOAD.value * 2)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert done == ["RELOAD", "RELOAD", "END"]


async def test_a_worker_that_was_told_to_end_is_not_told_again_by_its_supervisors_end() -> None:
    supervisor, worker = socket.socketpair()
    done: list[str] = []
    with worker:
        Listener(worker, {Order.END: lambda: done.append("END")})
        with supervisor:
            supervisor.send(Order.END.value)
        for _ in range(20):
            await asyncio.sleep(0.001)
    assert done == ["END"]
