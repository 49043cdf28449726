"""Parts: an operator's purge, handed on in parts that the log takes.

This module must not know who asked for it, or how they are answered.
"""

from proxy.admin.control import Control
from proxy.engine.purge import Purge
from proxy.engine.purging import Source, Wait
from proxy.engine.receipts import Receipt
from proxy.errors import StoreError


async def purged(
    control: Control, purge: Purge, wait: Wait, within: float, source: Source
) -> Receipt:
    """Purge and return the receipt of the last part: the log keeps their order.

    Raises `StoreError` where the log could not be told of all; all of it holds here then too.
    """
    *earlier, last = purge.portions()
    unreachable: StoreError | None = None
    for part in earlier:
        try:
            await control.purging.purge(part, Wait.LOCAL, 0.0, source)
        except StoreError as error:
            unreachable = error  # it holds here, and so should the other parts
    receipt = await control.purging.purge(last, wait, within, source)
    if unreachable is not None:
        raise unreachable
    return receipt
