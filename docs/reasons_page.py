"""Writes docs/reasons.md from the table of reasons."""

from proxy.policy.reasons import Family, Reason

_HEAD = """# Reasons

Every answer says in `Cache-Status` why it came about; the `detail` there is one of these words.
The same word is the label of `sidecache_reasons_total` and `sidecache_storing_total`, stands in
the access log, and is explained by `sidecache explain`. `fwd` is the parameter of RFC 9211.

When a response was fetched and not stored, `detail` says why not; otherwise why the request was
answered or forwarded as it was. This page is generated from `proxy/policy/reasons.py`.
"""


def page() -> str:
    """Return the page."""
    return _HEAD + "".join(map(_section, Family))


def _section(family: Family) -> str:
    rows = [_row(reason) for reason in Reason if reason.meaning.family is family]
    title = family.value.capitalize()
    head = "| detail | fwd | clause | meaning |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{head}{''.join(rows)}"


def _row(reason: Reason) -> str:
    account = reason.meaning
    fwd = f"`{account.fwd}`" if account.fwd else ""
    return f"| `{reason.value}` | {fwd} | {account.clause} | {account.sentence} |\n"
