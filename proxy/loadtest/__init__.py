"""What `sidecache bench` does: the same requests through the proxy and around it, compared.

`targets`, `sample`, `comparing` and `report` are values and judgement; `client` sends.
"""
