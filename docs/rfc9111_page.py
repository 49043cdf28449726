"""Writes docs/rfc9111.md: each clause of RFC 9111, the functions that cite it, the tests too.

A function honours a clause when its text cites it as `9111 §x`; a test holds it when an id of it
begins with `9111-x-`, or its name with `test_9111_x_`. A clause without either is a gap, and the
page's test fails.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

CLAUSES = {
    "1.2.2": "Delta seconds",
    "2": "Overview of cache operation: the key",
    "3": "Storing responses in caches",
    "3.1": "Storing header and trailer fields",
    "3.2": "Updating stored header fields",
    "3.3": "Storing incomplete responses",
    "3.4": "Combining partial content",
    "3.5": "Storing responses to authenticated requests",
    "4": "Constructing responses from caches",
    "4.1": "Calculating cache keys with Vary",
    "4.2": "Freshness",
    "4.2.1": "Calculating freshness lifetime",
    "4.2.2": "Calculating heuristic freshness",
    "4.2.3": "Calculating age",
    "4.2.4": "Serving stale responses",
    "4.3.1": "Sending a validation request",
    "4.3.2": "Handling a received validation request",
    "4.3.3": "Handling a validation response",
    "4.3.4": "Freshening stored responses upon validation",
    "4.3.5": "Freshening responses with HEAD",
    "4.4": "Invalidating stored responses",
    "5.1": "Age",
    "5.2": "Cache-Control: syntax",
    "5.2.1.1": "Request max-age",
    "5.2.1.2": "Request max-stale",
    "5.2.1.3": "Request min-fresh",
    "5.2.1.4": "Request no-cache",
    "5.2.1.5": "Request no-store",
    "5.2.1.6": "Request no-transform",
    "5.2.1.7": "Request only-if-cached",
    "5.2.2.1": "Response max-age",
    "5.2.2.2": "Response must-revalidate",
    "5.2.2.3": "Response must-understand",
    "5.2.2.4": "Response no-cache",
    "5.2.2.5": "Response no-store",
    "5.2.2.6": "Response no-transform",
    "5.2.2.7": "Response private",
    "5.2.2.8": "Response proxy-revalidate",
    "5.2.2.9": "Response public",
    "5.2.2.10": "Response s-maxage",
    "5.2.3": "Extension directives",
    "5.3": "Expires",
    "5.4": "Pragma",
}
"""Every clause that asks something of a shared cache. Warning (§5.5) is obsolete: passed on."""

_CITED = re.compile(r"9111((?:,? (?:and )?§\d+(?:\.\d+)*)+)")
_SECTION = re.compile(r"§(\d+(?:\.\d+)*)")
_TEST_ID = re.compile(r"9111-(\d+(?:\.\d+)*)-[\w.-]+|def test_9111_(\d+(?:_\d+)*)_\w+")

_HEAD = """# RFC 9111, clause by clause

Where each clause of *HTTP Caching* that asks something of a shared cache stands in the code, and
which tests hold it: a function is listed under the clauses that it cites, a test under the clause
that its id begins with. This page is generated; a test fails when a clause has no function or no
test, or when the page is out of date. Deviations are argued in
[life of a request](life-of-a-request.md#where-it-deviates-on-purpose).

| clause | | functions | tests |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    functions, tests = cited_by_functions(), cited_by_tests()
    rows = []
    for clause, title in CLAUSES.items():
        cells = ("<br>".join(f"`{name}`" for name in functions[clause]), str(tests[clause]))
        rows.append(f"| §{clause} | {title} | {cells[0]} | {cells[1]} |\n")
    return _HEAD + "".join(rows)


@cache
def cited_by_functions() -> dict[str, list[str]]:
    """Return, for each clause, the functions, classes and tables that cite it."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "proxy").rglob("*.py")):
        module = ".".join(file.relative_to(ROOT / "proxy").with_suffix("").parts)
        for name, text in _definitions(file.read_text()):
            for clause in _clauses(text):
                entry = f"{module}.{name}"
                if entry not in found[clause]:
                    found[clause].append(entry)
    return found


@cache
def cited_by_tests() -> dict[str, str]:
    """Return, for each clause, how many test ids name it and in which files."""
    ids: dict[str, set[str]] = defaultdict(set)
    files: dict[str, set[str]] = defaultdict(set)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for match in _TEST_ID.finditer(file.read_text()):
            clause = match[1] or match[2].replace("_", ".")
            ids[clause].add(match[0])
            files[clause].add(f"{file.parent.name}/{file.name}")
    return defaultdict(
        str,
        {
            clause: f"{len(names)} in {', '.join(sorted(files[clause]))}"
            for clause, names in ids.items()
        },
    )


def _definitions(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each function, method and assignment, with its comments."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", ast.get_source_segment(source, inner) or ""
            yield node.name, ast.get_docstring(node) or ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, ast.get_source_segment(source, node) or ""
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield ast.unparse(target), ast.get_source_segment(source, node) or ""


def _clauses(text: str) -> Iterator[str]:
    for cited in _CITED.finditer(text):
        for section in _SECTION.finditer(cited[1]):
            yield section[1]
