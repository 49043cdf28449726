"""Sitemap: the URLs that a sitemap lists, read without trusting it.

Document types are refused, and with them every entity that could grow or point elsewhere. This
module must not know where the text comes from.
"""

from typing import Final
from xml.parsers import expat

MOST: Final = 50_000
"""URLs of one sitemap, as the protocol has it."""
LARGEST: Final = 10_485_760
"""Bytes of one sitemap."""

LONGEST: Final = 8_192
"""Characters of one URL."""

_SPACE: Final = " "
_LOCATION: Final = "loc"


class NotASitemap(Exception):
    """The text is no sitemap that can be read here."""


class Reader:
    """Reads a sitemap as it comes: `feed` its bytes, then take its `urls` from `close`."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=_SPACE)
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._path: list[str] = []
        self._text = ""
        self._urls: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises `NotASitemap`."""
        self._size += len(chunk)
        if self._size > LARGEST:
            raise NotASitemap(f"the sitemap is larger than {LARGEST} bytes")
        self._parse(chunk, final=False)

    def close(self) -> tuple[str, ...]:
        """Return the URLs, once everything has been fed; raises `NotASitemap`."""
        self._parse(b"", final=True)
        return tuple(self._urls)

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except (expat.ExpatError, LookupError, ValueError) as error:  # of encodings, too
            raise NotASitemap(f"the sitemap is not XML: {error}") from error

    def _refuse(self, *_: object) -> None:
        raise NotASitemap("the sitemap has a document type, which none needs")

    def _start(self, name: str, _: object) -> None:
        name = name.rpartition(_SPACE)[2]
        if not self._path and name != "urlset":
            raise NotASitemap(f"the sitemap is a <{name}>; only a <urlset> can be warmed")
        self._path.append(name)
        self._text = ""

    def _end(self, _: str) -> None:
        if self._path == ["urlset", "url", _LOCATION]:
            self._urls.append(self._text.strip())
            if len(self._urls) > MOST:
                raise NotASitemap(f"the sitemap lists more than {MOST} URLs")
        self._path.pop()

    def _characters(self, text: str) -> None:
        if self._path[-1] == _LOCATION:
            self._text += text
            if len(self._text) > LONGEST:
                raise NotASitemap(f"a URL of the sitemap is longer than {LONGEST} characters")
