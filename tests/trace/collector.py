"""A collector: takes OTLP over HTTP on a free port, and keeps what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What has been told so far."""

    url: str
    paths: list[str] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    spans: list[Any] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    """Whether something has come."""
    free: threading.Event = field(default_factory=threading.Event)
    """Whether it answers; while it is not set, whoever exports waits."""

    def take(self, path: str, body: bytes) -> None:
        """Keep what one request says."""
        told = ExportTraceServiceRequest.FromString(body)
        self.paths.append(path)
        for each in told.resource_spans:
            pairs = each.resource.attributes
            self.resources.append({pair.key: pair.value.string_value for pair in pairs})
            for scope in each.scope_spans:
                self.spans.extend(scope.spans)
        self.arrived.set()


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            collector.take(self.path, self.rfile.read(size))
            collector.free.wait()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        collector.free.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            collector.free.set()
            server.shutdown()
            thread.join()
