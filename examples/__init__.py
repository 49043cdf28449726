"""Runnable examples; nothing in the product may import from here."""
