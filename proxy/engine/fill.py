"""Fill: an upstream body carried into a feed and, once it is whole, into the store.

Begin, append, commit; silence means discard. What leaves to its last byte is committed first, so
that the next request finds it. This module must not know what is committed, or where.
"""

from collections.abc import Callable

from proxy.engine.feed import Feed
from proxy.engine.ports import Inbound
from proxy.errors import UpstreamBroken, UpstreamError

Commit = Callable[[bytes], None]


async def run(
    inbound: Inbound, feed: Feed, *, length: int | None, limit: int, commit: Commit
) -> None:
    """Carry the body of `inbound` into `feed`; call `commit` when it is whole and was kept.

    `commit` gets the last chunk before any reader does; with what was fed so far it is the body.
    `length` is the body's size where it was announced, `limit` the largest size to keep. Errors
    of the upstream end the feed and are not raised; the inbound is closed in any case.
    """
    committed = False
    try:
        async for chunk in inbound.chunks():
            if feed.keeping and feed.size + len(chunk) > limit:
                feed.stop_keeping()
            if feed.keeping and feed.size + len(chunk) == length:
                commit(chunk)
                committed = True
            feed.append(chunk)
            if not await feed.room():
                return
        if length is not None and feed.size != length:
            raise UpstreamBroken(f"the body ended after {feed.size} of {length} bytes")
        if feed.keeping and not committed:
            commit(b"")
        feed.finish()
    except UpstreamError as error:
        feed.finish(error)
    finally:
        if not feed.finished:
            feed.finish(UpstreamBroken("nobody read on"))
        await inbound.aclose()
