"""`python -m proxy`: the same as the command `sidecache`."""

from proxy.cli import main

main(prog_name="sidecache")
