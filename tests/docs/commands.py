"""The commands that the pages show, as they stand there: fenced `sh`, or indented lines.

Nothing here runs them.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PAGES: Final = (
    *("README.md", "docs/deploy.md", "docs/redis.md", "docs/security.md", "docs/runbook.md"),
    *("docs/purging.md", "docs/adopting.md", "docs/tags.md", "docs/tuning.md"),
    *("docs/troubleshooting.md", "docs/dashboard.md", "docs/traces.md"),
    *("docs/performance.md", "docs/shadow.md", "helm/sidecache/README.md"),
)
_FENCED: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(
    r"^    ((?:sidecache|curl|make|export|docker|helm) .*)$", re.MULTILINE
)
_VARIABLE: Final = re.compile(r"^(\w+)=(\S*)$")


@dataclass(frozen=True)
class Command:
    """One command and where it stands."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"

    @property
    def needs_shell(self) -> bool:
        """Whether its output goes into a file or another command."""
        return not {"|", ">"}.isdisjoint(shlex.split(self.text, comments=True))

    @property
    def words(self) -> list[str]:
        """Its words, without those that set variables before it."""
        words = shlex.split(self.text, comments=True)
        while words and _VARIABLE.match(words[0]):
            del words[0]
        return words


def fenced(page: Path, language: str) -> list[str]:
    """Return the blocks of a page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def commands() -> Iterator[Command]:
    """Yield every command of every page."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        pattern = _INDENTED if page in {"README.md", "docs/purging.md"} else _FENCED
        for found in pattern.finditer(text):
            first = text[: found.start(1)].count("\n") + 1
            for at, line in enumerate(found[1].splitlines()):
                if line.strip():
                    yield Command(page, first + at, line.strip())
