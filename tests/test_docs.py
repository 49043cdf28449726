"""The generated pages are what the code says, and no clause of RFC 9111 is without test."""

import pytest

from docs import rfc9111_page, troubleshooting_page
from docs.generate import PAGES, ROOT
from proxy.policy.reasons import Reason

pytestmark = pytest.mark.untraced  # pages and sources are read, which are text


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("clause", rfc9111_page.CLAUSES)
def test_clause_has_function_and_test(clause: str) -> None:
    assert rfc9111_page.cited_by_functions()[clause], "no function cites it"
    assert rfc9111_page.cited_by_tests()[clause], "no test id begins with it"


def test_every_reason_is_told() -> None:
    page = (ROOT / "docs/reasons.md").read_text()
    assert all(f"| `{reason.value}` |" in page for reason in Reason)


def test_every_reason_has_advice() -> None:
    assert set(Reason) == troubleshooting_page.ADVICE.keys()
    page = (ROOT / "docs/troubleshooting.md").read_text()
    assert all(f"\n### `{reason.value}`\n" in page for reason in Reason)
