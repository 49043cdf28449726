"""The content codings: what encodes and decodes bodies, and who does it without holding others up.

Must not know what a request is, nor which answer gets which coding.
"""
