"""Floor 2, the operator's wishes: rules as they are written, compiled once into a Ruleset.

Pure like the floors below: text and values in, values out. Files, flags and variables are read
further up, in settings.
"""
