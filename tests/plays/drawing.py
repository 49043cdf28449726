"""Drawing: resources and requests at random, for whatever is asked of whatever there is.

Tags and dates in a request are drawn by name; what they are is known when it is sent.
"""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from tests.plays.decoding import encoded
from tests.plays.evaluator import Subject
from tests.plays.origin import Resource
from tests.plays.representing import DAY, LARGE, NOW, SMALL, noise, resource, text

BODIES: Final = {
    "empty": b"",
    "byte": b"x",
    "short": text(200),
    "small": SMALL,
    "noise": noise(2_000),
    "edge": text(16_384),
    "large": LARGE,
}
MODIFIED: Final = {"old": NOW - DAY, "just-now": NOW, "never": None}

RULES: Final = (
    {"name": "whole", "match": {"path": "/whole/**"}, "range_on_miss": "whole"},
    {"name": "generate", "match": {"path": "/generate/**"}, "etag": "generate"},
    {"name": "client", "match": {"path": "/client/**"}, "compress": {"ask": "client"}},
    {"name": "off", "match": {"path": "/off/**"}, "compress": "off"},
)
WAYS: Final = st.sampled_from(
    [*["/default"] * 3, *(f"/{name}" for name in ("whole", "generate", "client", "off"))]
)
"""Under which rule."""
INFORMED: Final = frozenset({"/client", "/off"})
"""Rules under which the origin hears what the client accepts."""


@dataclass(frozen=True)
class Case:
    """A resource as it is drawn."""

    body: str
    media: str
    native: str
    etag: str
    modified: str
    control: str
    counted: bool
    heeds: bool
    digest: bool

    @property
    def changing(self) -> bool:
        """Whether another version is seen at once: it is never used without being validated."""
        return self.control in {"no-cache", "no-store"}

    def version(self, number: int, way: str) -> tuple[Resource, Subject]:
        """Return what the origin has as its `number`th version, and what the evaluator knows.

        `way` is the rule under which it is had.
        """
        plain = BODIES[self.body]
        if number and plain:
            plain = plain[:-1] + b"%d" % (number % 10)
        coded = self.native not in {"identity", "exi"}
        sent = encoded(self.native, plain) if coded else plain
        etag = {"strong": f'"v{number}"', "weak": f'W/"v{number}"', "none": None}[self.etag]
        modified = MODIFIED[self.modified]
        modified = None if modified is None else modified + number
        thing = resource(
            sent,
            *("Content-Language: en", "Content-Location: /there"),
            *(() if self.native == "identity" else (f"Content-Encoding: {self.native}",)),
            *(("Repr-Digest: sha-256=:AAAA:",) if self.digest else ()),
            etag=etag,
            modified=modified,
            media=self.media,
            control=self.control,
            counted=self.counted,
            heeds=self.heeds,
        )
        subject = Subject(
            *(plain, sent, self.native, etag, modified),
            changeable=not self.digest and "no-transform" not in self.control,
            compressible=self.media == "application/json" and way != "/off",
            informed=way in INFORMED,
        )
        return thing, subject


_ODD: Final = st.builds(
    Case,
    body=st.sampled_from(list(BODIES)),
    media=st.sampled_from(["application/json", "application/json", "image/png"]),
    native=st.sampled_from([*["identity"] * 3, "gzip", "br", "zstd", "exi"]),
    etag=st.sampled_from(["strong", "strong", "weak", "none"]),
    modified=st.sampled_from(list(MODIFIED)),
    control=st.sampled_from(
        [*["max-age=86400"] * 3, "no-cache", "no-store", "max-age=86400, no-transform"]
    ),
    counted=st.booleans(),
    heeds=st.booleans(),
    digest=st.sampled_from([False, False, False, True]),
)
_USUAL: Final = st.builds(
    Case,
    body=st.sampled_from(["small", "large"]),
    media=st.just("application/json"),
    native=st.just("identity"),
    etag=st.sampled_from(["strong", "weak", "none"]),
    modified=st.sampled_from(["old", "old", "just-now"]),
    control=st.just("max-age=86400"),
    counted=st.booleans(),
    heeds=st.booleans(),
    digest=st.just(value=False),
)
CASES: Final = st.one_of(_USUAL, _ODD)

_COMMON: Final = (
    *(None, "", "gzip, br, zstd", "br", "zstd", "gzip", "*", "gzip, deflate, br"),
    *("identity;q=0", "*;q=0", "br, identity;q=0"),
)
_NAMES: Final = st.sampled_from(
    ["br", "zstd", "gzip", "x-gzip", "GZip", "identity", "*", "deflate", "exi", "compress"]
)
_WEIGHTS: Final = st.sampled_from(["", ";q=1", ";q=0", "; q=0.5", " ;Q=0.001", ";q=0.750"])


@st.composite
def _accepting(draw: st.DrawFn) -> str | None:
    """Draw an Accept-Encoding, or none; the same name does not come twice."""
    if draw(st.booleans()):
        return draw(st.sampled_from(_COMMON))
    names = draw(st.lists(_NAMES, max_size=5, unique_by=lambda n: n.lower().removeprefix("x-")))
    gap = draw(st.sampled_from([",", ", ", " , ,", ",\t"]))
    return gap.join(name + draw(_WEIGHTS) for name in names)


_NUMBERS: Final = st.sampled_from([0, 1, 2, 50, 100, 199, 1_500, 3_000, 16_383, 60_000, 10**12])
_SPECS: Final = st.one_of(
    st.builds("{}-{}".format, _NUMBERS, _NUMBERS),
    st.builds("{}-".format, _NUMBERS),
    st.builds("-{}".format, _NUMBERS),
    st.builds(lambda first, more: f"{first}-{first + more}", st.integers(0, 90), st.integers(0, 9)),
)
_RANGES: Final = st.one_of(
    _SPECS.map("bytes={}".format),
    _SPECS.map("bytes={}".format),
    st.lists(_SPECS, min_size=2, max_size=6).map(lambda specs: "bytes=" + ", ".join(specs)),
    st.sampled_from(["bytes=", "bytes=x-y", "bytes=-", "lines=0-1", "bytes 0-1", "bytes=0-0,x"]),
    st.sampled_from(["Bytes=0-0", "bytes=0-0,", "bytes=,5-9", "bytes=-0"]),
)
_TAGS: Final = st.sampled_from(["latest", "earlier", "base", "weakened", "invented", "foreign"])
_DATES: Final = st.sampled_from(["current", "older", "newer", "no date"])


@dataclass(frozen=True)
class Wish:
    """A request as it is drawn; `changed` is a version of the resource that comes before it.

    With `again` it accepts what the request before it did.
    """

    method: str = "GET"
    accepts: str | None = None
    match: tuple[str, ...] | None = None
    modified_since: str | None = None
    if_range: str | None = None
    range: str | None = None
    changed: bool = False
    again: bool = False


_ANYTHING: Final = st.builds(
    Wish,
    method=st.sampled_from([*["GET"] * 5, "HEAD"]),
    accepts=_accepting(),
    match=st.none() | st.none() | st.lists(_TAGS | st.just("any"), min_size=1, max_size=3),
    modified_since=st.none() | st.none() | st.none() | _DATES,
    if_range=st.none() | _TAGS | _DATES,
    range=st.none() | _RANGES | _RANGES,
    changed=st.sampled_from([False, False, False, True]),
    again=st.booleans(),
)
_RESUMED: Final = st.builds(
    Wish,
    if_range=st.none() | st.sampled_from(["latest", "current", "current", "base"]),
    range=_RANGES,
    changed=st.sampled_from([False, False, False, True]),
    again=st.just(value=True),
)
"""The rest of what came before."""
WISHES: Final = st.one_of(_ANYTHING, _ANYTHING, _RESUMED)
