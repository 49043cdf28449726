"""A cycle that is left: whoever wants to know of it is told, and once."""

from types import SimpleNamespace
from typing import Any, cast

from proxy.edge.cycle import Cycle


def cycle() -> Cycle:
    parts: dict[str, Any] = dict.fromkeys(("loop", "transport", "flow", "logger", "access_logger"))
    wire = SimpleNamespace(**parts, take_in=lambda: None)
    return Cycle(
        cast(Any, wire), {"method": "GET", "http_version": "1.1"}, expecting=False, keep_alive=True
    )


async def test_who_hears_of_it_is_told_once() -> None:
    """A refusal and the loss of the connection both say so; the second finds a task that ends."""
    left, heard = cycle(), []
    left.hear(lambda: heard.append("left"))
    left.leave()
    left.leave()
    assert heard == ["left"]
    assert left.disconnected


async def test_who_comes_late_is_told_at_once() -> None:
    left, heard = cycle(), []
    left.leave()
    left.hear(lambda: heard.append("left"))
    assert heard == ["left"]


async def test_who_does_not_want_to_know_any_more_is_not_told() -> None:
    left, heard = cycle(), []
    left.hear(lambda: heard.append("left"))
    left.hear(None)
    left.leave()
    assert not heard
