"""A furniture catalog on FastAPI and SQLite: one endpoint for each situation a cache can meet.

Run it with ``python -m examples.catalog --port 8000``, then ask ``GET /`` for a tour. It knows
nothing of the proxy that may stand before it, and needs only FastAPI, uvicorn and the standard
library.
"""
