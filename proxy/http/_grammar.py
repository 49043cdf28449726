"""Grammar: the productions of 9110 §5.6 that several fields share. It knows no field by name.

Character classes are possessive and what follows them is disjoint, so that no pattern backtracks
far: time is linear in the input. Groups are not: CPython before 3.11.4 loses their captures.
"""

import re
from typing import Final

OWS: Final = b" \t"
TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
QUOTED: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*"'

_TOKEN: Final = re.compile(TOKEN)
_GAP: Final = re.compile(rb"[ \t,]*+")


def is_token(text: bytes) -> bool:
    """Tell whether `text` is a token (9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def members(value: bytes) -> list[bytes]:
    """Return the members of a list of tokens, stripped, without empty ones (9110 §5.6.1.2)."""
    stripped = (member.strip(OWS) for member in value.split(b","))
    return [member for member in stripped if member]


def skip_gap(value: bytes, position: int) -> int:
    """Return where the next member of a list begins: after white space and empty members."""
    gap = _GAP.match(value, position)
    return gap.end() if gap else position
