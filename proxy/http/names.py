"""Names: one object for each field name that is met again and again, in either spelling.

A kept answer holds its names as they came; a hundred thousand need not each have their own.
"""

from typing import Final

_USUAL: Final = (
    *("Accept-Ranges", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers"),
    *(
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
        "Age",
        "Allow",
        "Cache-Control",
    ),
    *("Cache-Groups", "Cache-Status", "CDN-Cache-Control", "Connection", "Content-Disposition"),
    *("Content-Encoding", "Content-Language", "Content-Length", "Content-Location"),
    *("Content-Range", "Content-Security-Policy", "Content-Type", "Date", "ETag", "Expires"),
    *("Keep-Alive", "Last-Modified", "Link", "Location", "Pragma", "Referrer-Policy", "Server"),
    *("Server-Timing", "Set-Cookie", "Strict-Transport-Security", "Surrogate-Key", "Trailer"),
    *("Transfer-Encoding", "Vary", "Via", "X-Content-Type-Options", "X-Frame-Options"),
    *("X-Powered-By", "X-Process-Time", "X-Request-Id", "X-XSS-Protection"),
)
_ONE: Final = {
    spelling: spelling for name in _USUAL for spelling in (name.encode(), name.lower().encode())
}


def interned(name: bytes) -> bytes:
    """Return the one object that stands for a name, or the name itself where it is not usual."""
    return _ONE.get(name, name)
