"""Redis: the tier that all replicas share, and the ways to reach it."""
