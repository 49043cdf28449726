"""The Dockerfile, as far as it can be looked at without building, which `make image` does."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
TEXT: Final = (ROOT / "Dockerfile").read_text()
FINAL: Final = TEXT.rpartition("\nFROM ")[2]
LINES: Final = FINAL.splitlines()


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("no hadolint for this platform")
    told = subprocess.run(
        [program, "--failure-threshold", "style", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_wheels_alone_come_in_and_only_by_their_hashes() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install ((?:.|\\\n)*?)(?:&&|\n(?! ))", TEXT)
    assert len(installs) == 3
    for words in installs:
        assert "--no-deps" in words
        assert "--only-binary :all: --require-hashes" in " ".join(words.split()) or (
            "--no-index /wheels/*.whl" in words
        )


def test_nothing_runs_in_the_final_stage() -> None:
    """So there is no compiler, no pip and nothing of the build in it but what is copied."""
    assert not [line for line in LINES if line.startswith("RUN")]
    copied = [line for line in LINES if line.startswith(("COPY", "ADD"))]
    assert copied == ["COPY --from=build /opt/sidecache /opt/sidecache"]


@pytest.mark.parametrize(
    "line",
    [
        "USER 10001:10001",
        "STOPSIGNAL SIGTERM",
        'ENTRYPOINT ["sidecache"]',
        'CMD ["serve"]',
        "EXPOSE 8080 9090",
    ],
)
def test_how_it_runs(line: str) -> None:
    assert line in LINES


def test_health_is_asked_by_the_command() -> None:
    assert re.search(r'^HEALTHCHECK .* CMD \["sidecache", "health"\]$', FINAL, re.MULTILINE)


def test_what_is_copied_is_not_ignored_and_nothing_else_is_sent() -> None:
    ignored, *let = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] in {"*", "!"}
    ]
    assert ignored == "*"
    sources = re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE)
    wanted = {word for line in sources for word in line.split()}
    assert {line.removeprefix("!") for line in let if line[0] == "!"} == wanted


def test_without_its_tools_the_build_names_them(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/sh", ROOT / "tests" / "image" / "build.sh", "x"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("this needs buildah: apt-get install")
