"""Values: dataclasses that are made anew for each request, and cheap to make.

For the type checker `valueclass` is `dataclass`, so what says `frozen=True` is frozen in every line
that is checked. At run time nothing stands guard: a frozen dataclass sets each of its fields by a
call, which costs four times as much as the assignment, and a request makes some forty values.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

__all__ = ["valueclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as valueclass
else:
    from dataclasses import dataclass

    def valueclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a class a dataclass with equality, and with a hash where it is frozen."""
        return dataclass(slots=slots, unsafe_hash=frozen)
