"""Floor 1, the judgement: values and the time go in, a verdict comes out.

RFC 9111 and its neighbours (5861, 8246, 9213) as pure functions. Nothing here reads a clock,
draws a random number, logs or awaits.
"""
