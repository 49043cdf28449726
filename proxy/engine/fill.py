"""Fill: an upstream body carried into a feed and, once it is whole, into the store.

Begin, append, commit; silence means discard. What leaves to its last byte is committed first, so
that the next request finds it. This module must not know what is committed, or where.
"""

from collections.abc import Callable

from proxy.engine.feed import Feed
from proxy.engine.ports import Inbound
from proxy.errors import UpstreamBroken, UpstreamError

Commit = Callable[[bytes], None]
Outgrown = Callable[[], None]


async def run(  # noqa: PLR0913 - the parts of one fill
    inbound: Inbound,
    feed: Feed,
    *,
    length: int | None,
    limit: int,
    commit: Commit,
    outgrown: Outgrown = lambda: None,
) -> None:
    """Carry the body of `inbound` into `feed`; call `commit` with it when it is whole and was kept.

    `commit` gets all of it before any reader gets the last chunk.
    `length` is the body's size where it was announced, `limit` the largest size to keep; `outgrown`
    is called once, when the body proves to be larger. The chunk that completes an announced body is
    held back until the upstream has ended there. Errors of the upstream end the feed and are not
    raised; the inbound is closed in any case.
    """
    stopped: BaseException | None = None
    try:
        last = await _carried(inbound, feed, length, limit, outgrown)
        if last is not None:
            if feed.keeping:
                commit(await feed.body(last))
            feed.append(last)
            feed.finish()
    except UpstreamError as error:
        feed.finish(error)
    except BaseException as error:  # noqa: BLE001 - raised below
        stopped = error
    if not feed.finished:
        feed.finish(UpstreamBroken("nobody read on"))
    await inbound.aclose()
    if stopped is not None:
        raise stopped


async def _carried(
    inbound: Inbound, feed: Feed, length: int | None, limit: int, outgrown: Outgrown
) -> bytes | None:
    """Feed the whole body but what completes an announced one, and return that.

    None when nobody reads on. Raises `UpstreamError` where the body is not as announced.
    """
    last = b""
    async for chunk in inbound.chunks():
        size = feed.size + len(last) + len(chunk)
        if length is not None and size > length:
            raise UpstreamBroken(f"the body goes on after {length} bytes")
        if feed.keeping and size > limit:
            feed.stop_keeping()
            outgrown()
        if size == length:
            last += chunk
            continue
        feed.append(chunk)
        if not await feed.room():
            return None
    if length is not None and feed.size + len(last) != length:
        raise UpstreamBroken(f"the body ended after {feed.size} of {length} bytes")
    return last
