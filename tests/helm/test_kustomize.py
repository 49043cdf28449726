"""The Kustomize component adds the chart's own container, by a real Kustomize if there is one."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from proxy.cli import main
from tests.helm import rendering
from tests.helm.rendering import NEWEST, OLDEST, ROOT, Json

COMPONENT: Final = ROOT / "helm" / "kustomize"
EXAMPLE: Final = ROOT / "examples" / "kustomize"
TOOLS: Final = {"kustomize": ("build",), "kubectl": ("kustomize",)}
"""Program → how it builds."""


@pytest.fixture(params=TOOLS)
def built(request: pytest.FixtureRequest) -> dict[str, Json]:
    tool: str = request.param
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"no {tool} on this machine")
    command = [path, *TOOLS[tool], str(EXAMPLE)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {each["kind"]: each for each in yaml.safe_load_all(made)}


def test_the_container_is_the_charts_own() -> None:
    patch = yaml.safe_load((COMPONENT / "sidecar.yaml").read_text())["spec"]["template"]["spec"]
    expected = rendering.native_sidecar({"config": {"upstream": {"url": "http://127.0.0.1:8000"}}})
    assert patch["initContainers"] == expected["sidecar"]
    names = [[each["name"] for each in pod["volumes"]] for pod in (patch, expected)]
    assert names[0] == names[1]


def test_the_component_names_files_that_are_there() -> None:
    for folder in (COMPONENT, EXAMPLE):
        told = yaml.safe_load((folder / "kustomization.yaml").read_text())
        named = [*told.get("resources", ()), *told.get("components", ())]
        named += [each["path"] for each in told.get("patches", ())]
        named += [file for each in told.get("configMapGenerator", ()) for file in each["files"]]
        assert all((folder / name).exists() for name in named)


def test_it_is_added_to_the_labelled_deployment(built: dict[str, Json]) -> None:
    pod = built["Deployment"]["spec"]["template"]["spec"]
    [sidecar] = pod["initContainers"]
    [volume] = pod["volumes"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("sidecache", "Always")
    assert sidecar["image"] == "registry.example/sidecache:0.1.0"
    assert [each["name"] for each in pod["containers"]] == ["api"]
    assert volume["configMap"]["name"] == built["ConfigMap"]["metadata"]["name"]
    assert built["Service"]["spec"]["ports"][0]["targetPort"] == sidecar["ports"][0]["name"]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_it(built: dict[str, Json], version: str) -> None:
    for each in built.values():
        kubernetes_validate.validate(each, version, strict=True)


def test_the_program_takes_the_file(built: dict[str, Json], tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text(built["ConfigMap"]["data"]["sidecache.yaml"])
    assert CliRunner().invoke(main, ["validate", str(file)]).exit_code == 0
