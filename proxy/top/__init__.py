"""What `sidecache top` shows: a moment of a proxy, two of them compared, and that as lines.

Values in, values out, but for `screen`, which is the terminal.
"""
