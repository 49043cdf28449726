"""A chat over WebSocket: what the proxy lets through as bytes, once the protocol has changed."""

import asyncio
from typing import Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

BACKLOG: Final = 100
"""Messages that wait for one who reads slowly; who falls further behind is let go."""
LONGEST: Final = 1_000
"""Characters of a message."""

router = APIRouter(tags=["streams"])


class Room:
    """Who is here, and what waits for each to read."""

    def __init__(self) -> None:
        self._boxes: set[asyncio.Queue[str | None]] = set()

    def enter(self) -> asyncio.Queue[str | None]:
        """Return the box of a newcomer; None in it says that nothing more will come."""
        box: asyncio.Queue[str | None] = asyncio.Queue(BACKLOG + 1)
        self._boxes.add(box)
        return box

    def leave(self, box: asyncio.Queue[str | None]) -> None:
        """Forget a box."""
        self._boxes.discard(box)

    def say(self, text: str) -> None:
        """Put a message into every box, the speaker's own too."""
        for box in list(self._boxes):
            if box.qsize() >= BACKLOG:
                self.leave(box)
                box.put_nowait(None)
            else:
                box.put_nowait(text)


@router.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    """Everyone who is connected hears what anyone says."""
    room: Room = socket.app.state.room
    await socket.accept()
    box = room.enter()
    telling = asyncio.create_task(_tell(socket, box))
    try:
        while True:
            room.say((await socket.receive_text())[:LONGEST])
    except WebSocketDisconnect:
        pass
    finally:
        room.leave(box)
        telling.cancel()


async def _tell(socket: WebSocket, box: asyncio.Queue[str | None]) -> None:
    while (text := await box.get()) is not None:
        await socket.send_text(text)
    await socket.close(1008, "you read too slowly")
