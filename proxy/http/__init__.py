"""Floor 0, the words of HTTP: fields are read and printed here, nothing is decided."""
