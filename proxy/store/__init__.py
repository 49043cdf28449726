"""Floor 4, the stores: where entries rest. They must not know requests or rules."""
