"""Methods: those that the parser knows; of another one it only says that it is not HTTP.

This module must not know what any method means.
"""

import re
from typing import Final

_REQUEST_LINE: Final = re.compile(
    rb"(?:\A|\n)([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: [!-~]+ HTTP/1\.[01]\r\n|\Z)"
)
_METHODS: Final = frozenset(
    {
        *(b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"),
        *(b"COPY", b"LOCK", b"MKCOL", b"MOVE", b"PROPFIND", b"PROPPATCH", b"SEARCH", b"UNLOCK"),
        *(b"BIND", b"REBIND", b"UNBIND", b"ACL", b"REPORT", b"MKACTIVITY", b"CHECKOUT", b"MERGE"),
        *(b"M-SEARCH", b"NOTIFY", b"SUBSCRIBE", b"UNSUBSCRIBE", b"PURGE", b"MKCALENDAR", b"LINK"),
        *(b"UNLINK", b"QUERY"),
    }
)
"""All of them are passed on, but for CONNECT."""


def unknown_method(data: bytes) -> bool:
    """Tell whether a request line with a method of another's stands in what came.

    What came in crumbs is judged by its last one: a method is unknown as soon as it cannot become
    a known one.
    """
    return any(found[1] not in _METHODS for found in _REQUEST_LINE.finditer(data))
