"""Writes every generated page anew: `make docs`. A test fails while one is out of date."""

import sys
from collections.abc import Callable
from pathlib import Path

from docs import (
    chart_schema,
    dashboard,
    metrics_page,
    performance_page,
    reasons_page,
    rfc9111_page,
    rules_page,
    troubleshooting_page,
)
from proxy.cli import schema

ROOT = Path(__file__).parent.parent

PAGES: dict[str, Callable[[], str]] = {
    "config/sidecache.schema.json": schema.render,
    "helm/sidecache/dashboards/sidecache.json": dashboard.page,
    "helm/sidecache/values.schema.json": chart_schema.page,
    "docs/rules.md": rules_page.page,
    "docs/metrics.md": metrics_page.page,
    "docs/performance.md": performance_page.page,
    "docs/reasons.md": reasons_page.page,
    "docs/rfc9111.md": rfc9111_page.page,
    "docs/troubleshooting.md": troubleshooting_page.page,
}
"""File → the function that makes its text."""


def main() -> int:
    """Write the pages that changed and name them."""
    for name, page in PAGES.items():
        file, text = ROOT / name, page()
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
