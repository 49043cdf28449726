"""Sidecache: a caching reverse proxy that stands beside one HTTP API.

The floors, from the ground: errors and http (words), policy (judgement), rules (the operator's
wishes), engine (one request from door to door), the neighbours store, upstream, edge and admin,
and on top settings, app and cli. Imports only go down.
"""

__version__ = "0.1.0"
