"""A `helm` program, where there is one, agrees with the engine that the other tests use.

`make chart` builds one where Go is.
"""

import shutil
import subprocess
from typing import Final

import pytest
import yaml

from tests.helm import rendering
from tests.helm.rendering import CASES, CHART, NAMESPACE, RELEASE, Json

HELM: Final = shutil.which("helm")
ENGINE: Final = "1.36.0"
"""The version of Kubernetes that the engine takes for granted."""

pytestmark = pytest.mark.skipif(HELM is None, reason="no helm on this machine: `make chart`")


def helm(*arguments: str) -> str:
    assert HELM is not None
    done = subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(case: str) -> list[str]:
    return ["--values", str(CHART / "ci" / f"{case}.yaml")]


OWN: Final = [case for case in CASES if case != "parent"]


@pytest.mark.parametrize("case", OWN)
def test_lint_finds_nothing(case: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), *files(case))


@pytest.mark.parametrize("case", OWN)
def test_both_render_the_same(case: str) -> None:
    flags = ["--namespace", NAMESPACE, "--kube-version", ENGINE, *files(case)]
    made = yaml.safe_load_all(helm("template", RELEASE, str(CHART), *flags))

    def place(each: Json) -> tuple[str, str, str]:
        about = each["metadata"]
        return (each["kind"], about["name"], about.get("namespace", ""))

    expected = rendering.documents(rendering.rendered(case))
    assert sorted(filter(None, made), key=place) == sorted(expected, key=place)
