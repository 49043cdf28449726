"""Floor 4, the edge: how clients arrive. It must not know stores, upstreams or rules."""
