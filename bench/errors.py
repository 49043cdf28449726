"""The bench's errors: one line each, and the exit code that belongs to it."""


class BenchError(Exception):
    """The bench cannot go on; the message is one line for whoever started it."""

    status = 1


class MissingTool(BenchError):
    """A program that the bench needs is not installed."""

    status = 2
