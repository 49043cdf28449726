"""Problem details: an error as JSON (9457). What went wrong is not known here."""

from typing import Final

import orjson

_CONTENT_TYPE: Final = b"application/problem+json"
_LONGEST_DETAIL: Final = 500


def render(status: int, title: str, detail: str) -> tuple[bytes, bytes]:
    """Return the content type and the body; `detail` is cut after 500 characters."""
    problem = {
        "type": "about:blank",
        "title": _text(title),
        "status": status,
        "detail": _text(detail[:_LONGEST_DETAIL]),
    }
    return _CONTENT_TYPE, orjson.dumps(problem)


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # lone surrogates are no JSON
