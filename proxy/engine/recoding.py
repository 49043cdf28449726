"""Recoding: bodies that go through a coding on their way, for one client or for all who follow.

What has come can be read at once. This module must not know which coding, or heads.
"""

from collections.abc import AsyncIterator, Callable

from proxy.engine.answer import Stream
from proxy.engine.feed import Feed, Reader
from proxy.engine.ports import Transcoder
from proxy.errors import CodingError, UpstreamBroken, UpstreamError


class RecodedStream:
    """A body that goes through a coding on its way; what came can be read at once."""

    def __init__(self, plain: Stream, transcoder: Transcoder) -> None:
        self._plain = plain
        self._transcoder = transcoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._plain:
                if piece := await self._transcoder.push(chunk):
                    yield piece
            if piece := await self._transcoder.finish():
                yield piece
        except CodingError as error:
            raise UpstreamBroken(str(error)) from error

    async def aclose(self) -> None:
        """Give up the rest."""
        await self._plain.aclose()


class RecodedFeed:
    """A feed in another coding, which grows along with the plain one and is kept as long as that.

    `mark` names its bytes.
    """

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self.feed = Feed()

    @property
    def open(self) -> bool:
        """Whether a newcomer can still read all of it."""
        return self.feed.keeping and not self.feed.failed

    async def carry(
        self, plain: Feed, reader: Reader, transcoder: Transcoder, commit: Callable[[bytes], None]
    ) -> None:
        """Carry a body into this feed; `commit` gets all of it before the last byte leaves."""
        try:
            if await self._carried(plain, reader, transcoder):
                last = await transcoder.finish()
                if self.feed.keeping:
                    commit(await self.feed.body(last))
                self.feed.append(last)
                self.feed.finish()
        except CodingError as error:
            self.feed.finish(UpstreamBroken(str(error)))
        except UpstreamError as error:
            self.feed.finish(error)
        finally:
            if not self.feed.finished:
                self.feed.finish(UpstreamBroken("nobody read on"))
            await reader.aclose()

    async def _carried(self, plain: Feed, reader: Reader, transcoder: Transcoder) -> bool:
        """Carry all but the end; False when nobody reads on."""
        async for chunk in reader:
            if self.feed.keeping and not plain.keeping:
                self.feed.stop_keeping()
            self.feed.append(await transcoder.push(chunk))
            if not await self.feed.room():
                return False
        return True
