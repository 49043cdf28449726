"""The floors of coverage: every branch of what decides, nearly every branch of what acts."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FLOORS = (
    (("proxy/errors.py", "proxy/http/", "proxy/policy/", "proxy/rules/"), 100.0),
    (("proxy/",), 95.0),
)


def main() -> int:
    """Print what falls short and return how many floors were missed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "-q", "-o", str(report)], check=True
        )
        files = json.loads(report.read_text())["files"]
    return sum(_missed(files, prefixes, floor) for prefixes, floor in FLOORS)


def _missed(
    files: dict[str, dict[str, dict[str, int]]], prefixes: tuple[str, ...], floor: float
) -> bool:
    chosen = {name: file["summary"] for name, file in files.items() if name.startswith(prefixes)}
    covered = sum(s["covered_lines"] + s["covered_branches"] for s in chosen.values())
    total = sum(s["num_statements"] + s["num_branches"] for s in chosen.values())
    share = 100 * covered / total
    short = share < floor
    print(f"branch coverage of {', '.join(prefixes)}: {share:.2f} % (floor {floor:g} %)")
    if short:
        for name, summary in sorted(chosen.items()):
            if summary["missing_lines"] or summary["missing_branches"]:
                print(
                    f"  {name}: {summary['missing_lines']} lines, {summary['missing_branches']} branches"
                )
    return short


if __name__ == "__main__":
    sys.exit(main())
