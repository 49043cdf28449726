"""The evaluator: what is known of a resource, told by its origin and by every answer so far.

What is wrong with an answer is said in `objections`, of what is remembered here: which bytes a tag
names, and which version of the resource in which coding it stands for (RFC 9110 §8.8). This module
must not know how the proxy comes to its answers.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.plays.asking import Asked, tags_in, told_tag
from tests.plays.decoding import CODINGS, decoded
from tests.plays.rawclient import Response

KNOWN: Final = frozenset({"identity", *CODINGS})


@dataclass(frozen=True)
class Subject:
    """What the origin has: `plain` is the body without any coding, `sent` as the origin sends it.

    `changeable` tells that an intermediary may code and decode it, `compressible` that it is worth
    coding; `native` is the origin's coding, which may be one that nobody knows. `informed` is an
    origin that hears what the client accepts: then what it sends is its own choice.
    """

    plain: bytes
    sent: bytes
    native: str
    tag: str | None
    modified: float | None
    changeable: bool
    compressible: bool
    informed: bool = False

    @property
    def codings(self) -> frozenset[str]:
        """The codings in which it can be had."""
        if not self.changeable or self.native not in KNOWN:
            return frozenset({self.native})
        if self.native != "identity":
            return frozenset({self.native, "identity"})
        return KNOWN if self.compressible else frozenset({"identity"})

    def acceptable(self, asked: Asked) -> frozenset[str]:
        """Return those of the codings that the client takes (§12.5.3)."""
        return frozenset(each for each in self.codings if asked.quality(each) > 0)

    @property
    def regardless(self) -> frozenset[str]:
        """The coding in which it is sent although nobody takes it, as nothing else can be had."""
        own = self.informed or self.native != "identity"
        if not self.sent:  # nothing is acceptable to everybody
            return frozenset({self.native})
        return self.codings if own and len(self.codings) == 1 else frozenset()

    def is_in(self, coding: str, body: bytes) -> bool:
        """Tell whether a body is this one in a coding."""
        return body == self.sent if coding == self.native else decoded(coding, body) == self.plain


@dataclass(frozen=True)
class Whole:
    """A representation all of whose bytes are known."""

    coding: str
    tag: str | None
    body: bytes


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    `plain` is the answer to a GET with the same Accept-Encoding and nothing else, asked for
    afterwards.
    """

    asked: Asked
    answer: Response
    plain: Response

    @property
    def hit(self) -> bool:
        """Whether the answer came from what is stored."""
        return "; hit" in self.answer.told

    @property
    def tag(self) -> str | None:
        """The answer's tag."""
        return told_tag(self.answer)

    @property
    def coding(self) -> str:
        """The answer's coding."""
        return coding_of(self.answer)

    @property
    def whole(self) -> Whole | None:
        """What the GET brought, if it did."""
        if self.plain.status != 200:
            return None
        return Whole(coding_of(self.plain), told_tag(self.plain), self.plain.body)


@dataclass
class Evaluator:
    """One resource, version by version: the latest subject is the current one."""

    subjects: list[Subject] = field(default_factory=list)
    bytes_of: dict[str, bytes] = field(default_factory=dict)
    """What a strong tag names."""
    named: dict[str, tuple[int, str]] = field(default_factory=dict)
    """What an opaque tag stands for: a version and a coding."""

    def change(self, subject: Subject) -> None:
        """Take note that the origin has something else from now on."""
        self.subjects.append(subject)
        if subject.tag is not None:
            self.issued(subject.tag, subject.native)

    def issued(self, tag: str, coding: str) -> None:
        """Take note of what a tag stands for; it stands for nothing else ever after (§8.8.1)."""
        stands_for = (self.now, "any" if tag.startswith("W/") else coding)
        known = self.named.setdefault(tag.removeprefix("W/"), stands_for)
        assert known == stands_for, f"9110-8.8.3.3: {tag} is {known} and {stands_for}"

    @property
    def current(self) -> Subject:
        """What the origin has now."""
        return self.subjects[-1]

    @property
    def now(self) -> int:
        """The number of the current version."""
        return len(self.subjects) - 1

    @property
    def native(self) -> Whole:
        """What the origin has now, as it sends it."""
        return Whole(self.current.native, self.current.tag, self.current.sent)

    def held(self, asked: Asked) -> list[str]:
        """Return the tags in If-None-Match that stand for what is current, and taken."""
        taken = self.current.acceptable(asked) or self.current.codings
        current = {(self.now, coding) for coding in ("any", *taken)}
        tags = tags_in(asked.get("if-none-match") or "")
        return [tag for tag in tags if self.named.get(tag.removeprefix("W/")) in current]

    def could_be(self, tag: str, asked: Asked) -> bool:
        """Tell whether a tag stands for what is current, in a coding that is taken."""
        version, coding = self.named.get(tag.removeprefix("W/"), (-1, ""))
        return version == self.now and asked.quality(coding) > 0

    def learn(self, asked: Asked, answer: Response) -> None:
        """Take an answer for what it says it is, after it was found to be right."""
        tag = told_tag(answer)
        if tag is None or tag.startswith("W/") or answer.status not in {200, 206}:
            return
        self.issued(tag, coding_of(answer))
        if answer.status == 200 and asked.method == "GET":
            known = self.bytes_of.setdefault(tag, answer.body)
            assert known == answer.body, f"9110-8.8.1: {tag} names two byte strings"


def coding_of(answer: Response) -> str:
    """Return the one coding that an answer says it is in."""
    (coding,) = answer.all("content-encoding") or [b"identity"]
    return coding.decode().lower()
