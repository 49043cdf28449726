"""Cache-Status: one member of the list, printed (9211).

By hand, because every answer carries one; that it is a Structured Field is held by a test. Why
an answer is what it is, is not known here.
"""

import re
from typing import Final

from proxy.values import valueclass

_NOT_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e]")


@valueclass(frozen=True, slots=True)
class CacheStatus:
    """How a cache handled one request (9211 §2).

    `hit` and `fwd` exclude each other; `hit` wins. `fwd` and `detail` are Tokens, `ttl` is in
    seconds and negative when stale. `collapsed` is None where nothing was tried.
    """

    hit: bool = False
    fwd: str | None = None
    fwd_status: int | None = None
    ttl: int | None = None
    stored: bool = False
    collapsed: bool | None = None
    key: str | None = None
    detail: str | None = None

    def render(self, cache: str = "sidecache") -> bytes:
        """Return the member; `cache` is the Token that names us."""
        parts = [cache]
        if self.hit:
            parts.append("hit")
        elif self.fwd is not None:
            parts.append(f"fwd={self.fwd}")
        if self.fwd_status is not None:
            parts.append(f"fwd-status={self.fwd_status}")
        if self.ttl is not None:
            parts.append(f"ttl={self.ttl}")
        if self.stored:
            parts.append("stored")
        if self.collapsed is not None:
            parts.append("collapsed" if self.collapsed else "collapsed=?0")
        if self.key is not None:
            parts.append(f'key="{_string(self.key)}"')
        if self.detail is not None:
            parts.append(f"detail={self.detail}")
        return "; ".join(parts).encode("ascii")


def _string(text: str) -> str:
    """Return the inside of a Structured Field String; what it cannot hold is percent-encoded."""
    data = text.encode("utf-8", "surrogatepass")
    printable = _NOT_PRINTABLE.sub(lambda found: b"%%%02X" % found[0][0], data)
    return printable.replace(b"\\", b"\\\\").replace(b'"', b'\\"').decode("ascii")
