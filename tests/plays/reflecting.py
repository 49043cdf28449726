"""The reflecting upstream: it shows every caller all that it was sent, and lets it be kept.

Whatever reaches it without being in the key is thus in the answer that others get.
"""

from collections.abc import Iterator

from tests.plays.scripted import Reply, ScriptedUpstream, ok


class ReflectingUpstream(ScriptedUpstream):
    """An origin whose answers are its requests; `lines` are fields of all of them."""

    def __init__(self, *lines: str, status: str = "200 OK") -> None:
        super().__init__()
        self.lines = lines or ("Cache-Control: max-age=60",)
        self.status = status

    def _next(self, head: bytes) -> Reply:
        heard = self.heard[-1]

        def said() -> Iterator[bytes]:
            yield ok(head + heard.body, *self.lines, status=self.status)

        return Reply((said(),))
