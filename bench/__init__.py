"""The bench: what a request costs, beside stock nginx `proxy_cache` in the same run.

CPU time comes first, because other work on the machine moves it little. The bench knows
Sidecache only as a command and a port; it imports nothing of it.
"""
