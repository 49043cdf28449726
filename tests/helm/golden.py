"""Writes anew what the chart renders to: `make golden`. A test fails while it is out of date."""

import sys
from pathlib import Path
from typing import Final

from tests.helm.rendering import CASES, stream

FOLDER: Final = Path(__file__).parent / "golden"


def main() -> int:
    """Write every case, and take away those that are no more."""
    for file in FOLDER.glob("*.yaml"):
        if file.stem not in CASES:
            file.unlink()
    for case in CASES:
        (FOLDER / f"{case}.yaml").write_text(stream(case))
    return 0


if __name__ == "__main__":
    sys.exit(main())
