"""Trace: requests and their fetches as spans of OpenTelemetry, where the operator wants them.

`options`, `sampling` and `attributes` are plain values; `recorder` and `export` alone import
OpenTelemetry, and nothing imports them before traces are switched on.
"""
