"""Floor 4, the upstream side: how the API is reached. It must not know caches or rules."""
