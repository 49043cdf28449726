"""Values: dataclasses that are made anew for each request, and cheap to make and to change.

For the type checker these are `dataclass` and `replace`, so what says `frozen=True` is frozen in
every line that is checked. At run time nothing stands guard: a frozen dataclass sets each field by
a call, which costs four times as much as the assignment, and a request makes some forty values.
"""

from operator import attrgetter
from typing import TYPE_CHECKING

__all__ = ["replace", "valueclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as valueclass
    from dataclasses import replace
else:
    from collections.abc import Callable
    from dataclasses import dataclass, fields
    from typing import TypeVar

    T = TypeVar("T")
    _FIELDS: dict[type, Callable[[object], tuple[object, ...]]] = {}
    """Class → what returns the fields of a value of it, in order."""

    def valueclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a class a dataclass with equality, and with a hash where it is frozen.

        One that it has of its own it keeps.
        """

        def made(kind: type) -> type:
            hashed = "__hash__" in vars(kind)
            return dataclass(slots=slots, unsafe_hash=frozen and not hashed)(kind)

        return made

    def replace(value: T, /, **changes: object) -> T:
        """Return a value of a `valueclass` with some fields changed."""
        kind = type(value)
        values = _FIELDS.get(kind)
        if values is None:
            values = _FIELDS[kind] = _getter([field.name for field in fields(kind)])
        new = kind(*values(value))
        for name, changed in changes.items():
            setattr(new, name, changed)
        return new

    def _getter(names: list[str]) -> Callable[[object], tuple[object, ...]]:
        if len(names) > 1:
            return attrgetter(*names)
        return lambda value: tuple(getattr(value, name) for name in names)
