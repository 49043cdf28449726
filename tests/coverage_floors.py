"""The floors of coverage: every branch of what decides, nearly every branch of what acts."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FLOORS = (
    (("proxy/errors.py", "proxy/values.py", "proxy/http/", "proxy/policy/", "proxy/rules/"), 100.0),
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


Summary = dict[str, int]


def _missed(files: dict[str, dict[str, Summary]], prefixes: tuple[str, ...], floor: float) -> bool:
    chosen = {name: file["summary"] for name, file in files.items() if name.startswith(prefixes)}
    covered = sum(s["covered_lines"] + s["covered_branches"] for s in chosen.values())
    total = sum(s["num_statements"] + s["num_branches"] for s in chosen.values())
    share = 100 * covered / total
    print(f"branch coverage of {', '.join(prefixes)}: {share:.2f} % (floor {floor:g} %)")
    if share < floor:
        for name, summary in sorted(chosen.items()):
            lines, branches = summary["missing_lines"], summary["missing_branches"]
            if lines or branches:
                print(f"  {name}: {lines} lines and {branches} branches are not covered")
    return share < floor


if __name__ == "__main__":
    sys.exit(main())
