"""`sidecache leave`: have the proxy in this container be ready no more, and go on serving.

For the hook that Kubernetes runs in a pod's containers as soon as the pod is to end: a native
sidecar is told to end only once the API has ended, which is late for its clients. The signal needs
no token: whoever may send it could end the proxy as well. This module must not know what a proxy
does when it leaves.
"""

import os
import signal
from pathlib import Path

import click

from proxy.errors import SidecacheError


class _Unheard(SidecacheError):
    """There is no proxy to tell; the text is one line."""


@click.command(short_help="Have the proxy send its clients elsewhere before it ends.")
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="The process of `sidecache serve`; the first one, as in a container.",
)
def leave(pid: int) -> None:
    """Have the proxy tell its clients to come back elsewhere, until it is told to end."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"serve" not in words:  # whose default would be to die of it
            raise _Unheard(f"process {pid} is not `sidecache serve`")
        os.kill(pid, signal.SIGUSR1)
    except OSError as error:
        raise _Unheard(f"process {pid}: {error.strerror}") from error
