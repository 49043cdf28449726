"""Floor 3, the engine: one request from door to door. Async, yet without a socket.

What it needs from the world (a store, an upstream, the time) it takes through small ports.
"""
