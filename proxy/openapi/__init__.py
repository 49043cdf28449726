"""An API's own description, OpenAPI 3.0 or 3.1, held against the rules of a cache.

What operations there are, which rules would suit them, and where rules and operations disagree.
Values in, values out: nothing here reads a file, asks an API or knows the engine.
"""
