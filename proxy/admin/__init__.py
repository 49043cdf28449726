"""Floor 4, the admin side: how operators arrive, on a listener of their own."""
